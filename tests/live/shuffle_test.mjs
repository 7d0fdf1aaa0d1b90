// The same events once in order, and three times each in any order, leave the same rows. Two stores of two tenants
// get the same story; one hears it as it happened, the other as a bad network tells it.
import { test, before, after } from 'node:test';
import assert from 'node:assert/strict';
import { redis, ringback, settled, sql, start, tenant, until, webhook } from './lib/harness.mjs';

const SEED = Number(process.env.SEED ?? 20261123);
const STRAIGHT = 'straight.myshopify.com', SHUFFLED = 'shuffled.myshopify.com';
let all;

function random(seed) {
  let s = seed >>> 0;
  return (n) => {
    s = (Math.imul(s ^ (s >>> 15), 0x2c1b3c6d) + 0x9e3779b9) >>> 0;
    return ((s ^ (s >>> 13)) >>> 0) % n;
  };
}

const at = (minutes) => new Date(Date.parse('2026-11-20T03:00:00Z') + minutes * 60000).toISOString().replace('.000Z', '+00:00');

/** A story: [topic, body, triggered-at] in the order in which it happened. */
function story(pick) {
  const events = [];
  let tick = 0;
  const say = (topic, body) => events.push([topic, body, new Date(Date.parse('2026-11-20T03:00:00Z') + ++tick * 1000).toISOString()]);
  const phones = ['+919811122233', '+919811122234', null, '', '12'];
  for (let n = 1; n <= 40; n++) {
    const born = n * 7;
    const customer = { id: 7000 + (n % 9), first_name: `Asha ${n % 9}`, last_name: 'Rao', email: n % 4 ? `a${n % 9}@example.com` : null, phone: phones[n % 5], updated_at: at(born) };
    if (n % 6 === 0) say('customers/update', { ...customer, updated_at: at(born + 1) });
    if (n % 5 === 0) say('products/create', { id: 500 + n % 3, title: `Lamp ${n % 3}`, status: 'active', updated_at: at(born), variants: [{ id: 600 + n % 3, title: 'Red', price: '5.00' }] });
    const checkout = { token: `tok-${n}`, cart_token: `cart-${n}`, email: n % 7 ? `c${n}@example.com` : '', phone: phones[(n + 1) % 5], created_at: at(born), updated_at: at(born), currency: 'INR',
      total_price: `${n}.50`, completed_at: null, name: `#${90000 + n}`, abandoned_checkout_url: `https://x/${n}`, customer, line_items: [{ title: 'Lamp', quantity: 1, price: `${n}.50`, product_id: 500 + n % 3, variant_id: 600 + n % 3 }] };
    const kind = pick(5); // 0: left; 1: bought while open; 2: recovered; 3: left twice; 4: no checkout at all
    if (kind < 4) {
      say('checkouts/create', checkout);
      say('checkouts/update', { ...checkout, updated_at: at(born + 4), phone: null, total_price: `${n}.75` });
      if (kind === 3) say('checkouts/update', { ...checkout, updated_at: at(born + 90) });
    }
    if (kind === 1 || kind === 2 || kind === 4) {
      const bought = born + (kind === 2 ? 120 : 6);
      const order = { id: 80000 + n, name: `#${n}`, created_at: at(bought), updated_at: at(bought), currency: 'INR', total_price: `${n}.75`, current_total_price: `${n}.75`, financial_status: 'pending',
        fulfillment_status: null, payment_gateway_names: n % 3 ? ['Cash on Delivery (COD)'] : ['razorpay'], phone: phones[n % 5], email: `c${n}@example.com`, note: null, cancelled_at: null, customer,
        checkout_token: kind === 4 ? null : n % 2 ? `tok-${n}` : null, cart_token: kind === 4 ? null : `cart-${n}`, shipping_address: { name: 'Asha Rao', phone: '9811122299', country_code: 'IN' },
        line_items: [{ id: 1, product_id: 500 + n % 3, variant_id: 600 + n % 3, title: 'Lamp', quantity: 2, price: '5.00' }, { id: 2, title: 'Shade', quantity: 1, price: '1.25' }] };
      if (kind !== 4) say('checkouts/update', { ...checkout, updated_at: at(bought), completed_at: at(bought) });
      say('orders/create', order);
      // Same second, later trigger: the tie is broken by it. What is missing in a later version does not erase.
      say('orders/updated', { ...order, note: 'ring twice', line_items: order.line_items.slice(0, 1), current_total_price: `${n}.00` });
      say('orders/updated', { ...order, updated_at: at(bought + 5), phone: null, customer: null, shipping_address: null, note: null });
      if (n % 4 === 0) say('orders/paid', { ...order, updated_at: at(bought + 8), financial_status: 'paid', note: 'paid at the door' });
      if (n % 4 === 1) say('orders/cancelled', { ...order, updated_at: at(bought + 9), cancelled_at: at(bought + 9) });
      if (n % 11 === 0) say('orders/delete', { id: order.id });
    }
    if (kind === 0 && n % 3 === 0) say('checkouts/delete', { id: 90000 + n, token: `tok-${n}`, cart_token: `cart-${n}` });
  }
  return events;
}

