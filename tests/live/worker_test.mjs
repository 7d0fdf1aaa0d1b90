// The worker alone: entries of the streams become rows, rollups, live updates or dead letters, whatever breaks meanwhile.
import { test, before, beforeEach, after } from 'node:test';
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import net from 'node:net';
import { exec, get, redis, ringback, settled, sql, start, until } from './lib/harness.mjs';
import { envelope, partitionOf, Redis } from './lib/stream.mjs';

const ORGANIZATION = '10000000-0000-4000-8000-000000000001';
const SHOP = 'worker-test.myshopify.com', PARTITION = partitionOf(SHOP);
const settings = { RINGBACK_LOG_LEVEL: 'debug' };
let stream, worker, next = 5000001; // of so many digits that no other number of a record is taken for it

const servers = (...args) => execFileSync(process.env.RINGBACK_SERVERS, args, { stdio: 'ignore' });
const time = (minutes) => new Date(Date.parse('2026-11-20T03:00:00Z') + minutes * 60000).toISOString();

/** Appends events; resolves when Redis has them. */
function send(events) {
  return Promise.all(events.map((e) => {
    const key = e.key ?? SHOP;
    return stream.send('XADD', `ringback:{${partitionOf(key)}}:events`, '*', 'e', e.raw ?? envelope({ key, ...e }));
  }));
}

function order(id, more = {}) {
  return {
    id, name: `#${id}`, created_at: time(1), updated_at: time(1), currency: 'INR', current_total_price: '120.50',
    financial_status: 'pending', payment_gateway_names: ['Cash on Delivery (COD)'], phone: '+919811122233',
    email: `c${id}@example.com`, shipping_address: { name: 'Asha Rao', country_code: 'IN' },
    line_items: [{ id: 1, title: 'Lamp', quantity: 2, price: '5.00' }, { id: 2, title: 'Shade', quantity: 1, price: '1.25' }], ...more,
  };
}

const created = (id, more) => ({ topic: 'orders/create', body: order(id, more), triggered: time(1) });
const ids = (n) => Array.from({ length: n }, () => next++);
const orders = (list) => sql(`select external_order_id as id from commerce_orders where external_order_id::bigint in (${list.join(',')})`).length;
const letters = (where = 'true') => sql(`select reason, detail, sqlstate, topic, key, attempts, convert_from(payload, 'UTF8') as payload from dead_letters where ${where} order by id`);

async function metric(name) {
  const line = (await get(worker.admin, '/metrics')).text.split('\n').find((l) => l.startsWith(name));
  return line === undefined ? 0 : Number(line.slice(line.lastIndexOf(' ') + 1));
}

const ready = async () => JSON.parse((await get(worker.admin, '/readyz')).text);

function live(partition = PARTITION) {
  return redis('XRANGE', `ringback:{${partition}}:live`, '-', '+').map(([id, f]) => {
    const fields = {};
    for (let i = 0; i < f.length; i += 2) fields[f[i]] = f[i + 1];
    return { id, ...fields, d: JSON.parse(fields.d) };
  });
}

function drift() {
  return sql('select * from rollup_verify()');
}

before(async () => {
  ringback('migrate');
  exec(`INSERT INTO organizations (id, name, timezone) VALUES ('${ORGANIZATION}', 'Acme', 'Asia/Kolkata');
        INSERT INTO commerce_integrations (organization_id, status, store_domain, settings, connected_at)
        VALUES ('${ORGANIZATION}', 'connected', '${SHOP}', '{"country": "IN", "cod_gateways": ["pay later"]}', now())`);
  stream = new Redis(new URL(process.env.RINGBACK_TEST_REDIS_URL).pathname);
  worker = await start('worker', settings);
});

beforeEach(() => {
  exec('DELETE FROM dead_letters');
});

after(async () => {
  if (stream) await stream.close();
  if (worker) assert.equal(await worker.stop(), 0);
});

