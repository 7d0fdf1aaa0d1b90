// Measures REST lists; started by tests/bench/rest, which has the options.
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { DATABASE_URL, JWT_SECRET, ringback, sql, start } from '../live/lib/harness.mjs';
import { ask, forge, root } from '../live/lib/api.mjs';
import { expand, template } from '../schema/api/harness.mjs';
import { cpu, median, postgresCpu, resident } from './lib/measure.mjs';
import { startPeer } from './lib/peers.mjs';
import { table } from './lib/report.mjs';

const LISTS = { orders: 'orders_list', calls: 'calls_list', carts: 'carts_list', products: 'products_list', campaigns: 'campaigns_list', agents: 'agents_list',
  integrations: 'integrations_list' };
const { values: options } = parseArgs({ options: { list: { type: 'string', default: 'orders' }, rounds: { type: 'string', default: '5' },
  seconds: { type: 'string', default: '4' }, clients: { type: 'string', default: '50' }, connections: { type: 'string', default: '8' },
  tenants: { type: 'string', default: '50' }, calls: { type: 'string', default: '2000' }, orders: { type: 'string', default: '400' },
  latency: { type: 'boolean', default: false }, tuned: { type: 'boolean', default: false }, unnamed: { type: 'boolean', default: false }, json: { type: 'boolean', default: false } } });
const WARM_REQUESTS = 3000, WARM_SECONDS_MAX = 20;
// At most how long: nothing here waits for ever.
const ROWS_MS = 3600e3, LOAD_MS = 60e3;
const here = join(root, 'tests/bench'), dir = process.env.RINGBACK_TEST_DIR;
const say = (text) => { if (!options.json) process.stdout.write(`${text}\n`); };
const psql = (...args) => execFileSync('psql', [DATABASE_URL, '-Xq', '-v', 'ON_ERROR_STOP=1', ...args], { stdio: ['ignore', 'ignore', 'inherit'], timeout: ROWS_MS });

// ---- the two servers ----

async function express(list) {
  const { text } = expand(LISTS[list], {});
  const parameters = expand(LISTS[list], { page: 'page', limit: 'limit' }).values.map((v) => (['page', 'limit'].includes(v) ? v : 'offset'));
  return { name: 'express', ...await startPeer('rest-express', { LISTEN_PORT: '0', DATABASE_URL, JWT_SECRET, CONNECTIONS: options.connections, TUNED: options.tuned ? '1' : '',
    UNNAMED: options.unnamed ? '1' : '',
    LIST: JSON.stringify({ path: `/v1/${list}`, begin: template('begin').replace(/^--.*$/gm, ''), text, parameters }) }) };
}

async function ours() {
  const server = await start('api', { RINGBACK_API_RATE: '1000000', RINGBACK_API_DB_CONNECTIONS: options.connections });
  return { name: 'ringback', child: server.child, address: server.address, stop: () => server.stop() };
}

/** Runs `measure` beside the servers and ends them, whatever happens. */
async function beside(starts, measure) {
  const servers = [];
  try {
    for (const begin of starts) servers.push(await begin());
    return await measure(servers);
  } finally {
    for (const s of servers) await s.stop();
  }
}

// ---- measuring ----

const tokenFile = join(dir, 'tokens');
function load(server, path, seconds) {
  const before = [cpu(server.child.pid), postgresCpu()];
  const out = execFileSync('wrk', ['-t1', `-c${options.clients}`, `-d${seconds}s`, '--timeout', '10s', '-s', join(here, 'load.lua'), `http://${server.address}`, '--', path, tokenFile],
    { encoding: 'utf8', timeout: seconds * 1000 + LOAD_MS });
  const r = JSON.parse(out.slice(out.indexOf('{"seconds"')));
  const took = [cpu(server.child.pid), postgresCpu()].map((t, i) => t - before[i]);
  if (r.refused > 0 || r.broken > 0 || r.requests === 0) throw new Error(`${server.name}: ${JSON.stringify(r)}`);
  return { ...r, rate: r.requests / r.seconds, server_us: took[0] / r.requests * 1e6, postgres_us: took[1] / r.requests * 1e6, rss_mb: resident(server.child.pid) / 2 ** 20 };
}

/** Statements prepared, pages cached, and JavaScript compiled: that takes some thousand requests. */
function warm(server, path) {
  for (let seconds = 0, done = 0; seconds < WARM_SECONDS_MAX && done < WARM_REQUESTS; seconds += 2) done += load(server, path, 2).requests;
}

