// A REST list beside Express with pg, as it is usually written (pg sends a statement's text each time, and PostgreSQL plans it) and with
// statements that have names, which are prepared once; measured by tests/bench/rest, with its default options.
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { each, goal } from '../lib/measure.mjs';

const program = fileURLToPath(new URL('../rest.mjs', import.meta.url));

async function compare(rounds, options, name, goals) {
  const { stdout } = await promisify(execFile)(process.execPath, [program, '--json', '--rounds', String(rounds), ...options], { maxBuffer: 1 << 24 });
  const { list, rounds: found, tenants, orders } = JSON.parse(stdout);
  const of = (system) => found.map((r) => r[system]).map(({ rate, server_us, postgres_us, p50_ms, p95_ms, p99_ms, rss_mb }) => ({ rate, server_us, postgres_us, p50_ms, p95_ms, p99_ms, rss_mb }));
  return { what: `/v1/${list}, ${orders} of ${tenants} tenants`, systems: { ringback: of('ringback'), [name]: of('express') }, goals: goals(each(found, 'ratio')) };
}

export async function run({ rounds, quick, say }) {
  const size = quick ? ['--seconds', '1', '--tenants', '10', '--calls', '200', '--orders', '100'] : ['--seconds', '3'];
  say(`${rounds} rounds of both servers`);
  const usual = await compare(rounds, [...size, '--unnamed'], 'express + pg', (ratios) => [goal('REST list with total, beside Express + pg', 'times', ratios, { atLeast: 4 })]);
  say(`${rounds} rounds more, its statements named`);
  return [usual, await compare(rounds, size, 'express + pg, named statements', () => [])];
}
