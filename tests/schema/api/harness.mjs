// What tests of schema/api/ need: the templates expanded as workers/api/template.h describes, the endpoints' parameters as
// workers/api/endpoints.c names them, and requests as the API runs them: api_begin() and the statement in one transaction.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root, url } from '../statements/harness.mjs';

// Whitelisted columns per list, the first is the default.
export const sorts = {
    campaigns_list: ['updated_at', 'created_at', 'name'],
    agents_list: ['updated_at', 'created_at', 'name'],
    calls_list: ['created_at', 'started_at', 'duration_seconds'],
    products_list: ['updated_at', 'created_at', 'title'],
    orders_list: ['order_created_at', 'created_at', 'total_amount'],
    carts_list: ['abandoned_at', 'created_at', 'total_value'],
    integrations_list: ['created_at'],
};
// Parameters that may be left out.
export const optional = {
    calls_list: ['campaign_id', 'agent_id', 'status', 'outcome', 'sentiment', 'date_from', 'date_to', 'search'],
    products_list: ['status', 'product_type', 'search'],
    orders_list: ['payment_type', 'trigger_ready', 'financial_status', 'fulfillment_status', 'date_from', 'date_to', 'search'],
    carts_list: ['status', 'trigger_ready', 'date_from', 'date_to', 'min_value', 'search'],
    campaigns_settings: ['concurrency', 'schedule', 'settings'],
    agents_update: ['name', 'language', 'tone', 'system_prompt', 'sentiment_rules', 'voice_settings'],
    agents_create: ['system_prompt', 'sentiment_rules', 'voice_settings'],
    analytics_outcomes: ['date_from', 'date_to'],
    analytics_calls: ['date_from', 'date_to'],
};
export const template = (name) => readFileSync(join(root, 'schema/api', `${name}.sql`), 'utf8');
const fallback = { analytics_outcomes: { period: 'last_30_days' }, analytics_calls: { period: 'last_30_days', group_by: 'day' },
    campaign_agents_link: { is_primary: false }, agents_create: { language: 'English', tone: 'professional' } };

// Every parameter that a request has, in the end: what was given, and what is always there.
function filled(name, given) {
    const all = { ...fallback[name], ...given };
    if (!sorts[name]) return all;
    const { page = 1, limit = 20, sort = sorts[name][0], order = 'desc' } = given;
    return { ...all, page, limit, offset: (page - 1) * limit, sort, order };
}

// -> { text, values }: the statement for this combination of parameters, and what $1, $2 ... stand for.
export function expand(name, given) {
    const all = filled(name, given);
    const names = [];
    const lines = template(name).split('\n').filter((line) => !line.trimStart().startsWith('--')).flatMap((line) => {
        const condition = /-- if (!?)(\w+) *$/.exec(line);
        if (!condition) return [line];
        return (condition[2] in all) === (condition[1] === '') ? [line.slice(0, condition.index)] : [];
    });
    const text = lines.map((line) => line.replace(/'[^']*'|::|:([a-z0-9_]+)/g, (whole, word) => {
        if (word === undefined) return whole;
        if (word === 'sort') return all.sort;
        if (word === 'order') return all.order === 'desc' ? 'DESC NULLS LAST' : 'ASC NULLS FIRST';
        if (!(word in all)) throw new Error(`${name}: :${word} stands on a line that is there without it`);
        if (!names.includes(word)) names.push(word);
        return `$${names.indexOf(word) + 1}`;
    })).join('\n').trim();
    return { text, values: names.map((word) => all[word]) };
}

const literal = (value) => value === null || value === undefined ? 'NULL'
    : `'${(typeof value === 'object' ? JSON.stringify(value) : String(value)).replace(/'/g, "''")}'`;
const begin = template('begin').split('\n').filter((line) => !line.startsWith('--')).join('\n');
// As the API's connections are set up.
export const setup = "SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off; SET enable_bitmapscan = off; SET jit = off; SET timezone = 'UTC'; SET client_min_messages = warning;";
export const beginning = (who) => `EXECUTE begin(${literal(who.user)}, ${literal(who.organization ?? null)}, ${literal(who.needs ?? 'member')});`;

// The script of requests, each { as: {user, organization, needs}, name, given }; `around` makes something else of an EXECUTE.
export function script(requests, around = (execute) => execute) {
    const prepared = new Map();
    const bodies = requests.map(({ as, name, given = {} }) => {
        const { text, values } = expand(name, given);
        if (!prepared.has(text)) prepared.set(text, `${name}_${prepared.size}`);
        const execute = `EXECUTE ${prepared.get(text)}${values.length > 0 ? `(${values.map(literal).join(', ')})` : ''};`;
        return `\\echo @@@\n\\warn @@@\nBEGIN;\n${beginning(as)}\n\\echo @@\n${around(execute)}\nCOMMIT;`;
    });
    return [setup, `PREPARE begin AS ${begin};`, ...[...prepared].map(([text, id]) => `PREPARE ${id} AS ${text};`), ...bodies].join('\n');
}

export function psql(text) {
    const r = spawnSync('psql', ['-XqAt', '-v', 'VERBOSITY=verbose', url], { input: text, encoding: 'utf8', maxBuffer: 1 << 28 });
    if (r.status !== 0) throw new Error(`psql: ${r.stderr}`);
    return r;
}

// What the requests answered: { body } (undefined: 404), { text } where it is no JSON, or { sqlstate, message, hint, column }.
export function answers(requests) {
    const r = psql(script(requests));
    const [early, ...failures] = r.stderr.split('@@@\n');
    if (early !== '') throw new Error(early);
    return r.stdout.split('@@@\n').slice(1).map((out, i) => {
        const error = /^ERROR: {2}(\w{5}): (.*)$/m.exec(failures[i]);
        if (error) {
            const at = (what) => new RegExp(`^${what}: {2}(.*)$`, 'm').exec(failures[i])?.[1];
            return { sqlstate: error[1], message: error[2], hint: at('HINT'), column: at('COLUMN NAME'), detail: at('DETAIL') };
        }
        const [who, text] = out.split('@@\n').map((part) => part.trimEnd());
        return { who, text, body: text.startsWith('{') ? JSON.parse(text) : undefined };
    });
}
