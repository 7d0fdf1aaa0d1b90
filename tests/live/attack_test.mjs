// Attempts to lose, double or leak an event, each kept as a test: what a tenant, a provider's account or a stranger can send.
import { test, before, after } from 'node:test';
import assert from 'node:assert/strict';
import net from 'node:net';
import { exec, get, redis, ringback, settled, sign, sql, start, tenant, until, webhook } from './lib/harness.mjs';
import { callback, retellCall, settings, twilioCall } from './lib/voice.mjs';
import { envelope, partitionOf, Redis } from './lib/stream.mjs';

const A = 'attack-a.myshopify.com', B = 'attack-b.myshopify.com', OWN = 'the secret of store A alone';
let all, a, b;

const at = (minutes) => new Date(Date.now() + minutes * 60000).toISOString();
const order = (id, extra = {}) => ({ id, name: `#${id}`, created_at: at(-50), updated_at: at(-50), currency: 'INR', current_total_price: '10.00',
  payment_gateway_names: ['cash on delivery'], financial_status: 'pending', line_items: [], ...extra });
const rows = (table, organization, where = 'true') => sql(`select * from ${table} where organization_id = '${organization}' and ${where}`);
const orders = (organization) => sql(`select external_order_id as id from commerce_orders where organization_id = '${organization}' order by 1`).map((r) => r.id);
const drift = () => sql('select * from rollup_verify()');
const ok = async (promise) => { const answer = await promise; assert.equal(answer.status, 200, answer.text); };
const letters = (key) => sql(`select reason, attempts from dead_letters where key = '${key}'`);

/** Raw bytes to the door; resolves with the status of the first answer, 0 when the door hung up. */
function raw(bytes) {
  const [host, port] = all.address.split(':');
  return new Promise((resolve) => {
    const socket = net.connect({ host, port: Number(port) }, () => socket.end(bytes));
    let text = '';
    socket.on('data', (d) => { text += d; });
    socket.on('error', () => {});
    socket.on('close', () => resolve(Number(/^HTTP\/1\.1 (\d+)/.exec(text)?.[1] ?? 0)));
  });
}
const request = (body, headers) => Buffer.concat([Buffer.from(`POST /webhooks/shopify HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${headers.join('\r\n')}\r\n\r\n`), Buffer.from(body)]);

before(async () => {
  ringback('migrate');
  a = tenant('Attacker', A, { secret: OWN });
  b = tenant('Victim', B);
  all = await start('all', settings);
  await ok(webhook(all.address, 'orders/create', B, order('1', { email: 'victim@example.com', customer: { id: 5, email: 'victim@example.com', phone: '+919811133301' } })));
  await settled();
});
after(async () => all && assert.equal(await all.stop(), 0));

test('the secret of one store opens no other, however its name is written, and whatever the body claims', async () => {
  const body = JSON.stringify(order('66', { myshopify_domain: B, domain: B }));
  for (const domain of [B, B.toUpperCase(), `${B} `, ` ${B}`, `${B}.`])
    assert.notEqual((await webhook(all.address, 'orders/create', domain, body, { secret: OWN })).status, 200, domain);
  const own = (name) => `X-Shopify-Shop-Domain: ${name}`, rest = ['X-Shopify-Topic: orders/create', `X-Shopify-Hmac-Sha256: ${sign(body, OWN)}`, `Content-Length: ${Buffer.byteLength(body)}`];
  for (const names of [[A, B], [B, A], [`${A}, ${B}`], [`${B},${A}`], [`${A}\0${B}`], [`${A}\r\n ${B}`]]) await raw(request(body, [...names.map(own), ...rest]));
  await ok(webhook(all.address, 'orders/create', A, body, { secret: OWN }));
  await settled();
  assert.deepEqual(orders(b), ['1']);
  assert.ok(orders(a).every((id) => id === '66'));
  assert.equal(letters(B).length, 0);
});

