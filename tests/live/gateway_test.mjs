// The gateway against a real Redis and PostgreSQL: every answer of the contract, secrets and their rotation, servers that go
// away, and the promise behind a 200.
import { test, before, after } from 'node:test';
import assert from 'node:assert/strict';
import net from 'node:net';
import { createCipheriv, createHash, randomBytes } from 'node:crypto';
import { execFileSync } from 'node:child_process';
import { exec, get, redis, request, ringback, sign, start, until, webhook } from './lib/harness.mjs';

const KEY = Buffer.alloc(32, 7);
const PARTITIONS = 8;
const servers = (...args) => execFileSync(process.env.RINGBACK_SERVERS, args, { stdio: 'inherit' });
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const stream = (n) => `ringback:{${n}}:events`;
const partition = (domain) => createHash('sha256').update(domain).digest().readUInt32BE(0) % PARTITIONS;
const stored = () => Array.from({ length: PARTITIONS }, (_, n) => redis('XLEN', stream(n))).reduce((a, b) => a + b, 0);
const order = (id, more = {}) => ({ id, updated_at: '2026-05-01T10:00:00Z', ...more });
let nth = 0;
const shop = () => `shop-${++nth}.myshopify.com`;

// The text form that handlers/base/seal.h describes.
function seal(secret, key = KEY) {
  const prefix = `v1:${createHash('sha256').update(key).digest('hex').slice(0, 8)}:`;
  const nonce = randomBytes(12);
  const cipher = createCipheriv('aes-256-gcm', key, nonce);
  cipher.setAAD(Buffer.from(prefix));
  const text = Buffer.concat([cipher.update(secret), cipher.final()]);
  return prefix + Buffer.concat([nonce, cipher.getAuthTag(), text]).toString('base64');
}

function connect(domain, sealed, status = 'connected') {
  exec(`WITH o AS (INSERT INTO organizations (name, timezone) VALUES ('${domain}', 'UTC') RETURNING id)
        INSERT INTO commerce_integrations (organization_id, source, status, store_domain, webhook_secret_encrypted)
        SELECT id, 'shopify', '${status}', '${domain}', '${sealed}' FROM o`);
}

async function metric(gateway, series) {
  const { text } = await get(gateway.admin, '/metrics');
  const line = text.split('\n').find((l) => l.startsWith(series));
  return line === undefined ? 0 : Number(line.slice(line.lastIndexOf(' ')));
}

let gateway;
before(async () => {
  ringback('migrate');
  gateway = await start('gateway');
});
after(async () => {
  if (gateway) assert.equal(await gateway.stop(), 0);
});

test('a signed event is stored in its partition before the 200', async () => {
  const domain = 'Acme-Store.myshopify.com', before = stored();
  const answer = await webhook(gateway.address, 'orders/create', domain, order(1, { note: 'zwölf Boxkämpfer' }));
  assert.equal(answer.status, 200);
  assert.equal(stored(), before + 1);
  const [[, fields]] = redis('XREVRANGE', stream(partition('acme-store.myshopify.com')), '+', '-', 'COUNT', '1');
  assert.match(fields.join(' '), /orders\/create/);
  assert.match(fields.join(' '), /acme-store\.myshopify\.com/);
});

test('every topic of the contract is stored, any other is answered 200 and dropped', async () => {
  const topics = [
    ...['create', 'updated', 'paid', 'cancelled', 'fulfilled', 'partially_fulfilled', 'edited', 'delete'].map((t) => `orders/${t}`),
    ...['checkouts', 'products', 'customers'].flatMap((t) => ['create', 'update', 'delete'].map((v) => `${t}/${v}`)),
    'refunds/create', 'shop/update', 'app/uninstalled', 'app/scopes_update', 'bulk_operations/finish',
    'customers/data_request', 'customers/redact', 'shop/redact',
  ];
  for (const topic of topics) {
    const before = stored();
    assert.equal((await webhook(gateway.address, topic, shop(), order(1))).status, 200, topic);
    assert.equal(stored(), before + 1, topic);
  }
  const before = stored(), series = 'ringback_gateway_requests_total{source="shopify",topic="unknown",result="dropped"}';
  const count = await metric(gateway, series);
  for (const topic of ['carts/update', 'orders/Create', 'orders/create ', 'x'.repeat(300)])
    assert.equal((await webhook(gateway.address, topic.trimEnd() + (topic.endsWith(' ') ? 'x' : ''), shop(), order(1))).status, 200);
  assert.equal(stored(), before);
  assert.equal(await metric(gateway, series), count + 4);
});