test('an order becomes a row, its lines, a rollup and a live update', async () => {
  const [id] = ids(1);
  await send([created(id, { payment_gateway_names: ['Pay Later'] })]);
  await settled();
  const [row] = sql(`select * from commerce_orders where external_order_id = '${id}'`);
  assert.equal(row.organization_id, ORGANIZATION);
  assert.equal(row.order_number, `#${id}`);
  assert.equal(row.payment_type, 'cod'); // by the store's own list of gateways
  assert.equal(row.customer_phone, '+919811122233');
  assert.equal(row.trigger_ready, 'ready');
  assert.deepEqual(sql(`select title, quantity, total::text from commerce_order_items where order_id = '${row.id}' order by position`),
    [{ title: 'Lamp', quantity: 2, total: '10.00' }, { title: 'Shade', quantity: 1, total: '1.25' }]);
  assert.deepEqual(sql(`select day, orders, cod_orders from analytics_outcome_daily where organization_id = '${ORGANIZATION}'`),
    [{ day: '2026-11-20', orders: 1, cod_orders: 1 }]);
  const update = live().find((u) => u.t === 'commerce_orders' && u.d.external_order_id === String(id));
  assert.equal(update.e, 'INSERT');
  assert.equal(update.o, ORGANIZATION);
  assert.equal(update.d.id, row.id);
});

test('versions of one order that share a batch leave the newest, with what only an older one knew', async () => {
  const [id] = ids(1);
  await send([
    { topic: 'orders/updated', body: order(id, { updated_at: time(9), note: null, phone: null, shipping_address: null, current_total_price: '9.00' }), triggered: time(9) },
    created(id, { note: 'ring twice' }),
    { topic: 'orders/updated', body: order(id, { updated_at: time(5), line_items: [], phone: null }), triggered: time(5) },
  ]);
  await settled();
  const [row] = sql(`select o.*, (select count(*) from commerce_order_items i where i.order_id = o.id) as n from commerce_orders o where external_order_id = '${id}'`);
  assert.equal(Number(row.total_amount), 9);
  assert.equal(row.notes, 'ring twice');
  assert.equal(row.customer_phone, '+919811122233');
  assert.equal(row.n, 2);
});

test('what cannot be stored becomes a dead letter with a reason, its neighbours are stored', async () => {
  const good = ids(3);
  await send([
    created(good[0]),
    { topic: 'orders/create', body: '{"id": 1, ' },
    { topic: 'orders/create', body: '[1]' },
    { topic: 'orders/create', body: order(next++, { current_total_price: '1.2.3' }) },
    created(good[1]),
    { topic: 'orders/create', body: order(next++), key: 'nobody.myshopify.com' },
    { topic: 'shop/redact', body: { shop_domain: 'nobody.myshopify.com' }, key: 'nobody.myshopify.com' },
    { raw: Buffer.from('no envelope') },
    { topic: 'carts/update', body: { id: 1 } },
    created(good[2]),
  ]);
  await settled();
  assert.equal(orders(good), 3);
  const found = letters();
  assert.deepEqual(found.map((l) => l.reason).sort(), ['corrupt_envelope', 'invalid_value', 'malformed_body', 'malformed_body', 'unknown_shop']);
  assert.match(found.find((l) => l.reason === 'invalid_value').detail, /current_total_price is not an amount of money/);
  assert.equal(found.find((l) => l.reason === 'unknown_shop').key, 'nobody.myshopify.com');
  assert.equal(found.find((l) => l.reason === 'corrupt_envelope').payload, 'no envelope');
  assert.ok(found.some((l) => l.payload === '{"id": 1, ')); // to the byte
  assert.ok(await metric('ringback_worker_events_total{source="shopify",topic="other",verdict="unhandled"}') >= 1);
});

test('a row that PostgreSQL refuses is found in a full batch; the others are stored', async () => {
  exec(`ALTER TABLE commerce_orders ADD CONSTRAINT no_poison CHECK (source_name IS DISTINCT FROM 'poison')`);
  try {
    const list = ids(400), poison = [list[0], list[57], list[399]];
    await send(list.map((id) => created(id, poison.includes(id) ? { source_name: 'poison' } : {})));
    await settled();
    assert.equal(orders(list), 397);
    const found = letters();
    assert.deepEqual(found.map((l) => [l.reason, l.sqlstate, JSON.parse(l.payload).id]).sort((a, b) => a[2] - b[2]),
      poison.map((id) => ['constraint_violation', '23514', id]));
    assert.match(found[0].detail, /no_poison/);
  } finally {
    exec('ALTER TABLE commerce_orders DROP CONSTRAINT no_poison');
  }
  assert.deepEqual(drift(), []);
});