test('a store\'s privacy requests, deletions and uninstalls reach nobody else, whomever they name', async () => {
  const send = (topic, body) => ok(webhook(all.address, topic, A, { shop_domain: B, myshopify_domain: B, domain: B, ...body }, { secret: OWN }));
  await send('customers/redact', { customer: { id: 5, email: 'victim@example.com', phone: '+919811133301' }, orders_to_redact: ['1'] });
  await send('customers/data_request', { customer: { id: 5 }, orders_requested: ['1'], data_request: { id: 9 } });
  await send('orders/delete', { id: '1' });
  await send('customers/delete', { id: 5 });
  await send('shop/redact', {});
  await send('app/uninstalled', { id: 1, name: 'B' });
  await settled();
  assert.deepEqual(rows('commerce_orders', b).map((o) => [o.external_order_id, o.customer_email, o.redacted]), [['1', 'victim@example.com', false]]);
  assert.deepEqual(rows('commerce_integrations', b).map((i) => i.status), ['connected']);
  assert.equal(rows('commerce_data_requests', b).length, 0);
  ringback('tenant', 'connect-store', '--organization', a, '--domain', A, '--secret', OWN);
  await until(async () => (await webhook(all.address, 'orders/create', A, order('67'), { secret: OWN })).status === 200, 10000, 'its own secret again');
});

test('a callback names another tenant\'s campaign, agent, order, cart, contact and reserved call: it gets none of them', async () => {
  const [foreign] = sql(`select o.id as order_id, (select id from campaigns where organization_id = '${b}' limit 1) as campaign_id,
    (select id from agents where organization_id = '${b}' limit 1) as agent_id from commerce_orders o where o.organization_id = '${b}'`);
  exec(`INSERT INTO contacts (organization_id, phone) VALUES ('${b}', '+919811133399');
        INSERT INTO calls (organization_id, provider, metadata) VALUES ('${b}', 'retell', '{"attempt_id": "reserved-by-b"}')`);
  const [contact] = rows('contacts', b, "phone = '+919811133399'");
  const metadata = { organization_id: a, ...foreign, contact_id: contact.id, cart_id: foreign.order_id, attempt_id: 'reserved-by-b', payment_type: 'cod', order_decision: 'cancelled' };
  for (const body of retellCall('attack-call', { metadata, to: '+919811133388' })) await ok(callback(all.address, 'retell', body));
  await settled();
  const [call] = sql(`select * from calls where external_call_id = 'attack-call'`);
  assert.equal(call.organization_id, a);
  for (const column of ['campaign_id', 'agent_id']) assert.equal(call[column], null, column);
  assert.notEqual(call.contact_id, contact.id);
  assert.deepEqual(rows('calls', b).map((c) => c.external_call_id), [null]);
  // The order that it names is cancelled: nobody's call has prevented that.
  await ok(webhook(all.address, 'orders/cancelled', B, order('1', { email: 'victim@example.com', updated_at: at(-5), cancelled_at: at(-5) })));
  await settled();
  assert.deepEqual(sql(`select sum(rto_prevented)::int as rto, sum(cod_confirmed) filter (where organization_id = '${b}')::int as cod from analytics_outcome_daily`), [{ rto: 0, cod: 0 }]);
  assert.equal(JSON.stringify(sql(`select * from contacts where organization_id = '${b}'`)).includes('+919811133388'), false);
  assert.deepEqual(drift(), []);
});

test('a call that is ours stays ours, and the same id at another provider is another call', async () => {
  const [form] = twilioCall('attack-call');
  await ok(callback(all.address, 'twilio', form, { query: `organization_id=${b}` }));
  for (const body of retellCall('attack-call', { metadata: { organization_id: b } })) await ok(callback(all.address, 'retell', body));
  await settled();
  assert.deepEqual(sql(`select provider, organization_id from calls where external_call_id = 'attack-call' order by 1`),
    [{ provider: 'retell', organization_id: a }, { provider: 'twilio', organization_id: b }]);
});

