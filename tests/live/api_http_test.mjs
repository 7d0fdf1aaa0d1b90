// The REST API as HTTP: what clients and browsers expect of headers, what becomes of bad input, and what happens while PostgreSQL is slow,
// locked or away, a tenant asks too often, or the process is told to end.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { after, before, test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { request, sql, start, until } from './lib/harness.mjs';
import { WebSocket, versions } from './lib/clients.mjs';
import { Contract, ask, id, org, seed, tokens } from './lib/api.mjs';

const MANY = `INSERT INTO calls (organization_id, provider, external_call_id, to_number)
  SELECT '${org.a}', 'retell', 'many-' || n, '+9198000' || lpad(n::text, 5, '0') FROM generate_series(1, 90) n;`;
const CAMPAIGN = `/v1/campaigns/${id('a', 'campaign')}`, AGENT = `/v1/agents/${id('a', 'agent')}`;
const servers = (...args) => execFileSync(process.env.RINGBACK_SERVERS, args, { stdio: ['ignore', 'inherit', 'inherit'] });
const sleep = (ms) => new Promise((r) => setTimeout(r, ms));

let server, contract;
const ended = [];

async function api(who, method, path, wanted, body, headers) {
  const answer = await ask(server.address, who, method, path, body, headers);
  assert.equal(answer.status, wanted, `${who} ${method} ${path}: ${answer.status} ${answer.text.slice(0, 400)}`);
  contract.check(method, path, answer);
  if (wanted >= 400 && method !== 'HEAD') {
    assert.ok(answer.body?.error?.code && answer.body.error.message, answer.text);
    assert.deepEqual([answer.headers['cache-control'], answer.headers['access-control-allow-origin']], ['no-store', '*']);
  }
  return answer;
}

/** A transaction that holds a lock until it is let go. */
async function locked(statement) {
  const psql = spawn('psql', [process.env.RINGBACK_TEST_DATABASE_URL, '-XqAt', '-v', 'ON_ERROR_STOP=1'], { stdio: ['pipe', 'pipe', 'inherit'] });
  psql.stdin.write(`BEGIN; ${statement}; SELECT 'held';\n`);
  await once(psql.stdout, 'data');
  return async () => { psql.stdin.end('ROLLBACK;\n'); await once(psql, 'exit'); };
}

before(async () => {
  seed(MANY);
  server = await start('all', { RINGBACK_API_RATE: '100000', RINGBACK_API_TIMEOUT: '1s' });
  contract = new Contract((await ask(server.address, null, 'GET', '/v1/openapi.json')).text);
});
after(async () => {
  for (const s of [server, ...ended]) await s?.stop();
  // supabase-js leaves a timer behind that would keep this process for a minute; the exit code stays the tests' own.
  setTimeout(() => process.exit(), 1000);
});

// ---- input ----

test('a value that is not taken: 400, the field, and what is accepted', async () => {
  const bad = [
    ['calls?limit=0', 'limit', 'limit must be a whole number from 1 to 100'],
    ['calls?limit=101', 'limit', 'limit must be a whole number from 1 to 100'],
    ['calls?limit=1e1', 'limit', 'limit must be a whole number from 1 to 100'],
    ['calls?page=-1', 'page', 'page must be a whole number from 1 to 1000000'],
    ['calls?page=99999999999999999999', 'page', 'page must be a whole number from 1 to 1000000'],
    ['calls?page=1&page=2', 'page', 'page is given twice'],
    ['calls?outcome=', 'outcome', 'outcome must be one of answered, no_answer, busy, failed, voicemail'],
    ['calls?sort=id', 'sort', 'sort must be one of created_at, started_at, duration_seconds'],
    ['calls?order=DESC', 'order', 'order must be one of desc, asc'],
    ['calls?agent_id=1', 'agent_id', 'agent_id must be a UUID'],
    ['calls?date_from=2026-02-30', 'date_from', 'date_from must be a day, such as 2026-11-28, or a time, such as 2026-11-28T10:00:00Z'],
    ['calls?Limit=1', 'Limit', /^Limit is not known here; known are campaign_id, agent_id/],
    ['calls?offset=1', 'offset', /^offset is not known here/],
    [`calls?search=${'x'.repeat(101)}`, 'search', 'search must have at most 100 characters'],
    ['calls?search=%00', 'search', 'search must be UTF-8 text without NUL characters'],
    ['calls?search=%C3%28', 'search', 'search must be UTF-8 text without NUL characters'],
    ['calls?search=%ED%A0%80', 'search', 'search must be UTF-8 text without NUL characters'],
    ['calls/1', 'id', 'id must be a UUID'],
    ['calls/%00', 'id', 'id must be a UUID'],
    [`calls/${id('a', 'call')}%20`, 'id', 'id must be a UUID'],
    ['carts?min_value=-1', 'min_value', 'min_value must be a number of at least 0, such as 99.50'],
    ['analytics/calls?period=custom', 'date_from', 'date_from is missing: a custom period has a first and a last day'],
    ['analytics/calls?date_to=2026-01-01', 'date_to', 'date_to goes only with period=custom'],
    ['analytics/outcomes?period=custom&date_from=2020-01-01&date_to=2026-01-01', 'date_to', 'a period has at most 1096 days'],
    ['analytics/outcomes?period=custom&date_from=0001-01-01&date_to=0001-01-02', null, null],
  ];
  for (const [path, field, message] of bad) {
    const { body } = await api('a.member', 'GET', `/v1/${path}`, field === null ? 200 : 400);
    if (field === null) continue;
    assert.deepEqual([body.error.code, body.error.details.field], ['VALIDATION_ERROR', field], path);
    if (typeof message === 'string') assert.equal(body.error.message, message);
    else assert.match(body.error.message, message);
  }
});

