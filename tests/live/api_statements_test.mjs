// The statements of the REST API against a real PostgreSQL: each list, under each filter, sort and direction, gives exactly the rows and
// the total that a plain query as superuser gives; searches, days, rules and rights; nothing of another tenant. What the API makes of
// it over HTTP is api_test.mjs.
import { test, before } from 'node:test';
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { migrate, root, url } from '../schema/statements/harness.mjs';
import { answers, expand, optional, sorts, template } from '../schema/api/harness.mjs';

const id = (kind, tenant, n = 0) => createHash('md5').update(`${kind}/${tenant}${n > 0 ? `/${n}` : ''}`).digest('hex')
    .replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
const org = [null, id('org', 1), id('org', 2)];
const owner = { user: id('owner', 1) };
const member = { user: id('member', 1) };
const other = { user: id('owner', 2) };
const STAFF = '5aff0000-0000-4000-8000-000000000001';

const run = (sql) => execFileSync('psql', ['-XqAt', '-v', 'ON_ERROR_STOP=1', url], { input: `SET timezone = 'UTC';\n${sql}`, encoding: 'utf8',
    maxBuffer: 1 << 28 }).trimEnd();
const ask = (sql) => JSON.parse(run(`SELECT coalesce(json_agg(q), '[]') FROM (${sql}) q;`));
const one = (as, name, given) => answers([{ as, name, given }])[0];
const good = (as, name, given) => {
    const a = one(as, name, given);
    assert.equal(a.sqlstate, undefined, `${name}: ${a.message}`);
    return a.body;
};

const TABLES = { calls_list: 'calls', orders_list: 'commerce_orders', products_list: 'commerce_products', carts_list: 'commerce_abandoned_carts',
    campaigns_list: 'campaigns', agents_list: 'agents', integrations_list: 'commerce_integrations' };
const LIVING = { campaigns_list: 't.deleted_at IS NULL', agents_list: 't.deleted_at IS NULL' };

before(() => {
    migrate();
    execFileSync('psql', ['-Xq', '-v', 'tenants=2', '-v', 'calls=400', '-v', 'orders=120', '-f', join(root, 'tests/bench/data.sql'), url]);
    run(`INSERT INTO user_roles (user_id, role) VALUES ('${STAFF}', 'admin');
        UPDATE calls SET started_at = NULL, duration_seconds = NULL WHERE external_call_id LIKE '%7';
        UPDATE calls SET created_at = '2026-01-05 12:00+00' WHERE external_call_id LIKE '%3';
        UPDATE calls SET campaign_id = NULL, contact_id = NULL WHERE external_call_id LIKE '%11';
        UPDATE commerce_orders SET order_created_at = NULL, total_amount = NULL WHERE external_order_id LIKE '%9';
        UPDATE commerce_abandoned_carts SET total_value = NULL WHERE external_cart_id LIKE '%9';
        UPDATE commerce_products SET status = NULL, product_type = NULL, title = NULL WHERE external_product_id = '3';
        INSERT INTO campaigns (id, organization_id, name, status, deleted_at) VALUES ('${id('campaign', 1, 99)}', '${org[1]}', 'gone', 'draft', now());
        INSERT INTO agents (id, organization_id, name, deleted_at) VALUES ('${id('agent', 1, 99)}', '${org[1]}', 'gone', now());`);
});