test('bodies made to break: huge, deep, doubled keys, NUL bytes, no UTF-8: a letter or a row, and the next event is handled', async () => {
  const bad = { deep: `{"a":${'['.repeat(200000)}${']'.repeat(200000)}}`, unclosed: '{"id":'.repeat(50000), wide: `{"id":70,"x":[${'0,'.repeat(300000)}0]}`,
    raw_nul: Buffer.from('{"id":71,"note":"a\0b"}'), latin: Buffer.from([0x7b, 0x22, 0x69, 0x64, 0x22, 0x3a, 0x22, 0xff, 0xfe, 0x22, 0x7d]), empty: '', scalar: '7', huge_number: `{"id":${'9'.repeat(5000)}}` };
  for (const body of Object.values(bad)) await ok(webhook(all.address, 'orders/create', A, body, { secret: OWN }));
  await ok(webhook(all.address, 'orders/create', A, '{"id":72,"id":73,"updated_at":"2026-11-20T10:00:00Z","note":"a\\u0000b\\ud800"}', { secret: OWN }));
  await ok(webhook(all.address, 'orders/create', A, order('74'), { secret: OWN }));
  await settled();
  assert.ok(orders(a).includes('74'));
  assert.equal(orders(a).filter((id) => ['72', '73'].includes(id)).length, 1, 'one of the two, not both');
  const reasons = new Set(letters(A).map((l) => l.reason));
  for (const reason of reasons) assert.ok(['malformed_body', 'invalid_value', 'too_large'].includes(reason), reason);
  assert.ok(letters(A).length >= 5 && letters(A).every((l) => l.attempts === 1));
  assert.equal((await get(all.admin, '/healthz')).status, 200);
});

test('two lengths, or a length and chunks, are one request at most, and what hides in the body is no request', async () => {
  const body = JSON.stringify(order('80')), inner = request(JSON.stringify(order('81')), ['X-Shopify-Topic: orders/create', `X-Shopify-Shop-Domain: ${A}`, 'Content-Length: 2']);
  const head = ['X-Shopify-Topic: orders/create', `X-Shopify-Shop-Domain: ${A}`, `X-Shopify-Hmac-Sha256: ${sign(body, OWN)}`];
  const length = `Content-Length: ${Buffer.byteLength(body)}`;
  for (const lengths of [[length, 'Content-Length: 5'], [length, 'Transfer-Encoding: chunked'], ['Transfer-Encoding: chunked', 'Transfer-Encoding: identity'], ['Content-Length: -1'], ['Content-Length: 99999999999999999999'], [`Content-Length: +${Buffer.byteLength(body)}`]])
    assert.notEqual(await raw(Buffer.concat([request(body, [...head, ...lengths]), inner])), 200, lengths.join());
  await settled();
  assert.deepEqual(orders(a).filter((id) => ['80', '81'].includes(id)), []);
});

test('events from the future, and from before time was counted, change their own row only; the clock of the gateway decides nothing', async () => {
  await ok(webhook(all.address, 'orders/create', A, order('90', { updated_at: '2999-01-01T00:00:00Z' }), { secret: OWN, headers: { 'X-Shopify-Triggered-At': '2999-01-01T00:00:00Z' } }));
  await ok(webhook(all.address, 'orders/updated', A, order('90', { financial_status: 'paid' }), { secret: OWN }));
  await ok(webhook(all.address, 'orders/create', A, order('91', { updated_at: '0001-01-01T00:00:00Z', created_at: '0001-01-01T00:00:00Z' }), { secret: OWN, headers: { 'X-Shopify-Triggered-At': 'never' } }));
  const stream = new Redis(new URL(process.env.RINGBACK_TEST_REDIS_URL).pathname), key = `ringback:{${partitionOf(A)}}:events`;
  const body = order('92', { note: 'first' });
  for (const received of [0, 4102444800000 * 10, -1]) await stream.send('XADD', key, '*', 'e', envelope({ key: A, topic: 'orders/create', body, received })); // a gateway with a broken clock
  await settled();
  assert.deepEqual(sql(`select external_order_id as id, financial_status as f from commerce_orders where organization_id = '${a}' and external_order_id in ('90', '91', '92') order by 1`),
    [{ id: '90', f: 'pending' }, { id: '91', f: 'pending' }, { id: '92', f: 'pending' }]);
  assert.deepEqual(drift(), []);
  await stream.close();
});