test('401 without the right signature, before anything else is looked at', async () => {
  const body = JSON.stringify(order(1)), before = stored();
  const wrong = [null, '', 'x', sign(body, 'wrong'), sign(body + ' '), Buffer.from(sign(body), 'base64').toString('hex'),
    sign(body).slice(0, -1), `${sign(body)}=`];
  for (const signature of wrong) {
    const answer = await webhook(gateway.address, 'orders/create', shop(), body, { headers: { 'X-Shopify-Hmac-Sha256': signature } });
    assert.equal(answer.status, 401, String(signature));
    const { error } = JSON.parse(answer.text);
    assert.equal(error.code, 'UNAUTHORIZED');
    assert.match(error.message, /secret/);
    assert.deepEqual(error.details, {});
  }
  // nothing else is said to somebody who cannot sign
  const headers = { 'X-Shopify-Hmac-Sha256': sign(body, 'wrong'), 'X-Shopify-Topic': null, 'X-Shopify-Shop-Domain': null };
  assert.equal((await webhook(gateway.address, 'x', 'y', '{not json', { headers })).status, 401);
  assert.equal(stored(), before);
});

test('400 when signed but without a topic or a shop of Shopify', async () => {
  const before = stored();
  for (const headers of [
    { 'X-Shopify-Topic': null }, { 'X-Shopify-Topic': '' }, { 'X-Shopify-Shop-Domain': null },
    { 'X-Shopify-Shop-Domain': '' }, { 'X-Shopify-Shop-Domain': 'acme.example' },
    { 'X-Shopify-Shop-Domain': 'acme.myshopify.com.evil.example' }, { 'X-Shopify-Shop-Domain': '-a.myshopify.com' },
    { 'X-Shopify-Shop-Domain': 'a_b.myshopify.com' },
  ]) {
    const answer = await webhook(gateway.address, 'orders/create', shop(), order(1), { headers });
    assert.equal(answer.status, 400, JSON.stringify(headers));
    assert.equal(JSON.parse(answer.text).error.code, 'BAD_REQUEST');
  }
  assert.equal(stored(), before);
});

test('the signature is over the raw bytes, whatever they are', async () => {
  for (const body of ['', '{not json', '{"a":"\\/\\u0026"}', Buffer.from([0, 255, 254, 10]), ' '.repeat(100000)])
    assert.equal((await webhook(gateway.address, 'orders/create', shop(), body)).status, 200);
});

test('413 over the limit, 404 and 405 elsewhere, all as JSON', async () => {
  const small = await start('gateway', { RINGBACK_MAX_BODY: '64KiB' });
  try {
    assert.equal((await webhook(small.address, 'orders/create', shop(), 'x'.repeat(65536))).status, 200);
    const answer = await webhook(small.address, 'orders/create', shop(), 'x'.repeat(65537));
    assert.equal(answer.status, 413);
    assert.equal(JSON.parse(answer.text).error.code, 'PAYLOAD_TOO_LARGE');
    assert.equal((await get(small.address, '/nothing')).status, 404);
    assert.equal((await get(small.address, '/webhooks/shopify')).status, 405);
  } finally {
    assert.equal(await small.stop(), 0);
  }
});

