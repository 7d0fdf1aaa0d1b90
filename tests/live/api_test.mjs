// The REST API from outside: a client goes through every endpoint as two tenants and all kinds of people, with right and wrong
// input. Each answer is held against openapi.json; who is not to see or change a thing finds that it does not exist.
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { sql, start } from './lib/harness.mjs';
import { OpenApiClient, openApiValidator } from './lib/clients.mjs';
import { Contract, ask, fingerprint, forge, id, idsOf, org, people, root, seed, tokens } from './lib/api.mjs';

const STATES = ['draft', 'scheduled', 'running', 'paused', 'completed', 'cancelled'];
const FOLDER = join(process.env.RINGBACK_TEST_DIR, 'recordings');
const MORE = `
  UPDATE call_recordings SET storage_path = organization_id || '/' || call_id || '.mp3', duration_seconds = 61;
  INSERT INTO agents (id, organization_id, name, status, tone, voice_settings, deleted_at)
    SELECT md5('a/agent/' || n)::uuid, '${org.a}', 'Agent ' || n, 'active', 'friendly', '{"speed": 1.10}', CASE n WHEN 9 THEN now() END
    FROM generate_series(2, 9) n;
  INSERT INTO campaigns (id, organization_id, name, status, schedule, settings, deleted_at)
    SELECT md5('a/campaign/' || (n + 1))::uuid, '${org.a}', s, s::campaign_status, '{"days": ["monday"], "timezone": "UTC"}',
           '{"max_attempts": 3, "call_recording": true}', NULL
    FROM unnest('{${STATES}}'::text[]) WITH ORDINALITY u (s, n);
  INSERT INTO campaigns (id, organization_id, name, status, deleted_at) VALUES ('${id('a', 'campaign', 9)}', '${org.a}', 'gone', 'paused', now());
  INSERT INTO campaign_agents (organization_id, campaign_id, agent_id) VALUES ('${org.a}', '${id('a', 'campaign', 4)}', '${id('a', 'agent', 2)}');
  INSERT INTO calls (organization_id, campaign_id, agent_id, provider, external_call_id, from_number, to_number, status, outcome, sentiment,
                     duration_seconds, metadata, started_at, created_at)
    SELECT '${org.a}', md5('a/campaign/' || (4 + n % 2))::uuid, md5('a/agent/' || (2 + n % 3))::uuid, 'retell', 'more-' || n, '+14155550100',
           '+9198000' || lpad(n::text, 5, '0'), (enum_range(NULL::call_status))[1 + n % 4], (enum_range(NULL::call_outcome))[1 + n % 5],
           (enum_range(NULL::call_sentiment))[1 + n % 3], CASE WHEN n % 7 > 0 THEN n * 3 END,
           CASE WHEN n % 2 = 0 THEN '{"payment_type": "cod"}'::jsonb ELSE '{}' END, now() - n * interval '7 hours', now() - n * interval '7 hours'
    FROM generate_series(1, 60) n;
  INSERT INTO commerce_products (organization_id, integration_id, external_product_id, title, vendor, product_type, status)
    SELECT '${org.a}', '${id('a', 'integration')}', 'more-' || n, 'Kettle ' || n, CASE n % 2 WHEN 0 THEN 'Müller & Söhne' ELSE 'Ångström' END,
           'Kitchen', (enum_range(NULL::product_status))[1 + n % 3] FROM generate_series(1, 25) n;
  INSERT INTO commerce_orders (organization_id, integration_id, external_order_id, order_number, customer_name, customer_email, customer_phone,
                               payment_type, financial_status, fulfillment_status, total_amount, currency, order_created_at)
    SELECT '${org.a}', '${id('a', 'integration')}', 'more-' || n, '#' || (1000 + n), 'Zoë ' || n, 'zoe' || n || '@example.com',
           '+91987600' || lpad(n::text, 4, '0'), (enum_range(NULL::payment_type))[1 + n % 3], (enum_range(NULL::order_financial_status))[1 + n % 5],
           (enum_range(NULL::order_fulfillment_status))[1 + n % 4], CASE WHEN n % 9 > 0 THEN n * 100 + 0.50 END, 'INR', now() - n * interval '5 hours'
    FROM generate_series(1, 45) n;
  INSERT INTO commerce_abandoned_carts (organization_id, integration_id, checkout_token, customer_name, customer_phone, total_value, currency, status,
                                        abandoned_at, recovered_at)
    SELECT '${org.a}', '${id('a', 'integration')}', 'more-' || n, 'Ines ' || n, CASE WHEN n % 2 = 0 THEN '+9198765' || lpad(n::text, 5, '0') END,
           n * 10 + 0.10, CASE WHEN n % 4 = 0 THEN 'USD' ELSE 'INR' END, (enum_range(NULL::cart_status))[1 + n % 3], now() - n * interval '11 hours',
           CASE WHEN n % 3 = 1 THEN now() - n * interval '10 hours' END
    FROM generate_series(1, 30) n;`;