test('a body that is not taken: 400, the member, and nothing is changed', async () => {
  const bytes = (...parts) => Buffer.concat(parts.map((p) => Buffer.from(p)));
  const bad = [
    ['PATCH', `${CAMPAIGN}/status`, '', 'status', /is missing/],
    ['PATCH', `${CAMPAIGN}/status`, {}, 'status', /is missing/],
    ['PATCH', `${CAMPAIGN}/status`, { status: 'completed' }, 'status', /must be one of running, paused/],
    ['PATCH', `${CAMPAIGN}/status`, { status: 'running', force: true }, 'force', /is not known here; known are status/],
    ['PATCH', `${CAMPAIGN}/status`, { status: ['running'] }, 'status', /must be a string/],
    ['PATCH', `${CAMPAIGN}/status`, '{"status":"running"', undefined, /must be one JSON object in UTF-8/],
    ['PATCH', `${CAMPAIGN}/status`, '{"status":"running"} x', undefined, /must be one JSON object/],
    ['PATCH', `${CAMPAIGN}/status`, '{"status":"paused","status":"running"}', 'status', /twice/],
    ['PATCH', `${CAMPAIGN}/status`, '[]', undefined, /must be one JSON object/],
    ['PATCH', `${CAMPAIGN}/status`, 'status=running', undefined, /must be one JSON object/],
    ['PATCH', `${CAMPAIGN}/settings`, {}, undefined, /nothing to change/],
    ['PATCH', `${CAMPAIGN}/settings`, { concurrency: 0 }, 'concurrency', /from 1 to 1000/],
    ['PATCH', `${CAMPAIGN}/settings`, { concurrency: 1.5 }, 'concurrency', /whole number/],
    ['PATCH', `${CAMPAIGN}/settings`, { concurrency: '5' }, 'concurrency', /whole number/],
    ['PATCH', `${CAMPAIGN}/settings`, { concurrency: null }, 'concurrency', /whole number/],
    ['PATCH', `${CAMPAIGN}/settings`, { schedule: { days: ['monday', 'monday'] } }, 'schedule.days', /twice/],
    ['PATCH', `${CAMPAIGN}/settings`, { schedule: { start_time: '24:00' } }, 'schedule.start_time', /time of day/],
    ['PATCH', `${CAMPAIGN}/settings`, { schedule: { hours: 1 } }, 'schedule', /has no member "hours"/],
    ['PATCH', AGENT, { name: '' }, 'name', /must not be empty/],
    ['PATCH', AGENT, { name: 'x'.repeat(201) }, 'name', /at most 200/],
    ['PATCH', AGENT, { name: null }, 'name', /must be a string/],
    ['PATCH', AGENT, '{"name":"a\\u0000b"}', 'name', /cannot be stored/],
    ['PATCH', AGENT, '{"name":"\\ud800"}', 'name', /cannot be stored/],
    ['PATCH', AGENT, '{"voice_settings":{"a\\u0000":1}}', 'voice_settings', /cannot be stored/],
    ['PATCH', AGENT, bytes('{"name":"', [0xc3, 0x28], '"}'), undefined, /UTF-8/],
    ['PATCH', AGENT, bytes('{"name":"a', [0], '"}'), undefined, /UTF-8/],
    ['PATCH', AGENT, bytes([0xef, 0xbb, 0xbf], '{"name":"a"}'), undefined, /UTF-8/],
    ['PATCH', AGENT, { voice_settings: [] }, 'voice_settings', /JSON object/],
    ['POST', '/v1/agents', { tone: 'friendly' }, 'name', /is missing/],
    ['POST', `${CAMPAIGN}/agents`, { agent_id: 'x' }, 'agent_id', /must be a UUID/],
    ['POST', `${CAMPAIGN}/agents`, { agent_id: id('a', 'agent'), is_primary: 'yes' }, 'is_primary', /true or false/],
  ];
  const state = () => sql(`SELECT (SELECT json_agg(c ORDER BY id) FROM campaigns c) AS c, (SELECT json_agg(a ORDER BY id) FROM agents a) AS a`);
  const before_ = state();
  for (const [method, path, body, field, message] of bad) {
    const answer = await api('a.owner', method, path, 400, body);
    assert.deepEqual([answer.body.error.code, answer.body.error.details.field], ['VALIDATION_ERROR', field], `${path} ${JSON.stringify(body)}: ${answer.text}`);
    assert.match(answer.body.error.message, message);
  }
  assert.deepEqual(state(), before_);
});