// ---- lists -----------------------------------------------------------------------------------------
// Each filter as a client gives it, and as a plain condition on table t.
const FILTERS = {
    calls_list: [
        [{ campaign_id: id('campaign', 1, 2).toUpperCase() }, `t.campaign_id = '${id('campaign', 1, 2)}'`],
        [{ agent_id: id('agent', 1, 1) }, `t.agent_id = '${id('agent', 1, 1)}'`],
        [{ campaign_id: id('campaign', 2, 1) }, 'false'],
        [{ status: 'in_progress' }, "t.status = 'in_progress'"], [{ outcome: 'answered' }, "t.outcome = 'answered'"],
        [{ outcome: 'voicemail' }, "t.outcome = 'voicemail'"], [{ sentiment: 'neutral' }, "t.sentiment = 'neutral'"],
        [{ outcome: 'answered', sentiment: 'positive', campaign_id: id('campaign', 1, 1), status: 'ended' },
            `t.outcome = 'answered' AND t.sentiment = 'positive' AND t.campaign_id = '${id('campaign', 1, 1)}' AND t.status = 'ended'`],
        [{ date_from: '2026-01-05', date_to: '2026-01-05' }, "t.created_at >= '2026-01-05 00:00' AND t.created_at < '2026-01-06 00:00'"],
        [{ date_from: '2026-01-05T17:30:00+05:30' }, "t.created_at >= '2026-01-05 12:00Z'"],
        [{ date_to: '2026-01-05T12:00:00Z', outcome: 'busy' }, "t.created_at <= '2026-01-05 12:00Z' AND t.outcome = 'busy'"],
        [{ date_to: '2026-01-05T11:59:59.999999Z' }, "t.created_at < '2026-01-05 12:00Z'"],
        [{ search: '70100000' }, "t.to_number LIKE '%70100000%'"], [{ search: '+91 (701) 000-00.1' }, "t.to_number LIKE '%91701000001%'"],
        [{ search: '91' }, 'true'], [{ search: '8010000001', status: 'in_progress' }, "t.status = 'in_progress'"], [{ search: '4155550100' }, 'false'],
        [{ search: '7010000%' }, 'false'], [{ search: '70100_00' }, 'false'],
    ],
    orders_list: [
        [{ payment_type: 'cod' }, "t.payment_type = 'cod'"], [{ trigger_ready: 'missing_phone' }, "t.trigger_ready = 'missing_phone'"],
        [{ financial_status: 'paid' }, "t.financial_status = 'paid'"], [{ fulfillment_status: 'fulfilled' }, "t.fulfillment_status = 'fulfilled'"],
        [{ payment_type: 'cod', financial_status: 'pending', fulfillment_status: 'unfulfilled', trigger_ready: 'ready' },
            "t.payment_type = 'cod' AND t.financial_status = 'pending' AND t.fulfillment_status = 'unfulfilled' AND t.trigger_ready = 'ready'"],
        [{ date_from: '2026-03-01' }, "t.order_created_at >= '2026-03-01 00:00'"],
        [{ date_to: '2026-09-01', payment_type: 'prepaid' }, "t.order_created_at < '2026-09-02 00:00' AND t.payment_type = 'prepaid'"],
        [{ search: '#1007' }, "t.order_number = '#1007'"], [{ search: 'SHARMA' }, "t.customer_name ILIKE '%sharma%'"],
        [{ search: 'díaz' }, "t.customer_name LIKE '%Díaz'"], [{ search: 'Priya.Patel1' }, 'false'],
        [{ search: 'Priya.Patel1@' }, "t.customer_email LIKE 'priya.patel1@%'"], [{ search: '1@example.com' }, "t.customer_email LIKE '%1@example.com'"],
        [{ search: '+91 6' }, "t.customer_phone LIKE '+916%'"], [{ search: 'a', payment_type: 'cod' },
            "t.payment_type = 'cod' AND t.customer_name ILIKE '%a%'"],
        [{ search: '100%' }, 'false'], [{ search: 'x\\' }, 'false'], [{ search: "'" }, 'false'],
    ],
    carts_list: [
        [{ status: 'recovered' }, "t.status = 'recovered'"], [{ trigger_ready: 'ready' }, "t.trigger_ready = 'ready'"],
        [{ status: 'abandoned', trigger_ready: 'missing_phone' }, "t.status = 'abandoned' AND t.trigger_ready = 'missing_phone'"],
        [{ date_from: '2026-02-01', date_to: '2026-05-31' }, "t.abandoned_at >= '2026-02-01 00:00' AND t.abandoned_at < '2026-06-01 00:00'"],
        [{ min_value: '4000.50' }, 't.total_value >= 4000.50'], [{ min_value: '100', status: 'expired' }, "t.total_value >= 100 AND t.status = 'expired'"],
        [{ search: 'Rahul' }, "t.customer_name LIKE 'Rahul%'"], [{ search: '916' }, "t.customer_phone LIKE '%916%'"],
    ],
    products_list: [
        [{ status: 'active' }, "t.status = 'active'"], [{ product_type: 'Home' }, "t.product_type = 'Home'"], [{ product_type: 'home' }, 'false'],
        [{ status: 'draft', product_type: 'Electronics' }, "t.status = 'draft' AND t.product_type = 'Electronics'"],
        [{ search: 'kettle' }, "t.title ILIKE '%kettle%'"], [{ search: '& SONS' }, "t.vendor LIKE '%& Sons'"], [{ search: 'e', status: 'archived' },
            "t.status = 'archived' AND (t.title ILIKE '%e%' OR t.vendor ILIKE '%e%')"],
    ],
};
// Days are the tenant's: tenant 1 lives in UTC (data.sql), which keeps the conditions above plain.
for (const [name, table] of Object.entries(TABLES)) {
    test(`${name}: every filter, sort, direction and page`, () => {
        const wanted = [];
        const requests = [];
        const add = (given, condition) => {
            const { page = 1, limit = 20, sort = sorts[name][0], order = 'desc' } = given;
            const where = `t.organization_id = '${org[1]}' AND (${condition}) AND ${LIVING[name] ?? 'true'}`;
            const by = order === 'desc' ? 'DESC NULLS LAST' : 'ASC NULLS FIRST';
            wanted.push(`SELECT ${requests.length} AS n, (SELECT count(*) FROM ${table} t WHERE ${where}) AS total,
                ARRAY(SELECT t.id FROM ${table} t WHERE ${where} ORDER BY t.${sort} ${by}, t.id ${by} LIMIT ${limit} OFFSET ${(page - 1) * limit}) AS ids`);
            requests.push({ as: owner, name, given });
        };
        for (const sort of sorts[name])
            for (const order of ['asc', 'desc'])
                for (const [page, limit] of [[1, 7], [2, 7], [1, 100], [9999, 20]]) add({ sort, order, page, limit }, 'true');
        for (const [given, condition] of FILTERS[name] ?? [])
            for (const extra of [{}, { page: 2, limit: 3, order: 'asc', sort: sorts[name].at(-1) }]) add({ ...given, ...extra }, condition);
        const references = ask(wanted.map((sql) => `(${sql})`).join(' UNION ALL '));
        answers(requests).forEach((a, i) => {
            const asked = `${name} ${JSON.stringify(requests[i].given)}`;
            assert.equal(a.sqlstate, undefined, `${asked}: ${a.message}`);
            assert.deepEqual(a.body.data.map((row) => row.id), references[i].ids, asked);
            const { page = 1, limit = 20 } = requests[i].given;
            assert.deepEqual(a.body.pagination, { page, limit, total: references[i].total, total_pages: Math.ceil(references[i].total / limit) }, asked);
        });
    });
}

