// GET /v1/calls/:id/recording: links into our own folder, an S3 bucket and Supabase Storage, and what one hears under them.
import assert from 'node:assert/strict';
import { createHash, createHmac, randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { exec, get, request, ringback, start, tenant } from './lib/harness.mjs';

const FOLDER = join(process.env.RINGBACK_TEST_DIR, 'recordings');
const SOUND = randomBytes(300000);
const STRANGER = randomUUID();
const KEYS = { new: Buffer.alloc(32, 8).toString('base64'), old: Buffer.alloc(32, 7).toString('base64') };
let organization, foreign, jwt, strange, app;

/** A call with a recording under `path`; the file is made, too, unless it is null. */
function call(path = (id) => `${organization}/${id}.wav`, { file = SOUND, owner = organization } = {}) {
  const id = randomUUID();
  exec(`INSERT INTO calls (id, organization_id, call_type, status, provider, external_call_id)
          VALUES ('${id}', '${owner}', 'outbound', 'ended', 'retell', '${id}');
        INSERT INTO call_recordings (organization_id, call_id, storage_path, duration_seconds)
          VALUES ('${owner}', '${id}', '${path(id)}', 61)`);
  if (file) {
    mkdirSync(join(FOLDER, owner), { recursive: true });
    writeFileSync(join(FOLDER, path(id)), file);
  }
  return id;
}

const link = async (id, { as = jwt, headers = {}, from = app } = {}) => {
  const r = await request(from.address, 'GET', `/v1/calls/${id}/recording`, { Authorization: `Bearer ${as}`, ...headers });
  return { ...r, json: JSON.parse(r.text) };
};
/** What a player gets, as bytes; the path goes out as it is written, dots and all. */
const listen = (url, headers = {}, method = 'GET') => new Promise((resolve, reject) => {
  const [, host, port, path] = /^http:\/\/([^:/]+):(\d+)(\/.*)$/.exec(url);
  http.request({ host, port, path, method, headers }, (answer) => {
    const parts = [];
    answer.on('data', (d) => parts.push(d)).on('error', reject)
      .on('end', () => resolve({ status: answer.statusCode, headers: answer.headers, body: Buffer.concat(parts) }));
  }).on('error', reject).end();
});
const sentence = (answer) => JSON.parse(answer.body ?? answer.text).error.message;

function isLink(answer) {
  assert.equal(answer.status, 200, answer.text);
  assert.deepEqual(Object.keys(answer.json), ['url', 'duration_seconds', 'expires_at']);
  assert.equal(answer.json.duration_seconds, 61);
  assert.match(answer.json.expires_at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
  const left = Date.parse(answer.json.expires_at) - Date.now();
  assert.ok(left > 3290000 && left <= 3601000, `${left} ms left`);
  return answer.json.url;
}

const run = (settings) => start('api', { RINGBACK_ENCRYPTION_KEY: KEYS.old, ...settings });

before(async () => {
  ringback('migrate');
  organization = tenant('Links', 'links.myshopify.com');
  const made = JSON.parse(ringback('tenant', 'create', '--name', 'Other', '--timezone', 'UTC', '--owner', STRANGER, '--json'));
  foreign = made.organization_id ?? made.id;
  jwt = ringback('token', '--sub', '00000000-0000-4000-8000-000000000001').trim();
  strange = ringback('token', '--sub', STRANGER).trim();
  app = await run({ RINGBACK_RECORDINGS_STORE: `file://${FOLDER}` });
});
after(async () => {
  stores.close();
  if (app) assert.equal(await app.stop(), 0);
});

// ---- our own folder ------------------------------------------------------------------------------------------------

test('a link into our own folder is heard whole or in parts', async () => {
  const id = call(), url = isLink(await link(id));
  assert.ok(url.startsWith(`http://${app.address}/v1/recordings/${organization}/${id}.wav?expires=`), url);
  const whole = await listen(url);
  assert.equal(whole.status, 200);
  assert.ok(whole.body.equals(SOUND));
  const { etag, 'last-modified': modified, ...h } = whole.headers;
  assert.equal(h['content-type'], 'audio/wav');
  assert.equal(h['content-length'], String(SOUND.length));
  assert.equal(h['accept-ranges'], 'bytes');
  assert.equal(h['content-disposition'], `inline; filename="${id}.wav"`);
  assert.equal(h['x-content-type-options'], 'nosniff');
  assert.equal(h['access-control-allow-origin'], '*');
  assert.match(h['cache-control'], /^private, max-age=3(5\d\d|600)$/);
  assert.match(etag, /^"[0-9a-f-]+"$/);

  const part = async (range, more = {}) => listen(url, { Range: range, ...more });
  for (const [range, first, last] of [['bytes=0-1', 0, 1], ['bytes=1000-', 1000, 299999], ['bytes=-10', 299990, 299999], ['bytes=299999-900000', 299999, 299999]]) {
    const p = await part(range);
    assert.equal(p.status, 206, range);
    assert.equal(p.headers['content-range'], `bytes ${first}-${last}/300000`);
    assert.equal(p.headers.etag, etag);
    assert.ok(p.body.equals(SOUND.subarray(first, last + 1)), range);
  }
  for (const range of ['bytes=300000-', 'bytes=-0']) {
    const p = await part(range);
    assert.equal(p.status, 416);
    assert.equal(p.headers['content-range'], 'bytes */300000');
    assert.equal(p.body.length, 0);
  }
  for (const range of ['bytes=0-1,5-6', 'bytes=x']) assert.equal((await part(range)).body.length, 300000);
  for (const good of [etag, modified]) assert.equal((await part('bytes=5-9', { 'If-Range': good })).status, 206);
  for (const old of ['"0-0"', 'Thu, 01 Jan 1970 00:00:00 GMT']) {
    const p = await part('bytes=5-9', { 'If-Range': old });
    assert.equal(p.status, 200);
    assert.ok(p.body.equals(SOUND));
  }
  for (const known of [{ 'If-None-Match': etag }, { 'If-Modified-Since': modified }]) {
    const p = await listen(url, known);
    assert.deepEqual([p.status, p.body.length, p.headers.etag], [304, 0, etag]);
  }
  const head = await listen(url, { Range: 'bytes=10-19' }, 'HEAD');
  assert.deepEqual([head.status, head.body.length, head.headers['content-length'], head.headers['content-range']], [206, 0, '10', 'bytes 10-19/300000']);

  // Another file under the same name is another file.
  writeFileSync(join(FOLDER, 'new'), SOUND.subarray(1));
  renameSync(join(FOLDER, 'new'), join(FOLDER, organization, `${id}.wav`));
  assert.equal((await part('bytes=5-9', { 'If-Range': etag })).status, 200);
  rmSync(join(FOLDER, organization, `${id}.wav`));
  const gone = await listen(url);
  assert.equal(gone.status, 404);
  assert.equal(sentence(gone), 'the recording is not in its store any more');
});

test('many ears at once, and one that falls asleep', async () => {
  const url = isLink(await link(call(undefined, { file: randomBytes(8 << 20) })));
  const sleeper = http.get(url);
  const [slow] = await once(sleeper, 'response');
  slow.pause();
  const answers = await Promise.all(Array.from({ length: 20 }, (_, i) => listen(url, { Range: `bytes=${i * 1000}-` })));
  answers.forEach((a, i) => assert.deepEqual([a.status, a.body.length], [206, (8 << 20) - i * 1000]));
  sleeper.destroy();
});

test('nobody hears what he has no link for', async () => {
  const id = call(), url = isLink(await link(id)), other = call();
  const expires = /expires=(\d+)/.exec(url)[1];
  for (const forged of [url.slice(0, -1), `${url}x`, url.replace(expires, String(Number(expires) + 1)), url.replace(id, other), url.split('?')[0],
    url.replace(/signature=.*/, 'signature='), url.replace(`${organization}/${id}.wav`, '../../etc/passwd'), url.replace(organization, `%2e%2e/${organization}`),
    url.replace(`${organization}/`, `${organization}//`), `http://${app.address}/v1/recordings/`]) {
    const answer = await listen(forged);
    assert.equal(answer.status, 403, forged);
    assert.equal(sentence(answer), 'this link is not one of ours, or not whole');
  }
  // One that was ours and is over: signed here as it is there.
  const key = createHmac('sha256', Buffer.alloc(32, 7)).update('ringback recording link 1').digest();
  const ticket = (path, at) => `http://${app.address}/v1/recordings/${path}?expires=${at}&signature=${createHmac('sha256', key).update(`${at}\n${path}`).digest('base64url')}`;
  const now = Math.floor(Date.now() / 1000);
  assert.equal((await listen(ticket(`${organization}/${id}.wav`, now + 60))).status, 200);
  const over = await listen(ticket(`${organization}/${id}.wav`, now - 1));
  assert.deepEqual([over.status, sentence(over)], [403, 'this link has expired: ask for a new one']);

  // Even with our signature nothing leads out of the folder, nor to what is no file.
  writeFileSync(join(FOLDER, '..', 'outside.wav'), 'secret');
  symlinkSync(join(FOLDER, '..', 'outside.wav'), join(FOLDER, organization, 'link.wav'));
  symlinkSync(join(FOLDER, '..'), join(FOLDER, 'up'));
  for (const path of [`${organization}/link.wav`, 'up/outside.wav', '../outside.wav', `${organization}/../../outside.wav`, organization, '.incoming', '']) {
    assert.equal((await listen(ticket(path, now + 60))).status, 404, path);
  }
});

test('links are for those who may hear the call, and for its own file', async () => {
  const id = call();
  assert.equal((await link(id, { as: strange })).status, 404);
  assert.equal((await link(randomUUID())).status, 404);
  assert.equal((await request(app.address, 'GET', `/v1/calls/${id}/recording`)).status, 401);
  // A row that whoever may write rows of his organization pointed at another's file.
  const theirs = call(() => `${organization}/${id}.wav`, { file: null, owner: foreign });
  const answer = await link(theirs, { as: strange });
  assert.deepEqual([answer.status, sentence(answer)], [404, 'the recording of this call is not one that was made here']);
  for (const path of ['', '../x', `${organization}/x.wav`, `/${organization}/x.wav`]) assert.equal((await link(call(() => path, { file: null }))).status, 404, path);
});

test('links lead to where we are reached, and are good at every process with the same key', async () => {
  const id = call();
  const host = (headers) => link(id, { headers }).then((r) => isLink(r).split('/v1/')[0]);
  assert.equal(await host({ Host: 'calls.example.com', 'X-Forwarded-Proto': 'https' }), 'https://calls.example.com');
  assert.equal(await host({ Host: 'calls.example.com:8443', 'X-Forwarded-Proto': 'javascript' }), 'http://calls.example.com:8443');
  assert.equal(await host({ Host: 'evil.example/x?' }), '', 'no host: relative');

  const url = new URL(isLink(await link(id)));
  const second = await run({ RINGBACK_RECORDINGS_STORE: `file://${FOLDER}`, RINGBACK_ENCRYPTION_KEY: `${KEYS.new},${KEYS.old}`, RINGBACK_PUBLIC_URL: 'https://public.example.com/base/' });
  const there = await link(id, { from: second, headers: { Host: 'calls.example.com' } });
  assert.ok(isLink(there).startsWith('https://public.example.com/base/v1/recordings/'));
  assert.equal((await listen(`http://${second.address}${url.pathname}${url.search}`)).status, 200, 'the old key still opens');
  const fresh = new URL(there.json.url);
  assert.equal((await listen(`http://${second.address}${fresh.pathname.slice(5)}${fresh.search}`)).status, 200);
  assert.equal((await listen(`http://${app.address}${fresh.pathname.slice(5)}${fresh.search}`)).status, 403, 'the new one signs');
  assert.equal(await second.stop(), 0);
});

// ---- the other stores ------------------------------------------------------------------------------------------------

const sha256 = (data) => createHash('sha256').update(data).digest('hex');
const hmac = (key, data) => createHmac('sha256', key).update(data).digest();
let asked = 0, storage = () => [200, {}];

/** S3 checks the signature of the query; Storage signs what it is asked for with the service key. */
const stores = http.createServer(async (r, response) => {
  const url = new URL(r.url, 'http://x');
  if (url.pathname.startsWith('/storage/v1/object/sign/') && r.method === 'POST') {
    asked++;
    let body = '';
    for await (const piece of r) body += piece;
    assert.equal(r.headers.authorization, 'Bearer service');
    assert.equal(r.headers.apikey, 'service');
    const [status, answer] = storage(url.pathname.slice('/storage/v1/object/sign/'.length), JSON.parse(body));
    if (status === 0) r.socket.destroy();
    else response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(answer));
    return;
  }
  const [query, given] = r.url.split('?')[1].split('&X-Amz-Signature=');
  const canonical = [r.method, url.pathname, query, `host:${r.headers.host}`, '', 'host', 'UNSIGNED-PAYLOAD'].join('\n');
  const [, ...scope] = url.searchParams.get('X-Amz-Credential').split('/');
  const toSign = ['AWS4-HMAC-SHA256', url.searchParams.get('X-Amz-Date'), scope.join('/'), sha256(canonical)].join('\n');
  const good = given === hmac(scope.reduce(hmac, 'AWS4the secret'), toSign).toString('hex') && url.searchParams.get('X-Amz-Expires') === '3600';
  response.writeHead(good ? 200 : 403).end(good ? SOUND : 'SignatureDoesNotMatch');
}).listen(0, '127.0.0.1');

test('a bucket\'s links are presigned', async () => {
  await app.stop();
  app = await run({ RINGBACK_RECORDINGS_STORE: 's3://bucket/calls', RINGBACK_S3_ENDPOINT: `http://127.0.0.1:${stores.address().port}`,
    RINGBACK_S3_ACCESS_KEY_ID: 'AKID', RINGBACK_S3_SECRET_ACCESS_KEY: 'the secret', RINGBACK_S3_REGION: 'eu-central-1' });
  const id = call((c) => `calls/${organization}/${c}.wav`, { file: null }), url = isLink(await link(id));
  assert.ok(url.includes(`/bucket/calls/${organization}/${id}.wav?X-Amz-Algorithm=`), url);
  assert.ok((await listen(url)).body.equals(SOUND));
  assert.equal((await listen(url.replace(id, randomUUID()))).status, 403);
  assert.equal((await get(app.address, '/v1/recordings/x?expires=1&signature=x')).status, 404, 'nothing is served here');
});

test('Storage is asked once for a while, and what goes wrong there is said', async () => {
  await app.stop();
  app = await run({ RINGBACK_RECORDINGS_STORE: 'supabase://calls', RINGBACK_SUPABASE_URL: `http://127.0.0.1:${stores.address().port}`,
    RINGBACK_SUPABASE_SERVICE_KEY: 'service' });
  storage = (path, { expiresIn }) => [200, { signedURL: `/object/sign/${path}?token=${expiresIn}` }];
  const path = (c) => `${organization}/${c}.mp3`, id = call(path, { file: null }), url = isLink(await link(id));
  assert.equal(url, `http://127.0.0.1:${stores.address().port}/storage/v1/object/sign/calls/${organization}/${id}.mp3?token=3600`);
  assert.equal(isLink(await link(id)), url);
  assert.equal(asked, 1);
  assert.equal((await link(id, { as: strange })).status, 404, 'what is kept is kept behind the same rules');
  const promised = JSON.parse((await get(app.address, '/v1/openapi.json')).text).paths['/v1/calls/{id}/recording'].get.responses;
  for (const [answer, status, says] of [
    [[400, { statusCode: '404', code: 'NoSuchKey', message: 'Object not found' }], 404, 'the recording is not in its store any more'],
    [[400, { statusCode: '403', message: 'Invalid JWT' }], 502, 'the store of recordings refused to make a link'],
    [[200, { signedURL: 'https://elsewhere.example/object/sign/x' }], 502, 'the store of recordings refused to make a link'],
    [[500, {}], 503, 'the store of recordings cannot be reached at the moment: try again'],
    [[429, {}], 503, 'the store of recordings cannot be reached at the moment: try again'],
    [[0], 503, 'the store of recordings cannot be reached at the moment: try again']]) {
    storage = () => answer;
    const r = await link(call(path, { file: null }));
    assert.deepEqual([r.status, sentence(r)], [status, says], `${answer}`);
    assert.ok(promised[status], `openapi.json promises ${status}`);
    if (status === 503) assert.equal(r.headers['retry-after'], '1');
  }
  assert.equal(app.log.filter((l) => /not to be had/.test(l.msg)).length, 1, 'told once');
  assert.ok(!JSON.stringify(app.log).includes('token='), 'links are not logged');
});

test('without a store or a key the answer says what is missing', async () => {
  await app.stop();
  app = await run({ RINGBACK_RECORDINGS_STORE: '' });
  const none = await link(call());
  assert.deepEqual([none.status, sentence(none)], [503, 'recordings have no store here: set RINGBACK_RECORDINGS_STORE']);
});