test('bodies have a bound, and endpoints that need none take an empty one', async () => {
  const big = `{"name":"${'x'.repeat(1 << 20)}"}`;
  const refused = await ask(server.address, 'a.owner', 'PATCH', AGENT, big);
  assert.deepEqual([refused.status, refused.headers['access-control-allow-origin']], [413, '*'], 'told by the door, and a browser may read it');
  const prompt = 'ü'.repeat(99999);
  assert.equal((await api('a.owner', 'PATCH', AGENT, 200, { system_prompt: prompt })).body.data.system_prompt, prompt);
  await api('a.owner', 'PATCH', AGENT, 200, { system_prompt: null });
  assert.equal((await api('a.owner', 'POST', `${AGENT}/duplicate`, 201, '')).body.data.status, 'draft');
  assert.equal((await api('a.owner', 'POST', `${AGENT}/duplicate`, 201, '{}')).body.data.status, 'draft');
  const chunked = await ask(server.address, 'a.owner', 'PATCH', AGENT, '{"tone":"casual"}', { 'Content-Length': undefined, 'Transfer-Encoding': 'chunked' });
  assert.deepEqual([chunked.status, chunked.body.data.tone], [200, 'casual']);
});

test('addresses: what there is not is 404, another method 405 with Allow', async () => {
  for (const path of ['/v1/', '/v1/nothing', '/v1/calls/', '/v1//calls', '/v1/Calls', '/v1/%63alls', '/v1/calls/x/y/z', `/v1/${'a/'.repeat(50)}`, '/v1/../v1/calls'])
    assert.equal((await api('a.owner', 'GET', path, 404)).body.error.code, 'NOT_FOUND', path);
  for (const [method, path, allow] of [['POST', '/v1/calls', 'GET'], ['PUT', AGENT, 'GET, PATCH, DELETE'], ['DELETE', '/v1/agents', 'GET, POST'], ['GET', `${CAMPAIGN}/status`, 'PATCH'], ['POST', '/v1/openapi.json', 'GET']])
    assert.equal((await api('a.owner', method, path, 405)).headers.allow, allow, `${method} ${path}`);
  assert.equal((await ask(server.address, 'a.owner', 'GET', `/v1/calls?search=${'%41'.repeat(2000)}`)).status, 400, 'longer than an address may be');
  assert.equal((await api('a.owner', 'GET', `/v1/calls?${'&'.repeat(4000)}limit=1`, 200)).body.data.length, 1);
});

// ---- what clients expect ----

