// The frame of the suite; started by tests/bench/run, which has the options. Runs each part between servers of its own, with a time
// limit, gathers the rows into build/bench/results.json, and prints, draws and publishes them.
import { spawn, execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { chart } from './lib/chart.mjs';
import { markdown, summary, tables } from './lib/report.mjs';
import { historySizes, parts } from './parts.mjs';

const here = dirname(fileURLToPath(import.meta.url)), root = join(here, '../..'), folder = join(root, 'build/bench');
const STOP_MS = 60000; // for servers to stop, after a part's time is over
const MARK = '<!-- speed: written by `tests/bench/run --publish` -->', END = '<!-- end -->';

function arguments_() {
  try {
    const { values, positionals } = parseArgs({ allowPositionals: true, options: { rounds: { type: 'string' }, quick: { type: 'boolean', default: false },
      json: { type: 'string' }, publish: { type: 'boolean', default: false }, check: { type: 'boolean', default: false } } });
    const unknown = positionals.find((name) => name !== 'all' && !parts[name]);
    if (unknown !== undefined) throw new Error(`there is no part "${unknown}"; tests/bench/run --help lists them`);
    const rounds = Number(values.rounds ?? (values.quick ? 1 : 5));
    if (!Number.isInteger(rounds) || rounds < 1 || rounds > 100) throw new Error('--rounds is a whole number from 1 to 100');
    if (values.publish && values.quick) throw new Error('the numbers of --quick are too rough to publish');
    historySizes(values.quick);
    const none = positionals.length === 0 && values.publish;
    return { ...values, rounds, names: none ? [] : Object.keys(parts).filter((name) => positionals.length === 0 || positionals.includes('all') || positionals.includes(name)) };
  } catch (error) {
    console.error(`error: ${error.message}`);
    process.exit(2);
  }
}

const options = arguments_();
if (options.check) process.exit(0);
const file = join(folder, options.quick ? 'quick.json' : 'results.json');
mkdirSync(folder, { recursive: true });

// ---- where it was measured ----

const output = (command, ...args) => { try { return execFileSync(command, args, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim(); } catch { return ''; } };
const first = (text) => /\d+(\.\d+)+/.exec(text)?.[0] ?? '';
const machine = () => ({ cpu: os.cpus()[0].model.trim(), cores: os.availableParallelism(), memory_gib: Math.round(os.totalmem() / 2 ** 30), kernel: os.release() });
const versions = () => ({ postgresql: first(output('psql', '--version')),
  redis: first(output('redis-server', '--version')), node: process.versions.node });
const commit = () => output('git', 'rev-parse', '--short', 'HEAD') + (output('git', 'status', '--porcelain', '--untracked-files=no') ? ' and changes' : '');

// ---- running ----

let running = null, interrupted = 0;
for (const [signal, code] of [['SIGINT', 130], ['SIGTERM', 143], ['SIGHUP', 129]]) {
  process.on(signal, () => {
    interrupted = code;
    running?.kill('SIGTERM');
  });
}

/** { rows } or { error }. */
async function run(name) {
  const scratch = mkdtempSync(join(os.tmpdir(), 'ringback-bench-')), rows = join(scratch, 'rows.json');
  const seconds = options.quick ? parts[name].quick : parts[name].seconds * Math.max(1, options.rounds / 5);
  const child = running = spawn(join(root, 'tests/live/with_servers'), [process.execPath, join(here, 'part.mjs'), name, options.rounds, options.quick, rows].map(String),
    { stdio: ['ignore', 'inherit', 'inherit'], detached: true }); // Ctrl-C comes to us, and we end it
  let late = false;
  const limits = [setTimeout(() => { late = true; child.kill('SIGTERM'); }, seconds * 1000), setTimeout(() => child.kill('SIGKILL'), seconds * 1000 + STOP_MS)];
  const [code] = await once(child, 'exit');
  limits.forEach(clearTimeout);
  running = null;
  const found = existsSync(rows) ? JSON.parse(readFileSync(rows, 'utf8')) : null;
  rmSync(scratch, { recursive: true });
  if (late) return { error: `not done within ${seconds} s` };
  return code === 0 && found ? { rows: found } : { error: `ended with ${code ?? 'a signal'}` };
}

function merge(results) {
  const all = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : { parts: {} };
  Object.assign(all, { machine: results.machine, versions: results.versions });
  Object.assign(all.parts, results.parts);
  return all;
}

function write(path, text) {
  writeFileSync(`${path}.new`, text);
  renameSync(`${path}.new`, path);
}

const results = { machine: machine(), versions: versions(), parts: {} }, failed = [];
for (const name of options.names) {
  const began = Date.now();
  console.error(`\n==> ${name}: ${parts[name].title}`);
  const { rows, error } = await run(name);
  if (interrupted) break;
  if (error) {
    failed.push(`${name}: ${error}`);
    console.error(`${name}: ${error}`);
    continue;
  }
  results.parts[name] = { title: parts[name].title, date: new Date(began).toISOString().slice(0, 16), commit: commit(), seconds: Math.round((Date.now() - began) / 1000), rounds: options.rounds, rows };
  console.log(`\n${tables(name, results.parts[name])}`);
  const all = merge(results); // after each part: what was measured is kept whatever comes
  write(file, `${JSON.stringify(all, null, 1)}\n`);
  write(file.replace(/json$/, 'svg'), chart(all, Object.keys(parts)));
}
if (options.json && !interrupted) write(options.json, `${JSON.stringify(results, null, 1)}\n`);
if (Object.keys(results.parts).length > 0) console.log(`\n${summary(results, Object.keys(parts))}\n\n${file}`);

// ---- publishing ----

function publish() {
  if (!existsSync(file)) throw new Error(`there is nothing to publish: no ${file}`);
  const all = JSON.parse(readFileSync(file, 'utf8')), readme = join(root, 'README.md'), text = readFileSync(readme, 'utf8');
  const from = text.indexOf(MARK), to = text.indexOf(END, from);
  if (from < 0 || to < 0) throw new Error(`README.md has no "${MARK}" with "${END}" behind it`);
  write(readme, `${text.slice(0, from)}${MARK}\n${markdown(all, Object.keys(parts))}\n${text.slice(to)}`);
  write(join(here, 'results.svg'), chart(all, Object.keys(parts)));
  console.error(`published into README.md and tests/bench/results.svg: ${Object.keys(all.parts).join(', ')}`);
}
if (options.publish && !interrupted) {
  try {
    publish();
  } catch (error) {
    failed.push(`publish: ${error.message}`);
  }
}
for (const line of failed) console.error(`FAILED ${line}`);
process.exitCode = interrupted || (failed.length > 0 ? 1 : 0);