let server, contract;

/** Asks, and holds the answer against the contract. `wanted`: the status. */
async function api(who, method, path, wanted, body, headers) {
  const answer = await ask(server.address, who, method, path, body, headers);
  assert.equal(answer.status, wanted, `${who} ${method} ${path}: ${answer.status} ${answer.text.slice(0, 400)}`);
  contract.check(method, path, answer);
  return answer;
}
const count = (query) => sql(`SELECT count(*)::int AS n FROM ${query}`)[0].n;
const KIND = { campaigns: 'campaign', agents: 'agent', calls: 'call', products: 'product', orders: 'order', carts: 'cart', integrations: 'integration' };
const TABLE = { calls: 'calls', products: 'commerce_products', orders: 'commerce_orders', carts: 'commerce_abandoned_carts',
  campaigns: 'campaigns', agents: 'agents', integrations: 'commerce_integrations' };
/** The operation's path for a tenant's own rows. */
const pathFor = (o, tenant) => o.path.replace('{agent_id}', id(tenant, 'agent')).replace('{id}', id(tenant, KIND[o.path.split('/')[2]]));
/** A body that each operation takes. */
const bodyFor = (o, tenant) => ({ campaigns_status: { status: 'running' }, campaigns_settings: { concurrency: 2 }, agents_create: { name: 'New' },
  campaign_agents_link: { agent_id: id(tenant, 'agent', 5) }, agents_update: { name: 'Renamed' }, agents_status: { status: 'active' } })[o.id];
const reads = () => contract.operations.filter((o) => o.method === 'GET');

before(async () => {
  seed(MORE);
  for (const t of ['a', 'b']) {
    mkdirSync(join(FOLDER, org[t]), { recursive: true });
    writeFileSync(join(FOLDER, org[t], `${id(t, 'call')}.mp3`), `sound of ${t}`);
  }
  server = await start('api', { RINGBACK_API_RATE: '100000', RINGBACK_RECORDINGS_STORE: `file://${FOLDER}` });
  contract = new Contract((await ask(server.address, null, 'GET', '/v1/openapi.json')).text);
});
after(async () => { if (server) assert.equal(await server.stop(), 0, 'SIGTERM ends it in order'); });

test('openapi.json is valid and has an operation for each file of schema/api', async () => {
  const verdict = await (await openApiValidator()).validate(structuredClone(contract.document));
  assert.ok(verdict.valid, JSON.stringify(verdict.errors));
  assert.equal(contract.document.openapi, '3.1.0');
  const files = readdirSync(join(root, 'schema/api')).filter((f) => f.endsWith('.sql') && f !== 'begin.sql').map((f) => f.slice(0, -4));
  assert.deepEqual(contract.operations.map((o) => o.id).sort(), files.sort());
});

