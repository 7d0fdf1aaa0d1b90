// What `ringback realtime` is measured beside: the same job in Node with the `ws` package, written to be fast. Tails the live
// streams, serialises a frame once per change and topic, and sends it to every socket of the tenant.
//   node ws_server.mjs CLIENTS_FOLDER REDIS_SOCKET PARTITIONS JWT_SECRET MEMBERS_JSON    prints {"port":n}
import { createHmac, timingSafeEqual } from 'node:crypto';
import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';
import net from 'node:net';

const [clients, redis, partitions, secret, members] = process.argv.slice(2);
const { WebSocketServer } = createRequire(`${clients}/package.json`)('ws');
const organizations = new Map(Object.entries(JSON.parse(readFileSync(members, 'utf8')))); // user -> organization
const tenants = new Map(); // organization -> topic -> { table, sockets }

function user(token) {
  const [head, payload, signature] = token.split('.');
  const wanted = createHmac('sha256', secret).update(`${head}.${payload}`).digest();
  const got = Buffer.from(signature, 'base64url');
  return got.length === wanted.length && timingSafeEqual(got, wanted) ? JSON.parse(Buffer.from(payload, 'base64url')).sub : null;
}

const server = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: false, backlog: 1024 });
server.on('listening', () => console.log(JSON.stringify({ port: server.address().port })));
server.on('connection', (ws) => {
  ws.on('message', (data) => {
    const [joinRef, ref, topic, event, payload] = JSON.parse(data);
    if (event !== 'phx_join') return;
    const organization = organizations.get(user(payload.access_token));
    const { table } = payload.config.postgres_changes[0];
    if (!tenants.has(organization)) tenants.set(organization, new Map());
    const topics = tenants.get(organization);
    if (!topics.has(topic)) topics.set(topic, { table, sockets: new Set() });
    topics.get(topic).sockets.add(ws);
    ws.on('close', () => topics.get(topic).sockets.delete(ws));
    ws.send(JSON.stringify([joinRef, ref, topic, 'phx_reply', { status: 'ok', response: { postgres_changes: payload.config.postgres_changes } }]));
    ws.send(JSON.stringify([joinRef, null, topic, 'system', { status: 'ok', extension: 'postgres_changes', message: 'Subscribed', channel: topic }]));
  });
});

function publish(organization, table, type, record, committed) {
  for (const [topic, audience] of tenants.get(organization) ?? []) {
    if (audience.table !== table) continue;
    const frame = Buffer.from(`[null,null,${JSON.stringify(topic)},"postgres_changes",{"ids":[1],"data":{"schema":"public","table":"${table}",` +
      `"commit_timestamp":"${new Date(committed / 1000).toISOString()}","type":"${type}","columns":[],"record":${record},"errors":null}}]`);
    for (const ws of audience.sockets) ws.send(frame, { binary: false });
  }
}

// ---- the live streams: XREAD over all partitions, RESP read in place
const wire = net.connect({ path: redis });
const ids = Array.from({ length: Number(partitions) }, () => `${Date.now()}-0`); // '$' would lose what comes between two reads
const keys = ids.map((_, n) => `ringback:{${n}}:live`);
let rest = Buffer.alloc(0);

function ask() {
  const command = ['XREAD', 'COUNT', '128', 'BLOCK', '1000', 'STREAMS', ...keys, ...ids];
  wire.write(`*${command.length}\r\n${command.map((part) => `$${part.length}\r\n${part}\r\n`).join('')}`);
}

function reply(at) { // [value, next] or null
  const end = rest.indexOf('\r\n', at);
  if (end < 0) return null;
  const n = Number(rest.toString('latin1', at + 1, end));
  if (rest[at] === 0x24) {
    if (n < 0) return [null, end + 2];
    return rest.length < end + 4 + n ? null : [rest.toString('utf8', end + 2, end + 2 + n), end + 4 + n];
  }
  if (rest[at] !== 0x2a) throw new Error(rest.toString('latin1', at, end));
  const list = [];
  let next = end + 2;
  for (let i = 0; i < n; i++) {
    const part = reply(next);
    if (part === null) return null;
    list.push(part[0]);
    next = part[1];
  }
  return [n < 0 ? null : list, next];
}

wire.on('data', (data) => {
  rest = rest.length ? Buffer.concat([rest, data]) : data;
  const read = reply(0);
  if (read === null) return;
  rest = rest.subarray(read[1]);
  for (const [key, entries] of read[0] ?? []) {
    for (const [id, fields] of entries) {
      const of = {};
      for (let i = 0; i < fields.length; i += 2) of[fields[i]] = fields[i + 1];
      ids[keys.indexOf(key)] = id;
      publish(of.o, of.t, of.e, of.d, Number(of.c));
    }
  }
  ask();
});
ask();
