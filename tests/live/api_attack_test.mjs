// The REST API under attack: SQL in every place that takes text, other tenants' names in headers, connections shared by
// failing and good requests, combinations without end, numbers and nests without measure. Nothing leaks, nothing breaks, nothing is a 500.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import net from 'node:net';
import { join } from 'node:path';
import { sql, start } from './lib/harness.mjs';
import { Contract, ask, fingerprint, id, idsOf, org, people, seed, tokens } from './lib/api.mjs';

let server, hasty, contract, ids;
const CAMPAIGN = `/v1/campaigns/${id('a', 'campaign')}`, AGENT = `/v1/agents/${id('a', 'agent')}`;

before(async () => {
  seed(`INSERT INTO calls (organization_id, provider, external_call_id, to_number, created_at)
    SELECT o, 'retell', o || '-' || n, '+9198000' || lpad(n::text, 5, '0'), now() - n * interval '1 hour'
    FROM unnest(ARRAY['${org.a}', '${org.b}']::uuid[]) o, generate_series(1, 40) n;`);
  const settings = { RINGBACK_API_RATE: '100000', RINGBACK_API_DB_CONNECTIONS: '2' };
  server = await start('api', settings);
  hasty = await start('api', { ...settings, RINGBACK_API_TIMEOUT: '600ms' });
  contract = new Contract((await ask(server.address, null, 'GET', '/v1/openapi.json')).text);
  ids = { a: idsOf('a'), b: idsOf('b') };
});
after(async () => {
  for (const one of [server, hasty]) {
    assert.deepEqual(one?.log.filter((l) => l.level === 'error'), [], 'nothing went wrong inside');
    assert.equal(await one.stop(), 0);
  }
});

/** Asks as one of tenant a or b; whatever is answered, it is a promised answer without the other tenant's rows. */
async function attack(who, method, path, body, headers, target = server) {
  const answer = await ask(target.address, who, method, path, body, headers);
  assert.ok([200, 201, 204, 400, 401, 403, 404, 409, 414, 431, 504].includes(answer.status), `${who} ${method} ${path}: ${answer.status} ${answer.text}`);
  const other = who[0] === 'a' ? 'b' : 'a';
  assert.ok(!ids[other].some((one) => answer.text.includes(one)), `${who} ${method} ${path} ${JSON.stringify(headers)} told of ${other}: ${answer.text}`);
  return answer;
}

const INJECTIONS = [`'`, `"`, `\\`, `$1`, `:sort`, `' OR '1'='1`, `') OR 1=1 --`, `x' UNION SELECT access_token_encrypted FROM commerce_integrations --`,
  `'; DROP TABLE calls; --`, `'; SET ROLE postgres; --`, `'; SELECT pg_sleep(3); --`, `created_at; SELECT 1`, `created_at, (SELECT 1)`, `(SELECT id)`,
  `created_at DESC --`, `c.id`, `-- if search`, `/*`, `%`, `_`, `\u02bc OR 1=1`, `\uff07`, `{"a":1}`, `null`, `NaN`, `Infinity`, `0x10`, `1e2`, `+1`, ` 1`, `٣`];

test('SQL in a query, a path or a header is a value, or is refused', async () => {
  const untouched = { a: fingerprint('a'), b: fingerprint('b') }, total = {};
  for (const o of contract.operations.filter((p) => p.method === 'GET')) {
    const path = o.path.replace(/\{\w+\}/g, id('a', 'call'));
    for (const p of o.operation.parameters.filter((q) => q.in === 'query')) {
      for (const text of INJECTIONS) {
        const began = Date.now(), answer = await attack('a.member', 'GET', `${path}?${p.name}=${encodeURIComponent(text)}`);
        assert.ok(Date.now() - began < 2500, `${p.name}=${text} slept`);
        const free = ['search', 'product_type'].includes(p.name) || (p.schema.type === 'number' && /^\d+$/.test(text));
        assert.equal(answer.status, free ? 200 : 400, `${path}?${p.name}=${text}: ${answer.status}`);
        if (p.name === 'search' && text.length > 2) assert.equal(answer.body.pagination.total, 0, text);
        total[p.name] = (total[p.name] ?? 0) + 1;
      }
    }
  }
  assert.ok(total.sort >= 7 * INJECTIONS.length && total.order >= 7 * INJECTIONS.length && total.search >= 4 * INJECTIONS.length);
  for (const text of INJECTIONS.filter((t) => /^[\x21-\x7e][\x20-\x7e]*$/.test(t))) {
    assert.equal((await attack('a.member', 'GET', `/v1/calls/${encodeURIComponent(text)}`)).status, 400);
    assert.equal((await attack('a.member', 'GET', '/v1/calls', undefined, { 'X-Organization-Id': text })).status, 400);
    assert.equal((await attack('a.member', 'GET', '/v1/calls', undefined, { 'X-Request-Id': text })).status, 200);
    assert.equal((await attack('a.member', 'GET', '/v1/calls', undefined, { 'If-None-Match': text, 'Accept-Encoding': text })).status, 200);
    assert.equal((await attack(text, 'GET', '/v1/calls')).status, 401);
  }
  assert.deepEqual({ a: fingerprint('a'), b: fingerprint('b') }, untouched);
});