test('an entry that a newer version wrote waits; it is neither lost nor in the way', async () => {
  const [id] = ids(1);
  const [waiting] = await send([{ topic: 'orders/create', body: order(next++), version: 2 }, created(id)]);
  await until(() => orders([id]) === 1, 5000, 'the order behind it');
  await until(async () => await metric('ringback_worker_newer_entries ') === 1, 3000, 'the gauge');
  assert.equal(redis('XPENDING', `ringback:{${PARTITION}}:events`, 'workers')[0], 1);
  assert.deepEqual(letters(), []);
  await stream.send('XACK', `ringback:{${PARTITION}}:events`, 'workers', waiting);
});

test('live updates of other writers are relayed', async () => {
  const [id] = ids(1);
  await send([created(id)]);
  await settled();
  exec(`UPDATE commerce_orders SET notes = 'by hand' WHERE external_order_id = '${id}'`);
  const update = await until(() => live().find((u) => u.t === 'commerce_orders' && u.e === 'UPDATE' && u.d.notes === 'by hand'), 5000, 'the update');
  assert.equal(update.o, ORGANIZATION);
  await until(() => sql('select id from live_outbox').length === 0, 5000, 'an empty outbox');
});

test('the numbers of a day follow the orders of two stores, in the order of their commits', async () => {
  const second = 'worker-second.myshopify.com', elsewhere = partitionOf(second), [a, b] = [ids(20), ids(20)];
  assert.notEqual(elsewhere, PARTITION);
  exec(`INSERT INTO commerce_integrations (organization_id, status, store_domain, settings, connected_at)
        VALUES ('${ORGANIZATION}', 'connected', '${second}', '{"country": "IN"}', now())`);
  const numbers = () => live().filter((u) => u.t === 'analytics_outcome_daily' && u.d.day === '2026-11-19').map((u) => u.d.orders);
  for (let i = 0; i < a.length; i++) { // one batch each, both partitions at once
    const day = { created_at: '2026-11-19T03:00:00Z' };
    await send([created(a[i], day), { ...created(b[i], day), key: second }]);
  }
  await until(() => numbers().at(-1) === 40, 10000, `40 orders, not ${numbers().slice(-3)}`);
  assert.deepEqual(numbers(), [...numbers()].sort((x, y) => x - y));
  assert.ok(!redis('XRANGE', `ringback:{${elsewhere}}:live`, '-', '+').some(([, f]) => f.includes('analytics_outcome_daily')));
  assert.deepEqual(drift(), []);
});

test('an outbox row tells what is there now, not what was there when it was written', async () => {
  const [id, gone] = ids(2);
  await send([created(id), created(gone)]);
  await settled();
  // As after a crash of PostgreSQL, which may bring back what was published and taken out a moment before.
  const waits = (where, change) => `INSERT INTO live_outbox (route, organization_id, tbl, type, record)
    SELECT live_route(organization_id, integration_id), organization_id, 'commerce_orders', 'UPDATE', live_record(o) || '${change}' FROM commerce_orders o WHERE external_order_id = '${where}'`;
  exec(`BEGIN; ${waits(id, '{"notes": "older"}')}; ${waits(gone, '{}')}; DELETE FROM commerce_orders WHERE external_order_id = '${gone}'; COMMIT`);
  await until(() => sql('select id from live_outbox').length === 0, 5000, 'an empty outbox');
  const last = (order_) => live().filter((u) => u.t === 'commerce_orders' && u.d.external_order_id === String(order_)).at(-1);
  assert.deepEqual([last(id).e, last(id).d.notes], ['UPDATE', null]);
  assert.equal(last(gone).e, 'DELETE');
});

