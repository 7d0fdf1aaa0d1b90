// Recordings from the provider into the store: a provider that is slow, short, late, moved, huge or gone, the three kinds
// of stores, and a worker that dies in the middle.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHash, createHmac, randomBytes, randomUUID } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, utimesSync } from 'node:fs';
import http from 'node:http';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, test } from 'node:test';
import { RINGBACK, exec, get, redis, ringback, sql, start, tenant, until } from './lib/harness.mjs';

const KEY = { id: 'AKIDTEST', secret: 'a secret of the bucket' };
let organization;
let worker;
let folder;

// ---- the provider and the stores, one server ----------------------------------------------------------------------

const asked = new Map(); // path -> [request headers]
const routes = new Map(); // path -> (request, response, n-th time) => void
const objects = new Map(); // store path -> { body, headers }
let refusals = 0; // of the stores, still to come
let open = 0;
let most = 0;

function wav(seconds, rate = 8000) {
  const head = Buffer.alloc(44);
  head.write('RIFF', 0);
  head.writeUInt32LE(36 + seconds * rate * 2, 4);
  head.write('WAVEfmt ', 8);
  head.writeUInt32LE(16, 16);
  head.writeUInt16LE(1, 20);
  head.writeUInt16LE(1, 22);
  head.writeUInt32LE(rate, 24);
  head.writeUInt32LE(rate * 2, 28);
  head.writeUInt16LE(2, 32);
  head.writeUInt16LE(16, 34);
  head.write('data', 36);
  head.writeUInt32LE(seconds * rate * 2, 40);
  return Buffer.concat([head, randomBytes(seconds * rate * 2)]);
}

const server = http.createServer((request, response) => {
  const path = request.url.split('?')[0];
  if (path.startsWith('/s3/') || path.startsWith('/storage/')) {
    store(request, response, path);
    return;
  }
  const before_ = asked.get(path) ?? [];
  asked.set(path, [...before_, request.headers]);
  open++;
  most = Math.max(most, open);
  response.on('close', () => open--);
  const route = routes.get(path);
  if (route) route(request, response, before_.length + 1);
  else response.writeHead(404).end('no such recording');
});

const sha256 = (data) => createHash('sha256').update(data).digest('hex');
const hmac = (key, data) => createHmac('sha256', key).update(data).digest();

/** The signature that the request should carry, worked out from what arrived. */
function signature(request, path, hash) {
  const authorization = request.headers.authorization;
  const [, scope, names] = /^AWS4-HMAC-SHA256 Credential=AKIDTEST\/([^,]+), SignedHeaders=([^,]+), Signature=[0-9a-f]{64}$/
    .exec(authorization);
  const canonical = [request.method, path, '', ...names.split(';').map((n) => `${n}:${request.headers[n]}`), '', names, hash].join('\n');
  const toSign = ['AWS4-HMAC-SHA256', request.headers['x-amz-date'], scope, sha256(canonical)].join('\n');
  const key = scope.split('/').reduce(hmac, `AWS4${KEY.secret}`);
  return `${authorization.slice(0, authorization.lastIndexOf('=') + 1)}${hmac(key, toSign).toString('hex')}`;
}

async function store(request, response, path) {
  const parts = [];
  for await (const part of request) parts.push(part);
  const body = Buffer.concat(parts);
  if (refusals > 0) {
    refusals--;
    response.writeHead(503, { 'Retry-After': '1' }).end('<Error><Code>SlowDown</Code></Error>');
    return;
  }
  if (path.startsWith('/s3/')) {
    assert.equal(request.headers['x-amz-content-sha256'], sha256(body));
    if (request.headers.authorization !== signature(request, path, sha256(body))) {
      response.writeHead(403).end('<Error><Code>SignatureDoesNotMatch</Code></Error>');
      return;
    }
  } else if (request.headers.authorization !== 'Bearer service-key' || request.headers.apikey !== 'service-key') {
    response.writeHead(400).end('{"statusCode":"403","error":"Unauthorized"}');
    return;
  }
  if (request.method === 'DELETE') {
    const there = objects.delete(path);
    if (path.startsWith('/s3/')) response.writeHead(204).end();
    else response.writeHead(there ? 200 : 400).end(there ? '{}' : '{"statusCode":"404","code":"NoSuchKey","message":"Object not found"}');
    return;
  }
  objects.set(path, { body, method: request.method, headers: request.headers });
  response.writeHead(200).end('{}');
}

