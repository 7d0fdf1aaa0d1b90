// REST lists beside Express with pg; measured by tests/bench/rest, with its default options.
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { each, goal } from '../lib/measure.mjs';

export async function run({ rounds, quick, say }) {
  const size = quick ? ['--seconds', '1', '--tenants', '10', '--calls', '200', '--orders', '100'] : ['--seconds', '4'];
  say(`${rounds} rounds of both servers`);
  const { stdout } = await promisify(execFile)(process.execPath, [fileURLToPath(new URL('../rest.mjs', import.meta.url)), '--json', '--rounds', String(rounds), ...size], { maxBuffer: 1 << 24 });
  const { list, rounds: found, tenants, orders } = JSON.parse(stdout);
  const of = (name) => found.map((r) => r[name]).map(({ rate, server_us, postgres_us, p50_ms, p95_ms, p99_ms, rss_mb }) => ({ rate, server_us, postgres_us, p50_ms, p95_ms, p99_ms, rss_mb }));
  return [{
    what: `/v1/${list}, ${orders} of ${tenants} tenants`,
    systems: { ringback: of('ringback'), 'express + pg': of('express') },
    goals: [goal('REST list with total, beside Express + pg', 'times', each(found, 'ratio'), { atLeast: 4 })],
  }];
}
