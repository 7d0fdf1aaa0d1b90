// Every recorded webhook body goes through the real doors, and leaves the row or the dead letter that a person would expect.
// Each body has a shop of its own, so that they do not touch each other. Skipped where the recordings are not at hand.
import { test, before, after } from 'node:test';
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { ringback, settled, sql, start, tenant, until, webhook } from './lib/harness.mjs';

const folder = path.resolve(process.env.RINGBACK_SOURCE_DIR ?? '.', '../shared/fixtures/shopify');
const present = fs.existsSync(folder);

// What stands in the manifest's folder under which topic; a few files are other topics of that folder.
const topics = {
  orders: 'orders/updated', checkouts: 'checkouts/create', products: 'products/update', customers: 'customers/update',
  refunds: 'refunds/create', app_uninstalled: 'app/uninstalled', shop: 'shop/update', bulk: 'bulk_operations/finish',
};
const special = {
  'orders/official2026-2.json': 'orders/edited', 'orders/triggerdotdev-2.json': 'orders/edited',
  'orders/official2026-3.json': 'orders/delete',
  'checkouts/official2026-2.json': 'checkouts/delete', 'checkouts/triggerdotdev-2.json': 'checkouts/delete',
  'products/triggerdotdev-2.json': 'products/delete',
  'customers/triggerdotdev-2.json': 'customers/delete', 'customers/triggerdotdev-3.json': 'customers/merge',
  'customers/triggerdotdev-4.json': 'customers_marketing_consent/update',
  'compliance/lmigonzalez-1.json': 'customers/data_request', 'compliance/lmigonzalez-2.json': 'customers/redact',
  'compliance/lmigonzalez-3.json': 'shop/redact',
};

/** [id, payment, financial, fulfilment, trigger, amount, currency, phone, items, name] */
const orders = {
  'Shopify-6': ['450789469', 'prepaid', 'partially_refunded', 'unfulfilled', 'not_applicable', 199.65, 'USD', '+557734881234', 3, 'Bob Norman'],
  'Shopify-8': ['1073459969', 'unknown', 'paid', 'unfulfilled', 'not_applicable', 199, 'USD', null, 1, null],
  'bold-commerce-1': ['123456', 'unknown', 'voided', 'unfulfilled', 'not_applicable', 9.5, 'USD', null, 2, 'John Smith'],
  'cod-1': ['3805979312288', 'cod', 'pending', 'fulfilled', 'not_applicable', 352.82, 'INR', '+919800000001', 1, 'masked person'],
  'cod-2': ['198215794731', 'cod', 'pending', 'unfulfilled', 'missing_phone', 48, 'EUR', null, 1, 'masked it'],
  'cod-3': ['5248863044', 'cod', 'paid', 'fulfilled', 'not_applicable', 4372.46, 'INR', null, 4, 'masked dvd'],
  'cod-4': ['3653782667469', 'cod', 'paid', 'unfulfilled', 'not_applicable', 70, 'AUD', null, 1, null],
  'cod-5': ['31', 'cod', 'paid', 'unfulfilled', 'not_applicable', 50, 'CAD', null, 1, 'Masked Person'],
  'official2026-1': ['820982911946154508', 'unknown', 'voided', 'unfulfilled', 'not_applicable', 414.95, 'USD', null, 5, 'John Smith'],
  'pending-1': ['219230809', 'unknown', 'pending', 'unfulfilled', 'not_applicable', 70, 'BRL', undefined, 2, 'Masked Person'],
};