test('a client generated from openapi.json works', async () => {
  const made = new OpenApiClient({ definition: structuredClone(contract.document),
    axiosConfigDefaults: { baseURL: `http://${server.address}`, proxy: false, headers: { Authorization: `Bearer ${tokens['a.owner']}` } } });
  const client = await made.init();
  const calls = await client.calls_list({ limit: 2, page: 3, outcome: 'answered', sort: 'duration_seconds', order: 'asc' });
  assert.deepEqual([calls.status, calls.data.data.length, calls.data.pagination.page], [200, 2, 3]);
  const one = await client.calls_get(calls.data.data[0].id);
  assert.equal(one.data.data.id, calls.data.data[0].id);
  const agent = await client.agents_create(null, { name: 'Generated', tone: 'empathetic', voice_settings: { speed: 1.5 } });
  assert.deepEqual([agent.status, agent.data.data.status, agent.data.data.voice_settings], [201, 'draft', { speed: 1.5 }]);
  const link = await client.campaign_agents_link(id('a', 'campaign'), { agent_id: agent.data.data.id });
  assert.equal(link.status, 201);
  await assert.rejects(client.agents_delete(agent.data.data.id), (e) => e.response.status === 409 && e.response.data.error.code === 'CONFLICT');
  assert.equal((await client.campaign_agents_unlink({ id: id('a', 'campaign'), agent_id: agent.data.data.id })).status, 204);
  assert.equal((await client.agents_delete(agent.data.data.id)).status, 204);
  await assert.rejects(client.agents_get(agent.data.data.id), (e) => e.response.status === 404);
  const other = await client.integrations_list({ 'X-Organization-Id': org.b }).catch((e) => e.response);
  assert.equal(other.status, 403, 'headers of the document are sent');
});

test('every GET shows each tenant its own rows only, whatever the member is called, in the promised shape', async () => {
  const ids = { a: idsOf('a'), b: idsOf('b') };
  for (const o of reads()) {
    for (const who of Object.keys(people).filter((p) => /^[ab]\./.test(p))) {
      const mine = who[0], other = mine === 'a' ? 'b' : 'a', { text, body } = await api(who, 'GET', pathFor(o, mine), 200);
      assert.ok(!ids[other].some((one) => text.includes(one)), `${who} GET ${o.path} holds an id of the other tenant: ${text}`);
      assert.ok(!/secret-|encrypted/.test(text), `${o.path}: secrets stay here`);
      if (o.path.endsWith('{id}')) assert.equal(body.data.id, id(mine, KIND[o.path.split('/')[2]]));
      else if (body.pagination) assert.ok(body.data.length > 0 && body.pagination.total >= body.data.length, o.path);
    }
  }
  const { text } = await api('a.member', 'GET', `/v1/orders/${id('a', 'order')}`, 200);
  assert.match(text, /"total_amount" ?: ?4999\.00,/, 'money keeps its digits');
});

test('lists: total, filters, pages and sorting agree with SQL', async () => {
  for (const o of reads().filter((r) => r.operation.parameters.some((p) => p.name === 'page'))) {
    const name = o.path.split('/')[2], mine = `organization_id = '${org.a}'${/campaigns|agents/.test(name) ? ' AND deleted_at IS NULL' : ''}`;
    const choices = (wanted) => o.operation.parameters.find((p) => p.name === wanted).schema;
    const sortings = choices('sort').enum.flatMap((sort) => [[sort, 'desc', 'DESC NULLS LAST'], [sort, 'asc', 'ASC NULLS FIRST']]);
    const [facts] = sql(`SELECT json_agg(t) AS rows, ${sortings.map(([sort, order, sqlOrder]) =>
      `json_agg(t.id ORDER BY t.${sort} ${sqlOrder}, t.id ${sqlOrder}) AS ${sort}_${order}`)} FROM ${TABLE[name]} t WHERE ${mine}`);
    const total = facts.rows.length;
    for (const { name: filter, schema } of o.operation.parameters.filter((p) => p.schema?.enum && !['sort', 'order'].includes(p.name))) {
      for (const value of schema.enum) {
        const { body } = await api('a.member', 'GET', `${o.path}?${filter}=${value}&limit=100`, 200);
        assert.equal(body.pagination.total, facts.rows.filter((row) => row[filter] === value).length, `${o.path}?${filter}=${value}`);
        assert.ok(body.data.every((row) => row[filter] === value));
      }
    }
    for (const [sort, order] of sortings) {
      const seen = [], limit = order === 'asc' ? 19 : 100, pages = Math.ceil(total / limit);
      for (let page = 1; page <= pages + 1; page++) {
        const { body } = await api('a.member', 'GET', `${o.path}?page=${page}&limit=${limit}&sort=${sort}&order=${order}`, 200);
        assert.deepEqual(body.pagination, { page, limit, total, total_pages: pages });
        assert.equal(body.data.length, Math.max(0, Math.min(limit, total - (page - 1) * limit)));
        seen.push(...body.data.map((row) => row.id));
      }
      assert.deepEqual(seen, facts[`${sort}_${order}`], `${o.path} by ${sort} ${order}`);
    }
    const { body } = await api('a.member', 'GET', o.path, 200);
    assert.deepEqual(body.data.map((r) => r.id), facts[`${choices('sort').default}_desc`].slice(0, choices('limit').default), `${o.path} by default`);
  }
});

