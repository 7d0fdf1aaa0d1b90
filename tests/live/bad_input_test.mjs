// Bad input gets a clear answer and changes nothing; what is good beside it goes through.
import { test, before, after } from 'node:test';
import assert from 'node:assert/strict';
import net from 'node:net';
import { execFileSync } from 'node:child_process';
import { RINGBACK, get, ringback, settled, sign, sql, start, tenant, until, webhook } from './lib/harness.mjs';

const SHOP = 'bad-input.myshopify.com';
let all;

const order = (id, extra = {}) => ({
  id, name: `#${id}`, created_at: '2026-11-20T10:00:00+05:30', updated_at: '2026-11-20T10:00:00+05:30', currency: 'INR',
  total_price: '499.00', financial_status: 'pending', fulfillment_status: null, payment_gateway_names: ['Cash on Delivery (COD)'],
  phone: '+919811122233', customer: null, line_items: [{ id: 1, title: 'Lamp', quantity: 1, price: '499.00' }], ...extra,
});

before(async () => {
  ringback('migrate');
  tenant('Bad input', SHOP);
  all = await start('all');
});
after(async () => all && assert.equal(await all.stop(), 0));

const rowOf = (id) => sql(`select *, total_amount::text as amount from commerce_orders where external_order_id = '${id}'`)[0];
const deadOf = (topic, reason) => sql(`select * from dead_letters where topic = '${topic}' and reason = '${reason}'`);

test('a wrong, missing, short or foreign signature is 401 and stores nothing', async () => {
  const body = JSON.stringify(order('900001'));
  const cases = [
    { 'X-Shopify-Hmac-Sha256': sign(body, 'other') }, { 'X-Shopify-Hmac-Sha256': null }, { 'X-Shopify-Hmac-Sha256': 'AAAA' },
    { 'X-Shopify-Hmac-Sha256': '' }, { 'X-Shopify-Hmac-Sha256': 'x'.repeat(4000) }, { 'X-Shopify-Hmac-Sha256': sign(body + ' ') },
    { 'X-Shopify-Hmac-Sha256': Buffer.from(sign(body), 'base64').toString('hex') },
  ];
  for (const headers of cases) {
    const answer = await webhook(all.address, 'orders/create', SHOP, body, { headers });
    assert.equal(answer.status, 401);
    assert.equal(JSON.parse(answer.text).error.code, 'UNAUTHORIZED');
  }
  await settled();
  assert.equal(rowOf('900001'), undefined);
});

test('signed but without topic or shop is 400 and says which', async () => {
  for (const missing of ['X-Shopify-Topic', 'X-Shopify-Shop-Domain']) {
    const answer = await webhook(all.address, 'orders/create', SHOP, order('900002'), { headers: { [missing]: null } });
    assert.equal(answer.status, 400);
    assert.match(JSON.parse(answer.text).error.message, new RegExp(missing, 'i'));
  }
  for (const domain of ['evil.com', 'a.myshopify.com.evil.com', '-x.myshopify.com', 'a b.myshopify.com', '.myshopify.com'])
    assert.equal((await webhook(all.address, 'orders/create', domain, order('900002'))).status, 400, domain);
});

test('an unknown topic is 200 and dropped', async () => {
  assert.equal((await webhook(all.address, 'themes/publish', SHOP, { id: 1 })).status, 200);
});

test('an unknown shop is a dead letter that says so', async () => {
  assert.equal((await webhook(all.address, 'orders/create', 'nobody.myshopify.com', order('900003'))).status, 200);
  await settled();
  assert.equal(sql(`select 1 from dead_letters where key = 'nobody.myshopify.com' and reason = 'unknown_shop'`).length, 1);
});

test('a body over the limit is 413, also when its length is not announced', async () => {
  const big = Buffer.alloc(9 * 1024 * 1024, 32);
  assert.equal((await webhook(all.address, 'orders/create', SHOP, big)).status, 413);
  const chunked = await webhook(all.address, 'orders/create', SHOP, big, { headers: { 'Content-Length': null, 'Transfer-Encoding': 'chunked' } }).catch((e) => e);
  assert.ok(chunked.status === 413 || chunked.code === 'ECONNRESET' || chunked.code === 'EPIPE', String(chunked.status ?? chunked));
});