function bodies(file) {
  const raw = fs.readFileSync(path.join(folder, file));
  const parsed = JSON.parse(raw);
  const keys = Object.keys(parsed);
  // A REST reply wraps what a webhook sends bare. (An order edit is wrapped in webhooks too.)
  if (keys.length !== 1 || keys[0] === 'order_edit' || typeof parsed[keys[0]] !== 'object') return [raw];
  const inner = [parsed[keys[0]]].flat();
  // Ids beyond 2^53 must survive the unwrapping: cut the text, do not print the number again.
  if (inner.length === 1 && !Array.isArray(parsed[keys[0]])) {
    const text = raw.toString();
    return [Buffer.from(text.slice(text.indexOf('{', 1), text.lastIndexOf('}', text.lastIndexOf('}') - 1) + 1))];
  }
  return inner.map((one) => Buffer.from(JSON.stringify(one)));
}

let all, organization;
const sent = [];
const shop = (file) => `${file.replace(/[^a-z0-9]+/gi, '-').replace(/-json$/, '')}.myshopify.com`.toLowerCase();

before(async () => {
  if (!present) return;
  ringback('migrate');
  organization = tenant('Fixtures', 'placeholder-shop.myshopify.com');
  for (const kind of [...Object.keys(topics), 'compliance'])
    for (const name of fs.readdirSync(path.join(folder, kind)).filter((n) => n.endsWith('.json')).sort())
      sent.push(`${kind}/${name}`);
  for (const file of sent) ringback('tenant', 'connect-store', '--organization', organization, '--domain', shop(file));
  all = await start('all');
  const triggered = new Date().toISOString();
  for (let round = 0; round < 2; round++)
    for (const file of sent)
      for (const body of bodies(file)) {
        const topic = special[file] ?? topics[file.split('/')[0]];
        const answer = await webhook(all.address, topic, shop(file), body, { headers: { 'X-Shopify-Triggered-At': triggered } });
        assert.equal(answer.status, 200, `${file} as ${topic}: ${answer.text}`);
      }
  await settled();
});

after(async () => all && assert.equal(await all.stop(), 0));

const opts = { skip: present ? false : 'the recordings are not at hand' };

test('every order has the row that its body says', opts, () => {
  const rows = sql(`select i.store_domain, o.external_order_id, o.payment_type, o.financial_status, o.fulfillment_status,
    o.trigger_ready, o.total_amount::float8 as total, o.currency, o.customer_phone, o.customer_name,
    (select count(*)::int from commerce_order_items x where x.order_id = o.id) as items
    from commerce_orders o join commerce_integrations i on i.id = o.integration_id`);
  for (const [name, want] of Object.entries(orders)) {
    const [id, payment, financial, fulfilment, trigger, total, currency, phone, items, customer] = want;
    const mine = rows.filter((r) => r.store_domain === shop(`orders/${name}.json`));
    assert.equal(mine.length, 1, name);
    const row = mine[0];
    assert.deepEqual(
      [row.external_order_id, row.payment_type, row.financial_status, row.fulfillment_status, row.trigger_ready, row.total, row.currency, row.items, row.customer_name],
      [id, payment, financial, fulfilment, trigger, total, currency, items, customer], name);
    if (phone !== undefined) assert.equal(row.customer_phone, phone, name);
  }
});

test('an order edit and a refund are acknowledged and leave nothing behind', opts, () => {
  for (const file of ['orders/official2026-2.json', 'orders/triggerdotdev-2.json', 'refunds/triggerdotdev-1.json', 'refunds/Shopify-4.json']) {
    const [{ n }] = sql(`select (select count(*) from commerce_orders o join commerce_integrations i on i.id = o.integration_id where i.store_domain = '${shop(file)}')
      + (select count(*) from dead_letters where key = '${shop(file)}') as n`);
    assert.equal(n, 0, file);
  }
});

test('a deleted order leaves a tombstone that a late event does not undo', opts, async () => {
  const file = 'orders/official2026-3.json';
  await webhook(all.address, 'orders/updated', shop(file), bodies('orders/official2026-1.json')[0]);
  await settled();
  assert.equal(sql(`select 1 from commerce_orders o join commerce_integrations i on i.id = o.integration_id where i.store_domain = '${shop(file)}'`).length, 0);
});

