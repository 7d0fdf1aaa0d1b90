// Starting what tests/bench/load and tests/bench/limits build, and what the parts that send webhooks share.
import { execFile, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { SECRET } from '../../live/lib/harness.mjs';
import { sleep } from './measure.mjs';

export const program = (name) => join(process.env.RINGBACK_BENCH_BIN, name);
export const redisSocket = new URL(process.env.RINGBACK_TEST_REDIS_URL).pathname;
export const redisCli = (...args) => execFileSync('redis-cli', ['-s', redisSocket, ...args], { encoding: 'utf8' }).trim();

/** Sends signed orders to a gateway and gives back what load/webhooks.c measured; fails when a request was not answered with 200. */
export async function webhooks(address, options) {
  const flags = Object.entries({ secret: SECRET, ...options }).flatMap(([name, value]) => [`--${name}`, String(value)]);
  try {
    return JSON.parse((await promisify(execFile)(program('webhooks'), [address, ...flags])).stdout);
  } catch (error) {
    throw new Error(`webhooks to ${address}: ${error.stdout || ''}${error.stderr || error.message}`);
  }
}

/** A program of limits/ that says "listening PORT". */
export async function startLimit(name) {
  const child = spawn(program(name), [], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = await once(createInterface(child.stdout), 'line');
  return { child, address: `127.0.0.1:${/\d+/.exec(line)[0]}`, stop: async () => { child.kill(); await once(child, 'exit'); } };
}

/** An empty Redis with an empty log: what earlier samples wrote must not be rewritten during the next. */
export async function emptyRedis() {
  redisCli('CONFIG', 'SET', 'auto-aof-rewrite-percentage', '0');
  redisCli('FLUSHALL');
  redisCli('BGREWRITEAOF');
  const busy = () => /aof_rewrite_in_progress:1|aof_rewrite_scheduled:1/.test(redisCli('INFO', 'persistence'));
  while (busy()) await sleep(20);
}
