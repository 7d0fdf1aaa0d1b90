// Changes to websockets beside Node's ws; measured by tests/bench/fanout: 2,000 subscribers of one tenant.
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { goal, ratios } from '../lib/measure.mjs';

const kinds = { single: { says: 'one row', times: 1.5 }, burst: { says: 'ten rows within 10 ms', times: 5 } };

export async function run({ rounds, say }) {
  say(`${rounds} rounds of both servers and of the limit, some 12 s each`);
  const { stdout } = await promisify(execFile)(process.execPath, [fileURLToPath(new URL('../fanout.mjs', import.meta.url)), '--json', '--shapes', '1', '--rounds', String(rounds)],
    { maxBuffer: 1 << 24, env: { ...process.env, RINGBACK_CROWD: `${process.env.RINGBACK_BENCH_BIN}/crowd` } });
  return JSON.parse(stdout).flatMap(({ name, ringback, node, bare }) => Object.entries(kinds).map(([kind, { says, times }]) => {
    const of = (runs) => runs.map((r) => ({ per_cpu_second: r[kind].per_cpu_second, server_us: r[kind].us_each, p50_ms: r[kind].p50_ms, p99_ms: r[kind].p99_ms, 'bytes/socket': r.bytes }));
    const systems = { ringback: of(ringback), 'node ws': of(node), 'nothing but write': of(bare) };
    return { what: `${name}, ${says}`, systems, goals: [goal(`deliveries per CPU second, ${says}, beside ws`, 'times', ratios(systems.ringback, systems['node ws'], 'per_cpu_second'), { atLeast: times })] };
  }));
}
