// Workers that do with an order what `ringback worker` does (its customer, the order, its lines, the rollups; live updates are left out,
// which is in their favour), as one would write them in Node. MODE:
//   transaction   XREADGROUP, a transaction per event, CONCURRENCY of them at once
//   batch         the same with Ringback's own way: set-based statements (its very SQL), BATCH events in a transaction, CONNECTIONS at once
//   bullmq        BullMQ jobs, a transaction each, CONCURRENCY of them at once
//   produce       puts the bodies that come on standard input ("shop<tab>body" lines) into BullMQ's queue, and ends
// Acknowledged after COMMIT. Says "ready", and "done" when as many events were acknowledged as a line "expect N" on standard input asked for.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { createHash } from 'node:crypto';
import { Queue, Worker } from 'bullmq';
import { Redis } from 'ioredis';
import { parsePhoneNumberFromString } from 'libphonenumber-js';
import pg from 'pg';

const { MODE, RINGBACK_TEST_DATABASE_URL: url, RINGBACK_TEST_REDIS_URL, RINGBACK_SOURCE_DIR: source } = process.env;
const path = new URL(RINGBACK_TEST_REDIS_URL).pathname, CONCURRENCY = Number(process.env.CONCURRENCY ?? 10);
const CONNECTIONS = Number(process.env.CONNECTIONS ?? 2), BATCH = 500, STREAM = 'orders', GROUP = 'workers';

// ---- an order ----

const ONLINE = /\b(shopify payments|razorpay|stripe|paypal|payu|cashfree|paytm|klarna|adyen)\b/i, COD = /\b(cod|cash on delivery|pay on delivery)\b/i;
const known = new Map(); // a number is read once

function e164(raw, country) {
  if (!raw) return null;
  const key = `${country}${raw}`;
  if (known.has(key)) return known.get(key);
  const number = parsePhoneNumberFromString(raw, country);
  if (known.size >= 10000) known.clear();
  known.set(key, number?.isValid() ? number.number : null);
  return known.get(key);
}

function paymentType(names = []) {
  if (names.length && names.every((name) => COD.test(name))) return 'cod';
  return names.length && names.every((name) => ONLINE.test(name)) ? 'prepaid' : 'unknown';
}

function version(updated, triggered, body) {
  const bytes = Buffer.alloc(24);
  bytes.writeBigInt64BE(BigInt(Date.parse(updated)) * 1000n, 0);
  bytes.writeBigInt64BE(BigInt(Date.parse(triggered)) * 1000n, 8);
  createHash('sha256').update(body).digest().copy(bytes, 16, 0, 8);
  return bytes;
}

const financial = { pending: 'pending', paid: 'paid', refunded: 'refunded', partially_refunded: 'partially_refunded', voided: 'voided' };
const json = (value) => (value ? JSON.stringify(value) : null);
const country = (o) => o.shipping_address?.country_code ?? o.billing_address?.country_code ?? 'IN';

/** { order, customer, lines } in the columns of schema/worker/upsert_orders.sql and upsert_customers.sql, in their order. */
function rows(shop, body) {
  const o = JSON.parse(body), c = o.customer, of = version(o.updated_at, o.updated_at, body), id = String(o.id);
  const phone = [[o.phone, country(o)], [c?.phone, country(o)], [o.shipping_address?.phone, o.shipping_address?.country_code],
    [o.billing_address?.phone, o.billing_address?.country_code]].map(([raw, where]) => e164(raw, where)).find(Boolean) ?? null;
  const order = [shop.integration, id, shop.organization, o.name, c ? String(c.id) : null,
    c ? `${c.first_name} ${c.last_name}`.trim() : o.shipping_address?.name ?? null, (o.email ?? c?.email)?.toLowerCase() ?? null, phone,
    o.current_total_price ?? o.total_price, o.current_subtotal_price ?? o.subtotal_price, o.current_total_tax ?? o.total_tax,
    o.current_total_discounts ?? o.total_discounts, o.total_outstanding, o.currency, o.presentment_currency, paymentType(o.payment_gateway_names),
    financial[o.financial_status] ?? 'pending', o.fulfillment_status === 'fulfilled' ? 'fulfilled' : 'unfulfilled', json(o.shipping_address),
    json(o.billing_address), o.note, json(o.tags.split(', ')), o.test, o.source_name, o.checkout_token, o.cart_token, o.created_at,
    o.cancelled_at, o.closed_at, o.updated_at, o.updated_at, of];
  const customer = c && [shop.integration, String(c.id), shop.organization, c.first_name, c.last_name, c.email?.toLowerCase() ?? null,
    e164(c.phone, country(o)) ?? e164(c.default_address?.phone, c.default_address?.country_code), json(c.default_address), json(c.tags?.split(', ')),
    c.created_at, c.updated_at, c.updated_at, version(c.updated_at, c.updated_at, body)];
  const lines = o.line_items.map((l, i) => [shop.integration, id, i, String(l.id), String(l.product_id), String(l.variant_id), l.title, l.variant_title,
    l.sku, l.quantity, l.price, l.total_discount, of]);
  return { order, customer, lines };
}

