// The parts of the suite, in the order in which they run. A part is parts/NAME.mjs with one function:
//
//   export async function run({ rounds, quick, say }) { ... return rows; }
//
// It runs in a process of its own between a fresh PostgreSQL and Redis (tests/live/with_servers), and `say` tells progress.
// A row is one comparison:
//   { what: '8 KiB, 64 connections',
//     systems: { ringback: [sample of each round], fastify: [...] },     sample: { rate, server_us, ... }, see report.mjs
//     goals: [goal('CPU per request', 'us', [value of each round], { atMost: 30 })] }
// seconds: the longest that it may take; quick: the same with --quick.

/** How many orders are in the tables in part growth, one size after the other: RINGBACK_BENCH_ORDERS=100000,1000000,10000000 */
export function historySizes(quick = false) {
  const text = process.env.RINGBACK_BENCH_ORDERS ?? (quick ? '10000,50000' : '100000,1000000'), sizes = text.split(',').map(Number);
  if (!sizes.every((n, i) => Number.isInteger(n) && n > (sizes[i - 1] ?? 1))) throw new Error(`RINGBACK_BENCH_ORDERS is "${text}"; accepted are rising numbers such as 100000,1000000`);
  return sizes;
}
const WRITING_S = 120; // for a million of them, on a busy machine
const writing = (quick) => Math.ceil(historySizes(quick).at(-1) / 1e6) * WRITING_S;

export const parts = {
  ingest: { title: 'Signed webhooks to Redis', seconds: 300, quick: 45 },
  pipeline: { title: 'Events to committed rows', seconds: 420, quick: 90 },
  latency: { title: 'Webhook to committed row to websocket', seconds: 180, quick: 60 },
  fanout: { title: 'Changes to websockets', seconds: 300, quick: 60 },
  rest: { title: 'REST lists with their total', seconds: 300, quick: 90 },
  redeliver: { title: 'Events that change nothing', seconds: 120, quick: 45 },
  recovery: { title: 'A dead worker\'s events', seconds: 240, quick: 90 },
  growth: { title: 'What an order costs as everything grows', get seconds() { return 600 + writing(); }, get quick() { return 120 + writing(true); } },
  memory: { title: 'Memory', seconds: 240, quick: 90 },
};
