// Fan-out of `ringback realtime` beside a Node `ws` server that does the same job, in turn (A B A B): delivered messages per
// second of the server's CPU, latency, and memory per idle socket; and beside what no server can be faster than, a loop that does
// nothing but write(2) (limits/bare_write.c). Started by tests/bench/fanout.
import { spawn } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { folder } from '../live/lib/clients.mjs';
import { exec, get, ringback, start } from '../live/lib/harness.mjs';
import { cpu, idle, median, resident, sleep } from './lib/measure.mjs';

const CROWD = process.env.RINGBACK_CROWD, BARE_WRITE = join(dirname(CROWD), 'bare_write');
const { values: options } = parseArgs({ options: { quick: { type: 'boolean', default: false }, rounds: { type: 'string' }, shapes: { type: 'string' }, shape: { type: 'string' },
  json: { type: 'boolean', default: false } } });
const say = (text) => { if (!options.json) console.log(text); };
const SECRET = 'a secret for tests that is long enough', REDIS = new URL(process.env.RINGBACK_TEST_REDIS_URL).pathname;
const ROW_BYTES = 500, PARTITIONS = 8;
const scratch = mkdtempSync(join(tmpdir(), 'fanout-'));
const STEP_SECONDS = 60, ALL_MINUTES = 8; // so that it always ends by itself, and leaves nobody behind
const children = new Set();
process.on('exit', () => { for (const child of children) child.kill('SIGKILL'); });

function kept(child) {
  children.add(child);
  child.once('exit', () => children.delete(child));
  return child;
}

/** What `promise` gives, or an error that names it. */
async function within(what, promise) {
  let timer;
  const late = new Promise((_, reject) => { timer = setTimeout(() => reject(new Error(`${what}: not within ${STEP_SECONDS} s`)), STEP_SECONDS * 1000); });
  try { return await Promise.race([promise, late]); } finally { clearTimeout(timer); }
}

// single: one row, the next when all have heard it; burst: ten rows within 10 ms, likewise
const shapes = [
  { name: '2,000 of one tenant', tenants: 1, each: 2000, single: 80, burst: 10 },
  { name: '10,000 of one tenant', tenants: 1, each: 10000, single: 20, burst: 3 },
  { name: '500 tenants with 20 each', tenants: 500, each: 20, single: 3000, burst: 500 },
].slice(...(options.shape ? [options.shape - 1, options.shape] : [0, Number(options.shapes ?? (options.quick ? 1 : 3))]));

const uuid = (kind, n) => `${kind}-0000-4000-8000-${String(n).padStart(12, '0')}`;
const organization = (n) => uuid('0a000000', n), user = (n) => uuid('0b000000', n);

function token(sub) {
  const encode = (o) => Buffer.from(JSON.stringify(o)).toString('base64url');
  const text = `${encode({ alg: 'HS256', typ: 'JWT' })}.${encode({ sub, role: 'authenticated', exp: Math.floor(Date.now() / 1000) + 3600 })}`;
  return `${text}.${createHmac('sha256', SECRET).update(text).digest('base64url')}`;
}

function prepare() {
  const most = Math.max(...shapes.map((s) => s.tenants));
  const all = Array.from({ length: most }, (_, n) => n);
  ringback('migrate');
  exec(`INSERT INTO organizations (id, name) VALUES ${all.map((n) => `('${organization(n)}', 'T${n}')`)};
        INSERT INTO organization_members (organization_id, user_id) VALUES ${all.map((n) => `('${organization(n)}', '${user(n)}')`)};`);
  writeFileSync(join(scratch, 'members.json'), JSON.stringify(Object.fromEntries(all.map((n) => [user(n), organization(n)]))));
}

// ---- the two servers
async function startRingback() {
  const server = await start('realtime');
  kept(server.child);
  return { pid: server.child.pid, port: server.address.split(':').at(-1), stop: () => server.stop(), join: phxJoin, publish: publishRows,
    writes: async () => Number(/^ringback_realtime_writes_total (\d+)/m.exec((await get(server.admin, '/metrics')).text)[1]) };
}

async function startNode() {
  const child = kept(spawn(process.execPath, [new URL('ws_server.mjs', import.meta.url).pathname, folder, REDIS, String(PARTITIONS), SECRET,
    join(scratch, 'members.json')], { stdio: ['ignore', 'pipe', 'inherit'] }));
  const [line] = await once(createInterface(child.stdout), 'line');
  return { pid: child.pid, port: JSON.parse(line).port, join: phxJoin, publish: publishRows, stop: async () => { child.kill(); await once(child, 'exit'); } };
}

/** Writes frames as long as those of ringback were. */
async function startLimit() {
  const child = kept(spawn(BARE_WRITE, [String(frameBytes)], { stdio: ['pipe', 'pipe', 'inherit'] }));
  const [line] = await once(createInterface(child.stdout), 'line');
  return { pid: child.pid, port: line.split(' ')[1], join: (tenant) => ({ tenant }), stop: async () => { child.stdin.end(); await once(child, 'exit'); },
    publish: async (tenant, size) => child.stdin.write(`${tenant} ${size}\n`) };
}