test('a checkout that was left becomes a cart at the moment when its time was up', opts, async () => {
  const file = 'checkouts/official2026-1.json';
  const rows = await until(() => {
    const found = sql(`select c.*, (select count(*)::int from commerce_cart_items x where x.cart_id = c.id) as items, extract(epoch from abandoned_at)::bigint as at
      from commerce_abandoned_carts c join commerce_integrations i on i.id = c.integration_id where i.store_domain = '${shop(file)}'`);
    return found.length > 0 && found;
  }, 10000, 'the cart');
  assert.equal(rows.length, 1);
  assert.equal(rows[0].at, Date.parse('2021-12-31T19:30:00-05:00') / 1000);
  assert.equal(rows[0].status, 'expired'); // left years ago
  assert.equal(rows[0].trigger_ready, 'not_applicable');
  assert.equal(rows[0].total_value, 421.88);
  assert.equal(rows[0].customer_email, 'example@email.com');
  assert.equal(rows[0].items, 2);
});

test('products come with their variants, and what is no product becomes a dead letter', opts, () => {
  const product = (file) => sql(`select p.external_product_id, p.title, p.status, (select count(*)::int from commerce_product_variants v where v.product_id = p.id) as variants
    from commerce_products p join commerce_integrations i on i.id = p.integration_id where i.store_domain = '${shop(file)}' order by 1`);
  assert.deepEqual(product('products/triggerdotdev-1.json'), [{ external_product_id: '788032119674292900', title: 'Example T-Shirt', status: 'active', variants: 2 }]);
  assert.equal(product('products/bold-commerce-1.json')[0].title, 'Burton Custom Freestyle 151');
  for (const file of ['products/bold-commerce-2.json', 'products/bold-commerce-3.json', 'products/triggerdotdev-3.json', 'products/triggerdotdev-4.json']) {
    assert.deepEqual(product(file), [], file);
    const dead = sql(`select reason, detail from dead_letters where key = '${shop(file)}'`);
    assert.equal(dead.length, 1, file);
    assert.ok(dead[0].detail.length > 5, file);
  }
});

test('customers are stored, deleted ones are not, and their phones make contacts', opts, () => {
  const rows = sql(`select c.first_name, c.last_name, c.email, c.phone from commerce_customers c join commerce_integrations i on i.id = c.integration_id
    where i.store_domain = '${shop('customers/Shopify-4.json')}' order by external_customer_id desc`);
  assert.ok(rows.some((r) => r.first_name === 'Bob' && r.phone === '+16136120707' && r.email === 'bob.norman@mail.example.com'));
  assert.ok(sql(`select 1 from contacts where organization_id = '${organization}' and phone = '+16136120707'`).length === 1);
  assert.equal(sql(`select 1 from commerce_customers c join commerce_integrations i on i.id = c.integration_id where i.store_domain = '${shop('customers/triggerdotdev-2.json')}'`).length, 0);
});

test('uninstalling disconnects the store and forgets its token', opts, () => {
  for (const file of ['app_uninstalled/triggerdotdev-1.json', 'app_uninstalled/gnikyt-1.json'])
    assert.deepEqual(sql(`select status, access_token_encrypted from commerce_integrations where store_domain = '${shop(file)}'`), [{ status: 'disconnected', access_token_encrypted: null }]);
});

test('compliance topics are acknowledged and leave what they must', opts, () => {
  const data = sql(`select 1 from dead_letters where key = '${shop('compliance/lmigonzalez-1.json')}'`);
  assert.equal(data.length, 0);
  assert.ok(sql(`select 1 from commerce_tombstones t join commerce_integrations i on i.id = t.integration_id where i.store_domain = '${shop('compliance/lmigonzalez-2.json')}'`).length >= 1);
});

test('delivering everything twice has doubled nothing, and the rollups agree with the facts', opts, () => {
  assert.equal(sql(`select 1 from commerce_orders group by integration_id, external_order_id having count(*) > 1`).length, 0);
  ringback('rollup', 'verify');
});