test('SQL in a body is stored as it is, or is refused', async () => {
  const untouched = fingerprint('b');
  for (const text of INJECTIONS) {
    const changed = await attack('a.member', 'PATCH', AGENT, { name: text, system_prompt: text, voice_settings: { [text]: text }, sentiment_rules: { [text]: [text] } });
    assert.deepEqual([changed.status, changed.body.data.name, changed.body.data.system_prompt, changed.body.data.voice_settings, changed.body.data.sentiment_rules],
      [200, text, text, { [text]: text }, { [text]: [text] }]);
    assert.equal((await attack('a.member', 'PATCH', AGENT, { [text]: 1 })).status, 400);
    assert.equal((await attack('a.member', 'PATCH', AGENT, { tone: text })).status, 400);
    const zone = await attack('a.member', 'PATCH', `${CAMPAIGN}/settings`, { schedule: { timezone: text } });
    assert.ok([200, 400].includes(zone.status));
  }
  assert.equal(fingerprint('b'), untouched);
});

test('no header makes one tenant the other', async () => {
  const raw = (head) => new Promise((resolve, reject) => {
    const [host, port] = server.address.split(':'), socket = net.connect(Number(port), host);
    let got = '';
    socket.setTimeout(20000, () => socket.destroy()).on('data', (d) => { got += d; }).on('close', () => resolve(got)).on('error', reject);
    socket.write(`GET /v1/calls?limit=100 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${head}\r\n`);
  });
  const mine = `Authorization: Bearer ${tokens['a.owner']}\r\n`, theirs = `Authorization: Bearer ${tokens['b.owner']}\r\n`, b = `X-Organization-Id: ${org.b}\r\n`;
  for (const [head, wanted] of [
    [mine + b, 403], [b + mine, 403], [`${mine}X-Organization-Id: ${org.a}, ${org.b}\r\n`, 400], [`${mine}X-Organization-Id: ${org.a}\r\n${b}`, 200],
    [`${mine}x-organization-id:${org.b}\r\n`, 403], [`${mine}X_Organization_Id: ${org.b}\r\n`, 200], [`${mine}Role: service_role\r\nrequest.jwt.claims: {"sub":"${people['b.owner']}"}\r\n`, 200],
    [`${mine}apikey: ${tokens['b.owner']}\r\nCookie: sb-access-token=${tokens['b.owner']}\r\n`, 200], [`${mine}X-HTTP-Method-Override: DELETE\r\n`, 200],
    [`${mine}Content-Length: 3\r\nTransfer-Encoding: chunked\r\n`, 400], [`${mine}Content-Length: 0\r\nContent-Length: 4\r\n`, 400], [`${mine}X-Original-URL: /v1/agents\r\n`, 200],
    [`Authorization: Basic ${tokens['a.owner']}\r\n`, 401], ['Authorization: Bearer\r\n', 401], [`Authorization: ${tokens['a.owner']}\r\n`, 401], [`Authorization: Bearer ${'x'.repeat(5000)}\r\n`, 401]]) {
    const got = await raw(head);
    assert.equal(got.slice(9, 12), String(wanted), `${head}: ${got.slice(0, 300)}`);
    assert.ok(!ids.b.some((one) => got.includes(one)), head);
  }
  // With two tokens it is one person's answer, not a mixture.
  for (const head of [mine + theirs, theirs + mine]) {
    const got = await raw(head);
    assert.ok(!(got.includes(org.a) && got.includes(org.b)), 'two tokens');
  }
});