test('every parameter of every template is tested above, and every template can be expanded', () => {
    for (const name of Object.keys(FILTERS)) {
        const tested = new Set(FILTERS[name].flatMap(([given]) => Object.keys(given)));
        assert.deepEqual(optional[name].filter((p) => !tested.has(p)), [], name);
    }
    for (const file of readdirSync(join(root, 'schema/api')).filter((f) => f.endsWith('.sql') && f !== 'begin.sql')) {
        const name = file.slice(0, -4);
        const marked = [...template(name).matchAll(/-- if !?(\w+)/g)].map((m) => m[1]);
        assert.deepEqual([...new Set(marked)].filter((p) => !(optional[name] ?? []).includes(p)), [], name);
        const required = [...template(name).matchAll(/(?<!:):([a-z_]+)/g)].map((m) => m[1]);
        const all = Object.fromEntries([...required, ...(optional[name] ?? [])].map((p) => [p, 'x']));
        for (const given of [all, Object.fromEntries(Object.entries(all).filter(([p]) => !(optional[name] ?? []).includes(p)))])
            assert.match(expand(name, { ...given, ...(sorts[name] ? { page: 1, limit: 1, sort: 'id', order: 'asc' } : {}) }).text, /\$1|organization/);
    }
});

test('days are the organization\'s, at both ends and across the change to summer time', () => {
    run(`UPDATE organizations SET timezone = 'America/New_York' WHERE id = '${org[2]}';
        UPDATE calls SET created_at = '2026-03-08 04:59:59.999999+00' WHERE id = '${id('call', 2, 1)}';
        UPDATE calls SET created_at = '2026-03-08 05:00+00' WHERE id = '${id('call', 2, 2)}';
        UPDATE calls SET created_at = '2026-03-09 03:59:59.999999+00' WHERE id = '${id('call', 2, 3)}';
        UPDATE calls SET created_at = '2026-03-09 04:00+00' WHERE id = '${id('call', 2, 4)}';`);
    const a = good(other, 'calls_list', { date_from: '2026-03-08', date_to: '2026-03-08', limit: 100 });
    const seen = new Set(a.data.map((row) => row.id));
    assert.deepEqual([1, 2, 3, 4].map((n) => seen.has(id('call', 2, n))), [false, true, true, false]);
    assert.equal(a.pagination.total, a.data.length);
});