test('equal moments are decided by the body, in whatever order and however often they come', async () => {
  const same = { updated_at: at(-10), created_at: at(-50) }, headers = { 'X-Shopify-Triggered-At': at(-9) };
  const versions = ['pending', 'paid', 'refunded', 'authorized'].map((financial_status) => JSON.stringify(order('95', { ...same, financial_status })));
  const play = async (id, list) => {
    for (const body of list) await ok(webhook(all.address, 'orders/updated', A, body.replace('"95"', `"${id}"`).replace('#95', `#${id}`), { secret: OWN, headers }));
  };
  await play('95', versions);
  await settled();
  const [first] = sql(`select financial_status as f, encode(source_version, 'hex') as v from commerce_orders where external_order_id = '95' and organization_id = '${a}'`);
  for (const list of [[...versions].reverse(), [...versions, ...versions]]) await play('95', list);
  await settled();
  assert.deepEqual(sql(`select financial_status as f, encode(source_version, 'hex') as v from commerce_orders where external_order_id = '95' and organization_id = '${a}'`), [first]);
});

test('one order of a cart that was left in two checkouts: nobody is called for either any more, and the rollups say what the rows say', async () => {
  const checkout = (token) => ({ token, cart_token: 'shared', email: 'two@example.com', phone: '+919811133302', created_at: at(-200), updated_at: at(-190), currency: 'INR', total_price: '30.00', line_items: [] });
  await ok(webhook(all.address, 'checkouts/create', A, checkout('one'), { secret: OWN }));
  await ok(webhook(all.address, 'checkouts/create', A, checkout('two'), { secret: OWN }));
  await until(() => rows('commerce_abandoned_carts', a, "status = 'abandoned'").length === 2, 10000, 'two carts');
  const bought = order('97', { cart_token: 'shared', checkout_token: 'one', created_at: at(-20), updated_at: at(-20) });
  for (let i = 0; i < 3; i++) await ok(webhook(all.address, 'orders/create', A, bought, { secret: OWN }));
  await settled();
  assert.deepEqual(rows('commerce_abandoned_carts', a).map((c) => [c.status, c.trigger_ready]), Array(2).fill(['recovered', 'not_applicable']));
  assert.equal(rows('commerce_orders', a, "external_order_id = '97'").length, 1);
  assert.deepEqual(drift(), []);
});

test('what a stranger writes into Redis\' streams beside events is a letter or nothing, and stops nobody', async () => {
  const stream = new Redis(new URL(process.env.RINGBACK_TEST_REDIS_URL).pathname), key = `ringback:{${partitionOf(B)}}:events`;
  const n = sql('select 1 from dead_letters').length;
  await stream.send('XADD', key, '*', 'e', Buffer.alloc(100, 0xff));
  await stream.send('XADD', key, '*', 'e', '');
  await stream.send('XADD', key, '*', 'nothing', 'here', 'e2', 'x');
  await stream.send('XADD', key, '*', 'e', envelope({ key: B, source: 'nobody', topic: 'orders/create', body: order('98') }));
  await stream.send('XADD', key, '*', 'e', envelope({ key: '', topic: 'orders/create', body: order('98') }));
  await stream.send('XADD', key, '*', 'e', envelope({ key: B, topic: `${'x'.repeat(3000)}`, body: order('98') }));
  await stream.send('XADD', key, '*', 'e', envelope({ key: B, topic: 'orders/create', body: order('99') }));
  await until(() => orders(b).includes('99'), 10000, 'the order behind them');
  await settled();
  assert.ok(!orders(b).includes('98'));
  assert.ok(sql('select 1 from dead_letters').length >= n + 3);
  assert.equal(redis('XPENDING', key, 'workers')[0], 0);
  await stream.close();
});