test('HEAD is GET without a body; entity tags save the second answer', async () => {
  const one = await api('a.member', 'GET', '/v1/calls', 200), head = await api('a.member', 'HEAD', '/v1/calls', 200);
  assert.deepEqual([head.text, head.headers.etag, head.headers['content-length']], ['', one.headers.etag, String(Buffer.byteLength(one.text))]);
  assert.match(one.headers.etag, /^W\/"[0-9a-f]{16}"$/);
  assert.deepEqual([one.headers['content-type'], one.headers['cache-control']], ['application/json', 'private, no-cache']);
  for (const header of [one.headers.etag, `"x", ${one.headers.etag}`, one.headers.etag.slice(2), '*']) {
    const same = await api('a.member', 'GET', '/v1/calls', 304, undefined, { 'If-None-Match': header });
    assert.deepEqual([same.text, same.headers.etag], ['', one.headers.etag]);
  }
  await api('a.member', 'GET', '/v1/calls', 200, undefined, { 'If-None-Match': '"0123456789abcdef"' });
  assert.notEqual((await api('b.member', 'GET', '/v1/calls', 200)).headers.etag, one.headers.etag);
  for (const needed of ['Authorization', 'X-Organization-Id']) assert.ok(one.headers.vary.includes(needed));
  const { etag } = (await api('a.member', 'GET', CAMPAIGN, 200)).headers;
  await api('a.member', 'PATCH', `${CAMPAIGN}/settings`, 200, { concurrency: 9 });
  await api('a.member', 'GET', CAMPAIGN, 200, undefined, { 'If-None-Match': etag });
  assert.equal((await api('a.member', 'PATCH', `${CAMPAIGN}/settings`, 200, { concurrency: 8 }, { 'If-None-Match': '*' })).headers.etag, undefined);
});

test('gzip where it is accepted and pays', async () => {
  const raw = (encoding, path = '/v1/calls') => new Promise((resolve, reject) => {
    import('node:http').then(({ default: http }) => http.get(`http://${server.address}${path}`, { headers: { Authorization: `Bearer ${tokens['a.member']}`,
      ...(encoding ? { 'Accept-Encoding': encoding } : {}) } }, (r) => {
      const parts = [];
      r.on('data', (d) => parts.push(d)).on('end', () => resolve({ headers: r.headers, body: Buffer.concat(parts) }));
    }).on('error', reject));
  });
  const plain = await raw();
  for (const encoding of ['gzip', 'br, gzip;q=0.5', 'GZIP', '*']) {
    const packed = await raw(encoding);
    assert.equal(packed.headers['content-encoding'], 'gzip', encoding);
    assert.ok(gunzipSync(packed.body).equals(plain.body) && packed.body.length < plain.body.length / 3);
    assert.equal(packed.headers.etag, plain.headers.etag);
  }
  for (const encoding of [undefined, 'identity', 'br', 'gzip;q=0', 'gzipped', '*;q=0'])
    assert.equal((await raw(encoding)).headers['content-encoding'], undefined, encoding);
  assert.equal((await raw('gzip', '/v1/integrations?limit=1')).headers['content-encoding'], undefined, 'small answers stay plain');
});

test('preflights, request ids, and errors that a browser may read', async () => {
  const ask_ = await api(null, 'OPTIONS', CAMPAIGN, 204, undefined, { Origin: 'https://app.example', 'Access-Control-Request-Method': 'PATCH',
    'Access-Control-Request-Headers': 'authorization,content-type,x-organization-id' });
  for (const method of ['GET', 'POST', 'PATCH', 'DELETE']) assert.ok(ask_.headers['access-control-allow-methods'].includes(method));
  for (const name of ['authorization', 'content-type', 'apikey', 'x-client-info', 'x-organization-id', 'if-none-match', 'x-request-id'])
    assert.ok(ask_.headers['access-control-allow-headers'].toLowerCase().split(/, */).includes(name), name);
  assert.equal(ask_.headers['access-control-allow-origin'], '*');
  assert.equal((await api('a.member', 'GET', '/v1/calls', 200, undefined, { 'X-Request-Id': 'mine-1.2_3' })).headers['x-request-id'], 'mine-1.2_3');
  const ours = new Set();
  for (const theirs of [undefined, '', 'a b', 'x'.repeat(65), '<script>', 'a;b'])
    ours.add((await api('a.member', 'GET', '/v1/nothing', 404, undefined, theirs === undefined ? {} : { 'X-Request-Id': theirs })).headers['x-request-id']);
  assert.equal(ours.size, 6, 'each gets one of its own');
  for (const one of ours) assert.match(one, /^[0-9a-f]{8}-\d+$/);
});