test('a checkout that is left becomes an abandoned cart when its time has come', async () => {
  const left = new Date(Date.now() - 30 * 60000 + 1500).toISOString();
  const n = next++;
  await send([{ topic: 'checkouts/create', triggered: left, body: { token: `tok-${n}`, cart_token: `cart-${n}`, email: 'a@example.com', phone: '+919811122233', created_at: left, updated_at: left, currency: 'INR', total_price: '10.00', line_items: [] } }]);
  await settled();
  assert.equal(sql(`select 1 from commerce_abandoned_carts where checkout_token = 'tok-${n}'`).length, 0);
  await until(() => sql(`select 1 from commerce_abandoned_carts where checkout_token = 'tok-${n}' and status = 'abandoned'`).length === 1, 10000, 'the cart');
  await until(() => live().some((u) => u.t === 'commerce_abandoned_carts' && u.d.checkout_token === `tok-${n}`), 5000, 'its update');
});

test('a redaction erases the customer from rows and from the retained streams', async () => {
  const [id, other] = ids(2), email = `c${id}@example.com`;
  await send([created(id, { customer: { id: 424242, email, first_name: 'Asha', updated_at: time(1) } }), created(other)]);
  await settled();
  await send([{ topic: 'customers/redact', body: { shop_domain: SHOP, customer: { id: 424242, email, phone: null }, orders_to_redact: [id] } }]);
  await settled();
  assert.deepEqual(sql(`select customer_email, customer_phone from commerce_orders where external_order_id = '${id}'`), [{ customer_email: null, customer_phone: null }]);
  await until(() => !JSON.stringify(redis('XRANGE', `ringback:{${PARTITION}}:events`, '-', '+')).includes(email), 5000, 'its own entry to go');
  assert.ok(!JSON.stringify(live()).includes(email));
  assert.ok(JSON.stringify(live()).includes(`c${other}@example.com`));
});

test('PostgreSQL away: nothing is lost, all goes on by itself', async () => {
  const first = ids(50), second = ids(50);
  servers('stop', 'postgres');
  await send(first.map((id) => created(id)));
  await until(async () => (await ready()).waiting_for?.length > 0, 10000, 'not ready');
  assert.equal((await get(worker.admin, '/healthz')).status, 200);
  await send(second.map((id) => created(id)));
  servers('start', 'postgres');
  await settled(30000);
  assert.equal(orders([...first, ...second]), 100);
  assert.deepEqual(letters(), []);
  await until(async () => (await get(worker.admin, '/readyz')).status === 200, 10000, 'ready again');
});

test('Redis away: nothing is lost, all goes on by itself', async () => {
  const list = ids(50);
  servers('stop', 'redis');
  await until(async () => (await ready()).waiting_for?.length > 0, 10000, 'not ready');
  servers('start', 'redis');
  await stream.close();
  stream = new Redis(new URL(process.env.RINGBACK_TEST_REDIS_URL).pathname);
  await send(list.map((id) => created(id)));
  await until(() => orders(list) === 50, 30000, 'the orders'); // a Redis that was restarted may not know its lag
  await settled();
});

test('a database that does not fit the program stops it, and no event is blamed', async () => {
  const list = ids(20);
  exec('ALTER TABLE commerce_orders RENAME COLUMN source_name TO renamed');
  await send(list.map((id) => created(id)));
  await until(async () => (await ready()).waiting_for?.length > 0, 10000, 'not ready');
  exec('ALTER TABLE commerce_orders RENAME COLUMN renamed TO source_name');
  await settled(20000);
  assert.equal(orders(list), 20);
  assert.deepEqual(letters(), []);
});

test('another schema than the program was made for: it waits', async () => {
  const [id] = ids(1);
  exec(`INSERT INTO supabase_migrations.schema_migrations (version) VALUES ('99990101000000')`);
  await until(async () => (await ready()).waiting_for?.length > 0, 20000, 'not ready');
  await send([created(id)]);
  await new Promise((r) => setTimeout(r, 1000));
  assert.equal(orders([id]), 0);
  exec(`DELETE FROM supabase_migrations.schema_migrations WHERE version = '99990101000000'`);
  await settled(20000);
  assert.equal(orders([id]), 1);
});

