// An application that keeps a copy of its organization's rows, as a dashboard does: join; when the server says that changes
// flow, read the rows; then apply every change that came since, in the order of arrival. Whatever breaks (the socket, the
// channel, the reading), it begins again. What it shows at the end must be what is in the database.
import { createHmac } from 'node:crypto';
import { WebSocket } from './websocket.mjs';
import { rowsOf, sleep } from './servers.mjs';

export const TABLES = ['commerce_orders', 'commerce_abandoned_carts', 'calls', 'commerce_customers', 'commerce_products'];
const TOPIC = 'realtime:chaos', HEARTBEAT_MS = 3000, SILENCE_MS = 8000, AGAIN_MS = 200;

const base64 = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');

function token(user, secret) {
  const text = `${base64({ alg: 'HS256', typ: 'JWT' })}.${base64({ sub: user, role: 'authenticated', aud: 'authenticated', exp: 4102444800 })}`;
  return `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`;
}

/** The rows that this user may see, as changes carry them: { table: { id: record } }. */
export async function readRows(user) {
  const claims = JSON.stringify({ sub: user, role: 'authenticated' });
  const before = `set local timezone = 'UTC'; set local request.jwt.claims = '${claims}'; set local role authenticated;`;
  const tables = {};
  const all = TABLES.map((table) => `select '${table}' as tbl, id, live_record(t) as record from ${table} t`).join(' union all ');
  for (const table of TABLES) tables[table] = new Map();
  for (const row of await rowsOf(all, before)) tables[row.tbl].set(row.id, row.record);
  return tables;
}

export class Subscriber {
  constructor(name, { user, organization, port, secret }) {
    Object.assign(this, { name, user, organization, port, token: token(user, secret), foreign: [], joins: 0, changes: 0, resyncs: 0, running: true });
    this.reset();
    this.done = this.run();
  }

  reset() {
    Object.assign(this, { rows: null, early: [], reading: false });
  }

  async run() {
    while (this.running) {
      this.reset();
      await this.connection();
      if (this.running) await sleep(AGAIN_MS);
    }
  }

  /** One socket's life. */
  connection() {
    return new Promise((resolve) => {
      const ws = new WebSocket(this.port, '/realtime/v1/websocket?apikey=anon&vsn=2.0.0');
      let heard = Date.now(), ref = 1;
      const say = (topic, event, payload, joinRef = null) => ws.send(JSON.stringify([joinRef, String(++ref), topic, event, payload]));
      const beat = setInterval(() => {
        if (Date.now() - heard > SILENCE_MS) ws.close();
        else if (ws.opened) say('phoenix', 'heartbeat', {});
      }, HEARTBEAT_MS);
      this.socket = ws;
      ws.on('open', () => this.join(say));
      ws.on('message', (text) => {
        heard = Date.now();
        this.take(JSON.parse(text), say, ws);
      });
      ws.on('close', () => {
        clearInterval(beat);
        resolve();
      });
    });
  }

  join(say) {
    this.reset();
    this.joins++;
    const changes = TABLES.map((table) => ({ event: '*', schema: 'public', table }));
    say(TOPIC, 'phx_join', { config: { broadcast: {}, presence: {}, postgres_changes: changes }, access_token: this.token }, '1');
  }

  take([, , topic, event, payload], say, ws) {
    if (topic !== TOPIC) return;
    if (event === 'postgres_changes') this.change(payload.data);
    else if (event === 'system' && payload.status === 'ok') this.read(ws);
    else if (event === 'phx_error' || (event === 'phx_reply' && payload.status === 'error')) {
      this.resyncs++;
      setTimeout(() => { if (!ws.ended) this.join(say); }, AGAIN_MS);
    } else if (event === 'phx_close') ws.close();
  }

  async read(ws) {
    const joined = this.joins;
    if (this.reading) return;
    this.reading = true;
    while (this.running && !ws.ended && joined === this.joins) {
      const rows = await readRows(this.user).catch(() => null); // PostgreSQL may be away
      if (ws.ended || joined !== this.joins) return;
      if (rows !== null) {
        this.rows = rows;
        for (const records of Object.values(rows)) for (const record of records.values()) this.check(record);
        for (const data of this.early.splice(0)) this.apply(data);
        return;
      }
      await sleep(AGAIN_MS);
    }
  }

  check(record) {
    if (record.organization_id !== this.organization) this.foreign.push(record);
  }

  change(data) {
    this.changes++;
    this.check(data.type === 'DELETE' ? data.old_record : data.record);
    if (this.rows === null) this.early.push(data);
    else this.apply(data);
  }

  apply({ table, type, record, old_record: old }) {
    if (type === 'DELETE') this.rows[table].delete(old.id);
    else this.rows[table].set(record.id, record);
  }

  async stop() {
    this.running = false;
    this.socket?.close();
    await this.done;
  }
}