test('totals follow every write at once', () => {
    const total = (given) => good(owner, 'calls_list', given).pagination.total;
    const [all, busy] = [total({}), total({ outcome: 'busy' })];
    run(`INSERT INTO calls (organization_id, outcome) VALUES ('${org[1]}', 'busy'), ('${org[1]}', 'failed'), ('${org[2]}', 'busy');`);
    assert.deepEqual([total({}), total({ outcome: 'busy' })], [all + 2, busy + 1]);
    run(`DELETE FROM calls WHERE organization_id IN ('${org[1]}', '${org[2]}') AND provider IS NULL;`);
    assert.deepEqual([total({}), total({ outcome: 'busy' })], [all, busy]);
});

// ---- one thing -------------------------------------------------------------------------------------
const KINDS = { campaigns_get: 'campaign', agents_get: 'agent', calls_get: 'call', calls_transcript: 'call', products_get: 'product',
    orders_get: 'order', carts_get: 'cart' };
test('single things: all columns of their table but hidden ones, to their tenant and to staff only', () => {
    const hidden = /_encrypted$|^source_version$|^source_held$|^source_scopes_version$|^source_triggered_at$|^variants_version$|^checkout_token$|^cart_token$|_day$|^access_token|^refresh_token/;
    const tables = { campaigns_get: 'campaigns', agents_get: 'agents', calls_get: 'calls', products_get: 'commerce_products',
        orders_get: 'commerce_orders', carts_get: 'commerce_abandoned_carts', integrations_get: 'commerce_integrations' };
    const kinds = { ...KINDS, integrations_get: 'store' };
    for (const name of Object.keys(kinds)) {
        const given = { id: name === 'integrations_get' ? id('store', 1) : id(kinds[name], 1, 1) };
        const [mine, alien, nothing, staff, unnamed] = answers([{ as: member, name, given }, { as: other, name, given },
            { as: owner, name, given: { id: id('no', 1) } }, { as: { user: STAFF, organization: org[1] }, name, given },
            { as: { user: STAFF }, name, given }]);
        assert.equal(alien.text, '', name);
        assert.equal(nothing.text, '', name);
        assert.deepEqual(staff.body, mine.body, name);
        assert.equal(unnamed.sqlstate, '42501', name);
        if (tables[name]) {
            const columns = ask(`SELECT attname FROM pg_attribute WHERE attrelid = '${tables[name]}'::regclass AND attnum > 0 AND NOT attisdropped`)
                .map((c) => c.attname).filter((c) => !hidden.test(c) && !(name === 'integrations_get' && c === 'source_updated_at'));
            assert.deepEqual(columns.filter((c) => !(c in mine.body.data)), [], name);
            assert.deepEqual(Object.keys(mine.body.data).filter((c) => hidden.test(c)), [], name);
        }
    }
    for (const name of ['campaigns_get', 'agents_get'])
        assert.equal(one(owner, name, { id: id(KINDS[name], 1, 99) }).text, '', 'deleted');
});