test('killed at any moment: every order once, rollups exact', async () => {
  const list = ids(3000);
  const [before_] = sql(`select orders from analytics_outcome_daily where organization_id = '${ORGANIZATION}' and day = '2026-11-20'`);
  const sending = send(list.map((id) => created(id)));
  for (const pause of [20, 150, 60, 300]) {
    await new Promise((r) => setTimeout(r, pause));
    await worker.stop('SIGKILL');
    redis('DEL', ...Array.from({ length: 8 }, (_, n) => `ringback:{${n}}:lease`)); // not wait for them to run out
    worker = await start('worker', settings);
  }
  await sending;
  await settled(60000);
  assert.equal(orders(list), 3000);
  const [after_] = sql(`select orders from analytics_outcome_daily where organization_id = '${ORGANIZATION}' and day = '2026-11-20'`);
  assert.equal(after_.orders - before_.orders, 3000);
  assert.deepEqual(drift(), []);
  assert.deepEqual(letters(), []);
});

/** A PostgreSQL address that forwards to the real one; once `sick`, it cuts each connection after budget() bytes of answers. */
async function cutting(budget) {
  const host = /host=([^&]+)/.exec(process.env.RINGBACK_TEST_DATABASE_URL)[1];
  const folder = `${process.env.RINGBACK_TEST_DIR}/cut`;
  mkdirSync(folder, { recursive: true });
  const proxy = { cuts: 0, sick: false, url: process.env.RINGBACK_TEST_DATABASE_URL.replace(host, folder) };
  const open = new Set();
  const server = net.createServer((client) => {
    const upstream = net.connect({ path: `${host}/.s.PGSQL.5432` });
    let left = proxy.sick ? budget() : Infinity;
    const end = () => { client.destroy(); upstream.destroy(); open.delete(end); };
    open.add(end);
    client.on('error', end).on('close', end).pipe(upstream);
    upstream.on('error', end).on('close', end).on('data', (data) => {
      if (left <= 0) return;
      client.write(data.subarray(0, Math.min(left, data.length)));
      left -= data.length;
      if (left > 0) return;
      proxy.cuts++;
      client.end(); // what the server has done meanwhile, nobody hears
      setTimeout(end, 20);
    });
  });
  server.listen(`${folder}/.s.PGSQL.5432`);
  await once(server, 'listening');
  proxy.fall = () => { proxy.sick = true; for (const end of open) end(); };
  proxy.close = () => server.close();
  return proxy;
}

test('connections cut after any number of bytes, answers to COMMIT included: every order once, every update published', async () => {
  const list = ids(400);
  await worker.stop();
  let n = 0;
  const proxy = await cutting(() => 500 + (n++ * 379) % 20000); // from the handshake into the batches
  worker = await start('worker', { ...settings, RINGBACK_DATABASE_URL: proxy.url, RINGBACK_BATCH_MAX: '5' });
  proxy.fall();
  for (let i = 0; i < list.length; i += 10) {
    await send(list.slice(i, i + 10).map((id) => created(id)));
    await new Promise((r) => setTimeout(r, 100));
  }
  assert.ok(proxy.cuts > 10, `${proxy.cuts} cuts`);
  assert.ok(orders(list) > 0); // it gets somewhere even so
  proxy.sick = false;
  await until(() => orders(list) === 400, 30000, 'the orders');
  await settled();
  const published = new Set(live().filter((u) => u.t === 'commerce_orders').map((u) => u.d.external_order_id));
  assert.deepEqual(list.filter((id) => !published.has(String(id))), []);
  assert.deepEqual(letters(), []);
  assert.deepEqual(drift(), []);
  assert.equal(await worker.stop(), 0);
  proxy.close();
  worker = await start('worker', settings);
});