test('searches and ranges find what they name', async () => {
  const today = sql(`SELECT (now() AT TIME ZONE 'Asia/Kolkata')::date AS d`)[0].d;
  const day = (n) => new Date(Date.parse(today) - n * 864e5).toISOString().slice(0, 10);
  const mine = `organization_id = '${org.a}'`, local = (column) => `(${column} AT TIME ZONE 'Asia/Kolkata')::date`;
  const cases = [
    [`calls?search=${encodeURIComponent('+919800000007')}`, `calls WHERE ${mine} AND to_number = '+919800000007'`],
    ['calls?search=00001', `calls WHERE ${mine} AND (to_number LIKE '%00001%' OR from_number LIKE '%00001%')`],
    [`calls?campaign_id=${id('a', 'campaign', 4)}&outcome=busy&agent_id=${id('a', 'agent', 3)}`,
      `calls WHERE ${mine} AND campaign_id = '${id('a', 'campaign', 4)}' AND outcome = 'busy' AND agent_id = '${id('a', 'agent', 3)}'`],
    [`calls?campaign_id=${id('b', 'campaign')}`, 'calls WHERE false'],
    [`calls?date_from=${day(4)}&date_to=${day(2)}`, `calls WHERE ${mine} AND ${local('created_at')} BETWEEN '${day(4)}' AND '${day(2)}'`],
    [`calls?date_from=${encodeURIComponent(`${day(3)}T12:00:00+05:30`)}`, `calls WHERE ${mine} AND created_at >= '${day(3)}T12:00:00+05:30'`],
    [`orders?date_to=${day(5)}`, `commerce_orders WHERE ${mine} AND ${local('order_created_at')} <= '${day(5)}'`],
    [`orders?search=${encodeURIComponent('#1007')}`, `commerce_orders WHERE ${mine} AND order_number = '#1007'`],
    [`orders?search=${encodeURIComponent('ZOË 1')}&payment_type=cod`, `commerce_orders WHERE ${mine} AND customer_name LIKE 'Zoë 1%' AND payment_type = 'cod'`],
    ['orders?search=zoe7@example', `commerce_orders WHERE ${mine} AND customer_email LIKE 'zoe7@%'`],
    ['carts?search=9876500002', `commerce_abandoned_carts WHERE ${mine} AND customer_phone = '+919876500002'`],
    [`orders?search=${encodeURIComponent('#101')}&payment_type=cod`, `commerce_orders WHERE ${mine} AND order_number LIKE '%#101%' AND payment_type = 'cod'`],
    [`products?search=${encodeURIComponent('MÜLLER & s')}`, `commerce_products WHERE ${mine} AND vendor = 'Müller & Söhne'`],
    ['products?product_type=Kitchen&search=kettle%202', `commerce_products WHERE ${mine} AND title LIKE 'Kettle 2%'`],
    ['carts?min_value=150.10', `commerce_abandoned_carts WHERE ${mine} AND total_value >= 150.10`],
    [`carts?search=ines&status=recovered&date_from=${day(9)}`,
      `commerce_abandoned_carts WHERE ${mine} AND customer_name LIKE 'Ines%' AND status = 'recovered' AND ${local('abandoned_at')} >= '${day(9)}'`],
  ];
  const counts = sql(cases.map(([, query], i) => `SELECT ${i} AS i, count(*)::int AS n FROM ${query}`).join(' UNION ALL ') + ' ORDER BY 1');
  for (const [i, [path, query]] of cases.entries()) {
    const { body } = await api('a.admin', 'GET', `/v1/${path}&limit=100`, 200), { n } = counts[i];
    assert.deepEqual([body.pagination.total, body.data.length], [n, n], path);
    assert.ok(n > 0 || query.endsWith('false'), `${path}: the case has rows`);
  }
});