test('numbers beyond measure and nests without end are refused or stored, never a crash', async () => {
  const nest = (n, open = '[', close = ']') => `{"voice_settings":{"a":${open.repeat(n)}${close.repeat(n)}}}`;
  for (const [body, wanted] of [
    ['{"voice_settings":{"n":123456789012345678901234567890.000000000000000000001}}', [200]], ['{"voice_settings":{"n":1e400}}', [200]], ['{"voice_settings":{"n":1e999999}}', [400]],
    ['{"voice_settings":{"n":1e-999999}}', [400]], [`{"voice_settings":{"n":${'9'.repeat(200000)}}}`, [400]], [nest(20), [200]], [nest(5000), [200, 400]], [nest(250000), [400]], [nest(100000, '{"a":', '}').replace('{}', '1'), [400]],
    ['['.repeat(1000000), [400]], ['{"a":'.repeat(200000), [400]], [`{"name":"${'\\u0041'.repeat(150000)}"}`, [400]], [`{${Array.from({ length: 50000 }, (_, n) => `"k${n}":1`)}}`, [400]],
    [`{"voice_settings":{${Array.from({ length: 20000 }, (_, n) => `"k${n}":1`)}}}`, [200]]]) {
    const answer = await attack('a.owner', 'PATCH', AGENT, body);
    assert.ok(wanted.includes(answer.status), `${body.slice(0, 60)}: ${answer.status} ${answer.text.slice(0, 300)}`);
  }
  for (const [path, wanted] of [['calls?page=1000000&limit=100', 200], ['carts?min_value=999999999999999.999999999999999', 200], ['carts?min_value=1e400', 400], [`carts?min_value=${'9'.repeat(400)}`, 400],
    ['calls?date_from=9999-12-31&date_to=9999-12-31', 200], ['calls?date_to=9999-12-31T23:59:59.999999%2B14:00', 200], ['calls?date_from=0001-01-01', 200], ['calls?date_from=0000-01-01', 400],
    ['analytics/calls?period=custom&date_from=9999-01-01&date_to=9999-12-31', 200], ['analytics/calls?period=custom&date_from=0001-01-01&date_to=0001-01-01&group_by=week', 200]])
    assert.equal((await attack('a.owner', 'GET', `/v1/${path}`)).status, wanted, path);
  await attack('a.owner', 'PATCH', AGENT, { name: 'Asha', voice_settings: {}, system_prompt: null });
});

test('combinations of parameters without end: all are answered, kept or not', async () => {
  const filters = ['campaign_id', 'agent_id', 'outcome', 'sentiment', 'status', 'date_from', 'date_to', 'search'];
  const values = { campaign_id: id('a', 'campaign'), agent_id: id('a', 'agent'), outcome: 'busy', sentiment: 'neutral', status: 'queued', date_from: '2000-01-01', date_to: '2100-01-01', search: '98' };
  const all = [];
  for (let n = 0; n < 1 << filters.length; n++) {
    const given = filters.filter((_, k) => n >> k & 1).map((f) => `${f}=${values[f]}`);
    for (const sort of ['created_at', 'duration_seconds']) all.push(`/v1/calls?${[...given, `sort=${sort}`].join('&')}`);
  }
  assert.ok(all.length > 500, 'more than are kept');
  const wanted = sql(`SELECT count(*)::int AS n FROM calls WHERE organization_id = '${org.a}'`)[0].n;
  const dates = (path) => path.replace(/&?(date_from|date_to|search)=[^&]*/g, '');
  let next = 0;
  const totals = new Map();
  await Promise.all(Array.from({ length: 8 }, async () => {
    for (let path; (path = all[next++]) !== undefined;) {
      const answer = await attack('a.owner', 'GET', path);
      assert.equal(answer.status, 200, `${path} ${answer.text}`);
      const plain = dates(path);
      // What takes in everything changes no total: search and dates fit all calls with a number.
      if (!path.includes('search')) totals.set(plain, totals.has(plain) ? (assert.equal(answer.body.pagination.total, totals.get(plain), path), totals.get(plain)) : answer.body.pagination.total);
    }
  }));
  assert.equal(totals.get('/v1/calls?sort=created_at'), wanted);
});