/** Sends raw bytes, resolves with what came back until the socket closed or went quiet. */
function raw(bytes, quiet = 700) {
  const at = all.address.lastIndexOf(':');
  return new Promise((resolve) => {
    let text = '';
    const socket = net.connect(Number(all.address.slice(at + 1)), all.address.slice(0, at), () => socket.write(bytes));
    const end = () => { socket.destroy(); resolve(text); };
    let timer = setTimeout(end, quiet);
    socket.on('data', (d) => { text += d; clearTimeout(timer); timer = setTimeout(end, quiet); });
    socket.on('close', end).on('error', end);
  });
}

const head = (body, length, extra = '') => `POST /webhooks/shopify HTTP/1.1\r\nHost: x\r\nX-Shopify-Topic: orders/create\r\nX-Shopify-Shop-Domain: ${SHOP}\r\n` +
  `X-Shopify-Hmac-Sha256: ${sign(body)}\r\n${extra}Content-Length: ${length}\r\n\r\n`;

test('a body that lies about its length never becomes an event', async () => {
  const body = JSON.stringify(order('900004'));
  assert.match(await raw(head(body, body.length - 5) + body), /^HTTP\/1.1 (401|400)/); // shorter: other bytes are signed
  assert.doesNotMatch(await raw(head(body, body.length + 5) + body), /200 OK/); // longer: never complete
  assert.match(await raw(head(body, body.length, 'Content-Length: 3\r\n') + body), /^HTTP\/1.1 400/);
  assert.match(await raw(head(body, body.length, 'Transfer-Encoding: chunked\r\n') + body), /^HTTP\/1.1 400/);
  await settled();
  assert.equal(rowOf('900004'), undefined);
});

test('two requests with a body in one segment are both answered, and the door stays open', async () => {
  const body = JSON.stringify(order('900005')), other = JSON.stringify(order('900006'));
  const text = await raw(head(body, body.length) + body + head(other, other.length) + other, 1500);
  const answers = text.match(/HTTP\/1.1 200/g) ?? [];
  assert.ok(answers.length >= 1, text);
  assert.equal((await webhook(all.address, 'orders/create', SHOP, order('900007'))).status, 200);
  await settled();
  assert.ok(rowOf('900005') && rowOf('900007'));
  assert.equal(rowOf('900006') !== undefined, answers.length === 2); // acknowledged or not there: never in between
});

const malformed = {
  'truncated JSON': '{"id":900010,"name":"#1',
  'no JSON': 'hello',
  'empty body': '',
  'an array': '[1,2,3]',
  'a string': '"order"',
  'null': 'null',
  'nested a hundred thousand deep': '['.repeat(100000) + ']'.repeat(100000),
  'nested inside an order': `{"id":900011,"x":${'['.repeat(5000)}${']'.repeat(5000)}}`,
  'not UTF-8': Buffer.from([0x7b, 0x22, 0x69, 0x64, 0x22, 0x3a, 0x31, 0x2c, 0x22, 0x61, 0x22, 0x3a, 0x22, 0xff, 0xfe, 0x22, 0x7d]),
  'no id': JSON.stringify({ ...order('1'), id: undefined }),
  'an id that is an object': JSON.stringify(order({ a: 1 })),
  'money that is a word': JSON.stringify(order('900012', { total_price: 'a lot' })),
  'money that is NaN': JSON.stringify(order('900013', { total_price: 'NaN' })),
  'a time that never was': JSON.stringify(order('900014', { created_at: '2026-02-30T25:00:00Z' })),
  'a malformed time': JSON.stringify(order('900015', { updated_at: 'T11: 28: 07-05: 00' })),
  'a quantity beyond int4': JSON.stringify(order('900016', { line_items: [{ id: 1, title: 'x', quantity: 5e10, price: '1.00' }] })),
};