/** Everything that the story left, without what is ours alone (our ids and clocks). */
function rows(domain) {
  const of = (table, select, order) => sql(`select ${select} from ${table} x join commerce_integrations i on i.id = x.integration_id where i.store_domain = '${domain}' order by ${order}`);
  const items = (table, parent, key, foreign) => sql(`select p.${key}, x.position, x.title, x.quantity, x.price, x.total, x.product_id is not null as linked, x.variant_id is not null as linked_variant
    from ${table} x join ${parent} p on p.id = x.${foreign} join commerce_integrations i on i.id = p.integration_id where i.store_domain = '${domain}' order by 1, 2`);
  return {
    orders: of('commerce_orders', `external_order_id, order_number, customer_name, customer_email, customer_phone, total_amount, currency, payment_type, financial_status, fulfillment_status, trigger_ready, notes, shipping_address,
      cancelled_at, order_created_at, x.order_day, customer_id is not null as known, x.source_updated_at, encode(x.source_version, 'hex') as version, source_held`, 'external_order_id'),
    items: items('commerce_order_items', 'commerce_orders', 'external_order_id', 'order_id'),
    carts: of('commerce_abandoned_carts', 'checkout_token, external_cart_id, customer_name, customer_email, customer_phone, total_value, items_count, x.status, trigger_ready, abandoned_at, recovered_at, recovered_order_id is not null as by_order, recovery_url', 'checkout_token'),
    customers: of('commerce_customers', `external_customer_id, first_name, last_name, email, phone, encode(x.source_version, 'hex') as version`, 'external_customer_id'),
    products: of('commerce_products', 'external_product_id, title, x.status', 'external_product_id'),
  };
}

const rollups = (organization) => ({
  outcome: sql(`select day, carts_abandoned, carts_recovered, orders, cod_orders from analytics_outcome_daily where organization_id = '${organization}' and (carts_abandoned, carts_recovered, orders, cod_orders) <> (0,0,0,0) order by day`),
  revenue: sql(`select day, currency, revenue_recovered from analytics_revenue_daily where organization_id = '${organization}' and revenue_recovered <> 0 order by day, currency`),
});

const organizations = {};

before(async () => {
  ringback('migrate');
  organizations[STRAIGHT] = tenant('Straight', STRAIGHT);
  organizations[SHUFFLED] = tenant('Shuffled', SHUFFLED);
  all = await start('all', { RINGBACK_BATCH_MAX: '40' });
});
after(async () => all && assert.equal(await all.stop(), 0));

test('three times in any order is once in order', async () => {
  const pick = random(SEED);
  const events = story(pick);
  const deliver = async (shop, list) => {
    const answers = await Promise.all(list.map(([topic, body, triggered]) => webhook(all.address, topic, shop, body, { headers: { 'X-Shopify-Triggered-At': triggered } })));
    for (const a of answers) assert.equal(a.status, 200, a.text);
  };
  for (const event of events) await deliver(STRAIGHT, [event]);
  const mixed = [...events, ...events, ...events];
  for (let i = mixed.length - 1; i > 0; i--) {
    const j = pick(i + 1);
    [mixed[i], mixed[j]] = [mixed[j], mixed[i]];
  }
  for (let i = 0; i < mixed.length; i += 50) await deliver(SHUFFLED, mixed.slice(i, i + 50));
  await settled();
  const open = () => sql(`select 1 from commerce_checkouts where due_at <= now()`).length === 0;
  await until(open, 20000, 'the timer to settle what is due');
  const [a, b] = [rows(STRAIGHT), rows(SHUFFLED)];
  assert.ok(a.orders.length > 15 && a.carts.length > 5, 'the story has something to tell');
  assert.ok(a.carts.some((c) => c.status === 'recovered') && a.carts.some((c) => c.status === 'abandoned'), 'carts of both kinds');
  for (const table of Object.keys(a)) assert.deepEqual(b[table], a[table], `${table}, seed ${SEED}`);
  assert.deepEqual(rollups(organizations[SHUFFLED]), rollups(organizations[STRAIGHT]));
  assert.equal(sql(`select 1 from dead_letters`).length, 0);
  ringback('rollup', 'verify');
});

test('nothing of one tenant carries the other one\'s name', () => {
  for (const table of ['commerce_orders', 'commerce_order_items', 'commerce_abandoned_carts', 'commerce_customers', 'commerce_products', 'commerce_checkouts']) {
    const owners = sql(`select distinct organization_id from ${table}`).map((r) => r.organization_id);
    assert.ok(owners.every((o) => Object.values(organizations).includes(o)), table);
  }
  assert.equal(sql(`select 1 from commerce_orders o join commerce_integrations i on i.id = o.integration_id where i.organization_id <> o.organization_id`).length, 0);
  // Redis holds every live update once per change, under the tenant that it belongs to.
  let seen = 0;
  for (let n = 0; n < 8; n++)
    for (const [, fields] of redis('XRANGE', `ringback:{${n}}:live`, '-', '+') ?? []) {
      const entry = Object.fromEntries(Array.from({ length: fields.length / 2 }, (_, i) => [fields[2 * i], fields[2 * i + 1]]));
      assert.ok(Object.values(organizations).includes(entry.o));
      seen++;
    }
  assert.ok(seen > 100, `${seen} live updates`);
});
