// What must be there, compared with what is there: every row of every table that the traffic touches, exactly.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { query, redis, rowsOf } from './servers.mjs';
import { TABLES, readRows } from './subscriber.mjs';

const PARTITIONS = 8, SHOWN = 12;
const run = promisify(execFile);
const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);
const ms = (text) => (text === null ? null : Date.parse(text));
const list = (items) => (items === null ? [] : items);

/** Rows by key, in the shape in which traffic.mjs expects them. */
const TABLES_OF = {
  orders: [`select i.store_domain || '/' || o.external_order_id as key, o.*, (select json_agg(l.title || ' x' || l.quantity order by l.position) from commerce_order_items l where l.order_id = o.id) as lines
     from commerce_orders o join commerce_integrations i on i.id = o.integration_id`,
  (r) => ({ organization: r.organization_id, number: r.order_number, total: r.total_amount, note: r.notes, phone: r.customer_phone, cod: r.payment_type, financial: r.financial_status,
    cancelled: r.cancelled_at, trigger: r.trigger_ready, lines: list(r.lines) }),
  (e) => ({ ...e, cancelled: ms(e.cancelled) }), (r) => ({ ...r, cancelled: ms(r.cancelled) })],
  carts: [`select i.store_domain || '/' || c.checkout_token as key, c.*, o.external_order_id as recovered_by
     from commerce_abandoned_carts c join commerce_integrations i on i.id = c.integration_id left join commerce_orders o on o.id = c.recovered_order_id`,
  (r) => ({ organization: r.organization_id, total: r.total_value, phone: r.customer_phone, status: r.status, abandoned: ms(r.abandoned_at), recovered: ms(r.recovered_at), order: r.recovered_by, trigger: r.trigger_ready })],
  customers: [`select i.store_domain || '/' || c.external_customer_id as key, c.* from commerce_customers c join commerce_integrations i on i.id = c.integration_id`,
    (r) => ({ organization: r.organization_id, name: `${r.first_name} ${r.last_name}`, phone: r.phone, email: r.email })],
  products: [`select i.store_domain || '/' || p.external_product_id as key, p.*, (select json_agg(v.title || ' ' || trim_scale(v.price) order by v.position) from commerce_product_variants v where v.product_id = p.id) as variants
     from commerce_products p join commerce_integrations i on i.id = p.integration_id`,
  (r) => ({ organization: r.organization_id, title: r.title, status: r.status, variants: list(r.variants) })],
  calls: [`select external_call_id as key, c.*, (select count(*) from call_transcripts t where t.call_id = c.id)::int as lines, (select count(*) from call_recordings r where r.call_id = c.id)::int as recordings from calls c`,
    (r) => ({ organization: r.organization_id, status: r.status, outcome: r.outcome, seconds: r.duration_seconds, lines: r.lines, recordings: r.recordings })],
};

// The rollups once more from the facts, said differently than the migration says it.
const ROLLUPS = `
  with facts as (
    select organization_id, order_day as day, 1 as orders, (payment_type = 'cod')::int as cod_orders, 0 as abandoned, 0 as recovered, 0 as confirmed, 0 as calls, 0 as seconds from commerce_orders
    union all select c.organization_id, (abandoned_at at time zone o.timezone)::date, 0, 0, 1, 0, 0, 0, 0 from commerce_abandoned_carts c join organizations o on o.id = c.organization_id
    union all select c.organization_id, (recovered_at at time zone o.timezone)::date, 0, 0, 0, 1, 0, 0, 0 from commerce_abandoned_carts c join organizations o on o.id = c.organization_id where status = 'recovered'
    union all select c.organization_id, (coalesce(started_at, c.created_at) at time zone o.timezone)::date, 0, 0, 0, 0, (outcome = 'answered' and metadata ->> 'payment_type' = 'cod')::int, 1, coalesce(duration_seconds, 0)
      from calls c join organizations o on o.id = c.organization_id
    union all select organization_id, day, -orders, -cod_orders, -carts_abandoned, -carts_recovered, -cod_confirmed, 0, 0 from analytics_outcome_daily
    union all select organization_id, day, 0, 0, 0, 0, 0, -total_calls, -duration_seconds from analytics_call_daily)
  select organization_id, day, sum(orders) as orders, sum(cod_orders) as cod_orders, sum(abandoned) as abandoned, sum(recovered) as recovered, sum(confirmed) as confirmed, sum(calls) as calls, sum(seconds) as seconds
  from facts group by organization_id, day having (sum(orders), sum(cod_orders), sum(abandoned), sum(recovered), sum(confirmed), sum(calls), sum(seconds)) <> (0, 0, 0, 0, 0, 0, 0)`;

/** Collects sentences; the first few of a kind, and how many more. */
class Findings {
  constructor() {
    this.kinds = new Map();
  }

  add(kind, text) {
    if (!this.kinds.has(kind)) this.kinds.set(kind, []);
    this.kinds.get(kind).push(text);
  }

