// The unmodified supabase-js as dashboards use it, against one or several `ringback realtime`; changes are written to the live
// streams as a worker does.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import net from 'node:net';
import { exec, ringback, until } from './harness.mjs';

const ANON = 'sb_publishable_for_tests';
export const ORG_A = 'aaaaaaaa-0000-4000-8000-000000000001', ORG_B = 'bbbbbbbb-0000-4000-8000-000000000002';
export const ALICE = 'a11ce000-0000-4000-8000-000000000001', BOB = 'b0b00000-0000-4000-8000-000000000002',
  CAROL = 'ca501000-0000-4000-8000-000000000003';

/** The process that clients connect to unless told otherwise. */
export const at = { server: null };
let number = 0;
export const serial = () => number++;
const clients = [];
export const token = (sub, expires = '1h', ...more) => ringback('token', '--sub', sub, '--expires', expires, ...more).trim();
export const sleep = (ms) => new Promise((r) => setTimeout(r, ms));
export const servers = (...args) => execFileSync(process.env.RINGBACK_SERVERS, args, { stdio: ['ignore', 'inherit', 'inherit'] });

let wire = null;
/** Appends a change to a live stream, as a worker does after its COMMIT. Does not wait: the clients here share this process. */
export function publish(organization, table, type, record, partition = number % 8) {
  const command = ['XADD', `ringback:{${partition}}:live`, '*', 'o', organization, 't', table, 'e', type, 'd', JSON.stringify(record),
    'c', String(Date.now() * 1000)];
  if (wire === null || wire.destroyed) {
    wire = net.connect(new URL(process.env.RINGBACK_TEST_REDIS_URL).pathname);
    wire.on('error', (error) => { throw error; });
    wire.on('data', (reply) => { if (reply.includes('-')  && /^-/m.test(reply)) throw new Error(String(reply)); });
    wire.unref();
  }
  wire.write(`*${command.length}\r\n${command.map((part) => `$${Buffer.byteLength(part)}\r\n${part}\r\n`).join('')}`);
}

/** A client as the front end makes it: the user's token is in its stored session, which is read late (`delay` ms) or is
 * not there yet (no `jwt`). made.session.jwt may be changed: like a sign-in or refresh that the client finds when it looks. */
export function client({ createClient, realtime }, jwt = null, delay = 0, where = at.server) {
  const session = { jwt };
  const stored = () => session.jwt && JSON.stringify({ access_token: session.jwt, refresh_token: 'r', token_type: 'bearer',
    expires_in: 3600, expires_at: Math.floor(Date.now() / 1000) + 3600, user: { id: 'u', aud: 'authenticated' } });
  const storage = { getItem: async (key) => { await sleep(delay); return key === 'session' ? stored() : null; }, setItem() {}, removeItem() {} };
  const made = createClient(`http://${where.address}`, ANON,
    { auth: { storage, storageKey: 'session', persistSession: true, autoRefreshToken: false, detectSessionInUrl: false }, realtime });
  made.session = session;
  clients.push(made);
  return made;
}

/** Subscribes; got: payloads as the application sees them, states: what subscribe() told. */
export function subscribe(supabase, { table = 'commerce_orders', event = '*', filter, name = `room-${serial()}` } = {}) {
  const seen = { got: [], delays: [], states: [], system: [], errors: [] };
  seen.channel = supabase.channel(name)
    .on('postgres_changes', { event, schema: 'public', table, ...(filter ? { filter } : {}) }, (p) => { seen.got.push(p); seen.delays.push(Date.now() - p.new?.at); })
    .on('system', {}, (p) => seen.system.push(p))
    .subscribe((state, error) => { seen.states.push(state); if (error) seen.errors.push(error.message); });
  seen.subscribed = () => until(() => seen.states.at(-1) === 'SUBSCRIBED', 10000, `SUBSCRIBED, not ${seen.states} ${seen.errors}`);
  seen.live = () => until(() => seen.system.some((s) => s.status === 'ok'), 10000, `system ok; ${seen.states} ${seen.errors}`);
  seen.ids = () => seen.got.map((p) => p.new?.id ?? p.old?.id);
  seen.heard = (id, ms = 5000) => until(() => seen.ids().includes(id), ms, `${id}; heard ${seen.ids()}, ${seen.states}`);
  return seen;
}

/** As auth-js does after a sign-in or a refresh. */
export async function refresh(supabase, jwt) {
  supabase.session.jwt = jwt;
  await supabase.realtime.setAuth(jwt);
}

export async function signedIn(version, sub, what) {
  const seen = subscribe(client(version, token(sub)), what);
  await seen.live();
  await seen.subscribed();
  return seen;
}

/** Two tenants and their members; Carol belongs to both. */
export function tenants() {
  ringback('migrate');
  exec(`INSERT INTO organizations (id, name) VALUES ('${ORG_A}', 'A'), ('${ORG_B}', 'B');
        INSERT INTO organization_members (organization_id, user_id) VALUES
          ('${ORG_A}', '${ALICE}'), ('${ORG_B}', '${BOB}'), ('${ORG_A}', '${CAROL}'), ('${ORG_B}', '${CAROL}');`);
}

/** Ends clients, then processes. */
export async function leave(...processes) {
  wire?.destroy();
  await Promise.all(clients.map((c) => c.realtime.disconnect()));
  // Some versions leave timers behind that would keep this process for minutes; the exit code stays the tests' own.
  setTimeout(() => process.exit(), 1000);
  for (const one of processes) if (one) assert.equal(await one.stop(), 0, 'SIGTERM ends it in order');
}
