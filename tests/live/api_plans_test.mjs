// How the REST API's lists are read: with tables of some size, no statement reads a whole table, none reads more of one than the tenant
// has, and the first page of an unfiltered list reads little more than it shows. Plans are those of the API (generic ones), taken down by
// auto_explain, so those inside functions are among them.
import { test, before } from 'node:test';
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { migrate, root, url } from '../schema/statements/harness.mjs';
import { psql, script, sorts } from '../schema/api/harness.mjs';

const TENANTS = 6, CALLS = 3000, ORDERS = 800;
const id = (kind, tenant, n = 0) => createHash('md5').update(`${kind}/${tenant}${n > 0 ? `/${n}` : ''}`).digest('hex')
    .replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
const owner = { user: id('owner', 2) };
// Rows of one tenant in the tables that grow.
const BIG = { calls: CALLS, commerce_orders: ORDERS, commerce_order_items: 2 * ORDERS, commerce_abandoned_carts: ORDERS / 2, commerce_cart_items: ORDERS,
    commerce_products: ORDERS / 8, commerce_product_variants: ORDERS / 4, contacts: CALLS / 10, list_totals: 400, call_transcripts: CALLS * 4 / 10, call_recordings: CALLS / 10,
    analytics_call_daily: 5000, analytics_outcome_daily: 800, analytics_revenue_daily: 800 };

before(() => {
    migrate();
    execFileSync('psql', ['-Xq', '-v', `tenants=${TENANTS}`, '-v', `calls=${CALLS}`, '-v', `orders=${ORDERS}`, '-f', join(root, 'tests/bench/data.sql'), url]);
});

// All plans of the requests: [{ name, given, plans }].
function explain(requests, seqscan) {
    const watch = `LOAD 'auto_explain'; SET auto_explain.log_min_duration = 0; SET auto_explain.log_analyze = on; SET auto_explain.log_timing = off;
        SET auto_explain.log_nested_statements = on; SET auto_explain.log_format = json; SET auto_explain.log_level = notice;`;
    const text = script(requests, (execute) => `SET LOCAL client_min_messages = notice;\n${execute}\nSET LOCAL client_min_messages = warning;`)
        .replace('SET enable_seqscan = off; SET enable_bitmapscan = off;', `SET enable_seqscan = ${seqscan}; SET enable_bitmapscan = ${seqscan}; ${watch}`);
    return psql(text).stderr.split('@@@\n').slice(1).map((messages, i) => {
        assert.doesNotMatch(messages, /ERROR/, messages);
        const plans = [...messages.matchAll(/plan:\n(\{[\s\S]*?^\})/gm)].map((m) => JSON.parse(m[1]));
        assert.ok(plans.length > 0, 'auto_explain spoke');
        return { ...requests[i], plans };
    });
}
function* nodes(plan) {
    yield plan;
    for (const child of plan.Plans ?? []) yield* nodes(child);
}
const indexTable = (name) => Object.keys(BIG).sort((a, b) => b.length - a.length).find((table) => name?.startsWith(table));
// A catalogue of 600 products is no big table: only a connection that avoids sequential scans (the API's do) avoids them there.
const SMALL = ['commerce_products', 'commerce_product_variants'];
// -> { table: rows that the request read of it }
function read({ name, given, plans }, seqscan = 'off') {
    const rows = {};
    for (const plan of plans) {
        for (const node of nodes(plan.Plan)) {
            const table = node['Relation Name'];
            if (BIG[table] === undefined) continue;
            if (seqscan === 'off' || !SMALL.includes(table)) assert.notEqual(node['Node Type'], 'Seq Scan', `${name} ${JSON.stringify(given)} reads all of ${table}: ${plan['Query Text'].slice(0, 2000)}`);
            const lost = ['Rows Removed by Filter', 'Rows Removed by Index Recheck'].reduce((sum, key) => sum + (node[key] ?? 0), node['Actual Rows']);
            rows[table] = Math.max(rows[table] ?? 0, lost * node['Actual Loops']);
        }
        for (const node of nodes(plan.Plan))
            if (node['Node Type'] === 'Bitmap Index Scan') {
                const table = indexTable(node['Index Name']);
                if (table) rows[table] = Math.max(rows[table] ?? 0, node['Actual Rows'] * node['Actual Loops']);
            }
    }
    return rows;
}