  list() {
    return [...this.kinds].flatMap(([kind, texts]) => [...texts.slice(0, SHOWN).map((t) => `${kind}: ${t}`), ...(texts.length > SHOWN ? [`${kind}: and ${texts.length - SHOWN} more`] : [])]);
  }
}

async function compareTable(found, name, expected) {
  const [select, shape, wants = (e) => e, has = (r) => r] = TABLES_OF[name];
  const seen = new Set();
  for (const row of await rowsOf(select)) {
    const want = expected.get(row.key);
    if (seen.has(row.key)) found.add(name, `${row.key} is there twice`);
    seen.add(row.key);
    if (want === undefined) found.add(name, `${row.key} was never sent`);
    else if (want === null) found.add(name, `${row.key} must not be there`);
    else if (!same(has(shape(row)), wants(want))) found.add(name, `${row.key} is ${JSON.stringify(has(shape(row)))}, not ${JSON.stringify(wants(want))}`);
  }
  for (const [key, want] of expected) if (want !== null && !seen.has(key)) found.add(name, `${key} is missing`);
}

async function compareLetters(found, expected) {
  const seen = new Set();
  for (const l of await rowsOf(`select reason, topic, key, convert_from(payload, 'UTF8') as body, detail, attempts from dead_letters`)) {
    const key = `${l.reason} ${l.key} ${l.body}`;
    seen.add(key);
    if (!expected.has(key)) found.add('dead letters', `not expected: ${l.reason} (${l.detail}) ${l.topic} ${l.key}, ${l.attempts} attempts: ${String(l.body).slice(0, 120)}`);
  }
  for (const key of expected.keys()) if (!seen.has(key)) found.add('dead letters', `missing: ${key.slice(0, 160)}`);
}

async function compareRollups(found) {
  for (const row of await rowsOf(ROLLUPS)) found.add('rollups', `facts less rollup: ${JSON.stringify(row)}`);
  await run(process.env.RINGBACK, ['rollup', 'verify']).catch((error) => found.add('rollups', `rollup verify: ${error.stdout.trim()} ${error.stderr.trim()}`));
}

/** A subscriber's copy against what it would read now. */
async function compareCopy(found, subscriber, truth) {
  if (subscriber.rows === null) {
    found.add('subscribers', `${subscriber.name} has not come back`);
    return;
  }
  for (const table of TABLES) {
    const copy = subscriber.rows[table];
    for (const [id, record] of truth[table]) {
      const mine = copy.get(id);
      if (mine === undefined) found.add('subscribers', `${subscriber.name} lacks ${table} ${id}`);
      else if (!sameRecord(mine, record)) found.add('subscribers', `${subscriber.name} has ${table} ${id} with ${difference(mine, record)}`);
    }
    for (const id of copy.keys()) if (!truth[table].has(id)) found.add('subscribers', `${subscriber.name} still has ${table} ${id}`);
  }
}

const sorted = (value) => (value === null || typeof value !== 'object' ? value : Array.isArray(value) ? value.map(sorted)
  : Object.fromEntries(Object.keys(value).sort().map((k) => [k, sorted(value[k])])));
const sameRecord = (a, b) => same(sorted(a), sorted(b));
const difference = (a, b) => [...new Set([...Object.keys(a), ...Object.keys(b)])].filter((k) => !same(sorted(a[k]), sorted(b[k])))
  .map((k) => `${k} ${JSON.stringify(a[k])}, not ${JSON.stringify(b[k])}`).join('; ');

/** Whatever still has to be worked off; "": nothing. Cheap, asked often. */
export async function unsettled() {
  for (let n = 0; n < PARTITIONS; n++) {
    const key = `ringback:{${n}}:events`;
    if (await redis('EXISTS', key) === 0) continue;
    for (const group of await redis('XINFO', 'GROUPS', key)) if (group.pending > 0 || group.lag > 0) return `${key}: ${group.pending} pending, ${group.lag} not read`;
  }
  const [rest] = await rowsOf(`select (select count(*) from live_outbox) as outbox, (select count(*) from commerce_checkouts where due_at <= now()) as due`);
  return rest.outbox > 0 || rest.due > 0 ? `${rest.outbox} in the outbox, ${rest.due} checkouts due` : '';
}

/** Everything that is not as it must be, as sentences. */
export async function deviations(expected, subscribers) {
  const found = new Findings();
  for (const name of Object.keys(TABLES_OF)) await compareTable(found, name, expected[name]);
  await compareLetters(found, expected.letters);
  await compareRollups(found);
  for (const subscriber of subscribers) {
    await compareCopy(found, subscriber, await readRows(subscriber.user));
    for (const record of subscriber.foreign) found.add('isolation', `${subscriber.name} was shown ${JSON.stringify(record).slice(0, 200)}`);
  }
  return found.list();
}

export const counted = () => query(`select json_build_object('orders', (select count(*) from commerce_orders), 'carts', (select count(*) from commerce_abandoned_carts), 'calls', (select count(*) from calls), 'letters', (select count(*) from dead_letters))`);