// ---- into PostgreSQL ----

const pool = new pg.Pool({ connectionString: url, max: MODE === 'batch' ? CONNECTIONS : CONCURRENCY,
  options: '-c ringback.writer=worker -c timezone=UTC -c jit=off -c enable_seqscan=off' }); // as ours
const shops = new Map();
const shopsRead = async () => {
  const { rows: found } = await pool.query('SELECT store_domain, id, organization_id FROM commerce_integrations');
  for (const row of found) shops.set(row.store_domain, { integration: row.id, organization: row.organization_id });
};

const CUSTOMER = {
  name: 'customer',
  text: `INSERT INTO commerce_customers AS t (integration_id, external_customer_id, organization_id, source, first_name, last_name, email, phone,
      default_address, tags, source_created_at, source_updated_at, source_triggered_at, source_version, synced_at)
    VALUES ($1, $2, $3, 'shopify', $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, now())
    ON CONFLICT (integration_id, external_customer_id) DO UPDATE SET first_name = excluded.first_name, last_name = excluded.last_name,
      email = excluded.email, phone = excluded.phone, default_address = excluded.default_address, tags = excluded.tags,
      source_updated_at = excluded.source_updated_at, source_version = excluded.source_version, synced_at = excluded.synced_at
    WHERE excluded.source_version > coalesce(t.source_version, '')`,
};
const ORDER = {
  name: 'order',
  text: `INSERT INTO commerce_orders AS t (integration_id, external_order_id, organization_id, order_number, source, customer_id, external_customer_id,
      customer_name, customer_email, customer_phone, total_amount, subtotal, total_tax, total_discounts, total_outstanding, currency,
      presentment_currency, payment_type, financial_status, fulfillment_status, shipping_address, billing_address, notes, tags, test, source_name,
      checkout_token, cart_token, order_created_at, cancelled_at, closed_at, source_updated_at, source_triggered_at, source_version, synced_at)
    VALUES ($1, $2, $3, $4, 'shopify', (SELECT c.id FROM commerce_customers c WHERE c.integration_id = $1 AND c.external_customer_id = $5), $5, $6,
      $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26, $27, $28, $29, $30, $31, $32, now())
    ON CONFLICT (integration_id, external_order_id) DO UPDATE SET order_number = excluded.order_number, customer_id = excluded.customer_id,
      customer_name = excluded.customer_name, customer_email = excluded.customer_email, customer_phone = excluded.customer_phone,
      total_amount = excluded.total_amount, subtotal = excluded.subtotal, total_tax = excluded.total_tax, total_discounts = excluded.total_discounts,
      total_outstanding = excluded.total_outstanding, payment_type = excluded.payment_type, financial_status = excluded.financial_status,
      fulfillment_status = excluded.fulfillment_status, shipping_address = excluded.shipping_address, billing_address = excluded.billing_address,
      notes = excluded.notes, tags = excluded.tags, test = excluded.test, cancelled_at = excluded.cancelled_at, closed_at = excluded.closed_at,
      source_updated_at = excluded.source_updated_at, source_version = excluded.source_version, synced_at = excluded.synced_at
    WHERE excluded.source_version > coalesce(t.source_version, '')
    RETURNING id`,
};
const LINES_GONE = { name: 'lines_gone', text: 'DELETE FROM commerce_order_items WHERE order_id = $1' };
const LINES = {
  name: 'lines',
  text: `INSERT INTO commerce_order_items (organization_id, order_id, integration_id, position, product_id, external_line_item_id,
      external_product_id, external_variant_id, title, variant_title, sku, quantity, price, total_discount, total)
    SELECT $1, $2, $3, l.position, (SELECT p.id FROM commerce_products p WHERE p.integration_id = $3 AND p.external_product_id = l.product),
      l.line, l.product, l.variant, l.title, l.variant_title, l.sku, l.quantity, l.price, l.discount, l.price * l.quantity - coalesce(l.discount, 0)
    FROM unnest($4::integer[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[], $11::integer[], $12::numeric[], $13::numeric[])
      l (position, line, product, variant, title, variant_title, sku, quantity, price, discount)`,
};
const ROLLUPS = { name: 'rollups', text: 'SELECT rollup_apply()' };
const column = (list, i) => list.map((row) => row[i]);

async function transaction(work) {
  const client = await pool.connect();
  try {
    await client.query('BEGIN');
    await work(client);
    await client.query(ROLLUPS);
    await client.query('COMMIT');
  } catch (error) {
    await client.query('ROLLBACK');
    throw error;
  } finally {
    client.release();
  }
}

