// What tests of the REST API share: two tenants with a row in every table and their people, tokens, one way to ask, and the
// contract: each answer is held against the schema that GET /v1/openapi.json promises, and a key that it does not name is a fault.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash, createHmac } from 'node:crypto';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DATABASE_URL, JWT_SECRET, ringback, request, sql } from './harness.mjs';
import { Ajv, addFormats } from './clients.mjs';

export const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..', '..');

/** The id of the n-th thing of a kind of tenant a or b, as tests/schema/lib/setup.sql makes them. */
export function id(tenant, kind, n = 1) {
  const hex = createHash('md5').update(`${tenant}/${kind}/${n}`).digest('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}

export const org = { a: id('a', 'org'), b: id('b', 'org') };
/** user ids. `both` joined a first, as a member, and is an admin of b; `staff` is of the platform; `nobody` belongs nowhere. */
export const people = Object.fromEntries([
  ...['a', 'b'].flatMap((t) => ['owner', 'admin', 'member'].map((role) => [`${t}.${role}`, id(t, role)])),
  ['both', id('c', 'both')], ['staff', id('c', 'staff')], ['nobody', id('c', 'nobody')]]);

/** The two tenants, and `more` (SQL). */
export function seed(more = '') {
  ringback('migrate');
  execFileSync('psql', [DATABASE_URL, '-Xq', '-v', 'ON_ERROR_STOP=1'], { input: `BEGIN;
    \\i ${join(root, 'tests/schema/lib/setup.sql')}
    INSERT INTO organization_members (organization_id, user_id, role, created_at) VALUES
      ('${org.a}', '${people.both}', 'member', now() - interval '2 days'), ('${org.b}', '${people.both}', 'admin', now() - interval '1 day');
    INSERT INTO user_roles (user_id, role) VALUES ('${people.staff}', 'admin');
    ${more}
    COMMIT;` });
}

// ---- tokens ----

const part = (value) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');

/** A token made by hand: `claims` over those of a good one of `sub`. */
export function forge(sub, { claims = {}, header = {}, secret = JWT_SECRET } = {}) {
  const now = Math.floor(Date.now() / 1000);
  const text = `${part({ alg: 'HS256', typ: 'JWT', ...header })}.${part({ sub, role: 'authenticated', aud: 'authenticated',
    iat: now - 10, exp: now + 3600, ...claims })}`;
  return `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`;
}

export const tokens = Object.fromEntries(Object.entries(people).map(([who, sub]) => [who, forge(sub)]));

// ---- asking ----

/** `who`: a name of `people`, a token, or null for none. The body is JSON unless it is a string or a Buffer; a header that is
 * undefined is not sent. */
export async function ask(address, who, method, path, body, headers = {}) {
  const raw = body === undefined || typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body);
  const all = {
    ...(who ? { Authorization: `Bearer ${tokens[who] ?? who}` } : {}),
    ...(raw !== undefined ? { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(raw) } : {}),
    ...headers };
  const answer = await request(address, method, path, Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined)), raw);
  answer.body = answer.text.startsWith('{') && answer.headers['content-encoding'] === undefined ? JSON.parse(answer.text) : undefined;
  return answer;
}

// ---- the contract ----

/** Schemas say what there is; here they also say that there is nothing else. */
function close(schema) {
  if (Array.isArray(schema)) return schema.map(close);
  if (schema === null || typeof schema !== 'object') return schema;
  const closed = Object.fromEntries(Object.entries(schema).map(([key, value]) => [key, close(value)]));
  return closed.type === 'object' && closed.properties && closed.additionalProperties === undefined
    ? { ...closed, additionalProperties: false } : closed;
}

export class Contract {
  constructor(text) {
    this.document = JSON.parse(text);
    this.ajv = new Ajv({ strict: true, allowUnionTypes: true, allErrors: true });
    addFormats(this.ajv);
    this.ajv.addVocabulary(['components']);
    const { schemas, responses } = this.document.components;
    this.ajv.addSchema({ $id: 'api', components: { schemas: close(schemas) } });
    this.operations = Object.entries(this.document.paths).flatMap(([path, methods]) => Object.entries(methods).map(([method, operation]) => {
      const answers = Object.entries(operation.responses).map(([status, r]) => {
        const schema = (r.$ref ? responses[r.$ref.split('/').at(-1)] : r).content?.['application/json'].schema;
        return [status, schema && this.ajv.compile(JSON.parse(JSON.stringify(close(schema)).replaceAll('"#/', '"api#/')))];
      });
      return { id: operation.operationId, method: method.toUpperCase(), path, operation, answers: new Map(answers), seen: new Set(),
        pattern: new RegExp(`^${path.replace(/\{\w+\}/g, '[^/]+')}$`) };
    }));
  }

  find(method, path) {
    return this.operations.find((o) => o.method === (method === 'HEAD' ? 'GET' : method) && o.pattern.test(path.split('?')[0]));
  }

  /** The answer is one that the operation promises: its status, and every key and type of its body. */
  check(method, path, answer) {
    const o = this.find(method, path);
    if (!o) return;
    const what = `${method} ${path}: ${answer.status} ${answer.text.slice(0, 400)}`;
    o.seen.add(answer.status);
    if ([304, 405, 413].includes(answer.status)) return; // HTTP's own, of no operation
    assert.ok(o.answers.has(String(answer.status)), `${what}: a status that is not promised`);
    const valid = o.answers.get(String(answer.status));
    if (!valid) assert.equal(answer.text, '', `${what}: a body that is not promised`);
    else if (method !== 'HEAD' && answer.body) assert.ok(valid(answer.body), `${what}\n${this.ajv.errorsText(valid.errors, { separator: '\n' })}`);
    else if (method !== 'HEAD') assert.fail(`${what}: no JSON`);
  }
}

/** Every id that a tenant's rows have, in any table. */
export function idsOf(tenant) {
  const tables = sql(`SELECT c.table_name AS name FROM information_schema.columns c JOIN information_schema.tables t USING (table_schema, table_name)
    WHERE c.table_schema = 'public' AND c.column_name = 'organization_id' AND t.table_type = 'BASE TABLE' AND EXISTS (SELECT FROM
    information_schema.columns i WHERE i.table_schema = 'public' AND i.table_name = c.table_name AND i.column_name = 'id' AND i.data_type = 'uuid')`);
  const ids = sql(tables.map(({ name }) => `SELECT id FROM ${name} WHERE organization_id = '${org[tenant]}'`).join(' UNION ALL '));
  assert.ok(tables.length >= 15 && ids.length >= 15, 'the tenants have rows');
  return [org[tenant], ...ids.map((row) => row.id)];
}

/** One value that changes with any change of any row of a tenant. */
export function fingerprint(tenant) {
  const tables = sql(`SELECT table_name AS name FROM information_schema.columns JOIN information_schema.tables USING (table_schema, table_name)
    WHERE table_schema = 'public' AND column_name = 'organization_id' AND table_type = 'BASE TABLE' AND table_name <> 'live_outbox' ORDER BY 1`);
  return sql(`SELECT md5(string_agg(h, '' ORDER BY h)) AS all FROM (${tables.map(({ name }) =>
    `SELECT '${name}' || md5(t::text) AS h FROM ${name} t WHERE organization_id = '${org[tenant]}'`).join(' UNION ALL ')}) x`)[0].all;
}