const link = (path, host = '127.0.0.1') => `http://${host}:${server.address().port}${path}`;

const whole = (body, headers = {}) => (_, response) =>
  response.writeHead(200, { 'Content-Type': 'audio/wav', 'Content-Length': body.length, ...headers }).end(body);

/** Sends the body in pieces, one every `ms`, until the connection is gone. */
const trickle = (body, pieces, ms, headers = {}) => async (_, response) => {
  response.writeHead(200, { 'Content-Type': 'audio/wav', 'Content-Length': body.length, ...headers });
  const size = Math.ceil(body.length / pieces);
  let at = 0;
  for (; at + size < body.length && !response.destroyed; at += size) {
    response.write(body.subarray(at, at + size));
    await new Promise((r) => setTimeout(r, ms));
  }
  response.end(body.subarray(at));
};

// ---- rows ------------------------------------------------------------------------------------------------------------

function due(path, { provider = 'retell', expires = null, host } = {}) {
  const id = randomUUID();
  const url = path.includes('://') ? path : link(path, host);
  exec(`INSERT INTO calls (id, organization_id, call_type, status, provider, external_call_id)
          VALUES ('${id}', '${organization}', 'outbound', 'ended', '${provider}', '${id}');
        INSERT INTO call_recordings (organization_id, call_id) VALUES ('${organization}', '${id}');
        INSERT INTO call_recording_copies (call_id, organization_id, provider, external_call_id, provider_url, url_expires_at, state, next_at)
          VALUES ('${id}', '${organization}', '${provider}', '${id}', '${url}', ${expires ? `now() + interval '${expires}'` : 'NULL'}, 'due', now())`);
  return id;
}

const copy = (id) => sql(`SELECT * FROM call_recording_copies WHERE call_id = '${id}'`)[0];
const recording = (id) => sql(`SELECT * FROM call_recordings WHERE call_id = '${id}'`)[0];
const reaches = (id, state, ms = 30000) => until(() => copy(id)?.state === state && copy(id), ms, `the copy to be ${state}`);

async function metric(name) {
  const { text } = await get(worker.admin, '/metrics');
  const line = text.split('\n').find((l) => l.startsWith(`${name} `));
  assert.ok(line, `${name} is among the metrics`);
  return Number(line.split(' ')[1]);
}

const settings = () => ({ RINGBACK_RECORDINGS_STORE: `file://${folder}`, RINGBACK_RECORDINGS_ALLOW_PRIVATE: 'on' });

async function work(more = {}) {
  worker = await start('worker', { ...settings(), ...more });
}

const kept = (id, extension = 'wav') => join(folder, organization, `${id}.${extension}`);
const incoming = () => readdirSync(join(folder, '.incoming'));

before(async () => {
  ringback('migrate');
  organization = tenant('Recordings', 'recordings.myshopify.com');
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  folder = mkdtempSync(join(tmpdir(), 'ringback-recordings.'));
});

afterEach(async () => {
  exec("DELETE FROM call_recording_copies WHERE state IN ('due', 'erase')");
  if (worker) assert.equal(await worker.stop(), 0);
  if (worker) assert.ok(!worker.log.some((l) => l.msg === 'handles were left open'), 'nothing is left open');
  worker = null;
});

after(() => {
  server.closeAllConnections();
  server.close();
  rmSync(folder, { recursive: true });
});

// ---- copies ------------------------------------------------------------------------------------------------------------

test('a recording becomes a file with its size and duration, and dashboards are told', async () => {
  const body = wav(7);
  routes.set('/plain', whole(body));
  await work();
  const id = due('/plain');
  const done = await reaches(id, 'copied');
  assert.equal(done.error, null);
  assert.deepEqual(readFileSync(kept(id)), body);
  assert.equal(recording(id).storage_path, `${organization}/${id}.wav`);
  assert.equal(recording(id).file_size_bytes, body.length);
  assert.equal(recording(id).duration_seconds, 7);
  assert.equal(asked.get('/plain').length, 1);
  assert.equal(asked.get('/plain')[0].authorization, undefined);
  assert.deepEqual(incoming(), []);
  assert.equal(await metric('ringback_recordings_copied_total'), 1);
  assert.equal(await metric('ringback_recordings_bytes_total'), body.length);
  await until(async () => await metric('ringback_recordings_in_flight') === 0, 5000, 'nothing in flight');
  await until(() => [...Array(8).keys()].some((n) => JSON.stringify(redis('XRANGE', `ringback:{${n}}:live`, '-', '+')).includes(`${id}.wav`)),
    10000, 'the live update');
});