test('a call comes with everything about it; a recording only once it lies somewhere', () => {
    const call = id('call', 1, 50);     // data.sql gave 1, 11, 21 ... a recording
    run(`INSERT INTO call_transcripts (organization_id, call_id, speaker, content, sequence, confidence) VALUES
            ('${org[1]}', '${call}', 'caller', 'two', 2, 0.950), ('${org[1]}', '${call}', 'agent', 'one', 1, NULL);
        INSERT INTO call_recordings (organization_id, call_id, duration_seconds) VALUES ('${org[1]}', '${call}', 9);`);
    const { data } = good(member, 'calls_get', { id: call });
    assert.deepEqual(data.transcript.map((t) => [t.sequence, t.speaker, t.content]), [[1, 'agent', 'one'], [2, 'caller', 'two']]);
    assert.equal(data.campaign.name, data.campaign_name);
    assert.equal(data.agent.name, data.agent_name);
    assert.equal(`${data.contact.first_name} ${data.contact.last_name}`, data.contact_name);
    assert.equal(data.recording.duration_seconds, 9);
    assert.match(one(member, 'calls_get', { id: call }).text, /"confidence":0\.950,/, 'a number keeps its digits');
    assert.deepEqual(good(member, 'calls_transcript', { id: call }).data.map((t) => t.content), ['one', 'two']);
    assert.deepEqual(good(member, 'calls_transcript', { id: id('call', 1, 52) }).data, []);
    assert.equal(one(member, 'calls_recording', { id: call }).text, '', 'not copied yet');
    run(`UPDATE call_recordings SET storage_path = 'a/b.mp3' WHERE call_id = '${call}';`);
    assert.deepEqual(good(member, 'calls_recording', { id: call }),
        { storage_path: 'a/b.mp3', duration_seconds: 9, organization_id: org[1], call_id: call });
    assert.equal(one(other, 'calls_recording', { id: call }).text, '');
});

// ---- changes and rules -------------------------------------------------------------------------------
test('campaigns: only running and paused are switched, settings are merged, links have one primary', () => {
    const [paused, draft] = [id('campaign', 1, 1), id('campaign', 1, 88)];
    run(`INSERT INTO campaigns (id, organization_id, name, schedule) VALUES ('${draft}', '${org[1]}', 'Draft', '{"days": ["monday"], "timezone": "UTC"}');`);
    assert.equal(good(member, 'campaigns_status', { id: paused, status: 'running' }).data.status, 'running');
    const refused = one(member, 'campaigns_status', { id: draft, status: 'running' });
    assert.deepEqual([refused.sqlstate, refused.hint, refused.message], ['P0001', 'conflict', 'A campaign that is draft cannot become running']);
    assert.equal(one(other, 'campaigns_status', { id: paused, status: 'paused' }).text, '');
    assert.equal(one({ user: STAFF, organization: org[1] }, 'campaigns_status', { id: paused, status: 'paused' }).text, '', 'staff only read');

    const tuned = good(member, 'campaigns_settings', { id: draft, concurrency: 7, schedule: { start_time: '10:00' } }).data;
    assert.deepEqual([tuned.concurrency, tuned.schedule], [7, { days: ['monday'], timezone: 'UTC', start_time: '10:00' }]);

    const [first, second] = [id('agent', 1, 1), id('agent', 1, 2)];
    const link = (agent, primary) => one(member, 'campaign_agents_link', { id: draft, agent_id: agent, is_primary: primary });
    assert.equal(link(first, true).body.data.is_primary, true);
    assert.equal(link(second, true).body.data.agent_name, 'Agent 2');
    assert.deepEqual(good(owner, 'campaigns_get', { id: draft }).data.agents.map((a) => [a.id, a.is_primary]), [[second, true], [first, false]]);
    const twice = link(first, true);
    assert.deepEqual([twice.sqlstate, twice.hint, twice.message], ['P0001', 'conflict', 'The agent is already linked to this campaign']);
    assert.deepEqual(good(owner, 'campaigns_get', { id: draft }).data.agents.map((a) => a.is_primary), [true, false], 'nothing changed');
    for (const agent of [id('agent', 1, 99), id('agent', 2, 1), id('no', 1)]) assert.equal(link(agent, false).hint, 'not_found');
    assert.equal(one(other, 'campaign_agents_link', { id: draft, agent_id: id('agent', 2, 1) }).text, '');
    assert.equal(one(other, 'campaign_agents_unlink', { id: draft, agent_id: first }).text, '');
    assert.notEqual(one(member, 'campaign_agents_unlink', { id: draft, agent_id: first }).text, '');
    assert.equal(one(member, 'campaign_agents_unlink', { id: draft, agent_id: first }).text, '', 'gone');
});

