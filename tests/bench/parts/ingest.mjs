// Signed webhooks to Redis, each confirmed before its 200: the gateway beside one of fastify and ioredis, and beside a server that
// only answers. First with `appendfsync everysec`, where CPU is the limit, then with `always`, where the disk is: there
// redis-benchmark shows what Redis can take of the same bytes from as many clients.
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { start } from '../../live/lib/harness.mjs';
import { alternate, each, goal, meter, ratios } from '../lib/measure.mjs';
import { emptyRedis, program, redisCli, redisSocket, startLimit, webhooks } from '../lib/load.mjs';
import { startPeer } from '../lib/peers.mjs';

const PARTITIONS = 8, BODY = 8192;
const topics = [...readFileSync(new URL('../../../handlers/topics.def', import.meta.url), 'utf8').matchAll(/^TOPIC\("([^"]+)"/gm)].map((m) => m[1]);

const starters = {
  ringback: () => start('gateway'),
  fastify: () => startPeer('gateway-fastify', { REDIS_SOCKET: redisSocket, SECRET: 'hush', PARTITIONS, TOPICS: JSON.stringify(topics) }),
  'only answers': () => startLimit('instant_answer'),
};

async function sample(server, connections, seconds) {
  await emptyRedis();
  const stop = meter([server.child.pid]);
  const r = await webhooks(server.address, { connections, seconds, bytes: BODY, orders: 4000, shops: 64 });
  const { server_us, postgres_us, redis_us, rss_mb } = stop(r.requests);
  return { rate: r.requests / r.seconds, per_cpu_second: 1e6 / server_us, server_us, postgres_us, redis_us, p50_ms: r.p50_ms, p99_ms: r.p99_ms, rss_mb };
}

/** The bytes of an entry as our gateway wrote it. */
async function envelope() {
  const [key] = redisCli('--scan', '--pattern', 'ringback:*:events').split('\n');
  const { stdout } = await promisify(execFile)('redis-cli', ['-s', redisSocket, 'EVAL', "return redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1)[1][2][2]", '1', key],
    { encoding: 'buffer' });
  return stdout.subarray(0, -1); // redis-cli ends what it prints with a newline
}

/** What Redis takes of XADD with these bytes from as many clients, each of which waits for its answer: about `seconds` at `rate`. */
async function redisBenchmark(payload, clients, seconds, rate) {
  await emptyRedis();
  const running = promisify(execFile)('redis-benchmark', ['-s', redisSocket, '-c', String(clients), '-n', String(Math.round(rate * seconds)), '-r', String(PARTITIONS), '--csv',
    '-x', 'XADD', 'ringback:{__rand_int__}:events', '*', 'e'], { maxBuffer: 1 << 26 });
  running.child.stdin.end(payload);
  const fields = (await running).stdout.trim().split('\n').at(-1).split(',').map((f) => Number(f.replaceAll('"', ''))); // test, rps, avg, min, p50, p95, p99, max
  return { rate: fields.at(-7), p50_ms: fields.at(-4), p99_ms: fields.at(-2) };
}

export async function run({ rounds, quick, say }) {
  const servers = Object.fromEntries(await Promise.all(Object.entries(starters).map(async ([name, starter]) => [name, await starter()])));
  const seconds = quick ? 1 : 3, rows = [];
  redisCli('CONFIG', 'SET', 'appendfsync', 'everysec');
  for (const server of Object.values(servers)) await webhooks(server.address, { connections: 64, seconds: quick ? 1 : 2, bytes: BODY });
  for (const connections of [64, 256]) {
    const systems = await alternate(Object.fromEntries(Object.entries(servers).map(([name, server]) => [name, () => sample(server, connections, seconds)])), rounds, say);
    rows.push({ what: `${BODY} byte orders, ${connections} connections, appendfsync everysec`, systems, goals: [
      goal(`gateway CPU per request, ${connections} connections`, 'us', each(systems.ringback, 'server_us'), { atMost: 30 }),
      goal(`requests per CPU second, ${connections} connections, beside Node`, 'times', ratios(systems.ringback, systems.fastify, 'per_cpu_second'), { atLeast: 3.5 })] });
  }
  redisCli('CONFIG', 'SET', 'appendfsync', 'always');
  await emptyRedis();
  const { rate } = await sample(servers.ringback, 64, 1), payload = await envelope();
  for (const connections of [64, 256]) {
    const { 'only answers': _, ...real } = servers;
    const systems = await alternate({ ...Object.fromEntries(Object.entries(real).map(([name, server]) => [name, () => sample(server, connections, seconds)])),
      'redis-benchmark': () => redisBenchmark(payload, connections, seconds, rate) }, rounds, say);
    rows.push({ what: `${BODY} byte orders (${payload.length} in Redis), ${connections} connections, appendfsync always`, systems, goals: [
      goal(`appendfsync always, ${connections} connections, beside redis-benchmark`, 'times', ratios(systems.ringback, systems['redis-benchmark'], 'rate'), { atLeast: 0.9 })] });
  }
  return rows;
}