test('late, moved, slow and cut-off recordings arrive whole in the end', async () => {
  const body = wav(3);
  routes.set('/late', (q, r, n) => (n === 1 ? r.writeHead(404).end() : whole(body)(q, r)));
  routes.set('/busy', (q, r, n) => (n === 1 ? r.writeHead(429, { 'Retry-After': '3' }).end() : whole(body)(q, r)));
  routes.set('/moved', (_, r) => r.writeHead(302, { Location: '/plain2' }).end());
  routes.set('/plain2', whole(body));
  routes.set('/slow', trickle(body, 30, 100));
  routes.set('/chunked', (_, r) => { r.writeHead(200, { 'Content-Type': 'audio/wav' }); r.write(body.subarray(0, 100)); r.end(body.subarray(100)); });
  routes.set('/short', (q, r, n) => {
    if (n > 1) return whole(body)(q, r);
    r.writeHead(200, { 'Content-Length': body.length });
    r.write(body.subarray(0, 20000), () => r.destroy());
  });
  routes.set('/cut', (q, r, n) => { // chunked, without an end
    if (n > 1) return whole(body)(q, r);
    r.writeHead(200);
    r.write(body.subarray(0, 20000), () => r.destroy());
  });
  routes.set('/empty', (q, r, n) => (n === 1 ? r.writeHead(200).end() : whole(body)(q, r)));
  routes.set('/page', (q, r, n) => (n === 1 ? r.writeHead(200, { 'Content-Type': 'text/html' }).end('<html>') : whole(body)(q, r)));
  await work({ RINGBACK_RECORDINGS_PARALLEL: '16' });
  const began = Date.now();
  const ids = Object.fromEntries(['/late', '/busy', '/moved', '/slow', '/chunked', '/short', '/cut', '/empty', '/page']
    .map((path) => [path, due(path)]));
  for (const [path, id] of Object.entries(ids)) {
    const done = await reaches(id, 'copied');
    assert.equal(done.attempts, ['/moved', '/slow', '/chunked'].includes(path) ? 1 : 2, path);
    assert.deepEqual(readFileSync(kept(id)), body, path);
    assert.equal(recording(id).file_size_bytes, body.length, path);
  }
  assert.ok(Date.now() - began > 3000, 'the wish to wait was respected');
  assert.equal(await metric('ringback_recordings_retried_total'), 6);
  assert.deepEqual(incoming(), []);
});

test('what can never be copied is given up with its reason', async () => {
  const large = 2 ** 20;
  routes.set('/huge', (_, r) => { r.writeHead(200, { 'Content-Length': 2 ** 40 }); r.write('x'); });
  routes.set('/endless', (_, r) => {
    r.writeHead(200, { 'Content-Type': 'audio/wav' });
    const more = () => { while (!r.destroyed && r.write(Buffer.alloc(65536))); };
    r.on('drain', more);
    more();
  });
  routes.set('/limit', whole(Buffer.alloc(large)));
  routes.set('/away', (_, r) => r.writeHead(302, { Location: 'file:///etc/passwd' }).end());
  routes.set('/circle', (_, r) => r.writeHead(302, { Location: '/circle' }).end());
  routes.set('/sick', (_, r) => r.writeHead(503).end());
  await work({ RINGBACK_RECORDINGS_MAX_BYTES: String(large) });
  const limit = due('/limit');
  for (const path of ['/huge', '/endless']) {
    const done = await reaches(due(path), 'failed');
    assert.match(done.error, /RINGBACK_RECORDINGS_MAX_BYTES/);
    assert.equal(done.attempts, 1);
  }
  assert.match((await reaches(due('/away'), 'failed')).error, /something else than http/);
  assert.match((await reaches(due('ftp://127.0.0.1/a'), 'failed')).error, /no plain http/);
  const circle = due('/circle');
  await until(() => copy(circle).error !== null, 10000, 'the circle to be noticed');
  assert.match(copy(circle).error, /redirected too often/);
  exec(`DELETE FROM call_recording_copies WHERE call_id = '${circle}'`);
  const dying = due('/sick', { expires: '4 seconds' });
  assert.match((await reaches(dying, 'expired')).error, /answered 503/);
  assert.ok(copy(dying).attempts > 1);
  assert.equal(recording(dying).storage_path, null);
  const expired = due('/plain', { expires: '-1 second' });
  assert.match((await reaches(expired, 'expired')).error, /expired/);
  await reaches(limit, 'copied');
  assert.equal(statSync(kept(limit)).size, large);
  await until(() => incoming().length === 0, 10000, 'nothing to be left');
});

