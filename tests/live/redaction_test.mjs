// What a redaction reaches: every connection that a store ever had, and what comes late about the same person.
import { test, before, after } from 'node:test';
import assert from 'node:assert/strict';
import { exec, redis, ringback, settled, sql, start, tenant, until, webhook } from './lib/harness.mjs';
import { callback, retellCall, settings } from './lib/voice.mjs';

const SHOP = 'moved.myshopify.com';
let all, first, second;

const minutes = (n) => new Date(Date.now() + n * 60000).toISOString();
const order = (id, extra = {}) => ({ id, name: `#${id}`, created_at: minutes(-60), updated_at: minutes(-60), currency: 'INR', total_price: '10.00',
  financial_status: 'pending', payment_gateway_names: ['cod'], line_items: [], ...extra });
const person = (id, email, phone) => ({ email, phone, customer: { id, first_name: 'Zed', last_name: 'Rao', email, phone, created_at: minutes(-90), updated_at: minutes(-60) } });
// Bodies are compressed in the stream: an entry is recognised by its event id.
const send = async (topic, body, id = 'none') => {
  const answer = await webhook(all.address, topic, SHOP, body, { headers: { 'X-Shopify-Triggered-At': new Date().toISOString(), 'X-Shopify-Event-Id': id } });
  assert.equal(answer.status, 200, answer.text);
  await settled();
};
const emails = (organization) => sql(`select external_order_id as id, customer_email as email from commerce_orders where organization_id = '${organization}' order by 1`);

before(async () => {
  ringback('migrate');
  first = tenant('First owner', SHOP);
  all = await start('all', settings);
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

test('what happened before the store moved is its first owner\'s, however late it comes; the second keeps its connection', async () => {
  const late = async (topic, body, at) => {
    assert.equal((await webhook(all.address, topic, SHOP, body, { headers: { 'X-Shopify-Triggered-At': at } })).status, 200);
    await settled();
  };
  await late('orders/create', order('9', person(102, 'two@example.com', '+919811100002')), minutes(-30));
  await late('app/uninstalled', { id: 1, name: 'Moved' }, minutes(-30));
  assert.deepEqual(emails(first).map((r) => r.id), ['1', '2', '9']);
  assert.deepEqual(emails(second).map((r) => r.id), ['3', '4']);
  assert.deepEqual(sql(`select status from commerce_integrations where organization_id = '${second}'`), [{ status: 'connected' }]);
  const mine = (organization) => JSON.parse(ringback('replay', '--dry-run', '--json', '--tenant', organization, '--topic', 'orders/create')).matched;
  assert.deepEqual([mine(first), mine(second)], [3, 2]);
  exec(`delete from commerce_orders where external_order_id = '9'`);
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

const retained = (...kinds) => JSON.stringify(Array.from({ length: 8 }, (_, n) => kinds.map((kind) => redis('XRANGE', `ringback:{${n}}:${kind}`, '-', '+'))));

test('a request that names an id only empties the streams of all that the rows knew: e-mail, phone, and both masked', async () => {
  const mail = 'seven@example.com', phone = '+919811100007', about = ['by-customer', 'by-id', 'by-mail', 'by-mask', 'call-of-seven'];
  await send('customers/create', { id: 107, first_name: 'Zed', email: mail, phone, created_at: minutes(-90), updated_at: minutes(-60) }, 'by-customer');
  await send('orders/create', order('70', person(107, mail, phone)), 'by-id');
  await send('checkouts/create', { token: 'seven', email: mail, created_at: minutes(-50), updated_at: minutes(-50), currency: 'INR', total_price: '1.00', line_items: [] }, 'by-mail');
  await send('orders/create', `{"id":71,"name":"#71","created_at":"${minutes(-60)}","updated_at":"${minutes(-60)}","currency":"INR","total_price":"1.00","email":"seven\\u0040example.com","line_items":[]}`, 'by-mask');
  for (const body of retellCall('call-of-seven', { to: phone, metadata: { organization_id: second } })) assert.equal((await callback(all.address, 'retell', body)).status, 200);
  await send('orders/create', order('72', person(108, 'eight@example.com', '+919811100008')), 'stays');
  for (const id of [...about, 'stays']) assert.ok(retained('events').includes(id), id);
  assert.ok(retained('live').includes(mail) && retained('live').includes(phone.slice(1)));
  await send('customers/redact', { shop_domain: SHOP, customer: { id: 107 }, orders_to_redact: [] }, 'the-request');
  await until(() => !retained('events').includes('the-request'), 10000, 'the request\'s own entry to go');
  for (const id of about) assert.ok(!retained('events').includes(id), id);
  assert.ok(!retained('live').includes(mail) && !retained('live').includes(phone.slice(1)));
  assert.ok(retained('events').includes('stays') && retained('live').includes('eight@example.com'));
});

test('what comes late about a redacted person is handled, and then does not stay in the stream either', async () => {
  await send('orders/updated', order('70', { ...person(107, 'seven@example.com', '+919811100007'), updated_at: minutes(-59), financial_status: 'paid' }), 'late-order');
  await send('customers/update', { id: 107, first_name: 'Zed', email: 'seven@example.com', created_at: minutes(-90), updated_at: minutes(-58) }, 'late-customer');
  await send('orders/create', order('74', person(109, 'nine@example.com', '+919811100009')), 'somebody-else');
  const [last] = retellCall('call-of-seven', { to: '+919811100007', metadata: { organization_id: second } }).slice(-1);
  await callback(all.address, 'retell', last);
  await settled();
  for (const id of ['late-order', 'late-customer', 'call-of-seven']) await until(() => !retained('events').includes(id), 10000, id);
  assert.ok(retained('events').includes('somebody-else'));
  assert.deepEqual(sql(`select financial_status, customer_email from commerce_orders where external_order_id = '70'`), [{ financial_status: 'paid', customer_email: null }]);
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
  assert.ok(emails(second).length >= 4 && emails(second).every((r) => r.email === null));
});
