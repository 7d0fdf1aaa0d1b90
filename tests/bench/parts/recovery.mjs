// A worker dies with many events in its hands: another one takes them over when its lease has run out, and stores them at its normal rate.
import { drain, empty, orders, ourWorkers, prepareStores } from '../lib/backlog.mjs';
import { goal, meter } from '../lib/measure.mjs';
import { sql } from '../../live/lib/harness.mjs';

const TENANTS = 100, KNOWN = 2000, LEASE_S = 30; // the target's allowance for the takeover itself

export async function run({ rounds, quick, say }) {
  const pending = quick ? 5000 : 100000, normal = [], taken = [], allowed = [];
  prepareStores(TENANTS);
  for (let round = 0; round < Math.min(rounds, 2); round++) {
    empty();
    const events = { tenants: TENANTS, customers: KNOWN };
    const dead = await ourWorkers();
    await drain(dead, { ...events, count: quick ? 1000 : 4000, from: 1 });
    normal.push(await drain(dead, { ...events, count: quick ? 4000 : 20000, from: 1000001 }));
    for (const pid of dead.pids) process.kill(pid, 'SIGSTOP'); // it has the leases, and has read everything: as if its window were so large
    await orders('fill', { ...events, count: pending, from: 2000001 });
    const { taken: n } = await orders('take', { count: pending }); // but for what its last read was still waiting for
    if (n < pending * 0.99) throw new Error(`only ${n} of ${pending} events became pending`);
    const began = performance.now();
    await dead.kill();
    const next = await ourWorkers();
    const measured = meter(next.pids);
    await next.finished();
    const seconds = (performance.now() - began) / 1000, stored = sql('SELECT count(*) AS n FROM commerce_orders WHERE external_order_id::bigint > 5600002000000')[0].n;
    if (stored !== pending) throw new Error(`${stored} of ${pending} orders are there`);
    taken.push({ ...measured(pending), seconds });
    allowed.push((LEASE_S + pending / normal[round].rate) / seconds);
    await next.stop();
    say(`round ${round + 1}: ${pending} events in ${seconds.toFixed(1)} s, normally ${normal[round].rate.toFixed(0)} events/s`);
  }
  return [{
    what: `${pending} pending events of a killed worker`,
    systems: { 'new events': normal, 'taken over, from the kill on': taken },
    goals: [goal('allowed time (30 s + events / normal rate) beside what it took', 'times', allowed, { atLeast: 1 })],
  }];
}
