// A backlog of order events to committed rows: ours beside three Node workers, and the same transactions from memory as the limit.
// With fewer than four cores the limit of two connections has all of them, which ours shares with Redis: 1 connection tells more there.
import { bareSql, drain, empty, nodeWorker, ourWorkers, prepareStores } from '../lib/backlog.mjs';
import { alternate, each, goal, ratios } from '../lib/measure.mjs';

const TENANTS = 100, KNOWN = 2000; // customers that were seen before

export async function run({ rounds, quick, say }) {
  const counts = quick ? { ours: 4000, warm: 2500, node: 600, batch: 2000 } : { ours: 12000, warm: 4000, node: 1500, batch: 8000 };
  prepareStores(TENANTS);

  /** A worker that is warm, with customers that it has seen (0: all are new), then the sample. */
  const sample = (open, count, warm, customers = KNOWN) => async () => {
    empty();
    const consumer = await open();
    try {
      await drain(consumer, { count: warm, from: 1, tenants: TENANTS, customers });
      return await drain(consumer, { count, from: 1000001, tenants: TENANTS, customers });
    } finally {
      await consumer.stop();
    }
  };
  const ours = (connections, customers) => sample(() => ourWorkers({ RINGBACK_DB_CONNECTIONS: String(connections) }), counts.ours, counts.warm, customers);
  const limit = (connections) => async () => {
    empty();
    const options = { connections, tenants: TENANTS, customers: KNOWN };
    await bareSql({ ...options, count: counts.warm, from: 1 });
    return bareSql({ ...options, count: counts.ours + 500 * connections, from: 1000001 });
  };
  const systems = await alternate({
    'ringback, 2 connections': ours(2),
    'ringback, 1 connection': ours(1),
    'ringback, 3 connections': ours(3),
    'ringback, 2, every phone new': ours(2, 0),
    'bare SQL, 1 connection': limit(1),
    'bare SQL, 2 connections': limit(2),
    'Node, transaction per event': sample(() => nodeWorker('transaction', { CONCURRENCY: '10' }), counts.node, counts.node / 3),
    'Node, batches, 2 connections': sample(() => nodeWorker('batch', { CONNECTIONS: '2' }), counts.batch, counts.batch / 4),
    'BullMQ, concurrency 50': sample(() => nodeWorker('bullmq', { CONCURRENCY: '50' }), counts.node, counts.node / 3),
  }, rounds, say);
  const of = (name) => systems[name], two = of('ringback, 2 connections');
  return [{
    what: `${counts.ours} orders of 10 KiB with 3 lines, ${TENANTS} stores`,
    systems,
    goals: [
      goal('worker CPU per order', 'us', each(two, 'server_us'), { atMost: 25 }),
      goal('worker CPU per order, every phone new', 'us', each(of('ringback, 2, every phone new'), 'server_us'), { atMost: 45 }),
      goal('of the bare SQL, 1 connection', '%', ratios(of('ringback, 1 connection'), of('bare SQL, 1 connection'), 'rate').map((r) => r * 100), { atLeast: 85 }),
      goal('of the bare SQL, 2 connections', '%', ratios(two, of('bare SQL, 2 connections'), 'rate').map((r) => r * 100), { atLeast: 85 }),
      goal('beside Node, a transaction per event', 'times', ratios(two, of('Node, transaction per event'), 'rate'), { atLeast: 10 }),
      goal('beside Node in batches', 'times', ratios(two, of('Node, batches, 2 connections'), 'rate'), { atLeast: 3 }),
      goal('beside BullMQ', 'times', ratios(two, of('BullMQ, concurrency 50'), 'rate'), { atLeast: 10 }),
    ],
  }];
}
