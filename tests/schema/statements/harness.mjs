// What tests of schema/worker/ need: rows by the names of handlers/rowsets.def, batches as the worker makes them, and
// a psql that prepares the statements once and runs scripts.
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..', '..');
export const url = process.env.RINGBACK_TEST_DATABASE_URL;

// ---- rowsets.def ---------------------------------------------------------------------------------
export const rowsets = {};
for (const line of readFileSync(join(root, 'handlers/rowsets.def'), 'utf8').split('\n')) {
    const set = /^ROWSET\((\w+)\)/.exec(line);
    const column = /^C\((\w+), (\w+), (\w+), (\w+)\)/.exec(line);
    if (set) rowsets[set[1]] = [];
    if (column) rowsets[column[1]].push({ name: column[2], type: column[3], flag: column[4] });
}
const sqlTypes = { UUID: 'uuid', TEXT: 'text', JSONB: 'jsonb', NUMERIC: 'numeric', TIME: 'timestamptz', BOOL: 'boolean',
    INT4: 'integer', BYTES: 'bytea' };

// ---- statements ----------------------------------------------------------------------------------
export const readStatement = (path) => readFileSync(join(root, 'schema', path), 'utf8').trim().replace(/;$/, '');
export const prepares = ['worker', 'timer'].flatMap((dir) => readdirSync(join(root, 'schema', dir))
    .filter((file) => file.endsWith('.sql'))
    .map((file) => `PREPARE ${file.slice(0, -4)} AS ${readStatement(`${dir}/${file}`)};`)).join('\n');

// As the worker's connections are set up.
const setup = "SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off; SET jit = off; SET timezone = 'UTC';";

export function psql(script, database = url) {
    const r = spawnSync('psql', ['-XqAt', '-v', 'ON_ERROR_STOP=1', database],
        { input: `${setup}\n${script}`, encoding: 'utf8',
            maxBuffer: 1 << 28 });
    if (r.status !== 0) throw new Error(`psql: ${r.stderr}`);
    return r.stdout;
}
export const lines = (script) => psql(script).split('\n').filter((line) => line !== '');

export function migrate() {
    if (process.env.RINGBACK && existsSync(process.env.RINGBACK)) {
        execFileSync(process.env.RINGBACK, ['migrate'], { env: { ...process.env, RINGBACK_DATABASE_URL: url } });
        return;
    }
    const dir = join(root, 'schema/migrations');
    for (const file of readdirSync(dir).sort()) execFileSync('psql', ['-Xq1', '-v', 'ON_ERROR_STOP=1', '-f', join(dir, file), url]);
}

// ---- values --------------------------------------------------------------------------------------
const family = (set, row) => JSON.stringify([...rowsets[set].slice(0, 2).map((c) => row[c.name]), row.source_version]);
const quote = (text) => `'${String(text).replace(/'/g, "''")}'`;
const element = (value) => value === null || value === undefined ? 'NULL'
    : `"${(typeof value === 'object' ? JSON.stringify(value) : String(value)).replace(/[\\"]/g, '\\$&')}"`;
export const array = (values, type) => `${quote(`{${values.map(element).join(',')}}`)}::${type}[]`;
const arrays = (set, rows) => rowsets[set].map((c) => array(rows.map((row) => row[c.name]), sqlTypes[c.type]));

export const time = (ms) => ms === null || ms === undefined ? null : new Date(ms).toISOString();
const be = (us) => (BigInt.asUintN(64, us) ^ (1n << 63n)).toString(16).padStart(16, '0');
// 24 bytes: updated_at, triggered_at, digest.
export const version = (updatedMs, triggeredMs, body) => `\\x${be(BigInt(updatedMs) * 1000n)}${be(BigInt(triggeredMs) * 1000n)}`
    + createHash('sha256').update(JSON.stringify(body)).digest('hex').slice(0, 16);