test('events that were stored without anybody being told are published when they come again', async () => {
  const [id, bought, customer, gone, product, removed] = ids(6);
  const key = `ringback:{${PARTITION}}:events`;
  const person = (n) => ({ topic: 'customers/create', triggered: time(1), body: { id: n, first_name: 'Asha', created_at: time(1), updated_at: time(1) } });
  const thing = (n) => ({ topic: 'products/create', triggered: time(1), body: { id: n, title: 'Lamp', created_at: time(1), updated_at: time(1) } });
  await send([created(bought, { customer: { id: gone, updated_at: time(1) } }), person(gone), thing(removed)]);
  await settled();
  const events = [created(id), person(customer), thing(product), { topic: 'customers/delete', body: { id: gone } }, { topic: 'products/delete', body: { id: removed } }];
  await send(events);
  await settled();
  await worker.stop();
  redis('DEL', `ringback:{${PARTITION}}:live`);
  // As after a crash between COMMIT and XACK: delivered, not acknowledged.
  await send(events);
  execFileSync('redis-cli', ['-s', new URL(process.env.RINGBACK_TEST_REDIS_URL).pathname, 'XREADGROUP', 'GROUP', 'workers', 'owner', 'COUNT', '9', 'STREAMS', key, '>']);
  worker = await start('worker', settings);
  await settled();
  const told = (table, column, value) => live().filter((u) => u.t === table && u.d[column] === String(value)).at(-1);
  assert.ok(told('commerce_orders', 'external_order_id', id));
  assert.equal(told('commerce_customers', 'external_customer_id', customer).e, 'UPDATE');
  assert.equal(told('commerce_products', 'external_product_id', product).e, 'UPDATE');
  assert.equal(told('commerce_customers', 'external_customer_id', gone).e, 'DELETE');
  assert.equal(told('commerce_products', 'external_product_id', removed).e, 'DELETE');
  assert.equal(told('commerce_orders', 'external_order_id', bought).d.customer_id, null); // it named the customer that went
});

test('a customer or an order that goes is taken out of the rows that name it, and these are told', async () => {
  const [id, customer, left] = ids(3), token = `gone-${id}`;
  const checkout = { token, email: 'a@example.com', created_at: time(-300), updated_at: time(-300), currency: 'INR', total_price: '9.00', line_items: [], customer: { id: customer, updated_at: time(-300) } };
  await send([{ topic: 'checkouts/create', body: checkout, triggered: time(-300) }, { topic: 'checkouts/update', body: { ...checkout, completed_at: time(1), updated_at: time(1) }, triggered: time(1) },
    created(id, { checkout_token: token, customer: { id: customer, updated_at: time(1) } }), created(left, { customer: { id: customer, updated_at: time(1) } })]);
  await settled();
  const told = (table, column, value) => live().filter((u) => u.t === table && u.d[column] === String(value)).at(-1).d;
  assert.ok(told('commerce_abandoned_carts', 'checkout_token', token).recovered_order_id);
  assert.ok(told('commerce_orders', 'external_order_id', left).customer_id);
  await send([{ topic: 'orders/delete', body: { id } }, { topic: 'customers/delete', body: { id: customer } }]);
  await settled();
  assert.deepEqual([told('commerce_abandoned_carts', 'checkout_token', token)].map((c) => [c.status, c.recovered_order_id, c.customer_id]), [['recovered', null, null]]);
  assert.equal(told('commerce_orders', 'external_order_id', left).customer_id, null);
});

test('two workers share the partitions, and one takes over when the other goes', async () => {
  const keys = Array.from({ length: 24 }, (_, n) => `share-${n}.myshopify.com`);
  exec(keys.map((key) => `INSERT INTO commerce_integrations (organization_id, status, store_domain, connected_at) VALUES ('${ORGANIZATION}', 'connected', '${key}', now());`).join('\n'));
  const second = await start('worker', settings);
  const owned = async (w) => Number(/^ringback_worker_partitions (\d+)/m.exec((await get(w.admin, '/metrics')).text)[1]);
  await until(async () => await owned(worker) === 4 && await owned(second) === 4, 30000, 'four partitions each');
  const list = ids(480);
  const events = list.map((id, n) => ({ ...created(id), key: keys[n % keys.length] }));
  await send(events.slice(0, 240));
  await settled();
  await send(events.slice(240));
  await second.stop('SIGKILL');
  await settled(30000); // one lease
  assert.equal(orders(list), 480);
  await until(async () => await owned(worker) === 8, 20000, 'all partitions');
  assert.deepEqual(drift(), []);
});

test('SIGTERM under load: what was read is stored and acknowledged, nothing comes again', async () => {
  const list = ids(1500);
  await send(list.map((id) => created(id)));
  assert.equal(await worker.stop(), 0);
  for (let n = 0; n < 8; n++) {
    const key = `ringback:{${n}}:events`;
    if (redis('EXISTS', key) === 1) assert.equal(redis('XPENDING', key, 'workers')[0], 0, key);
  }
  worker = await start('worker', settings);
  await settled();
  assert.equal(orders(list), 1500);
});