test('agents: created, changed, copied; the rules and the admins\' right to delete', () => {
    const made = good(member, 'agents_create', { name: 'New', tone: 'casual', voice_settings: { speed: 1.10 } }).data;
    assert.deepEqual([made.status, made.language, made.tone, made.sentiment_rules, made.organization_id], ['draft', 'English', 'casual', {}, org[1]]);
    const changed = good(member, 'agents_update', { id: made.id, name: 'Newer', system_prompt: 'Hi' }).data;
    assert.deepEqual([changed.name, changed.system_prompt, changed.tone, changed.voice_settings], ['Newer', 'Hi', 'casual', { speed: 1.1 }]);
    assert.equal(good(member, 'agents_update', { id: made.id, system_prompt: null }).data.system_prompt, null);
    const copy = good(member, 'agents_duplicate', { id: made.id }).data;
    assert.deepEqual([copy.name, copy.status, copy.voice_settings, copy.linkedCampaigns], ['Newer (Copy)', 'draft', { speed: 1.1 }, 0]);
    assert.notEqual(copy.id, made.id);
    assert.equal(good(member, 'agents_status', { id: made.id, status: 'active' }).data.status, 'active');
    for (const name of ['agents_update', 'agents_status', 'agents_duplicate', 'agents_delete'])
        assert.equal(one(other, name, { id: made.id, name: 'x', status: 'inactive' }).text, '', `${name} of another tenant`);

    const busy = one(member, 'agents_status', { id: id('agent', 1, 2), status: 'inactive' });
    assert.deepEqual([busy.hint, busy.message], ['conflict', 'Agent "Agent 2" cannot be deactivated while the campaign "Campaign 1" is running']);
    assert.equal(one({ ...member, needs: 'admin' }, 'agents_delete', { id: made.id }).message, 'Only owners and admins of the organization can do this');
    assert.equal(one(member, 'agents_delete', { id: made.id }).sqlstate, '42501', 'the database holds it too');
    assert.equal(one({ ...owner, needs: 'admin' }, 'agents_delete', { id: id('agent', 1, 2) }).hint, 'conflict');
    const admin = { user: id('admin', 1), needs: 'admin' };
    assert.notEqual(one(admin, 'agents_delete', { id: made.id }).text, '');
    assert.equal(one(admin, 'agents_delete', { id: made.id }).text, '', 'gone');
    assert.equal(one(member, 'agents_duplicate', { id: made.id }).text, '', 'deleted ones cannot be copied');
});

test('stores: disconnected by admins, their tokens forgotten', () => {
    run(`UPDATE commerce_integrations SET access_token_encrypted = 'secret' WHERE id = '${id('store', 1)}';`);
    assert.doesNotMatch(JSON.stringify([good(owner, 'integrations_list', {}), good(owner, 'integrations_get', { id: id('store', 1) })]), /secret|encrypted/);
    assert.equal(one({ ...member, needs: 'admin' }, 'integrations_disconnect', { id: id('store', 1) }).sqlstate, '42501');
    assert.equal(one(member, 'integrations_disconnect', { id: id('store', 1) }).text, '', 'the database holds it too');
    assert.equal(one({ ...other, needs: 'admin' }, 'integrations_disconnect', { id: id('store', 1) }).text, '');
    assert.notEqual(one({ ...owner, needs: 'admin' }, 'integrations_disconnect', { id: id('store', 1) }).text, '');
    assert.equal(run(`SELECT status, access_token_encrypted IS NULL FROM commerce_integrations WHERE id = '${id('store', 1)}'`), 'disconnected|t');
});