test('a change made through the API appears on an open dashboard', async () => {
  const version = versions.at(-1), heard = [];
  const supabase = version.createClient(`http://${server.address}`, 'anon', { auth: { persistSession: false, autoRefreshToken: false },
    accessToken: async () => tokens['a.member'], realtime: version.realtime });
  let live = false;
  supabase.channel('room').on('postgres_changes', { event: '*', schema: 'public', table: 'campaigns' }, (p) => heard.push(p))
    .on('system', {}, (p) => { live ||= p.status === 'ok'; }).subscribe();
  await until(() => live, 20000, 'the subscription');
  await api('b.owner', 'PATCH', `/v1/campaigns/${id('b', 'campaign')}/settings`, 200, { concurrency: 3 });
  await api('a.owner', 'PATCH', `${CAMPAIGN}/settings`, 200, { concurrency: 77 });
  await until(() => heard.some((p) => p.new.concurrency === 77), 20000, `the change; heard ${JSON.stringify(heard)}`);
  assert.deepEqual(heard.map((p) => [p.eventType, p.table, p.new.id]), [['UPDATE', 'campaigns', id('a', 'campaign')]], 'once, and nothing of b');
  await supabase.removeAllChannels();
  await supabase.realtime.disconnect();
});

// ---- trouble ----

test('a statement over RINGBACK_API_TIMEOUT: 504, nothing stored, and others are not held up', async () => {
  const release = await locked(`SELECT FROM campaigns WHERE id = '${id('a', 'campaign')}' FOR UPDATE`);
  const late = ask(server.address, 'a.owner', 'PATCH', `${CAMPAIGN}/settings`, { concurrency: 500 });
  await until(() => sql(`SELECT count(*)::int AS n FROM pg_stat_activity WHERE wait_event_type = 'Lock'`)[0].n > 0, 10000, 'the wait');
  assert.equal((await api('a.owner', 'GET', CAMPAIGN, 200)).body.data.concurrency, 77);
  const answer = await late;
  contract.check('PATCH', `${CAMPAIGN}/settings`, answer);
  assert.deepEqual([answer.status, answer.body.error.code], [504, 'TIMEOUT']);
  await release();
  assert.equal((await api('a.owner', 'GET', CAMPAIGN, 200)).body.data.concurrency, 77);
});

test('a statement that hangs holds up nobody who comes later', async () => {
  const two = await start('api', { RINGBACK_API_RATE: '100000', RINGBACK_API_DB_CONNECTIONS: '2' });
  const release = await locked(`SELECT FROM campaigns WHERE id = '${id('a', 'campaign')}' FOR UPDATE`);
  let hangs = true;
  const stuck = ask(two.address, 'a.owner', 'PATCH', `${CAMPAIGN}/settings`, { concurrency: 78 }).then((r) => { hangs = false; return r; });
  try {
    await until(() => sql(`SELECT count(*)::int AS n FROM pg_stat_activity WHERE wait_event_type = 'Lock'`)[0].n > 0, 10000, 'the wait');
    await sleep(200);
    // More at once than the other connection takes: none of them may be sent behind the one that hangs.
    const others = await Promise.all(Array.from({ length: 30 }, () => ask(two.address, 'a.owner', 'GET', '/v1/agents')));
    assert.deepEqual([...new Set(others.map((r) => r.status))], [200]);
    assert.ok(hangs, 'all of them were answered while it hung');
  } finally {
    await release();
    assert.equal((await stuck).status, 200);
    await ask(two.address, 'a.owner', 'PATCH', `${CAMPAIGN}/settings`, { concurrency: 77 });
    await two.stop();
  }
});

test('a tenant that asks too often gets 429 with Retry-After; others do not, and it ends by itself', async () => {
  const slow = await start('api', { RINGBACK_API_RATE: '5', RINGBACK_API_DB_CONNECTIONS: '1' });
  ended.push(slow);
  const one = (who) => ask(slow.address, who, 'GET', '/v1/campaigns');
  for (const who of ['a.owner', 'a.member', 'b.owner']) assert.equal((await one(who)).status, 200, 'now it is known whose they are');
  const many = await Promise.all(Array.from({ length: 40 }, (_, n) => one(n % 2 ? 'a.owner' : 'a.member')));
  const refused = many.filter((r) => r.status === 429);
  assert.ok(refused.length >= 5 && refused.length < 40, `${refused.length} of 40 refused`);
  for (const r of refused) {
    contract.check('GET', '/v1/campaigns', r);
    assert.equal(r.body.error.code, 'RATE_LIMITED');
    assert.ok(Number(r.headers['retry-after']) >= 1);
  }
  assert.equal((await one('b.owner')).status, 200, 'b is not a');
  await sleep(1000 * Number(refused[0].headers['retry-after']));
  assert.equal((await one('a.owner')).status, 200);
  assert.equal((await ask(slow.address, null, 'GET', '/v1/openapi.json')).status, 200);
});