test('another tenant\'s row does not exist: 404 for every method, and nothing changes', async () => {
  const before_ = fingerprint('b');
  for (const o of contract.operations.filter((p) => p.path.includes('{id}'))) {
    for (const who of ['a.owner', 'a.member', 'both'].filter((p) => !o.operation.description || p === 'a.owner'))
      await api(who, o.method, pathFor(o, 'b'), 404, bodyFor(o, 'a'));
    const never = o.path.replaceAll(/\{\w+\}/g, people.nobody);
    const a = await api('a.owner', o.method, pathFor(o, 'b'), 404, bodyFor(o, 'a')), none = await api('a.owner', o.method, never, 404, bodyFor(o, 'a'));
    assert.deepEqual(a.body, none.body, 'and its answer is that of a row that never was');
  }
  const linked = await api('a.owner', 'POST', `/v1/campaigns/${id('a', 'campaign')}/agents`, 404, { agent_id: id('b', 'agent') });
  assert.match(linked.body.error.message, /There is no such agent/);
  await api('a.owner', 'DELETE', `/v1/campaigns/${id('a', 'campaign')}/agents/${id('b', 'agent')}`, 404);
  for (const body of [{ organization_id: org.b, name: 'x' }, { name: 'x', id: id('b', 'agent') }])
    await api('a.owner', 'POST', '/v1/agents', 400, body);
  assert.equal(fingerprint('b'), before_, 'b is as it was');
});

test('who may ask: every endpoint refuses nobodies, keys and bad tokens, and admins-only means admins', async () => {
  const bad = { 'no token': null, expired: forge(people['a.owner'], { claims: { exp: 1 } }), 'not yet': forge(people['a.owner'], { claims: { nbf: 4e9 } }),
    forged: forge(people['a.owner'], { secret: 'another secret that is long' }), 'alg none': `${forge(people['a.owner'], { header: { alg: 'none' } }).split('.').slice(0, 2).join('.')}.`,
    'alg HS384': forge(people['a.owner'], { header: { alg: 'HS384' } }), malformed: 'a.b.c', 'not a token': 'x', 'without exp': forge(people['a.owner'], { claims: { exp: undefined } }),
    'two tokens': `${tokens['a.owner']}.${tokens['b.owner']}`, 'one more byte': `${tokens['a.owner']}A` };
  const tried = { a: fingerprint('a'), b: fingerprint('b') };
  for (const o of contract.operations) {
    const path = pathFor(o, 'a'), body = bodyFor(o, 'a');
    for (const [what, token] of Object.entries(bad)) {
      const r = await api(token, o.method, path, 401, body);
      assert.deepEqual([r.body.error.code, r.headers['www-authenticate']], ['UNAUTHORIZED', 'Bearer'], what);
    }
    for (const who of ['nobody', forge(people['a.owner'], { claims: { role: 'anon' } }), forge(people['a.owner'], { claims: { role: 'service_role' } }), forge('not-a-uuid')])
      assert.equal((await api(who, o.method, path, 403, body)).body.error.code, 'FORBIDDEN');
    if (/admins/.test(o.operation.description)) {
      const r = await api('a.member', o.method, path, 403, body);
      assert.match(r.body.error.message, /Only owners and admins/);
    }
    await api('a.owner', o.method, path, 403, body, { 'X-Organization-Id': org.b });
    await api('a.owner', o.method, path, 400, body, { 'X-Organization-Id': 'b' });
    if (o.method !== 'GET') assert.ok([403, 404].includes((await ask(server.address, 'staff', o.method, path, body, { 'X-Organization-Id': org.a })).status), `staff only reads: ${o.id}`);
  }
  assert.deepEqual({ a: fingerprint('a'), b: fingerprint('b') }, tried, 'none of it changed anything');
});

