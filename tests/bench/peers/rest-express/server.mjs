// One list endpoint of the REST API as it is usually written with Express and pg: the token is verified, a connection taken from a pool,
// and BEGIN, who asks, the statement and COMMIT are awaited one by one. The SQL is ours, named (so prepared once per connection).
// JSON is what pg and Express make of it: parsed, and written anew. TUNED=1 sends the text as PostgreSQL built it; UNNAMED=1 gives the
// statements no names, so that PostgreSQL parses and plans them at each request.
//   LISTEN_PORT, DATABASE_URL, JWT_SECRET, CONNECTIONS, and LIST: { path, begin, text, parameters } as JSON.
import { createSecretKey } from 'node:crypto';
import express from 'express';
import jwt from 'jsonwebtoken';
import pg from 'pg';

const list = JSON.parse(process.env.LIST);
const secret = createSecretKey(Buffer.from(process.env.JWT_SECRET)); // a string would be tried as a public key first, at each request
const MESSAGES = { page: 'page must be a whole number from 1', limit: 'limit must be a whole number from 1 to 100' };
const tuned = process.env.TUNED === '1';
if (tuned) pg.types.setTypeParser(pg.types.builtins.JSON, (text) => text);
const named = (name) => (process.env.UNNAMED === '1' ? {} : { name });
const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL, max: Number(process.env.CONNECTIONS), idleTimeoutMillis: 0 });
pool.on('connect', (client) => client.query("SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off; SET enable_bitmapscan = off; SET jit = off; SET timezone = 'UTC'"));

class Refused extends Error {
  constructor(status, code, message, field) {
    super(message);
    Object.assign(this, { status, code, details: field ? { field } : {} });
  }
}

function authenticate(req, res, next) {
  const [scheme, token] = (req.get('authorization') ?? '').split(' ');
  try {
    if (scheme !== 'Bearer') throw new Error('no token');
    const claims = jwt.verify(token, secret, { algorithms: ['HS256'] });
    req.user = claims.sub;
    next();
  } catch (error) {
    next(new Refused(401, 'UNAUTHORIZED', error.message));
  }
}

function number(query, name, fallback, max) {
  const value = Number(query[name] ?? fallback);
  if (!Number.isInteger(value) || value < 1 || value > max) throw new Refused(400, 'VALIDATION_ERROR', MESSAGES[name], name);
  return value;
}

const app = express();
app.disable('x-powered-by');
app.get(list.path, authenticate, async (req, res) => {
  const page = number(req.query, 'page', 1, 1e6), limit = number(req.query, 'limit', 20, 100);
  const given = { page, limit, offset: (page - 1) * limit };
  const client = await pool.connect();
  try {
    await client.query('BEGIN');
    await client.query({ ...named('begin'), text: list.begin, values: [req.user, req.get('x-organization-id') ?? null, 'member'] });
    const { rows } = await client.query({ ...named('list'), text: list.text, values: list.parameters.map((name) => given[name]), rowMode: 'array' });
    await client.query('COMMIT');
    if (tuned) res.type('json').send(rows[0][0]);
    else res.json(rows[0][0]);
  } catch (error) {
    await client.query('ROLLBACK');
    throw error;
  } finally {
    client.release();
  }
});
app.use((error, req, res, _next) => {
  res.status(error.status ?? 500).json({ error: { code: error.code ?? 'INTERNAL', message: error.message, details: error.details ?? {} } });
});
pool.on('error', (error) => { console.error(`PostgreSQL is gone: ${error.message}`); process.exit(1); });
const server = app.listen(Number(process.env.LISTEN_PORT), '127.0.0.1', () => console.log(`listening ${server.address().port}`));
process.on('SIGTERM', () => { server.close(); server.closeAllConnections(); pool.end(); });
