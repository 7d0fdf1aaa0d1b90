// Events that were stored before come again unchanged, beside new ones.
import { drain, empty, ourWorkers, prepareStores } from '../lib/backlog.mjs';
import { each, goal } from '../lib/measure.mjs';
import { sql } from '../../live/lib/harness.mjs';

const TENANTS = 100, KNOWN = 2000;

export async function run({ rounds, quick, say }) {
  const count = quick ? 4000 : 20000, fresh = [], again = [];
  prepareStores(TENANTS);
  for (let round = 0; round < rounds; round++) {
    empty();
    const worker = await ourWorkers();
    try {
      await drain(worker, { count: count / 4, from: 1, tenants: TENANTS, customers: KNOWN });
      const events = { count, from: 1000001, tenants: TENANTS, customers: KNOWN }, written = () => sql('SELECT max(synced_at)::text AS at, count(*) AS n FROM commerce_orders')[0];
      fresh.push(await drain(worker, events));
      const before = written();
      again.push(await drain(worker, events));
      if (JSON.stringify(written()) !== JSON.stringify(before)) throw new Error('a redelivered event changed a row');
    } finally {
      await worker.stop();
    }
    say(`round ${round + 1}: new ${fresh[round].rate.toFixed(0)}, again ${again[round].rate.toFixed(0)} events/s`);
  }
  return [{
    what: `${count} orders, 2 connections`,
    systems: { new: fresh, 'the same again': again },
    goals: [goal('redelivered beside new', 'times', each(again, 'rate').map((rate, i) => rate / fresh[i].rate), { atLeast: 5 })],
  }];
}