test('new and old app secrets are accepted while rotating', async () => {
  const rotating = await start('gateway', { RINGBACK_SHOPIFY_API_SECRET: 'new,old' });
  try {
    for (const [secret, status] of [['new', 200], ['old', 200], ['hush', 401], ['new,old', 401], ['', 401]])
      assert.equal((await webhook(rotating.address, 'orders/create', shop(), order(1), { secret })).status, status, secret);
  } finally {
    assert.equal(await rotating.stop(), 0);
  }
});

test('a store\'s own secret is accepted for that store, at once when it is new, and only there', async () => {
  const mine = shop(), other = shop(), app = shop();
  const say = async (domain, secret) => (await webhook(gateway.address, 'orders/create', domain, order(1), { secret })).status;
  assert.equal(await say(mine, 'own'), 401);
  connect(mine, seal('own'));
  connect(other, seal('others'));
  await pause(2100); // "there is none" counts for two seconds
  assert.equal(await say(mine, 'own'), 200);
  assert.equal(await say(mine.toUpperCase().replace('.MYSHOPIFY.COM', '.myshopify.com'), 'own'), 200);
  assert.equal(await say(other, 'others'), 200);
  assert.equal(await say(other, 'own'), 401, 'another store');
  assert.equal(await say(app, 'own'), 401, 'a store without one');
  assert.equal(await say(mine, 'hush'), 200, 'the app may serve it too');
  assert.equal((await webhook(gateway.address, 'orders/create', mine, order(1), { secret: 'own', headers: { 'X-Shopify-Topic': null } })).status, 400);
  // rotated: the new one counts after two seconds at most, the old one no longer after the next refresh
  exec(`UPDATE commerce_integrations SET webhook_secret_encrypted = '${seal('rotated')}' WHERE store_domain = '${mine}'`);
  await until(async () => (await say(mine, 'rotated')) === 200, 4000, 'the rotated secret');
  await until(async () => (await say(mine, 'own')) === 401, 8000, 'the end of the old one');
  exec(`UPDATE commerce_integrations SET status = 'disconnected' WHERE store_domain = '${mine}'`);
  await until(async () => (await say(mine, 'rotated')) === 401, 8000, 'the end of a disconnected store');
  assert.equal(await say(mine, 'hush'), 200);
});

test('a secret that cannot be opened is a 503, not a 401', async () => {
  const foreign = shop(), plain = shop();
  connect(foreign, seal('own', Buffer.alloc(32, 9)));
  connect(plain, 'own');
  for (const domain of [foreign, plain]) {
    const answer = await webhook(gateway.address, 'orders/create', domain, order(1), { secret: 'own' });
    assert.equal(answer.status, 503);
    assert.ok(Number(answer.headers['retry-after']) > 0);
  }
  assert.ok(gateway.log.some((l) => /cannot be opened/.test(l.msg)));
});

test('wrong signatures for thousands of invented stores do not hammer PostgreSQL', async () => {
  const series = 'ringback_gateway_store_secret_queries_total', before = await metric(gateway, series), from = Date.now();
  const statuses = new Map();
  await Promise.all(Array.from({ length: 3000 }, async (_, i) => {
    const { status } = await webhook(gateway.address, 'orders/create', `invented-${i}.myshopify.com`, order(1), { secret: 'wrong' });
    statuses.set(status, (statuses.get(status) ?? 0) + 1);
  }));
  const asked = (await metric(gateway, series)) - before, seconds = (Date.now() - from) / 1000;
  assert.deepEqual([...statuses.keys()].filter((s) => s !== 401 && s !== 503), []);
  assert.ok(statuses.get(401) > 0);
  assert.ok(asked <= 50 * seconds + 2, `${asked} queries in ${seconds} s`);
  assert.equal((await webhook(gateway.address, 'orders/create', shop(), order(1))).status, 200);
});

