// Keys of users' tokens from a JWKS server: fetched, rotated, forged, away; for REST and websockets alike.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createHmac, generateKeyPairSync, randomUUID, sign } from 'node:crypto';
import { once } from 'node:events';
import { renameSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { OWNER, RINGBACK, get, request, ringback, start, tenant, until } from './lib/harness.mjs';
import { WebSocket } from './lib/clients.mjs';

const FILE = join(process.env.RINGBACK_TEST_DIR, 'jwks.json');
const SECRET = 'a secret for tests that is long enough';
const sleep = (ms) => new Promise((r) => setTimeout(r, ms));

// ---- keys, tokens, and the server that publishes them -------------------------------------------------------------

const pair = (alg) => ({ alg, kid: randomUUID(), ...(alg === 'ES256' ? generateKeyPairSync('ec', { namedCurve: 'P-256' })
  : generateKeyPairSync('rsa', { modulusLength: 2048 })) });
const jwk = ({ kid, alg, publicKey }) => ({ ...publicKey.export({ format: 'jwk' }), kid, alg, use: 'sig' });
const document = (...keys) => JSON.stringify({ keys: keys.map(jwk) });
const part = (object) => Buffer.from(JSON.stringify(object)).toString('base64url');

function token(key, { kid = key.kid, sub = OWNER, ttl = 3600, ...claims } = {}) {
  const now = Math.floor(Date.now() / 1000);
  const text = `${part({ alg: key.alg, kid, typ: 'JWT' })}.${part({ sub, role: 'authenticated', aud: 'authenticated', iat: now, exp: now + ttl, ...claims })}`;
  return `${text}.${sign('sha256', Buffer.from(text), { key: key.privateKey, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`;
}

const [ec, rsa, next, filed, stranger] = [pair('ES256'), pair('RS256'), pair('ES256'), pair('ES256'), pair('ES256')];
let published = document(ec, rsa), status = 200, delay = 0, fetched = 0, server, url, app;

const publisher = http.createServer(async (_, response) => {
  fetched++;
  const [s, text] = [status, published];
  await sleep(delay);
  response.writeHead(s, { 'Cache-Control': 'public, max-age=600' }).end(text);
});

const ask = (jwt, path = '/v1/campaigns') => request(app.address, 'GET', path, { Authorization: `Bearer ${jwt}` });
const error = (answer) => JSON.parse(answer.text).error.message;

/** The answer to a join, as phoenix sends it. */
async function joined(jwt) {
  const socket = new WebSocket(`ws://${app.address}/realtime/v1/websocket?apikey=k&vsn=2.0.0`);
  await once(socket, 'open');
  socket.send(JSON.stringify(['1', '1', 'realtime:orders', 'phx_join', { access_token: jwt,
    config: { postgres_changes: [{ event: '*', schema: 'public', table: 'commerce_orders' }] } }]));
  const [reply] = await once(socket, 'message');
  socket.terminate();
  return JSON.parse(reply)[4];
}

before(async () => {
  ringback('migrate');
  tenant('Keys', 'keys.myshopify.com');
  writeFileSync(FILE, document(filed));
  server = publisher.listen(0, '127.0.0.1');
  await once(server, 'listening');
  url = `http://127.0.0.1:${server.address().port}/auth/v1/.well-known/jwks.json`;
  delay = 1000;
  // Before anything came from the server: whoever comes at once waits for it.
  app = await start('all', { RINGBACK_JWT_SECRET: '', RINGBACK_JWKS_URL: url, RINGBACK_JWKS_FILE: FILE });
  app.early = ask(token(ec));
  app.earlyJoin = joined(token(rsa));
});
after(async () => {
  if (app) assert.equal(await app.stop(), 0);
  publisher.close();
});

test('a token that comes before the keys waits for them, in REST and on a websocket', async () => {
  assert.equal((await app.early).status, 200);
  assert.equal((await app.earlyJoin).status, 'ok');
  assert.equal(fetched, 1);
  delay = 0;
});

test('ES256, RS256 and the file\'s keys are good; all else is not', async () => {
  for (const good of [token(ec), token(rsa), token(filed), token(ec, { ttl: -20 })]) {
    for (let i = 0; i < 2; i++) assert.equal((await ask(good)).status, 200); // computed, then remembered
  }
  const forged = token(ec).replace(/\.[^.]+\./, `.${part({ sub: OWNER, role: 'authenticated', exp: 4102444800 })}.`);
  const hmac = (header, secret) => {
    const text = `${part(header)}.${part({ sub: OWNER, role: 'authenticated', exp: 4102444800 })}`;
    return `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`;
  };
  const bad = { forged, 'an old one': token(ec, { ttl: -40 }), 'not yet': token(ec, { nbf: Math.floor(Date.now() / 1000) + 60 }),
    'another key under a known name': token(stranger, { kid: ec.kid }), 'RS256 under the name of the other': token(rsa, { kid: ec.kid }),
    'HMAC with the public key': hmac({ alg: 'HS256', kid: ec.kid }, ec.publicKey.export({ type: 'spki', format: 'pem' })),
    'HMAC without a secret of ours': hmac({ alg: 'HS256' }, SECRET), none: `${part({ alg: 'none' })}.${part({ sub: OWNER })}.` };
  for (const [what, jwt] of Object.entries(bad)) assert.equal((await ask(jwt)).status, 401, what);
  assert.equal((await ask(token(ec, { role: 'service_role' }))).status, 403);
  assert.equal(fetched, 1, 'none of these is a reason to ask the server');
});

test('the first request and the first join with a rotated key wait for it instead of failing', async () => {
  published = document(ec, next);
  const [answer, reply] = await Promise.all([ask(token(next)), joined(token(next))]);
  assert.equal(answer.status, 200);
  assert.equal(reply.status, 'ok');
  assert.equal(fetched, 2);
  assert.match(error(await ask(token(rsa))), /key that is not known|cannot be had/, 'and the one that is gone is refused');
});

test('a flood of forged key names asks the server hardly ever, holds nobody up, and is remembered', async () => {
  const before_ = fetched, begun = Date.now(), again = token(stranger);
  const flood = [again, ...Array.from({ length: 40 }, () => token(stranger, { kid: randomUUID() }))].map((jwt) => ask(jwt));
  let over = false;
  Promise.all(flood).then(() => { over = true; });
  for (let i = 0; i < 5; i++) assert.equal((await ask(token(ec))).status, 200);
  assert.ok(!over, 'good tokens did not wait for the flood');
  const statuses = (await Promise.all(flood)).map((a) => a.status);
  const allowed = Math.ceil((Date.now() - begun) / 5000) + 1;
  assert.ok(statuses.every((s) => s === 401), `${new Set(statuses)}`);
  assert.ok(fetched - before_ >= 1 && fetched - before_ <= allowed, `${fetched - before_} fetches, allowed ${allowed}`);
  // One that keeps coming is refused at once.
  const known = fetched;
  for (let i = 0; i < 20; i++) assert.equal((await ask(again)).status, 401);
  assert.match((await joined(again)).response.reason, /key that is not known/);
  assert.equal(fetched, known);
});

test('a server that is away takes no key from anybody, and whoever needs a new one is told to come again', async () => {
  status = 500;
  const before_ = fetched, answer = await ask(token(stranger, { kid: randomUUID() }));
  assert.equal(answer.status, 503);
  assert.equal(answer.headers['retry-after'], '1');
  assert.match(error(answer), /cannot be had at the moment/);
  assert.ok(fetched > before_);
  assert.equal((await ask(token(next))).status, 200);
  const metrics = (await get(app.admin, '/metrics')).text;
  assert.match(metrics, /ringback_jwks_keys 3\n/);
  assert.match(metrics, /ringback_jwks_fetches_total\{result="failed"\} [1-9]/);
  status = 200;
});

test('a file that changes is read again, and a broken one leaves the old keys', async () => {
  writeFileSync(FILE, '{"keys":');
  await until(() => app.log.some((l) => /JWKS_FILE has changed/.test(l.msg)), 10000, 'the broken file to be seen');
  assert.equal((await ask(token(filed))).status, 200);
  writeFileSync(`${FILE}.new`, document(stranger, rsa));
  renameSync(`${FILE}.new`, FILE);
  await until(async () => (await ask(token(stranger))).status === 200, 10000, 'the new file');
  assert.match((await get(app.admin, '/metrics')).text, /ringback_jwks_keys 4\n/, 'the old one is gone');
});

test('settings and doctor say what is wrong', async () => {
  const run = (args, env) => new Promise((resolve) => execFile(RINGBACK, args, { env: { ...process.env, ...env } },
    (_, out, err) => resolve({ out, err })));
  for (const bad of ['http://example.com/jwks.json', 'ftp://127.0.0.1/x', 'http://127.0.0.1.example.com/x', 'keys']) {
    assert.match((await run(['doctor'], { RINGBACK_JWKS_URL: bad })).err, /RINGBACK_JWKS_URL is ".*"; accepted is https:/);
  }
  const ports = { RINGBACK_LISTEN: '127.0.0.1:0', RINGBACK_ADMIN_LISTEN: '127.0.0.1:0' };
  assert.match((await run(['realtime'], { ...ports, RINGBACK_JWKS_FILE: '/nowhere' })).err, /RINGBACK_JWKS_FILE is "\/nowhere": No such file/);
  const finds = async (at) => JSON.parse((await run(['doctor', '--json'], at ? { RINGBACK_JWKS_URL: at } : {})).out).findings
    .filter((f) => f.what === 'jwks').map((f) => `${f.finding} ${f.text}`).join();
  assert.equal(await finds(), '');
  assert.equal(await finds(url), 'ok 2 public keys');
  assert.match(await finds('http://127.0.0.1:1/x?key=hidden'), /^fail no keys came from http:\/\/127\.0\.0\.1:1\/x: .*connect/i);
  for (const [s, text, says] of [[404, 'no', /answered 404/], [200, '<html>', /is no JWKS/], [200, ' '.repeat(300000), /too long/],
    [302, '', /answered 302/], [200, '{"keys":[]}', /^warn no key that can be used/]]) {
    [status, published] = [s, text];
    assert.match(await finds(url), says);
  }
  [status, published] = [200, document(ec, rsa)];
});

test('a stop answers those who wait for keys', async () => {
  delay = 3000;
  const waiting = ask(token(pair('ES256'))).catch((e) => e);
  await sleep(300);
  const stopped = app.stop();
  const answer = await waiting;
  assert.ok(answer.status === 503 || answer.status === 401 || answer.code !== undefined, `${answer.status}`);
  assert.equal(await stopped, 0);
  app = null;
});
