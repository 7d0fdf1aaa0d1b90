// What every live test needs: a running ringback, signed webhooks, SQL, waiting. Node's own modules only.
import { spawn, execFileSync } from 'node:child_process';
import { createHmac, randomUUID } from 'node:crypto';
import http from 'node:http';
import { once } from 'node:events';

export const RINGBACK = process.env.RINGBACK ?? 'build/dev/ringback';
export const DATABASE_URL = process.env.RINGBACK_TEST_DATABASE_URL;
export const SECRET = 'hush';
export const JWT_SECRET = 'a secret for tests that is long enough';
export const OWNER = '00000000-0000-4000-8000-000000000001';

const env = {
  ...process.env,
  RINGBACK_SHOPIFY_API_SECRET: SECRET,
  RINGBACK_ENCRYPTION_KEY: Buffer.alloc(32, 7).toString('base64'),
  RINGBACK_JWT_SECRET: JWT_SECRET,
  RINGBACK_LISTEN: '127.0.0.1:0',
  RINGBACK_ADMIN_LISTEN: '127.0.0.1:0',
};

/** Runs a command that ends; returns its standard output. Throws with its standard error otherwise. */
export function ringback(...args) {
  return execFileSync(RINGBACK, args, { env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

/** An organization with its store connected; returns its id. */
export function tenant(name, domain, { timezone = 'Asia/Kolkata', secret } = {}) {
  const made = JSON.parse(ringback('tenant', 'create', '--name', name, '--timezone', timezone, '--owner', OWNER, '--json'));
  const id = made.organization_id ?? made.id;
  ringback('tenant', 'connect-store', '--organization', id, '--domain', domain, ...(secret ? ['--secret', secret] : []));
  return id;
}

/** Starts a role that stays; resolves when it serves and is ready. */
export async function start(role = 'all', settings = {}) {
  const child = spawn(RINGBACK, [role], { env: { ...env, ...settings }, stdio: ['ignore', 'inherit', 'pipe'] });
  const process_ = { child, log: [], address: null, admin: null };
  let rest = '';
  child.stderr.setEncoding('utf8');
  child.stderr.on('data', (text) => {
    rest += text;
    const lines = rest.split('\n');
    rest = lines.pop();
    for (const line of lines) {
      let entry;
      try { entry = JSON.parse(line); } catch { entry = { msg: line }; }
      process_.log.push(entry);
      if (entry.msg === 'listening') process_.address = entry.address;
      if (entry.msg === 'admin listening') process_.admin = entry.address;
    }
  });
  process_.stop = async (signal = 'SIGTERM') => {
    if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
    child.kill(signal);
    const [code] = await once(child, 'exit');
    return code;
  };
  await until(() => {
    if (child.exitCode !== null) throw new Error(`ringback ${role} ended: ${JSON.stringify(process_.log.slice(-3))}`);
    return process_.admin !== null && (role === 'worker' || process_.address !== null);
  }, 20000, 'ports');
  await until(async () => (await get(process_.admin, '/readyz')).status === 200, 30000, 'readiness');
  return process_;
}

/** Resolves with the first truthy value of fn; fails after ms. */
export async function until(fn, ms, what) {
  const deadline = Date.now() + ms;
  let last;
  for (;;) {
    last = await fn();
    if (last) return last;
    if (Date.now() > deadline) throw new Error(`waited ${ms} ms for ${what}`);
    await new Promise((r) => setTimeout(r, 25));
  }
}

const agent = new http.Agent({ keepAlive: true, maxSockets: 64 });

export function request(address, method, path, headers = {}, body) {
  const [host, port] = [address.slice(0, address.lastIndexOf(':')), address.slice(address.lastIndexOf(':') + 1)];
  return new Promise((resolve, reject) => {
    const r = http.request({ host, port, method, path, headers, agent }, (answer) => {
      const parts = [];
      answer.on('data', (d) => parts.push(d));
      answer.on('end', () => resolve({ status: answer.statusCode, headers: answer.headers, text: Buffer.concat(parts).toString() }));
      answer.on('error', reject);
    });
    r.on('error', reject);
    r.end(body);
  });
}

export const get = (address, path) => request(address, 'GET', path);

export function sign(body, secret = SECRET) {
  return createHmac('sha256', secret).update(body).digest('base64');
}

/** One webhook as Shopify sends it. `body` is a string, a Buffer or an object. `headers` add to or (null) remove. */
export function webhook(address, topic, shop, body, { secret = SECRET, headers = {} } = {}) {
  const raw = typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body);
  const all = {
    'Content-Type': 'application/json',
    'X-Shopify-Topic': topic,
    'X-Shopify-Shop-Domain': shop,
    'X-Shopify-API-Version': '2026-07',
    'X-Shopify-Webhook-Id': randomUUID(),
    'X-Shopify-Hmac-Sha256': sign(raw, secret),
    'Content-Length': Buffer.byteLength(raw),
    ...headers,
  };
  for (const name of Object.keys(all)) if (all[name] === null) delete all[name];
  return request(address, 'POST', '/webhooks/shopify', all, raw);
}

/** Rows of a query as objects. */
export function sql(query) {
  const text = execFileSync('psql', [DATABASE_URL, '-XAtq', '-v', 'ON_ERROR_STOP=1', '-c',
    `select coalesce(json_agg(t), '[]') from (${query}) t`], { encoding: 'utf8', maxBuffer: 1 << 28 });
  return JSON.parse(text);
}

export function exec(statements) {
  execFileSync('psql', [DATABASE_URL, '-Xq', '-v', 'ON_ERROR_STOP=1', '-c', statements], { encoding: 'utf8' });
}

/** A Redis command's reply, parsed. */
export function redis(...args) {
  const socket = new URL(process.env.RINGBACK_TEST_REDIS_URL).pathname;
  return JSON.parse(execFileSync('redis-cli', ['-s', socket, '--json', ...args], { encoding: 'utf8', maxBuffer: 1 << 28 }));
}

/** Waits until the workers have nothing left: every entry of the streams has been delivered and acknowledged. */
export async function settled(ms = 30000, partitions = 8) {
  await until(() => {
    for (let n = 0; n < partitions; n++) {
      const key = `ringback:{${n}}:events`;
      if (redis('EXISTS', key) === 0) continue;
      const groups = redis('XINFO', 'GROUPS', key);
      if (groups.length === 0 || groups.some((g) => g.pending > 0 || g.lag > 0)) return false;
    }
    return true;
  }, ms, 'every entry to be acknowledged');
}