test('with all connections busy others wait a moment, then get 503', async () => {
  const narrow = ended[0], path = `/v1/campaigns/${id('b', 'campaign')}/settings`,
    release = await locked(`SELECT FROM campaigns WHERE id = '${id('b', 'campaign')}' FOR UPDATE`);
  const stuck = ask(narrow.address, 'b.owner', 'PATCH', path, { concurrency: 9 });
  await until(() => sql(`SELECT count(*)::int AS n FROM pg_stat_activity WHERE wait_event_type = 'Lock'`)[0].n > 0, 10000, 'the wait');
  // They have nowhere to go, unless one is sent behind it before it is known to hang.
  const others = Array.from({ length: 8 }, () => ask(narrow.address, 'b.owner', 'GET', '/v1/agents'));
  const full = await Promise.any(others.map(async (one) => {
    const r = await one;
    if (r.status !== 503) throw new Error(r.status);
    return r;
  }));
  assert.deepEqual([full.headers['retry-after'], full.body.error.code], ['1', 'UNAVAILABLE']);
  await release();
  for (const r of await Promise.all(others)) assert.ok([200, 503].includes(r.status), `${r.status}`);
  assert.equal((await stuck).status, 200);
});

test('while PostgreSQL is away: 503 with Retry-After at once; it comes back by itself', async () => {
  servers('stop', 'postgres');
  await until(async () => (await ask(server.address, 'a.owner', 'GET', '/v1/calls')).status === 503, 10000, '503');
  for (let n = 0; n < 5; n++) {
    const r = await api('a.owner', 'GET', '/v1/calls', 503);
    assert.deepEqual([r.headers['retry-after'], r.body.error.code], ['1', 'UNAVAILABLE']);
  }
  assert.equal((await api('a.owner', 'GET', '/v1/calls?limit=0', 400)).body.error.details.field, 'limit', 'what needs no database is told');
  assert.notEqual((await request(server.admin, 'GET', '/readyz')).status, 200);
  servers('start', 'postgres');
  await until(async () => (await ask(server.address, 'a.owner', 'GET', '/v1/calls')).status === 200, 20000, 'recovery');
  await api('a.owner', 'PATCH', `${CAMPAIGN}/settings`, 200, { concurrency: 4 });
});

test('a backend that is killed under a request: a read is tried again, unseen', async () => {
  const answers = [];
  let stop = false;
  const load = Array.from({ length: 4 }, async () => { while (!stop) answers.push((await ask(server.address, 'a.owner', 'GET', '/v1/calls')).status); });
  for (let n = 0; n < 5; n++) {
    sql(`SELECT pg_terminate_backend(pid) AS t FROM pg_stat_activity WHERE application_name = 'ringback-api' ORDER BY random() LIMIT 2`);
    await sleep(100);
  }
  stop = true;
  await Promise.all(load);
  assert.ok(answers.length > 20 && answers.every((s) => s === 200), `${answers.filter((s) => s !== 200)} of ${answers.length}`);
});

test('SIGTERM: running requests are answered, then the process ends in order', async () => {
  const release = await locked(`SELECT FROM campaigns WHERE id = '${id('a', 'campaign')}' FOR UPDATE`);
  const running = ask(server.address, 'a.owner', 'PATCH', `${CAMPAIGN}/settings`, { concurrency: 321 });
  await until(() => sql(`SELECT count(*)::int AS n FROM pg_stat_activity WHERE wait_event_type = 'Lock'`)[0].n > 0, 10000, 'the wait');
  const exit = server.stop();
  await sleep(150);
  await release();
  const answer = await running;
  assert.deepEqual([answer.status, answer.body.data.concurrency, answer.headers.connection], [200, 321, 'close']);
  assert.equal(await exit, 0);
  await assert.rejects(ask(server.address, 'a.owner', 'GET', '/v1/calls'));
});
