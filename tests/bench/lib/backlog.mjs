// A backlog of order events, and what works it off: the same measurement for our worker and for the peers.
import { execFile, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { DATABASE_URL, exec, ringback, start } from '../../live/lib/harness.mjs';
import { program, redisCli, redisSocket } from './load.mjs';
import { meter, sleep } from './measure.mjs';
import { installed, startPeer } from './peers.mjs';

const run = promisify(execFile);
const flags = (options) => Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)]);

/** load/orders_redis: fill, wait, take or list. */
export async function orders(what, options = {}) {
  const { stdout } = await run(program('orders_redis'), [what, '--socket', redisSocket, ...flags(options)], { maxBuffer: 1 << 30 });
  return what === 'list' ? stdout : JSON.parse(stdout);
}

/** The schema, and stores for `tenants` organizations. */
export function prepareStores(tenants) {
  ringback('migrate');
  execFileSync('psql', [DATABASE_URL, '-Xq', '-v', `tenants=${tenants}`, '-f', fileURLToPath(new URL('../stores.sql', import.meta.url))], { stdio: ['ignore', 'ignore', 'inherit'] });
}

/** Empty tables and an empty Redis; what ran before leaves nothing to do for the servers. */
export function empty() {
  exec('SET client_min_messages = warning; TRUNCATE commerce_orders, commerce_order_items, commerce_customers, contacts CASCADE');
  exec('TRUNCATE live_outbox, analytics_pending');
  exec('VACUUM ANALYZE');
  exec('CHECKPOINT');
  redisCli('FLUSHALL');
}

/**
 * What works a backlog off: { pids, load(options), finished(count), stop }. load puts the events where it reads them, finished resolves
 * when that many are acknowledged.
 */
export async function ourWorkers({ workers = 1, ...settings } = {}) {
  const list = await Promise.all(Array.from({ length: workers }, () => start('worker', settings)));
  return { pids: list.map((w) => w.child.pid), load: (options) => orders('fill', options), finished: () => orders('wait', { timeout: 120 }),
    kill: () => Promise.all(list.map((w) => w.stop('SIGKILL'))), stop: () => Promise.all(list.map((w) => w.stop())) };
}

/** One of peers/worker: transaction, batch or bullmq. */
export async function nodeWorker(mode, settings = {}) {
  const peer = await startPeer('worker', { MODE: mode, ...settings }), partitions = mode === 'batch' ? settings.CONNECTIONS ?? 2 : 1;
  let done;
  const load = async (options) => {
    done = once(peer.lines, 'line');
    if (mode === 'bullmq') await produce(await orders('list', options));
    else await orders('fill', { ...options, stream: 'orders', partitions });
  };
  return { pids: [peer.child.pid], load, stop: peer.stop, expect: (n) => peer.child.stdin.write(`expect ${n}\n`),
    finished: async () => { if ((await done)[0] !== 'done') throw new Error('the peer failed'); } };
}

async function produce(lines) {
  const child = spawn(process.execPath, [join(installed('worker'), 'server.mjs')], { stdio: ['pipe', 'ignore', 'inherit'], env: { ...process.env, MODE: 'produce' } });
  child.stdin.end(lines);
  const [code] = await once(child, 'exit');
  if (code !== 0) throw new Error('the producer failed');
}

const signal = (pids, name) => pids.forEach((pid) => process.kill(pid, name));
const STANDS_MS = 8000; // less than a lease, or our worker would lose its partitions meanwhile

/** One sample: the consumer stands still while the events are put down, and is timed from when it goes on until all are acknowledged. */
export async function drain(consumer, options) {
  consumer.expect?.(options.count);
  await sleep(20);
  signal(consumer.pids, 'SIGSTOP');
  const began = Date.now();
  try {
    await consumer.load(options);
    if (Date.now() - began > STANDS_MS) throw new Error(`loading took ${Date.now() - began} ms: fewer events, or a quieter machine`);
  } catch (error) {
    signal(consumer.pids, 'SIGCONT'); // standing still it could not end
    throw error;
  }
  const measured = meter(consumer.pids);
  signal(consumer.pids, 'SIGCONT');
  await consumer.finished(options.count);
  return measured(options.count);
}

/** The limit: the same transactions from memory. */
export async function bareSql(options) {
  const child = spawn(program('bare_sql'), flags(options), { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface(child.stdout);
  const next = async () => (await Promise.race([once(lines, 'line'), once(child, 'exit').then(() => { throw new Error('bare_sql ended'); })]))[0];
  await next();
  const measured = meter([child.pid]);
  child.stdin.write('go\n');
  const out = JSON.parse(await next());
  const sample = { ...measured(out.events), rate: out.events / out.seconds, server_us: out.cpu_us };
  child.stdin.end();
  return sample;
}