test('a user of two organizations works in the first one, or in that which the header names; staff reads any', async () => {
  for (const [who, header, tenant] of [['both', undefined, 'a'], ['both', org.a, 'a'], ['both', org.b, 'b'], ['both', org.b.toUpperCase(), 'b'], ['staff', org.a, 'a'], ['staff', org.b, 'b']]) {
    const headers = header && { 'X-Organization-Id': header }, { body, text } = await api(who, 'GET', '/v1/calls?limit=100', 200, undefined, headers);
    assert.equal(body.pagination.total, count(`calls WHERE organization_id = '${org[tenant]}'`), `${who} ${header}`);
    assert.ok(!text.includes(org[tenant === 'a' ? 'b' : 'a']));
    await api(who, 'GET', `/v1/orders/${id(tenant, 'order')}`, 200, undefined, headers);
    await api(who, 'GET', `/v1/orders/${id(tenant === 'a' ? 'b' : 'a', 'order')}`, 404, undefined, headers);
  }
  await api('staff', 'GET', '/v1/calls', 403);
  // An admin of b is only a member in a.
  await api('both', 'DELETE', `/v1/integrations/${id('a', 'integration')}`, 403);
  await api('both', 'POST', '/v1/agents', 201, { name: 'Of b' }, { 'X-Organization-Id': org.b });
  assert.equal(count(`agents WHERE name = 'Of b' AND organization_id = '${org.b}'`), 1);
});

test('campaigns: only running and paused are switched; what settings do not name stays', async () => {
  for (const [n, state] of STATES.entries()) {
    const path = `/v1/campaigns/${id('a', 'campaign', n + 2)}/status`;
    if (state === 'running' || state === 'paused') continue;
    for (const status of ['running', 'paused']) {
      const { body } = await api('a.owner', 'PATCH', path, 409, { status });
      assert.deepEqual([body.error.code, body.error.message], ['CONFLICT', `A campaign that is ${state} cannot become ${status}`]);
    }
  }
  const path = `/v1/campaigns/${id('a', 'campaign')}`;
  for (const status of ['running', 'running', 'paused', 'running', 'paused']) {
    const { body } = await api('a.member', 'PATCH', `${path}/status`, 200, { status });
    assert.deepEqual([body.data.status, body.data.started_at !== null, body.data.agents[0].is_primary], [status, true, true]);
  }
  const { body } = await api('a.member', 'PATCH', `/v1/campaigns/${id('a', 'campaign', 5)}/settings`, 200,
    { concurrency: 7, schedule: { days: ['friday'], start_time: '10:00' }, settings: { retry_delay_minutes: 15 } });
  assert.deepEqual([body.data.concurrency, body.data.schedule, body.data.settings], [7, { days: ['friday'], timezone: 'UTC', start_time: '10:00' },
    { max_attempts: 3, call_recording: true, retry_delay_minutes: 15 }]);
  for (const [method, rest, data] of [['GET', ''], ['PATCH', '/status', { status: 'running' }], ['PATCH', '/settings', { concurrency: 1 }], ['POST', '/agents', { agent_id: id('a', 'agent', 2) }]])
    await api('a.owner', method, `/v1/campaigns/${id('a', 'campaign', 9)}${rest}`, 404, data);
});

test('links: once, one primary, living agents only', async () => {
  const path = `/v1/campaigns/${id('a', 'campaign')}/agents`, primaries = () =>
    sql(`SELECT agent_id FROM campaign_agents WHERE campaign_id = '${id('a', 'campaign')}' AND is_primary`).map((r) => r.agent_id);
  const { body } = await api('a.member', 'POST', path, 201, { agent_id: id('a', 'agent', 3), is_primary: true });
  assert.deepEqual([body.data.campaign_id, body.data.agent_id, body.data.is_primary], [id('a', 'campaign'), id('a', 'agent', 3), true]);
  assert.deepEqual(primaries(), [id('a', 'agent', 3)]);
  assert.match((await api('a.member', 'POST', path, 409, { agent_id: id('a', 'agent', 3) })).body.error.message, /already linked/);
  await api('a.member', 'POST', path, 404, { agent_id: id('a', 'agent', 9) });
  assert.equal((await api('a.member', 'DELETE', `${path}/${id('a', 'agent', 3)}`, 204)).text, '');
  await api('a.member', 'DELETE', `${path}/${id('a', 'agent', 3)}`, 404);
});