// ---- who asks ----------------------------------------------------------------------------------------
test('the organization is the oldest membership, or the one that the header names and the user belongs to', () => {
    const both = '5aff0000-0000-4000-8000-000000000002';
    run(`INSERT INTO organization_members (organization_id, user_id, role, created_at) VALUES
            ('${org[2]}', '${both}', 'member', now() - interval '1 day'), ('${org[1]}', '${both}', 'admin', now());`);
    const who = (as) => {
        const a = one(as, 'integrations_list', {});
        return a.sqlstate ? `${a.sqlstate} ${a.message}` : a.who;
    };
    assert.equal(who({ user: both }), `${org[2]}|member`);
    assert.equal(who({ user: both, organization: org[1].toUpperCase() }), `${org[1]}|admin`);
    assert.match(who({ user: both, needs: 'admin' }), /^42501 Only owners/);
    assert.equal(who({ user: both, organization: org[1], needs: 'admin' }), `${org[1]}|admin`);
    assert.equal(who({ user: STAFF, organization: org[2] }), `${org[2]}|staff`);
    assert.match(who({ user: STAFF, organization: org[2], needs: 'admin' }), /^42501/);
    const refused = who({ ...member, organization: org[2] });
    assert.match(refused, /^42501 You are not a member/);
    assert.equal(who({ ...member, organization: id('no', 1) }), refused, 'whether it exists is not told');
    assert.match(who({ user: STAFF, organization: id('no', 1) }), /^42501/);
    assert.match(who({ user: id('no', 1) }), /^42501 You are not a member of any organization/);
});

test('nobody but the login role begins a request, and a search finds nothing for those who only claim an organization', () => {
    for (const role of ['anon', 'authenticated', 'service_role'])
        for (const form of ['uuid, uuid, text', 'text, text, text'])
            assert.equal(run(`SELECT has_function_privilege('${role}', 'api_begin(${form})', 'EXECUTE')`), 'f', `${role} ${form}`);
    const found = run(`BEGIN; SELECT set_config('request.jwt.claims', '{"sub": "${id('owner', 2)}"}', true) \\g /dev/null
        SELECT set_config('request.organization_id', '${org[1]}', true) \\g /dev/null
        SET LOCAL ROLE authenticated; SELECT count(*) FROM search_calls('91'); COMMIT;`);
    assert.equal(found, '0');
});