for (const [what, body] of Object.entries(malformed))
  test(`${what}: a dead letter with a reason, and the order beside it goes through`, async () => {
    const shopKey = SHOP;
    const before_ = sql(`select coalesce(sum(attempts), 0)::int as n from dead_letters where key = '${shopKey}'`)[0].n;
    const good = String(910000 + Object.keys(malformed).indexOf(what));
    const answers = await Promise.all([webhook(all.address, 'orders/create', SHOP, order(good)), webhook(all.address, 'orders/create', SHOP, body)]);
    assert.deepEqual(answers.map((a) => a.status), [200, 200]);
    await settled();
    assert.ok(rowOf(good));
    const dead = sql(`select reason, detail, attempts from dead_letters where key = '${shopKey}' order by last_seen_at desc`);
    assert.equal(sql(`select coalesce(sum(attempts), 0)::int as n from dead_letters where key = '${shopKey}'`)[0].n, before_ + 1, what);
    assert.match(dead[0].reason, /^[a-z_]+$/);
    assert.ok(dead[0].detail && dead[0].detail.length > 5, JSON.stringify(dead[0]));
  });

const odd = {
  '900100': [{ note: 'a\u0000b' }, (r) => assert.ok(!r.notes.includes('\u0000') && r.notes.startsWith('a'))],
  '900101': [null, (r) => assert.ok(r.notes.includes('x') && r.notes.includes('y')), '"note":"x\\ud800y"'],
  '900102': [{ shipping_address: [], billing_address: [], customer: [] }, (r) => assert.equal(r.shipping_address, null)],
  '900103': [{ total_price: '1234567890123456789012345.67' }, (r) => assert.equal(r.amount, '1234567890123456789012345.67')],
  '900104': [{ note: '\u{1F4DE} 日本語 \n\t "quoted"' }, (r) => assert.equal(r.notes, '\u{1F4DE} 日本語 \n\t "quoted"')],
  '900105': [{ line_items: {} }, (r) => assert.ok(r)],
  '900106': [{ tags: 'a, b,,c ' }, (r) => assert.deepEqual(r.tags, ['a', 'b', 'c'])],
  '900107': [{ phone: 'call me maybe' }, (r) => assert.equal(r.trigger_ready, 'missing_phone')],
  '900108': [{ financial_status: 'brand_new_word', fulfillment_status: 'teleported' }, (r) => assert.deepEqual([r.financial_status, r.fulfillment_status], ['pending', 'unfulfilled'])],
  '900109': [{ payment_gateway_names: ['codfish payments'] }, (r) => assert.equal(r.payment_type, 'unknown')],
};

for (const [id, [extra, check, fragment]] of Object.entries(odd))
  test(`odd but good: ${fragment ?? JSON.stringify(extra)}`, async () => {
    let body = JSON.stringify(order(id, extra ?? {}));
    if (fragment) body = body.slice(0, -1) + ',' + fragment + '}';
    assert.equal((await webhook(all.address, 'orders/create', SHOP, body)).status, 200);
    await settled();
    assert.ok(rowOf(id), `a row for ${id}`);
    check(rowOf(id));
  });

test('an id beyond 2^53 keeps every digit', async () => {
  const body = JSON.stringify(order('X')).replace('"id":"X"', '"id":820982911946154508');
  assert.equal((await webhook(all.address, 'orders/create', SHOP, body)).status, 200);
  await settled();
  assert.ok(rowOf('820982911946154508'));
});

test('money with 40 digits is stored exactly or is a dead letter, never rounded', async () => {
  const amount = '1234567890123456789012345678901234567890.12';
  assert.equal((await webhook(all.address, 'orders/create', SHOP, order('900200', { total_price: amount }))).status, 200);
  await settled();
  const row = rowOf('900200');
  if (row) assert.equal(row.amount, amount);
  else assert.ok(sql(`select 1 from dead_letters where detail like '%total_price%'`).length > 0);
});

test('unknown paths and methods have clear answers', async () => {
  assert.equal((await get(all.address, '/nothing/here')).status, 404);
  const answer = await get(all.address, '/webhooks/shopify');
  assert.equal(answer.status, 405);
  assert.match(answer.headers.allow, /POST/);
});

test('a setting that makes no sense stops the start with one line', () => {
  for (const args of [['gateway', '--stream-partitions', '0'], ['worker', '--batch-max', 'many'], ['all', '--cart-abandon-after', '1m'], ['gateway', '--listen', all.address]]) {
    try {
      execFileSync(RINGBACK, args, { stdio: ['ignore', 'pipe', 'pipe'], encoding: 'utf8', timeout: 10000 });
      assert.fail(`${args} started`);
    } catch (e) {
      assert.ok(e.status > 0, `${args}: ${e}`);
      assert.equal(e.stderr.trim().split('\n').length, 1, e.stderr);
    }
  }
});