test('nothing is fetched from private addresses', async () => {
  routes.set('/secret', whole(wav(1)));
  await work({ RINGBACK_RECORDINGS_ALLOW_PRIVATE: 'off' });
  for (const host of ['127.0.0.1', 'localhost', '[::ffff:127.0.0.1]', '0x7f000001'])
    assert.match((await reaches(due('/secret', { host }), 'failed')).error, /not public/, host);
  assert.equal(asked.get('/secret'), undefined);
});

test("Twilio is asked for the file with the account's user, which goes nowhere else", async () => {
  const account = `AC${'0a'.repeat(16)}`;
  const path = `/2010-04-01/Accounts/${account}/Recordings/RE1`;
  routes.set(`${path}.wav`, (_, r) => r.writeHead(307, { Location: link('/elsewhere', 'localhost') }).end());
  routes.set('/elsewhere', whole(wav(2)));
  await work({ RINGBACK_TWILIO_AUTH_TOKEN: 'token,old' });
  await reaches(due(path, { provider: 'twilio' }), 'copied');
  assert.equal(asked.get(`${path}.wav`)[0].authorization, `Basic ${Buffer.from(`${account}:token`).toString('base64')}`);
  assert.equal(asked.get('/elsewhere')[0].authorization, undefined);
});

test('no more are copied at once than is allowed', async () => {
  const body = wav(1);
  routes.set('/crowd', trickle(body, 4, 100));
  await work({ RINGBACK_RECORDINGS_PARALLEL: '3' });
  most = 0;
  const ids = Array.from({ length: 10 }, () => due('/crowd'));
  for (const id of ids) await reaches(id, 'copied');
  assert.equal(most, 3);
});

test('150 MB pass through with flat memory', async () => {
  const piece = randomBytes(1 << 20);
  const pieces = 150;
  routes.set('/large', async (_, r) => {
    r.writeHead(200, { 'Content-Type': 'audio/mpeg', 'Content-Length': pieces * piece.length });
    for (let i = 0; i < pieces; i++) if (!r.write(piece)) await once(r, 'drain');
    r.end();
  });
  routes.set('/warm', whole(wav(60)));
  const wanted = createHash('sha256');
  for (let i = 0; i < pieces; i++) wanted.update(piece);
  const rss = () => metric('process_resident_memory_bytes');
  await work();
  await reaches(due('/warm'), 'copied');
  const idle = await rss();
  const id = due('/large');
  let peak = 0;
  await until(async () => { peak = Math.max(peak, await rss()); return copy(id).state === 'copied'; }, 60000, 'the large copy');
  assert.equal(sha256(readFileSync(kept(id, 'mp3'))), wanted.digest('hex'));
  assert.equal(recording(id).file_size_bytes, pieces * piece.length);
  assert.ok(peak - idle < 32 * 2 ** 20, `memory grew by ${((peak - idle) / 2 ** 20).toFixed(1)} MiB`);
  rmSync(kept(id, 'mp3'));
});

// ---- what goes wrong in between ----------------------------------------------------------------------------------------------

test('a worker that is killed in the middle leaves no file as done, and another one copies it', async () => {
  const body = wav(20);
  routes.set('/killed', (q, r, n) => (n === 1 ? trickle(body, 200, 100)(q, r) : whole(body)(q, r)));
  await work();
  const id = due('/killed');
  await until(() => incoming().some((f) => statSync(join(folder, '.incoming', f)).size >= 0), 15000, 'the copy to begin');
  await until(() => asked.get('/killed')?.length === 1, 5000, 'the request');
  await worker.stop('SIGKILL');
  worker = null;
  assert.equal(copy(id).state, 'due');
  assert.equal(recording(id).storage_path, null);
  assert.ok(!existsSync(kept(id)));
  for (const file of incoming()) utimesSync(join(folder, '.incoming', file), 1e9, 1e9);
  await work();
  await reaches(id, 'copied', 60000);
  assert.deepEqual(readFileSync(kept(id)), body);
  assert.equal(copy(id).attempts, 2);
  assert.deepEqual(incoming(), [], 'what the killed one left is swept away');
});

