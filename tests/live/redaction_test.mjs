// What a redaction reaches: every connection that a store ever had, and what comes late about the same person.
import { test, before, after } from 'node:test';
import assert from 'node:assert/strict';
import { exec, ringback, settled, sql, start, tenant, webhook } from './lib/harness.mjs';

const SHOP = 'moved.myshopify.com';
let all, first, second;

const minutes = (n) => new Date(Date.now() + n * 60000).toISOString();
const order = (id, extra = {}) => ({ id, name: `#${id}`, created_at: minutes(-60), updated_at: minutes(-60), currency: 'INR', total_price: '10.00',
  financial_status: 'pending', payment_gateway_names: ['cod'], line_items: [], ...extra });
const person = (id, email, phone) => ({ email, phone, customer: { id, first_name: 'Zed', last_name: 'Rao', email, phone, created_at: minutes(-90), updated_at: minutes(-60) } });
const send = async (topic, body) => {
  const answer = await webhook(all.address, topic, SHOP, body, { headers: { 'X-Shopify-Triggered-At': new Date().toISOString() } });
  assert.equal(answer.status, 200, answer.text);
  await settled();
};
const emails = (organization) => sql(`select external_order_id as id, customer_email as email from commerce_orders where organization_id = '${organization}' order by 1`);

before(async () => {
  ringback('migrate');
  first = tenant('First owner', SHOP);
  all = await start('all');
  await send('orders/create', order('1', person(101, 'one@example.com', '+919811100001')));
  await send('orders/create', order('2', person(102, 'two@example.com', '+919811100002')));
  await send('app/uninstalled', { id: 1, name: 'Moved' });
  second = tenant('Second owner', SHOP);
  // The worker keeps what it knows about a store for some seconds.
  await new Promise((r) => setTimeout(r, 6000));
  await send('orders/create', order('3', person(101, 'one@example.com', '+919811100001')));
  await send('orders/create', order('4', person(104, 'four@example.com', '+919811100004')));
});
after(async () => all && assert.equal(await all.stop(), 0));

test('the store belongs to its second owner now', () => {
  assert.deepEqual(emails(first).map((r) => r.id), ['1', '2']);
  assert.deepEqual(emails(second).map((r) => r.id), ['3', '4']);
});

test('a customer is forgotten in every connection of the store', async () => {
  await send('customers/redact', { shop_domain: SHOP, customer: { id: 101 }, orders_to_redact: [] });
  assert.deepEqual(emails(first), [{ id: '1', email: null }, { id: '2', email: 'two@example.com' }]);
  assert.deepEqual(emails(second), [{ id: '3', email: null }, { id: '4', email: 'four@example.com' }]);
});

test('an event that comes late, and names only the e-mail, does not bring the person back', async () => {
  await send('customers/redact', { shop_domain: SHOP, customer: { id: 104 }, orders_to_redact: [] });
  await send('orders/create', order('5', { email: 'four@example.com', phone: '+919811100004' }));
  await send('checkouts/create', { token: 'late', email: 'four@example.com', created_at: minutes(-50), updated_at: minutes(-50), currency: 'INR', total_price: '1.00', line_items: [] });
  assert.deepEqual(emails(second).map((r) => r.email), [null, null, null]);
  assert.equal(sql(`select 1 from commerce_checkouts where customer_email is not null and organization_id = '${second}'`).length, 0);
});

test('the end of an old connection erases that one, and leaves the living one alone', async () => {
  await send('orders/create', order('6', person(106, 'six@example.com', '+919811100006')));
  await send('shop/redact', { shop_domain: SHOP });
  await send('shop/redact', { shop_domain: SHOP });
  assert.deepEqual(emails(first).map((r) => r.email), [null, null]);
  assert.equal(emails(second).find((r) => r.id === '6').email, 'six@example.com');
});

test('a store without an ended connection is erased as it is', async () => {
  exec(`update commerce_integrations set status = 'connected', store_domain = 'elsewhere.myshopify.com' where organization_id = '${first}'`);
  await send('shop/redact', { shop_domain: SHOP });
  assert.deepEqual(emails(second).map((r) => r.email), [null, null, null, null]);
});
