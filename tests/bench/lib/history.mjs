// Millions of orders that were there before, each with two lines. Written by history.sql in slices, two at a time, while no index is kept
// up; then the indexes are built, two at a time.
import { execFile } from 'node:child_process';
import { statfsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { DATABASE_URL, exec, sql } from '../../live/lib/harness.mjs';

const run = promisify(execFile), GIB = 2 ** 30;
const SLICE = 250000, AT_ONCE = 2;
const TABLES = ['commerce_orders', 'commerce_order_items'], LIST = TABLES.map((table) => `'${table}'::regclass`).join(', ');
const ORDER_BYTES = 1600; // of an order, its lines and their indexes, as measured
const SPARE_BYTES = 4 * GIB; // write-ahead log, sorting, and what is measured afterwards
const format = (n) => n.toLocaleString('en');

const psql = (...what) => run('psql', [DATABASE_URL, '-Xq', '-v', 'ON_ERROR_STOP=1', ...what]);

/** Runs all tasks, AT_ONCE at a time, in their order; `done` is called after each. */
async function work(tasks, done) {
  const waiting = tasks.values(); // shared: each takes the next
  await Promise.all(Array.from({ length: AT_ONCE }, async () => { for (const task of waiting) done(task, await task.run()); }));
}

/** Throws a sentence when there is not the room for so many in all. */
export function checkRoom(orders, say) {
  const { bavail, bsize } = statfsSync(process.env.RINGBACK_TEST_DIR), free = bavail * bsize, needed = orders * ORDER_BYTES + SPARE_BYTES;
  const text = `${format(orders)} orders need ${Math.ceil(needed / GIB)} GiB in ${process.env.RINGBACK_TEST_DIR}; ${Math.floor(free / GIB)} GiB are free`;
  if (needed > free) throw new Error(`${text}: fewer in RINGBACK_BENCH_ORDERS, or another TMPDIR`);
  say(text);
}

/** Brings the number of such orders to `orders`, of which `there` have been written before. */
export async function writeHistory(tenants, there, orders, say) {
  const began = performance.now(), seconds = () => Math.round((performance.now() - began) / 1000), slices = [];
  for (let from = there + 1; from <= orders; from += SLICE) {
    const to = Math.min(orders, from + SLICE - 1);
    for (const part of ['orders', 'items']) slices.push({ part, to, run: () => psql('-v', `tenants=${tenants}`, '-v', `part=${part}`, '-v', `from=${from}`, '-v', `to=${to}`, '-f', fileURLToPath(new URL('../history.sql', import.meta.url))) });
  }
  for (const table of TABLES) exec(`ALTER TABLE ${table} SET (autovacuum_enabled = off)`);
  // What is not ready is not kept up, and REINDEX makes it anew and ready; constraints and what refers to them stay as they are.
  exec(`UPDATE pg_index SET indisready = false, indisvalid = false WHERE indrelid IN (${LIST})`);
  await work(slices, ({ part, to }) => { if (part === 'items' && to % (10 * SLICE) === 0) say(`${format(to)} of ${format(orders)} orders written, ${seconds()} s`); });
  say(`${format(orders - there)} orders written in ${seconds()} s`);

  // What takes longest comes early, so that both connections end together.
  const indexes = sql(`SELECT indexrelid::regclass::text AS name FROM pg_index WHERE indrelid IN (${LIST}) ORDER BY indrelid DESC, indexrelid DESC`);
  await work(indexes.map(({ name }) => ({ name, run: () => psql('-c', `SET maintenance_work_mem = '1GB'; SET max_parallel_maintenance_workers = 0; REINDEX INDEX ${name}`) })),
    ({ name }) => { if (orders - there > 10 * SLICE) say(`${name} built, ${seconds()} s`); });
  for (const table of TABLES) exec(`ALTER TABLE ${table} RESET (autovacuum_enabled)`);
  await work(TABLES.map((table) => ({ run: () => psql('-c', `VACUUM (ANALYZE, PARALLEL 0) ${table}`) })), () => {});
  exec('CHECKPOINT');
  say(`indexes built and tables vacuumed, ${seconds()} s in all; the database has ${(sql('SELECT pg_database_size(current_database()) AS n')[0].n / GIB).toFixed(1)} GiB`);
}