test('a stop in the middle is quick and leaves nothing behind', async () => {
  routes.set('/stopped', trickle(wav(20), 300, 100));
  await work();
  const id = due('/stopped');
  await until(() => asked.has('/stopped'), 15000, 'the request');
  const began = Date.now();
  assert.equal(await worker.stop(), 0);
  assert.ok(Date.now() - began < 5000);
  assert.ok(!worker.log.some((l) => l.msg === 'handles were left open'));
  worker = null;
  assert.deepEqual(incoming(), []);
  assert.equal(copy(id).state, 'due');
});

test('a copy that outlasts its first claim keeps it', async () => {
  const body = wav(10);
  routes.set('/long', trickle(body, 360, 100));
  await work();
  const id = due('/long');
  await reaches(id, 'copied', 90000);
  assert.equal(copy(id).attempts, 1);
  assert.equal(asked.get('/long').length, 1);
  assert.deepEqual(readFileSync(kept(id)), body);
});

test('a recording that is deleted leaves no file, neither before nor after its copy', async () => {
  routes.set('/deleted', trickle(wav(10), 150, 100));
  routes.set('/plain', whole(wav(1)));
  await work();
  const early = due('/deleted');
  await until(() => asked.has('/deleted'), 15000, 'the request');
  exec(`DELETE FROM call_recordings WHERE call_id = '${early}'`);
  await until(() => open === 0 && incoming().length === 0, 14000, 'the copy to be dropped');
  assert.equal(copy(early).state, 'gone');
  assert.ok(!existsSync(kept(early)));

  const late = due('/plain');
  const other = due('/plain');
  await reaches(late, 'copied');
  await reaches(other, 'copied');
  exec(`DELETE FROM call_recordings WHERE call_id = '${late}'`);
  await until(() => copy(late).state === 'gone', 20000, 'the file to be erased');
  assert.ok(!existsSync(kept(late)));
  assert.equal(await metric('ringback_recordings_erased_total'), 1);

  // Who may write the row must not have others' files erased.
  exec(`INSERT INTO call_recordings (organization_id, call_id, storage_path) VALUES ('${organization}', '${early}', '${organization}/${other}.wav');
        DELETE FROM call_recordings WHERE call_id = '${early}'`);
  await until(() => worker.log.some((l) => /not the call's own/.test(l.msg)), 20000, 'the refusal');
  assert.ok(existsSync(kept(other)));
});

// ---- the other stores ------------------------------------------------------------------------------------------------------

test('S3: signed, retried, erased', async () => {
  const body = wav(5);
  routes.set('/to-s3', whole(body));
  refusals = 1;
  await work({
    RINGBACK_RECORDINGS_STORE: 's3://bucket/calls', RINGBACK_S3_ENDPOINT: link('/s3/'), RINGBACK_S3_REGION: 'eu-central-1',
    RINGBACK_S3_ACCESS_KEY_ID: KEY.id, RINGBACK_S3_SECRET_ACCESS_KEY: KEY.secret,
  });
  const id = due('/to-s3');
  const done = await reaches(id, 'copied');
  assert.equal(done.attempts, 2);
  const path = `/s3/bucket/calls/${organization}/${id}.wav`;
  assert.deepEqual(objects.get(path).body, body);
  assert.equal(objects.get(path).method, 'PUT');
  assert.equal(objects.get(path).headers['content-type'], 'audio/wav');
  assert.equal(recording(id).storage_path, `calls/${organization}/${id}.wav`);
  assert.equal(recording(id).duration_seconds, 5);
  exec(`DELETE FROM call_recordings WHERE call_id = '${id}'`);
  await reaches(id, 'gone');
  assert.ok(!objects.has(path));
});

test('S3: a wrong secret is no success', async () => {
  routes.set('/to-s3', whole(wav(1)));
  await work({
    RINGBACK_RECORDINGS_STORE: 's3://bucket', RINGBACK_S3_ENDPOINT: link('/s3'),
    RINGBACK_S3_ACCESS_KEY_ID: KEY.id, RINGBACK_S3_SECRET_ACCESS_KEY: 'wrong',
  });
  const id = due('/to-s3');
  await until(() => copy(id).error !== null, 10000, 'the refusal');
  assert.match(copy(id).error, /the store answered 403: .*SignatureDoesNotMatch/);
  assert.equal(recording(id).storage_path, null);
});

test('S3: 150 MB are sent with flat memory', async () => {
  const piece = randomBytes(1 << 20);
  routes.set('/large', async (_, r) => {
    r.writeHead(200, { 'Content-Type': 'audio/mpeg' });
    for (let i = 0; i < 150; i++) if (!r.write(piece)) await once(r, 'drain');
    r.end();
  });
  routes.set('/warm', whole(wav(60)));
  await work({
    RINGBACK_RECORDINGS_STORE: 's3://bucket', RINGBACK_S3_ENDPOINT: link('/s3'),
    RINGBACK_S3_ACCESS_KEY_ID: KEY.id, RINGBACK_S3_SECRET_ACCESS_KEY: KEY.secret,
  });
  await reaches(due('/warm'), 'copied');
  const idle = await metric('process_resident_memory_bytes');
  const id = due('/large');
  let peak = 0;
  await until(async () => { peak = Math.max(peak, await metric('process_resident_memory_bytes')); return copy(id).state === 'copied'; },
    60000, 'the large copy');
  assert.equal(recording(id).file_size_bytes, 150 * 2 ** 20);
  assert.ok(peak - idle < 32 * 2 ** 20, `memory grew by ${((peak - idle) / 2 ** 20).toFixed(1)} MiB`);
  objects.clear();
});

test('Supabase Storage: with the service key, erased also when it is gone already', async () => {
  const body = wav(5);
  routes.set('/to-supabase', whole(body));
  await work({
    RINGBACK_RECORDINGS_STORE: 'supabase://recordings', RINGBACK_SUPABASE_URL: link(''), RINGBACK_SUPABASE_SERVICE_KEY: 'service-key',
  });
  const id = due('/to-supabase');
  await reaches(id, 'copied');
  const path = `/storage/v1/object/recordings/${organization}/${id}.wav`;
  assert.deepEqual(objects.get(path).body, body);
  assert.equal(objects.get(path).method, 'POST');
  assert.equal(objects.get(path).headers['x-upsert'], 'true');
  assert.equal(recording(id).storage_path, `${organization}/${id}.wav`);
  objects.clear();
  exec(`DELETE FROM call_recordings WHERE call_id = '${id}'`);
  await reaches(id, 'gone');
});

test('settings that do not fit together stop the start with one line', () => {
  const cases = [
    [{ RINGBACK_RECORDINGS_STORE: 's3://bucket' }, /RINGBACK_S3_ACCESS_KEY_ID/],
    [{ RINGBACK_RECORDINGS_STORE: 'supabase://bucket' }, /RINGBACK_SUPABASE_URL/],
    [{ RINGBACK_RECORDINGS_STORE: 'gs://bucket' }, /RINGBACK_RECORDINGS_STORE is "gs:\/\/bucket"; accepted is file:/],
    [{ RINGBACK_RECORDINGS_STORE: 'file:///proc/nowhere' }, /cannot write to the folder/],
    [{ ...settings(), RINGBACK_RECORDINGS_ALLOW_PRIVATE: 'yes' }, /RINGBACK_RECORDINGS_ALLOW_PRIVATE is "yes"; accepted is on or off/],
    [{ ...settings(), RINGBACK_RECORDINGS_PARALLEL: '33' }, /from 1 to 32/],
    [{ ...settings(), RINGBACK_TWILIO_RECORDINGS_AUTH: 'topsecret' }, /"\(hidden\)"; accepted is ACxxx:token/],
  ];
  for (const [env, wanted] of cases) {
    const run = spawnSync(RINGBACK, ['worker'], { env: { ...process.env, RINGBACK_ADMIN_LISTEN: '127.0.0.1:0', ...env }, encoding: 'utf8', timeout: 10000 });
    assert.notEqual(run.status, 0);
    const lines = run.stderr.trim().split('\n').filter((l) => !l.startsWith('{'));
    assert.equal(lines.length, 1, run.stderr);
    assert.match(lines[0], wanted);
  }
});