test('without PostgreSQL the app\'s and the loaded secrets work, and what cannot be known is a 503', async () => {
  const known = shop(), new_ = shop();
  connect(known, seal('own'));
  const say = (g, domain, secret) => webhook(g.address, 'orders/create', domain, order(1), { secret });
  const loaded = await start('gateway');
  let cold;
  try {
    await until(async () => (await metric(loaded, 'ringback_gateway_store_secrets ')) > 0, 10000, 'the secrets');
    servers('kill', 'postgres');
    cold = await start('gateway'); // starts, and is ready, without it
    assert.equal((await say(loaded, known, 'own')).status, 200);
    assert.equal((await say(loaded, known, 'hush')).status, 200);
    assert.equal((await say(cold, known, 'hush')).status, 200);
    const answer = await say(cold, known, 'own');
    assert.equal(answer.status, 503);
    assert.ok(Number(answer.headers['retry-after']) > 0);
    assert.equal((await say(loaded, new_, 'own')).status, 503);
    servers('start', 'postgres');
    await until(async () => (await say(cold, known, 'own')).status === 200, 20000, 'the store to be known again');
    await until(async () => (await say(cold, new_, 'own')).status === 401, 5000, 'a plain 401');
  } finally {
    servers('start', 'postgres');
    assert.equal(await loaded.stop(), 0);
    if (cold) assert.equal(await cold.stop(), 0);
  }
});

test('without a database setting only the app\'s secrets count', async () => {
  const alone = await start('gateway', { RINGBACK_DATABASE_URL: undefined });
  try {
    assert.equal((await webhook(alone.address, 'orders/create', shop(), order(1))).status, 200);
    assert.equal((await webhook(alone.address, 'orders/create', shop(), order(1), { secret: 'own' })).status, 401);
  } finally {
    assert.equal(await alone.stop(), 0);
  }
});

test('Redis stopped: 503 with Retry-After, not ready but alive; and back by itself', async () => {
  servers('kill', 'redis');
  await until(async () => (await get(gateway.admin, '/readyz')).status === 503, 5000, 'not ready');
  assert.deepEqual(JSON.parse((await get(gateway.admin, '/readyz')).text).waiting_for, ['redis']);
  assert.equal((await get(gateway.admin, '/healthz')).status, 200);
  const answer = await webhook(gateway.address, 'orders/create', shop(), order(1));
  assert.equal(answer.status, 503);
  assert.ok(Number(answer.headers['retry-after']) > 0);
  assert.equal((await webhook(gateway.address, 'orders/create', shop(), order(1), { secret: 'wrong' })).status, 401);
  servers('start', 'redis');
  await until(async () => (await get(gateway.admin, '/readyz')).status === 200, 10000, 'ready again');
  assert.equal((await webhook(gateway.address, 'orders/create', shop(), order(1))).status, 200);
});

test('Redis that hangs: 503 in seconds, and back', async () => {
  servers('pause', 'redis');
  const from = Date.now();
  const answers = await Promise.all(Array.from({ length: 20 }, () => webhook(gateway.address, 'orders/create', shop(), order(1))));
  assert.ok(answers.every((a) => a.status === 503));
  assert.ok(Date.now() - from < 5000, `${Date.now() - from} ms`);
  servers('resume', 'redis');
  await until(async () => (await webhook(gateway.address, 'orders/create', shop(), order(1))).status === 200, 10000, 'a 200');
});

test('Redis full: 503, nothing evicted, and back when there is room', async () => {
  const before = stored(), { maxmemory } = redis('CONFIG', 'GET', 'maxmemory');
  assert.equal(redis('CONFIG', 'GET', 'maxmemory-policy')['maxmemory-policy'], 'noeviction');
  redis('CONFIG', 'SET', 'maxmemory', '1'); // the least there is: 0 means unlimited
  const answer = await webhook(gateway.address, 'orders/create', shop(), order(1));
  assert.equal(answer.status, 503);
  assert.ok(Number(answer.headers['retry-after']) > 0);
  assert.equal(stored(), before);
  redis('CONFIG', 'SET', 'maxmemory', maxmemory);
  await until(async () => (await webhook(gateway.address, 'orders/create', shop(), order(1))).status === 200, 10000, 'a 200');
});

