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
export const parts = {
  ingest: { title: 'Signed webhooks to Redis', seconds: 300, quick: 45 },
  pipeline: { title: 'Events to committed rows', seconds: 420, quick: 90 },
  latency: { title: 'Webhook to committed row to websocket', seconds: 180, quick: 60 },
  fanout: { title: 'Changes to websockets', seconds: 300, quick: 60 },
  rest: { title: 'REST lists with their total', seconds: 300, quick: 90 },
  redeliver: { title: 'Events that change nothing', seconds: 120, quick: 45 },
  recovery: { title: 'A dead worker\'s events', seconds: 240, quick: 90 },
  growth: { title: 'What an order costs as everything grows', seconds: 600, quick: 180 },
  memory: { title: 'Memory', seconds: 240, quick: 90 },
};
