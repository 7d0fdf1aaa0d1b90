// From a signed webhook to its row on a dashboard's websocket, through a gateway, a worker and a realtime process: webhooks come at a
// steady rate whatever the answers do (open loop), and a webhook's time counts from the moment at which it was due. One tenant with
// eight shops, so eight partitions; every webhook is a new order of a new customer, and every one must be seen.
import { OWNER, ringback, settled, start, tenant } from '../../live/lib/harness.mjs';
import { each, goal, meter } from '../lib/measure.mjs';
import { webhooks } from '../lib/load.mjs';

const SHOPS = 8, WARM_RATE = 500, WARM_S = 3;
// a second; only what has goals is measured in every round
const RATES = [{ rate: 100, rounds: 1 }, { rate: 1000, goals: { 50: 15, 99: 50 } }, { rate: 1000, shops: 1, rounds: 1 }, { rate: 2000, rounds: 1 }];

export async function run({ rounds, quick, say }) {
  ringback('migrate');
  const organization = tenant('Bench', 'bench-0.myshopify.com');
  for (let n = 1; n < SHOPS; n++) ringback('tenant', 'connect-store', '--organization', organization, '--domain', `bench-${n}.myshopify.com`);
  const token = ringback('token', '--sub', OWNER, '--expires', '1h').trim();
  const roles = {};
  for (const role of ['gateway', 'worker', 'realtime']) roles[role] = await start(role);
  const pids = Object.values(roles).map((r) => r.child.pid);
  let first = 0;
  const send = async (rate, seconds, shops = SHOPS) => {
    const orders = rate * seconds, stop = meter(pids);
    const r = await webhooks(roles.gateway.address, { rate, seconds, orders, first, shops, connections: 64, watch: roles.realtime.address, token });
    first += orders;
    const sample = stop(r.requests);
    if (r.seen !== r.requests) throw new Error(`${r.requests} webhooks were accepted, ${r.seen} seen on the websocket`);
    await settled();
    return { rate: r.requests / r.seconds, p50_ms: r.live_p50_ms, p95_ms: r.live_p95_ms, p99_ms: r.live_p99_ms, 'answer p99 ms': r.p99_ms,
      server_us: sample.server_us, postgres_us: sample.postgres_us, redis_us: sample.redis_us, rss_mb: sample.rss_mb };
  };

  await send(WARM_RATE, quick ? 1 : WARM_S);
  const rows = [];
  for (const { rate, shops = SHOPS, rounds: own = rounds, goals = {} } of RATES) {
    const samples = [];
    for (let round = 0; round < own; round++) {
      samples.push(await send(rate, quick ? 2 : 8, shops));
      say(`${rate}/s, ${shops} shops, round ${round + 1}: p50 ${samples.at(-1).p50_ms} ms, p99 ${samples.at(-1).p99_ms} ms`);
    }
    rows.push({ what: `${rate} webhooks/s of ${shops === 1 ? 'one shop' : `${shops} shops`}`, systems: { ringback: samples },
      goals: Object.entries(goals).map(([p, atMost]) => goal(`webhook to websocket at ${rate}/s, p${p}`, 'ms', each(samples, `p${p}_ms`), { atMost })) });
  }
  return rows;
}