test('agents: made, changed, cloned, kept while a campaign needs them, and gone once deleted', async () => {
  const { body: { data: made } } = await api('a.member', 'POST', '/v1/agents', 201,
    { name: 'Größe "M"\n', system_prompt: 'Say\u2028hello 👋', sentiment_rules: { positive: ['yes'] }, voice_settings: { speed: 1.25, deep: { er: [null] } } });
  assert.deepEqual([made.organization_id, made.status, made.name, made.language, made.tone, made.linkedCampaigns, made.voice_settings],
    [org.a, 'draft', 'Größe "M"\n', 'English', 'professional', 0, { speed: 1.25, deep: { er: [null] } }]);
  const path = `/v1/agents/${made.id}`;
  const { body: { data: changed } } = await api('a.member', 'PATCH', path, 200, { tone: 'formal', system_prompt: null });
  assert.deepEqual([changed.name, changed.tone, changed.system_prompt, changed.voice_settings], [made.name, 'formal', null, made.voice_settings]);
  assert.ok(Date.parse(changed.updated_at) > Date.parse(made.updated_at));
  const { body: { data: clone } } = await api('a.member', 'POST', `${path}/duplicate`, 201);
  assert.deepEqual([clone.name, clone.tone, clone.status, clone.id === made.id], [`${made.name} (Copy)`, 'formal', 'draft', false]);
  for (const status of ['active', 'inactive']) assert.equal((await api('a.member', 'PATCH', `${path}/status`, 200, { status })).body.data.status, status);
  // Agent 2 works in the running campaign.
  const busy = `/v1/agents/${id('a', 'agent', 2)}`;
  assert.match((await api('a.owner', 'PATCH', `${busy}/status`, 409, { status: 'inactive' })).body.error.message, /cannot be deactivated while the campaign "running" is running/);
  assert.match((await api('a.owner', 'DELETE', busy, 409)).body.error.message, /remove the link first/);
  const total = (await api('a.member', 'GET', '/v1/agents', 200)).body.pagination.total;
  await api('a.member', 'DELETE', path, 403);
  assert.equal((await api('a.admin', 'DELETE', path, 204)).text, '');
  assert.equal((await api('a.member', 'GET', '/v1/agents', 200)).body.pagination.total, total - 1, 'the deleted one is not seen');
  for (const [method, rest, data] of [['GET', ''], ['DELETE', ''], ['PATCH', '', { name: 'x' }], ['PATCH', '/status', { status: 'active' }], ['POST', '/duplicate']])
    await api('a.owner', method, path + rest, 404, data);
  assert.equal(count(`agents WHERE id = '${made.id}' AND deleted_at IS NOT NULL`), 1);
});

test('a store is disconnected by admins, and its tokens are gone', async () => {
  const path = `/v1/integrations/${id('b', 'integration')}`;
  await api('b.member', 'DELETE', path, 403);
  await api('b.admin', 'DELETE', path, 204);
  assert.deepEqual(sql(`SELECT status, access_token_encrypted AS a, refresh_token_encrypted AS r FROM commerce_integrations WHERE id = '${id('b', 'integration')}'`),
    [{ status: 'disconnected', a: null, r: null }]);
  assert.equal((await api('b.member', 'GET', path, 200)).body.data.status, 'disconnected');
});

test('transcripts and what a call embeds', async () => {
  const { body: { data: call } } = await api('a.member', 'GET', `/v1/calls/${id('a', 'call')}`, 200);
  assert.deepEqual([call.agent.id, call.campaign.id, call.contact.phone, call.recording.storage_path.split('/')[1], call.transcript[0].content],
    [id('a', 'agent'), id('a', 'campaign'), '+919876543211', `${id('a', 'call')}.mp3`, 'Hello']);
  assert.deepEqual((await api('a.member', 'GET', `/v1/calls/${id('a', 'call')}/transcript`, 200)).body.data.map((l) => [l.sequence, l.content]), [[1, 'Hello']]);
  const bare = sql(`SELECT id FROM calls WHERE external_call_id = 'a-2'`)[0].id;
  const none = (await api('a.member', 'GET', `/v1/calls/${bare}`, 200)).body.data;
  assert.deepEqual([none.agent, none.campaign, none.contact, none.recording, none.transcript], [null, null, null, null, []]);
  assert.deepEqual((await api('a.member', 'GET', `/v1/calls/${bare}/transcript`, 200)).body.data, []);
  await api('a.member', 'GET', `/v1/calls/${bare}/recording`, 404);
});