test('requests that fail leave nothing behind for the next one on their connection', async () => {
  const psql = spawn('psql', [process.env.RINGBACK_TEST_DATABASE_URL, '-XqAt'], { stdio: ['pipe', 'pipe', 'inherit'] });
  psql.stdin.write(`BEGIN; SELECT FROM campaigns WHERE id IN ('${id('a', 'campaign')}', '${id('b', 'campaign')}') FOR UPDATE; SELECT 'held';\n`);
  await once(psql.stdout, 'data');
  // Each: who, what, and what it must be, whatever runs beside it. Two connections serve all of them.
  const kinds = (t) => [
    [`${t}.owner`, 'GET', '/v1/calls?limit=100', 200], [`${t}.member`, 'GET', '/v1/orders', 200], [`${t}.member`, 'GET', `/v1/campaigns/${id(t, 'campaign')}`, 200],
    [`${t}.admin`, 'GET', '/v1/analytics/outcomes?period=custom&date_from=2026-01-01&date_to=2026-02-01', 200],
    [`${t}.member`, 'DELETE', `/v1/agents/${id(t, 'agent')}`, 403], [`${t}.owner`, 'DELETE', `/v1/agents/${id(t, 'agent')}`, 409],
    [`${t}.owner`, 'GET', `/v1/orders/${id(t === 'a' ? 'b' : 'a', 'order')}`, 404], [`${t}.owner`, 'POST', `/v1/campaigns/${id(t, 'campaign')}/agents`, 404, { agent_id: id(t === 'a' ? 'b' : 'a', 'agent') }],
    ['nobody', 'GET', '/v1/calls', 403], ['nobody', 'GET', `/v1/carts?search=${t}`, 403],
    [`${t}.owner`, 'PATCH', `/v1/campaigns/${id(t, 'campaign')}/settings`, 504, { concurrency: 3 }],
    [`${t}.owner`, 'GET', '/v1/calls', 403, undefined, { 'X-Organization-Id': org[t === 'a' ? 'b' : 'a'] }],
    [`${t}.owner`, 'GET', '/v1/analytics/calls?period=custom&date_from=2010-01-01&date_to=2026-02-01', 400]];
  const mixed = [...kinds('a'), ...kinds('b')], seen = new Map();
  const deadline = Date.now() + 3000;
  let n = 0;
  await Promise.all(Array.from({ length: 6 }, async (_, worker) => {
    for (let k = worker; Date.now() < deadline || k < worker + mixed.length; k++) {
      const [who, method, path, wanted, body, headers] = mixed[(k * 7 + worker) % mixed.length];
      const answer = await attack(who === 'nobody' ? (k % 2 ? 'nobody' : tokens.nobody) : who, method, path, body, headers, hasty);
      // A slow machine may time out what should not; then it says so.
      assert.ok([wanted, 504].includes(answer.status), `${who} ${method} ${path}: ${answer.status} ${answer.text.slice(0, 300)}`);
      if (answer.status === 200 && path.startsWith('/v1/calls')) assert.ok(answer.body.data.length > 0 && answer.body.data.every((r) => r.organization_id === org[who[0]]));
      seen.set(answer.status, (seen.get(answer.status) ?? 0) + 1);
      n++;
    }
  }));
  psql.stdin.end('ROLLBACK;\n');
  assert.ok([200, 400, 403, 404, 409, 504].every((s) => seen.get(s) > 0), JSON.stringify([...seen]));
  assert.ok(n >= 100, `${n} requests`);
  const states = sql(`SELECT usename, state, wait_event_type AS w FROM pg_stat_activity WHERE application_name = 'ringback-api'`);
  assert.ok(states.length === 4 && states.every((s) => s.state === 'idle'), JSON.stringify(states));
});

test('prepared statements survive requests that fail before them', async () => {
  // Nobody's requests are refused by the first statement of the transaction: the second must be prepared all the same, for those behind it.
  const fresh = await start('api', { RINGBACK_API_RATE: '100000', RINGBACK_API_DB_CONNECTIONS: '1' });
  const log = () => readFileSync(join(process.env.RINGBACK_TEST_DIR, 'pg.log'), 'utf8'), before_ = log().length;
  try {
    for (const list of ['calls', 'orders', 'carts', 'products', 'agents', 'campaigns', 'integrations']) {
      const asked = Array.from({ length: 12 }, (_, n) => ask(fresh.address, n % 2 ? 'a.owner' : 'nobody', 'GET', `/v1/${list}?limit=1`));
      assert.deepEqual((await Promise.all(asked)).map((r) => r.status), Array.from({ length: 12 }, (_, n) => n % 2 ? 200 : 403), list);
    }
    assert.deepEqual(fresh.log.filter((l) => l.level === 'error'), []);
    assert.doesNotMatch(log().slice(before_), /prepared statement "[^"]*" does not exist/, 'not even one that had to be sent again');
  } finally {
    await fresh.stop();
  }
});
