// What an order costs as everything grows: stores, rows that are there already, worker processes, the backlog. Of the points of a row the
// first is what the others are held against: nothing may cost more than the logarithm of what grew explains. The chart draws each as a curve.
import { drain, ourWorkers, prepareStores } from '../lib/backlog.mjs';
import { checkRoom, writeHistory } from '../lib/history.mjs';
import { redisCli } from '../lib/load.mjs';
import { goal } from '../lib/measure.mjs';
import { exec } from '../../live/lib/harness.mjs';
import { historySizes } from '../parts.mjs';

const STORES = [1, 100, 10000], WORKERS = [1, 2, 4], KNOWN = 2000;
const NOISE = 1.15; // what two equal measurements may differ by
const cost = (s) => s.server_us + s.postgres_us + s.redis_us;
const format = (n) => n.toLocaleString('en');

export async function run({ rounds, quick, say }) {
  const sizes = historySizes(quick), count = quick ? 2000 : 10000, backlogs = quick ? [2000, 6000] : [10000, 60000], times = Math.min(rounds, 3);
  let from = 1;

  const sample = async (options, settings) => {
    redisCli('FLUSHALL');
    exec('CHECKPOINT');
    const workers = await ourWorkers(settings);
    try {
      await drain(workers, { ...options, customers: KNOWN, count: Math.min(2500, count), from });
      from += 2500;
      const drained = await drain(workers, { ...options, customers: KNOWN, from });
      from += options.count;
      return drained;
    } finally {
      await workers.stop();
    }
  };
  const curve = async (what, points, prepare, measure, unit) => {
    const systems = {};
    for (const point of points) {
      await prepare(point);
      const list = systems[`${format(point)} ${unit}`] = [];
      for (let i = 0; i < times; i++) list.push({ ...await measure(point), point });
      say(`${what}, ${format(point)} ${unit}: ${list.map((s) => `${s.rate.toFixed(0)} events/s, ${cost(s).toFixed(0)} us`).join('; ')}`);
    }
    return { what, systems };
  };
  /** Each point beside the first: how much more it costs, as a part of what log(point) explains. */
  const logarithmic = (row, name, least) => {
    row.curve = { least, noise: NOISE };
    const [[, first], ...rest] = Object.entries(row.systems);
    row.goals = rest.map(([point, samples]) => goal(`${name}, ${point}: cost grown beside its logarithm`, 'times',
      samples.map((s, i) => cost(s) / cost(first[i]) / Math.max(1, Math.log(Math.max(least, s.point)) / Math.log(Math.max(least, first[i].point)))), { atMost: NOISE }));
    return row;
  };

  const rows = [];
  checkRoom(sizes.at(-1), say);
  prepareStores(STORES.at(-1));
  rows.push(logarithmic(await curve('Stores', STORES, () => {}, (tenants) => sample({ count, tenants }), 'stores'), 'stores', 500)); // a batch has room for 500
  let there = 0;
  const write = async (n) => { await writeHistory(100, there, n, say); there = n; };
  rows.push(logarithmic(await curve('Orders in the tables', sizes, write, () => sample({ count, tenants: 100 }), 'orders'), 'table', 2));
  const workers = await curve('Worker processes', WORKERS, () => {},
    (n) => sample({ count, tenants: 100 }, { workers: n, RINGBACK_DB_CONNECTIONS: '1' }), 'workers');
  rows.push(logarithmic(workers, 'workers', 2));
  rows.push(logarithmic(await curve('Events in the backlog', backlogs, () => {}, (n) => sample({ count: n, tenants: 100 }), 'events'), 'backlog', 2));
  return rows;
}