const lists = ['calls_list', 'orders_list', 'carts_list', 'products_list'];
const filters = {
    calls_list: { campaign_id: id('campaign', 2, 4), agent_id: id('agent', 2, 3), status: 'in_progress', outcome: 'voicemail', sentiment: 'negative',
        date_from: '2026-01-01', date_to: '2026-02-01', search: '702000' },
    orders_list: { payment_type: 'cod', trigger_ready: 'missing_phone', financial_status: 'voided', fulfillment_status: 'restocked', date_from: '2026-01-01',
        date_to: '2026-02-01', search: '#1007' },
    carts_list: { status: 'recovered', trigger_ready: 'missing_phone', date_from: '2026-01-01', date_to: '2026-02-01', min_value: '4000', search: 'rahul' },
    products_list: { status: 'archived', product_type: 'Toys', search: 'kettle' },
};
const requests = lists.flatMap((name) => [
    ...sorts[name].flatMap((sort) => ['asc', 'desc'].map((order) => ({ as: owner, name, given: { sort, order } }))),
    ...Object.entries(filters[name]).map(([filter, value]) => ({ as: owner, name, given: { [filter]: value } })),
    { as: owner, name, given: { search: '9' } }, { as: owner, name, given: filters[name] }]);
const others = [
    ['campaigns_list', {}], ['agents_list', {}], ['integrations_list', {}], ['campaigns_get', { id: id('campaign', 2, 1) }], ['agents_get', { id: id('agent', 2, 1) }],
    ['calls_get', { id: id('call', 2, 1) }], ['calls_transcript', { id: id('call', 2, 1) }], ['products_get', { id: id('product', 2, 1) }],
    ['orders_get', { id: id('order', 2, 1) }], ['carts_get', { id: id('cart', 2, 1) }], ['analytics_outcomes', { period: 'month' }],
    ['analytics_calls', { period: 'month', group_by: 'week' }]].map(([name, given]) => ({ as: owner, name, given }));

for (const seqscan of ['on', 'off']) {
    test(`no statement reads a whole table, or more of it than the tenant has (enable_seqscan ${seqscan})`, () => {
        for (const request of explain([...requests, ...others], seqscan)) {
            const rows = read(request, seqscan);
            for (const [table, n] of Object.entries(rows).filter(([t]) => seqscan === 'off' || !SMALL.includes(t)))
                assert.ok(n <= BIG[table] + 1, `${request.name} ${JSON.stringify(request.given)} read ${n} rows of ${table}, of which the tenant has ${BIG[table]}`);
        }
    });
}

test('the first page of a list reads the rows that it shows, whatever it is sorted by, and does not count them', () => {
    const plain = requests.filter(({ given }) => given.sort);
    for (const request of explain(plain, 'off')) {
        const rows = read(request);
        for (const [table, n] of Object.entries(rows))
            assert.ok(n <= (table === 'list_totals' ? 1 : 45), `${request.name} ${JSON.stringify(request.given)} read ${n} rows of ${table}`);
    }
});

test('a selective search looks at few rows of the tenant', () => {
    for (const request of explain([['calls_list', '7020000123'], ['orders_list', '#1007'], ['orders_list', '+91 6123-4'], ['carts_list', 'Priya Patel']]
        .map(([name, search]) => ({ as: owner, name, given: { search } })), 'off')) {
        const rows = read(request);
        for (const [table, n] of Object.entries(rows)) assert.ok(n <= 150, `${JSON.stringify(request.given)} read ${n} rows of ${table}`);
    }
});
