// Memory: each role idle, `all` under load, and what hostile senders and readers can make of it. Bounds are those that the code names:
// DOOR_BODIES_BYTES_MAX for all request bodies of a process (and as much again on their way to Redis), 24 KiB for each connection of
// the door (CONN_POOL_BYTES) and 4 for our own account of it, OUTBOX_BYTES_MAX and OUTBOX_FRAMES_MAX for what waits for a websocket,
// HISTORY_BYTES_MAX for what may be asked for again, HELD_BYTES_MAX and the batches for what a worker holds. How much of what nobody reads
// waits in the kernel instead is the kernel's affair (tcp_mem), so that number differs from run to run; its bound does not.
import { randomBytes } from 'node:crypto';
import net from 'node:net';
import { WebSocket } from '../../chaos/lib/websocket.mjs';
import { OWNER, ringback, settled, sign, start, tenant } from '../../live/lib/harness.mjs';
import { Redis } from '../../live/lib/stream.mjs';
import { each, goal, peak, resident, sleep } from '../lib/measure.mjs';
import { emptyRedis, redisSocket, webhooks } from '../lib/load.mjs';

const MIB = 2 ** 20, KIB = 1024, ROLES = ['all', 'gateway', 'worker', 'realtime', 'api'];
const BODY = 8 * MIB, BODIES_MIB = 128, CONNECTION_MIB = (24 + 4) / 1024, HELD_MIB = 128, BATCH_MIB = 64;
const OUTBOX_MIB = 1, HISTORY_MIB = 64, SOCKET_MIB = (8 + 16) / 1024, SLOT_BYTES = 24, SLOTS = 4096;
const SHOP = 'bench-0.myshopify.com', ROW_BYTES = 500;
const rss = (p) => resident(p.child.pid) / MIB, most = (p) => peak(p.child.pid) / MIB;
const portOf = (p) => Number(p.address.split(':').pop());

/** n sockets, 200 at a time; `make` resolves when its socket is where it should be. */
async function crowd(n, make) {
  const all = [];
  for (let i = 0; i < n; i += 200) all.push(...await Promise.all(Array.from({ length: Math.min(200, n - i) }, (_, k) => make(i + k))));
  return all;
}

function dial(port) {
  return new Promise((resolve, reject) => {
    const socket = net.connect({ port, host: '127.0.0.1' }, () => { socket.off('error', reject); socket.on('error', () => {}); resolve(socket); });
    socket.once('error', reject);
  });
}

const head = (signature, length) => 'POST /webhooks/shopify HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\nX-Shopify-Topic: orders/create\r\n' +
  `X-Shopify-Shop-Domain: ${SHOP}\r\nX-Shopify-Hmac-Sha256: ${signature}\r\nContent-Length: ${length}\r\n\r\n`;

// ---- what is measured ----

async function idle(role) {
  const p = await start(role);
  await sleep(1500);
  const rss_mb = rss(p);
  await p.stop();
  return { rss_mb };
}

/** Every role in one process, as many new orders as it takes. */
async function load(seconds) {
  const p = await start('all');
  const r = await webhooks(p.address, { connections: 64, seconds, orders: 20000, shops: 1, first: 1000000 });
  await settled(120000);
  const sample = { rate: r.requests / r.seconds, rss_mb: most(p) };
  await p.stop();
  await emptyRedis();
  return sample;
}

/** Signed bodies of 8 MiB that do not compress, all but their last byte first, so that as many as possible are there at once. */
async function bodies(n) {
  const p = await start('gateway'), before = rss(p), body = Buffer.from(randomBytes(BODY * 3 / 4).toString('base64'));
  const signature = sign(body), all = await crowd(n, () => dial(portOf(p)));
  await Promise.all(all.map((socket) => new Promise((resolve) => {
    let text = '';
    socket.on('data', (d) => { text += d.toString('latin1'); if (text.includes('\r\n\r\n')) resolve(); });
    socket.on('close', resolve);
    socket.write(head(signature, BODY));
    socket.write(body.subarray(0, -1), () => setTimeout(() => socket.write(body.subarray(-1)), 2000));
    setTimeout(resolve, 40000).unref();
  }).then(() => socket.destroy())));
  const sample = { connections: n, 'idle MiB': before, rss_mb: most(p), 'bound MiB': before + 2 * BODIES_MIB + 3 * BODY / MIB + n * CONNECTION_MIB };
  await p.stop();
  await emptyRedis();
  return sample;
}