// ---- batches -------------------------------------------------------------------------------------
const order = ['deletions', 'redactions', 'shop_changes', 'data_requests', 'customers', 'products', 'orders', 'checkouts',
    'checkout_activity', 'cart_keys', 'calls', 'call_turns', 'call_recordings'];
const statements = { deletions: 'apply_deletions', redactions: 'apply_redactions', shop_changes: 'apply_shop_changes',
    data_requests: 'store_data_requests', customers: 'upsert_customers', products: 'upsert_products', orders: 'upsert_orders',
    checkouts: 'upsert_checkouts', checkout_activity: 'add_checkout_activity', cart_keys: 'settle_carts',
    calls: 'upsert_calls', call_turns: 'upsert_transcripts', call_recordings: 'upsert_recordings' };
const children = { products: 'product_variants', orders: 'order_items' };
export const settings = { abandon: '30 minutes', expire: '30 days' };

// Statements that fold versions themselves get them all at once.
const folding = new Set(['calls', 'call_turns', 'call_recordings']);

// Rounds as workers/worker/merge.h describes them: the newest version first, then older ones that add something.
export function rounds(set, rows) {
    if (folding.has(set)) {
        const once = [...new Map(rows.map((row) => [JSON.stringify(row), row])).values()];
        return once.length > 0 ? [once] : [];
    }
    const columns = rowsets[set];
    const keys = columns.filter((c) => c.flag === 'KEY').map((c) => c.name);
    const versionColumn = columns.find((c) => c.flag === 'VER')?.name;
    const fills = columns.filter((c) => c.flag === 'FILL').map((c) => c.name);
    const groups = new Map();
    for (const row of rows) {
        const key = JSON.stringify(keys.map((k) => row[k] ?? null));
        groups.set(key, [...(groups.get(key) ?? []), row]);
    }
    const out = [];
    for (const group of groups.values()) {
        const seen = new Set();
        const had = new Set();
        let n = 0;
        const sorted = versionColumn ? [...group].sort((a, b) => (a[versionColumn] < b[versionColumn] ? 1 : -1)) : group;
        for (const row of sorted) {
            const identity = versionColumn ? row[versionColumn] : JSON.stringify(row);
            if (seen.has(identity)) continue;
            seen.add(identity);
            const adds = fills.filter((f) => row[f] !== null && row[f] !== undefined && !had.has(f));
            if (n > 0 && versionColumn && adds.length === 0) continue;
            for (const f of adds) had.add(f);
            (out[n] ??= []).push(row);
            n++;
        }
    }
    return out;
}

// One transaction of the worker. An event is {rowset: [row...]}.
export function batch(events, nowMs, { commit = true } = {}) {
    const rows = {};
    for (const event of events)
        for (const [set, list] of Object.entries(event)) rows[set] = [...(rows[set] ?? []), ...list];
    const script = ["BEGIN; SET LOCAL ringback.writer = 'worker'; EXECUTE lock_partitions('{1}');"];
    for (const set of order) {
        for (const round of rounds(set, rows[set] ?? [])) {
            const values = arrays(set, round);
            if (children[set]) {
                const parents = new Set(round.map((row) => family(set, row)));
                const theirs = (rows[children[set]] ?? []).filter((row) => parents.has(family(children[set], row)));
                values.push(...arrays(children[set], [...new Map(theirs.map((row) => [JSON.stringify(row), row])).values()]));
            }
            if (set === 'cart_keys') values.push(`'${time(nowMs)}'`, `'${settings.abandon}'`, `'${settings.expire}'`);
            script.push(`EXECUTE ${statements[set]}(${values.join(', ')});`);
        }
    }
    script.push('EXECUTE rollup_apply;', commit ? 'COMMIT;' : 'ROLLBACK;');
    return script.join('\n');
}
// The timer, until nothing is due.
export const tick = (nowMs, times = 3) => `EXECUTE due_carts('${time(nowMs)}', '${settings.abandon}', '${settings.expire}', 1000);\n`.repeat(times);