const spread = (list) => `${Math.round(median(list))} (${Math.round(Math.min(...list))}-${Math.round(Math.max(...list))})`;

/** Both answer the same, but for digits: JavaScript's numbers drop zeros at the end. */
async function same(servers, path) {
  const bodies = await Promise.all(servers.map(async (s) => {
    const r = await ask(s.address, tokens[0], 'GET', path);
    if (r.status !== 200 || r.body.data.length === 0) throw new Error(`${s.name}: ${r.status} ${r.text.slice(0, 300)}`);
    return JSON.stringify(r.body);
  }));
  const at = [...bodies[0]].findIndex((c, i) => c !== bodies[1][i]);
  if (bodies[0] !== bodies[1]) throw new Error(`the servers answer differently: ${bodies.map((b) => b.slice(Math.max(at - 40, 0), at + 80)).join(' / ')}`);
}

async function compare() {
  // Both are told the page's length: their defaults differ for two lists.
  const path = `/v1/${options.list}?limit=20`, names = ['ringback', 'express'];
  const rounds = await beside([ours, () => express(options.list)], async (servers) => {
    const all = [];
    await same(servers, path);
    for (const s of servers) warm(s, path);
    for (let n = 0; n < Number(options.rounds); n++) {
      const order = n % 2 ? [...servers].reverse() : servers, round = {};
      for (const s of order) round[s.name] = load(s, path, Number(options.seconds));
      round.ratio = round.ringback.rate / round.express.rate;
      all.push(round);
      say(`round ${n + 1}: ringback ${Math.round(round.ringback.rate)}/s, express ${Math.round(round.express.rate)}/s, ${round.ratio.toFixed(2)} times`);
    }
    return all;
  });
  const of = (name, what) => rounds.map((r) => r[name][what]);
  say(table([['', 'requests/s', 'p50 ms', 'p95 ms', 'CPU us/request', 'PostgreSQL us/request', 'RSS MB'], ...names.map((name) => [name, spread(of(name, 'rate')),
    median(of(name, 'p50_ms')).toFixed(1), median(of(name, 'p95_ms')).toFixed(1), spread(of(name, 'server_us')), spread(of(name, 'postgres_us')), Math.round(median(of(name, 'rss_mb')))])]));
  say(`ratio: ${median(rounds.map((r) => r.ratio)).toFixed(2)} (${rounds.map((r) => r.ratio.toFixed(2)).join(' ')})`);
  return { ...rows, list: options.list, rounds, ratio: median(rounds.map((r) => r.ratio)) };
}

async function latencies() {
  const found = {};
  await beside([ours], ([server]) => {
    for (const list of Object.keys(LISTS)) {
      warm(server, `/v1/${list}`);
      found[list] = load(server, `/v1/${list}`, Number(options.seconds));
    }
  });
  say(table([['first page with total', 'requests/s', 'p50 ms', 'p95 ms', 'p99 ms', 'CPU us/request', 'PostgreSQL us/request'], ...Object.entries(found).map(([list, r]) =>
    [`/v1/${list}`, Math.round(r.rate), r.p50_ms.toFixed(1), r.p95_ms.toFixed(1), r.p99_ms.toFixed(1), Math.round(r.server_us), Math.round(r.postgres_us)])]));
  return { ...rows, lists: found };
}

const tokens = Array.from({ length: Number(options.tenants) }, (_, t) => {
  const hex = createHash('md5').update(`owner/${t + 1}`).digest('hex');
  return forge([hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-'));
});
writeFileSync(tokenFile, tokens.join('\n'));
ringback('migrate');
if (sql('SELECT count(*)::int AS n FROM organizations')[0].n === 0)
  psql('-v', `tenants=${options.tenants}`, '-v', `calls=${options.calls}`, '-v', `orders=${options.orders}`, '-f', join(here, 'data.sql'));
const [rows] = sql('SELECT (SELECT count(*) FROM organizations) AS tenants, (SELECT count(*) FROM calls) AS calls, (SELECT count(*) FROM commerce_orders) AS orders');
say(`${rows.tenants} tenants, ${rows.calls} calls, ${rows.orders} orders; ${options.clients} clients, ${options.connections} connections to PostgreSQL`);
const result = options.latency ? await latencies() : await compare();
if (options.json) process.stdout.write(`${JSON.stringify(result, null, 1)}\n`);