/** Requests whose body does not come to its end, with 1 KiB of the 64 that were announced. */
async function slowBodies(n) {
  const p = await start('gateway'), before = rss(p), part = Buffer.alloc(KIB, 32), text = head(sign('x'), 64 * KIB);
  const all = await crowd(n, async () => { const s = await dial(portOf(p)); s.write(text); s.write(part); return s; });
  await sleep(2000);
  const held = all.filter((s) => s.readyState === 'open').length;
  const sample = { connections: held, 'idle MiB': before, rss_mb: most(p), 'bound MiB': before + BODIES_MIB + held * CONNECTION_MIB };
  all.forEach((s) => s.destroy());
  await p.stop();
  return sample;
}

/** Dashboards that join and then read nothing, while rows go on changing. */
async function deafReaders(n, organization, token) {
  const p = await start('realtime'), before = rss(p), redis = new Redis(redisSocket);
  const join = JSON.stringify(['1', '1', 'realtime:bench', 'phx_join', { access_token: token, config: { postgres_changes: [{ event: '*', schema: 'public', table: 'commerce_orders' }] } }]);
  const all = await crowd(n, () => new Promise((resolve, reject) => {
    const ws = new WebSocket(portOf(p), '/realtime/v1/websocket?apikey=bench&vsn=2.0.0');
    ws.on('open', () => ws.send(join));
    ws.on('message', (text) => { if (text.includes('"system"')) { ws.socket.pause(); resolve(ws); } });
    ws.on('close', () => reject(new Error('a websocket was closed')));
  }));
  const rows = Math.ceil(2 * OUTBOX_MIB * MIB / ROW_BYTES);
  for (let i = 0; i < rows; i++) {
    const at = BigInt(Date.now()) * 1000n, text = `{"id":"${String(i).padStart(8, '0')}-0000-4000-8000-000000000000","pad":"`;
    const sent = redis.send('XADD', 'ringback:{0}:live', 'MAXLEN', '~', '10000', '*', 'o', organization, 't', 'commerce_orders', 'e', 'INSERT', 'd', `${text}${'x'.repeat(ROW_BYTES - text.length - 2)}"}`, 'c', String(at));
    if (i % 50 === 49) { await sent; await sleep(5); }
  }
  await sleep(2000);
  const sample = { connections: n, 'idle MiB': before, rss_mb: most(p),
    'bound MiB': before + n * (SOCKET_MIB + SLOTS * SLOT_BYTES / MIB) + 2 * OUTBOX_MIB + HISTORY_MIB };
  all.forEach((ws) => { ws.removeAllListeners('close'); ws.close(); });
  await redis.close();
  await p.stop();
  return sample;
}

export async function run({ rounds, quick, say }) {
  ringback('migrate');
  const organization = tenant('Bench', SHOP), token = ringback('token', '--sub', OWNER, '--expires', '1h').trim(), sockets = quick ? 500 : 10000, rows = [];
  const roles = Object.fromEntries(ROLES.map((role) => [role, []]));
  for (let round = 0; round < Math.min(rounds, 3); round++) for (const role of ROLES) roles[role].push(await idle(role));
  say(`idle: ${ROLES.map((role) => `${role} ${roles[role][0].rss_mb.toFixed(1)}`).join(', ')} MiB`);
  rows.push({ what: 'idle', systems: roles, goals: [goal('idle memory of `ringback all`', 'MiB', each(roles.all, 'rss_mb'), { atMost: 32 })] });

  const tried = {
    'all roles under full load': () => load(quick ? 1 : 5),
    '200 bodies of 8 MiB': () => bodies(quick ? 40 : 200),
    'bodies that never end': () => slowBodies(sockets),
    'dashboards that do not read': () => deafReaders(sockets, organization, token),
  };
  for (const [what, measure] of Object.entries(tried)) {
    const sample = await measure();
    say(`${what}: ${sample.rss_mb.toFixed(1)} MiB`);
    const bound = sample['bound MiB'] ?? roles.all[0].rss_mb + HELD_MIB + BATCH_MIB;
    rows.push({ what, systems: { ringback: [sample] }, goals: [goal(`peak memory, ${what}`, 'MiB', [sample.rss_mb], { atMost: bound })] });
  }
  return rows;
}