// ---- analytics ---------------------------------------------------------------------------------------
test('analytics say what the facts say, for every period and grouping, with empty days and weeks', () => {
    const groups = { day: 'c.call_day', week: "date_trunc('week', c.call_day::timestamp)::date" };
    const counts = `count(*) AS total_calls, count(*) FILTER (WHERE c.outcome = 'answered') AS answered, count(*) FILTER (WHERE c.outcome = 'no_answer') AS no_answer,
        count(*) FILTER (WHERE c.outcome = 'busy') AS busy, count(*) FILTER (WHERE c.outcome = 'failed') AS failed, count(*) FILTER (WHERE c.outcome = 'voicemail') AS voicemail,
        count(*) FILTER (WHERE c.sentiment = 'positive') AS positive, count(*) FILTER (WHERE c.sentiment = 'neutral') AS neutral,
        count(*) FILTER (WHERE c.sentiment = 'negative') AS negative, coalesce(round(sum(c.duration_seconds)::numeric / count(*)), 0) AS avg_duration`;
    const custom = { period: 'custom', date_from: '2026-01-07', date_to: '2026-02-03T10:00:00Z' };
    const ranges = [[custom, '2026-01-07', '2026-02-03', 28, 5], [{ period: 'today' }, 'today', 'today', 1, 1], [{ period: 'week' }, 'today - 6', 'today', 7],
        [{}, 'today - 29', 'today', 30], [{ period: 'month' }, 'today - 29', 'today', 30]];
    const day = (text) => /^today/.test(text) ? text.replace('today', "(now() AT TIME ZONE 'UTC')::date") : `'${text}'::date`;
    for (const [given, from, to, days, weeks] of ranges) {
        const inside = `c.organization_id = '${org[1]}' AND c.call_day BETWEEN ${day(from)} AND ${day(to)}`;
        for (const group of ['day', 'week']) {
            const { data } = good(member, 'analytics_calls', { ...given, group_by: group });
            if (group === 'day') assert.equal(data.length, days);
            else if (weeks) assert.equal(data.length, weeks);
            for (const row of data) if (group === 'week') assert.equal(new Date(row.date).getUTCDay(), 1, 'a Monday');
            assert.deepEqual(data.map((row) => row.date), data.map((row) => row.date).sort());
            assert.deepEqual(data.filter((row) => row.total_calls > 0),
                ask(`SELECT ${groups[group]} AS date, ${counts} FROM calls c WHERE ${inside} GROUP BY 1 ORDER BY 1`), JSON.stringify(given));
            assert.deepEqual(Object.keys(data[0]), ['date', 'total_calls', 'answered', 'no_answer', 'busy', 'failed', 'voicemail', 'positive', 'neutral',
                'negative', 'avg_duration']);
        }
        assert.deepEqual(good(member, 'analytics_calls', { ...given, group_by: 'campaign' }).data,
            ask(`SELECT c.campaign_id, (SELECT g.name FROM campaigns g WHERE g.id = c.campaign_id) AS campaign_name, ${counts} FROM calls c
                 WHERE ${inside} GROUP BY 1 ORDER BY count(*) DESC, c.campaign_id`));
        const o = good(member, 'analytics_outcomes', given);
        const [facts] = ask(`SELECT (SELECT coalesce(sum(t.total_value), 0) FROM commerce_abandoned_carts t WHERE t.organization_id = '${org[1]}' AND t.status = 'recovered'
                AND t.recovered_day BETWEEN ${day(from)} AND ${day(to)}) AS revenue_recovered,
            (SELECT count(*) FROM commerce_abandoned_carts t WHERE t.organization_id = '${org[1]}' AND t.recovered_day BETWEEN ${day(from)} AND ${day(to)}) AS carts_recovered,
            (SELECT count(*) FROM commerce_abandoned_carts t WHERE t.organization_id = '${org[1]}' AND t.abandoned_day BETWEEN ${day(from)} AND ${day(to)}) AS carts_abandoned,
            (SELECT count(*) FROM commerce_orders t WHERE t.organization_id = '${org[1]}' AND t.order_day BETWEEN ${day(from)} AND ${day(to)}) AS orders,
            (SELECT count(*) FROM calls c WHERE ${inside} AND c.outcome = 'answered' AND c.metadata ->> 'payment_type' = 'cod') AS cod_confirmed,
            ${day(from)} AS date_from, ${day(to)} AS date_to`);
        assert.deepEqual(Object.fromEntries(Object.keys(facts).map((k) => [k, o[k]])), facts, JSON.stringify(given));
        assert.equal(o.period, given.period ?? 'last_30_days');
        assert.deepEqual(o.revenue_by_currency, facts.revenue_recovered > 0 ? { INR: facts.revenue_recovered } : {});
    }
    assert.equal(good(member, 'analytics_outcomes', {}).currency, 'INR', 'the one with the most revenue');
    const backwards = one(member, 'analytics_calls', { period: 'custom', date_from: '2026-02-01', date_to: '2026-01-31' });
    assert.deepEqual([backwards.sqlstate, backwards.hint, backwards.column], ['22023', 'validation', 'date_to']);
    assert.equal(one(member, 'analytics_calls', { period: 'custom', date_from: '2023-01-01', date_to: '2025-12-31' }).sqlstate, undefined, '1096 days');
    assert.equal(one(member, 'analytics_calls', { period: 'custom', date_from: '2023-01-01', date_to: '2026-01-01' }).hint, 'validation');
});