test('500 requests at once are all on disk: Redis killed right after the last 200 has every one', async () => {
  const before = stored();
  const answers = await Promise.all(Array.from({ length: 500 }, (_, i) =>
    webhook(gateway.address, 'orders/updated', `many-${i % 50}.myshopify.com`, order(i, { note: 'x'.repeat(i * 10) }))));
  servers('kill', 'redis');
  assert.deepEqual([...new Set(answers.map((a) => a.status))], [200]);
  servers('start', 'redis');
  assert.equal(stored(), before + 500);
  await until(async () => (await get(gateway.admin, '/readyz')).status === 200, 10000, 'ready');
});

test('pipelined and chunked webhooks are stored too', async () => {
  const before = stored(), body = JSON.stringify(order(1)), [host, port] = gateway.address.split(':');
  const head = `POST /webhooks/shopify HTTP/1.1\r\nHost: x\r\nX-Shopify-Topic: orders/create\r\nX-Shopify-Shop-Domain: ${shop()}\r\n` +
    `X-Shopify-Hmac-Sha256: ${sign(body)}\r\n`;
  const plain = `${head}Content-Length: ${body.length}\r\n\r\n${body}`;
  const chunked = `${head}Transfer-Encoding: chunked\r\n\r\n5\r\n${body.slice(0, 5)}\r\n${(body.length - 5).toString(16)}\r\n${body.slice(5)}\r\n0\r\n\r\n`;
  const socket = net.connect(Number(port), host);
  let text = '';
  socket.on('data', (d) => { text += d; });
  socket.write(plain + chunked + plain + plain);
  await until(() => text.split('HTTP/1.1 200').length === 5, 5000, 'four answers');
  socket.destroy();
  assert.equal(stored(), before + 4);
});

test('SIGTERM under load: everything accepted is answered, and what was answered 200 is stored', async () => {
  const before = stored(), leaving = await start('gateway');
  let ok = 0, refused = 0, stopping = false;
  const bad = [];
  const clients = Array.from({ length: 32 }, async () => {
    for (;;) {
      try {
        const { status } = await webhook(leaving.address, 'orders/updated', shop(), order(nth, { note: 'y'.repeat(5000) }));
        if (status === 200) ok++; else bad.push(status);
      } catch (e) {
        if (stopping && e.code === 'ECONNREFUSED') { refused++; return; }
        bad.push(e.code);
        if (stopping) return;
      }
    }
  });
  await pause(500);
  stopping = true;
  const from = Date.now(), code = await leaving.stop();
  await Promise.all(clients);
  assert.equal(code, 0);
  assert.ok(Date.now() - from < 5000, `${Date.now() - from} ms`);
  assert.deepEqual(bad, []);
  assert.equal(refused, 32);
  assert.ok(ok > 100, `${ok} requests`);
  assert.equal(stored(), before + ok);
});

test('a taken port is one line; health, metrics and logs hold no secret', async () => {
  assert.throws(() => execFileSync(process.env.RINGBACK, ['gateway', '--listen', '127.0.0.1:0', '--admin-listen', gateway.admin],
    { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }),
  (e) => e.status === 1 && e.stderr.trimEnd().split('\n').filter((l) => !l.startsWith('{')).length === 1 && /is taken/.test(e.stderr));
  const { status, text } = await get(gateway.admin, '/metrics');
  assert.equal(status, 200);
  for (const name of ['requests_total', 'seconds_bucket', 'in_flight', 'redis_up', 'body_bytes_total'])
    assert.match(text, new RegExp(`^ringback_gateway_${name}`, 'm'));
  assert.match(text, /topic="orders\/create",result="stored"} [1-9]/);
  const log = JSON.stringify(gateway.log);
  for (const secret of ['hush', 'rotated', KEY.toString('base64')]) {
    assert.ok(!text.includes(secret));
    assert.ok(!log.includes(secret));
  }
  const refusals = gateway.log.filter((l) => l.msg === 'webhook refused');
  assert.ok(refusals.length > 0 && refusals.length < 60, `${refusals.length} lines`);
  assert.equal((await request(gateway.admin, 'GET', '/webhooks/shopify')).status, 404);
});