async function storeOne(shopDomain, body) {
  const shop = shops.get(shopDomain), { order, customer, lines } = rows(shop, body);
  await transaction(async (client) => {
    if (customer) await client.query({ ...CUSTOMER, values: customer });
    const { rows: [stored] } = await client.query({ ...ORDER, values: order });
    if (!stored) return;
    await client.query({ ...LINES_GONE, values: [stored.id] });
    await client.query({ ...LINES, values: [shop.organization, stored.id, shop.integration, ...[2, 3, 4, 5, 6, 7, 8, 9, 10, 11].map((i) => column(lines, i))] });
  });
}

const statement = (name) => ({ name, text: readFileSync(join(source, `schema/worker/${name}.sql`), 'utf8') });
const columns = (list, n) => Array.from({ length: n }, (_, i) => column(list, i));

async function storeBatch(events) {
  const newest = { order: new Map(), customer: new Map() }, lines = [];
  for (const { shop, body } of events) {
    const r = rows(shops.get(shop), body);
    for (const kind of ['customer', 'order']) {
      const row = r[kind], key = row && `${row[0]} ${row[1]}`, there = row && newest[kind].get(key);
      if (row && (!there || there.at(-1).compare(row.at(-1)) < 0)) newest[kind].set(key, row);
    }
    lines.push(...r.lines);
  }
  await transaction(async (client) => {
    await client.query({ ...SET.customers, values: columns([...newest.customer.values()], 13) });
    await client.query({ ...SET.orders, values: [...columns([...newest.order.values()], 32), ...columns(lines, 13)] });
  });
}
const SET = MODE === 'batch' ? { customers: statement('upsert_customers'), orders: statement('upsert_orders') } : {};

// ---- from Redis ----

const connection = { path, maxRetriesPerRequest: null };
let done = 0, expected = Infinity;
const count = (n) => {
  done += n;
  if (done >= expected) {
    expected = Infinity;
    console.log('done');
  }
};
createInterface(process.stdin).on('line', (line) => {
  const [, n] = /^expect (\d+)$/.exec(line) ?? [];
  if (n) [done, expected] = [0, Number(n)];
});

/** Reads events of one stream for ever: `take` gets them as they come and resolves when it wants more. */
async function consume(stream, name, most, take) {
  const redis = new Redis(connection);
  await redis.xgroup('CREATE', stream, GROUP, '0', 'MKSTREAM').catch((error) => { if (!/BUSYGROUP/.test(error.message)) throw error; });
  for (;;) {
    const found = await redis.xreadgroup('GROUP', GROUP, name, 'COUNT', most, 'BLOCK', 1000, 'STREAMS', stream, '>').catch(async (error) => {
      if (!/NOGROUP/.test(error.message)) throw error;
      await redis.xgroup('CREATE', stream, GROUP, '0', 'MKSTREAM'); // the measurement empties Redis
    });
    if (found) await take(found[0][1].map(([id, f]) => ({ id, shop: f[3], body: f[5] })));
  }
}

async function transactions() {
  const acks = new Redis({ ...connection, enableAutoPipelining: true });
  const one = async (e) => {
    await storeOne(e.shop, e.body);
    await acks.xack(STREAM, GROUP, e.id);
    count(1);
  };
  // CONCURRENCY at once; what is read next is asked for when half of them are left.
  const running = new Set();
  await consume(STREAM, 'node', CONCURRENCY, async (events) => {
    for (const e of events) {
      const job = one(e).finally(() => running.delete(job));
      running.add(job);
      if (running.size >= CONCURRENCY) await Promise.race(running);
    }
  });
}

/** A reader and its share of the partitions for each connection, so that none waits for another one's rows. */
const batches = () => Promise.all(Array.from({ length: CONNECTIONS }, async (_, i) => {
  const acks = new Redis(connection);
  await consume(`${STREAM}:${i}`, 'node', BATCH, async (events) => {
    await storeBatch(events);
    await acks.xack(`${STREAM}:${i}`, GROUP, ...events.map((e) => e.id));
    count(events.length);
  });
}));

async function produce() {
  const queue = new Queue('orders', { connection });
  let jobs = [];
  const send = async () => { await queue.addBulk(jobs); jobs = []; };
  for await (const line of createInterface(process.stdin)) {
    const [shop, body] = line.split('\t');
    if (jobs.push({ name: 'order', data: { shop, body }, opts: { removeOnComplete: true } }) === 500) await send();
  }
  await send();
  process.exit(0);
}

if (MODE === 'produce') {
  await produce();
} else {
  await shopsRead();
  if (MODE === 'bullmq') {
    const worker = new Worker('orders', async ({ data }) => { await storeOne(data.shop, data.body); }, { connection, concurrency: CONCURRENCY });
    worker.on('completed', () => count(1));
    worker.on('failed', (_, error) => console.error(error.message));
    await worker.waitUntilReady();
  } else {
    (MODE === 'batch' ? batches() : transactions()).catch((error) => { console.error(error); process.exit(1); });
  }
  console.log('ready');
}