test('analytics are exactly the sums of the facts', async () => {
  const counted = ['answered', 'no_answer', 'busy', 'failed', 'voicemail', 'positive', 'neutral', 'negative'];
  for (const [tenant, zone] of [['a', 'Asia/Kolkata'], ['b', 'America/New_York']]) {
    const local = (column) => `(${column} AT TIME ZONE '${zone}')::date`, mine = `organization_id = '${org[tenant]}'`;
    const [facts] = sql(`SELECT ${local('now()')} AS today,
      (SELECT json_agg(c) FROM (SELECT ${local('coalesce(started_at, created_at)')} AS day, outcome, sentiment, campaign_id,
        coalesce(duration_seconds, 0) AS seconds, metadata ->> 'payment_type' AS paid FROM calls WHERE ${mine}) c) AS calls,
      (SELECT json_agg(c) FROM (SELECT ${local('recovered_at')} AS day, currency, (total_value * 100)::bigint AS cents
        FROM commerce_abandoned_carts WHERE ${mine} AND status = 'recovered') c) AS carts`);
    const back = (n) => new Date(Date.parse(facts.today) - n * 864e5).toISOString().slice(0, 10);
    for (const [period, from, to] of [['last_30_days', back(29), back(0)], ['today', back(0), back(0)], ['week', back(6), back(0)], ['month', back(29), back(0)],
      ['custom', '2025-12-20', '2026-02-01'], ['custom', back(12), back(3)]]) {
      const query = `period=${period}${period === 'custom' ? `&date_from=${from}&date_to=${to}` : ''}`, what = `${tenant} ${query}`;
      const within = (rows) => rows.filter((r) => r.day >= from && r.day <= to), calls = within(facts.calls), carts = within(facts.carts);
      const { body, text } = await api(`${tenant}.member`, 'GET', `/v1/analytics/outcomes?${query}`, 200);
      assert.deepEqual([body.date_from, body.date_to, body.period, body.carts_recovered, body.cod_confirmed],
        [from, to, period, carts.length, calls.filter((c) => c.outcome === 'answered' && c.paid === 'cod').length], what);
      for (const currency of new Set(carts.map((c) => c.currency))) {
        const cents = String(carts.filter((c) => c.currency === currency).reduce((sum, c) => sum + c.cents, 0));
        assert.match(text, new RegExp(`"${currency}" ?: ?${cents.slice(0, -2)}\\.${cents.slice(-2)}[,} ]`), `${what}: to the digit`);
      }
      const sums = (rows) => [rows.reduce((n, r) => n + r.total_calls, 0), ...counted.map((name) => rows.reduce((n, r) => n + r[name], 0))];
      const wanted = [calls.length, ...counted.map((name) => calls.filter((c) => c.outcome === name || c.sentiment === name).length)];
      for (const group of ['day', 'week', 'campaign']) {
        const { body: { data } } = await api(`${tenant}.member`, 'GET', `/v1/analytics/calls?${query}&group_by=${group}`, 200);
        assert.deepEqual(sums(data), wanted, `${what} by ${group}`);
        if (group !== 'day') continue;
        assert.equal(data.length, (Date.parse(to) - Date.parse(from)) / 864e5 + 1, 'every day is there');
        for (const [i, row] of data.entries()) {
          const day = new Date(Date.parse(from) + i * 864e5).toISOString().slice(0, 10), own = calls.filter((c) => c.day === day);
          assert.deepEqual([row.date, row.total_calls, row.avg_duration],
            [day, own.length, own.length && Math.round(own.reduce((n, c) => n + c.seconds, 0) / own.length)], what);
        }
      }
    }
  }
});

test('every operation was asked, and answered well at least once', () => {
  for (const o of contract.operations) {
    const good = Number(Object.keys(o.operation.responses).find((s) => s < 300));
    assert.ok(o.seen.has(good), `${o.id} never gave ${good}: ${[...o.seen]}`);
    for (const status of [401, 403]) assert.ok(o.seen.has(status), `${o.id} never gave ${status}`);
  }
});