// ---- the crowd and the publisher
const phxJoin = (tenant) => ['1', '1', `realtime:board-${runs}`, 'phx_join', {
  config: { postgres_changes: [{ event: '*', schema: 'public', table: 'commerce_orders' }] }, access_token: token(user(tenant)) }];

function openCrowd(server, shape) {
  runs++; // nobody is taken for one that comes back
  const joins = Array.from({ length: shape.tenants }, (_, n) => JSON.stringify(server.join(n))), { port } = server;
  writeFileSync(join(scratch, 'joins'), `${joins.join('\n')}\n`);
  const child = kept(spawn(CROWD, ['127.0.0.1', String(port), String(shape.tenants * shape.each), join(scratch, 'joins')], { stdio: ['pipe', 'pipe', 'inherit'] }));
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  const line = async () => (await lines.next()).value;
  return { ready: line, reset: () => child.stdin.write('reset\n'),
    expect: (n) => { child.stdin.write(`expect ${n}\n`); return line(); }, report: async () => { child.stdin.write('report\n'); return JSON.parse(await line()); },
    close: async () => { child.stdin.end(); await once(child, 'exit'); } };
}

const wire = net.connect({ path: REDIS });
wire.on('data', (d) => { if (d[0] === 0x2d) throw new Error(String(d)); });
let serial = 0, runs = 0, frameBytes = 0;
function publish(tenant) {
  const at = BigInt(Date.now()) * 1000n, head = `{"id":"${uuid('0c000000', serial++)}","at":${at},"pad":"`;
  const command = ['XADD', `ringback:{${tenant % PARTITIONS}}:live`, 'MAXLEN', '~', '10000', '*', 'o', organization(tenant), 't', 'commerce_orders',
    'e', 'UPDATE', 'd', `${head}${'x'.repeat(ROW_BYTES - head.length - 2)}"}`, 'c', String(at)];
  wire.write(`*${command.length}\r\n${command.map((part) => `$${part.length}\r\n${part}\r\n`).join('')}`);
}

async function publishRows(tenant, size) {
  for (let k = 0; k < size; k++) {
    publish(tenant);
    if (k % 2 === 1 && k < size - 1) await sleep(1);
  }
}

/** Publishes n times `size` rows, each time waits until all were delivered, and says what that cost. */
async function phase(server, crowd, shape, n, size) {
  crowd.reset();
  const written = await server.writes?.() ?? 0, before = cpu(server.pid);
  for (let i = 0; i < n; i++) {
    const delivered = crowd.expect(size * shape.each);
    await server.publish(i % shape.tenants, size);
    await within(`${size} rows to ${shape.each}`, delivered);
  }
  const spent = cpu(server.pid) - before, report = await crowd.report();
  frameBytes ||= Math.round(report.bytes / report.frames);
  await sleep(1100); // the meter's beat
  const writes = await server.writes?.() - written;
  return { delivered: report.frames, per_cpu_second: Math.round(report.frames / spent), us_each: +(spent / report.frames * 1e6).toFixed(2),
    p50_ms: report.p50_ms, p99_ms: report.p99_ms, ...(writes ? { frames_per_write: +(report.frames / writes).toFixed(2) } : {}) };
}

async function run(starter, shape) {
  const server = await starter();
  await sleep(300);
  const empty = resident(server.pid), crowd = openCrowd(server, shape);
  await within('joins', crowd.ready());
  await idle(server.pid);
  const bytes = Math.round((resident(server.pid) - empty) / (shape.tenants * shape.each));
  frameBytes &&= starter === startRingback ? 0 : frameBytes;
  await phase(server, crowd, shape, 5, 1); // warm
  const single = await phase(server, crowd, shape, shape.single, 1), burst = await phase(server, crowd, shape, shape.burst, 10);
  await crowd.close();
  await server.stop();
  return { bytes, single, burst };
}

const names = { ringback: 'ringback', node: 'node', bare: 'nothing but write' };
const both = (runs, what, part) => runs.map((r) => r[what][part]);

setTimeout(() => { console.error(`not done within ${ALL_MINUTES} minutes`); process.exit(1); }, ALL_MINUTES * 60000).unref();
prepare();
const all = [];
for (const shape of shapes) {
  const runs = { ringback: [], node: [], bare: [] };
  for (let round = 0; round < Number(options.rounds ?? (options.quick ? 1 : 2)); round++) {
    for (const [name, starter] of [['ringback', startRingback], ['node', startNode], ['bare', startLimit]]) {
      const result = await run(starter, shape);
      runs[name].push(result);
      say(`${shape.name}: ${names[name]}: ${result.bytes} bytes a socket`);
      for (const what of ['single', 'burst']) say(`  ${what.padEnd(7)}${JSON.stringify(result[what])}`);
    }
  }
  const rate = (name, what) => median(both(runs[name], what, 'per_cpu_second'));
  for (const what of ['single', 'burst'])
    say(`${shape.name}, ${what}: per CPU second ${(rate('ringback', what) / rate('node', what)).toFixed(2)} times Node's, ${
      (rate('ringback', what) / rate('bare', what) * 100).toFixed(0)} % of the bare loop's`);
  say('');
  all.push({ name: shape.name, ...runs });
}
wire.destroy();
if (options.json) console.log(JSON.stringify(all));
