// The harness itself; tests/chaos/run tells how to call it. In five steps: servers and roles, traffic under faults, the end of
// the faults, waiting until everything has settled, and the comparison of what is there with what must be there.
import { cpSync, mkdirSync } from 'node:fs';
import net from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { parseArgs } from 'node:util';
import { exec, ringback } from '../live/lib/harness.mjs';
import { settings as voiceSettings } from '../live/lib/voice.mjs';
import { Faults, plan } from './lib/faults.mjs';
import { counted, deviations, unsettled } from './lib/oracle.mjs';
import { Proxy } from './lib/proxy.mjs';
import { Random } from './lib/random.mjs';
import { Sender } from './lib/sender.mjs';
import { Role, Server, sleep } from './lib/servers.mjs';
import { Subscriber } from './lib/subscriber.mjs';
import { Traffic } from './lib/traffic.mjs';

const PROGRESS_MS = 5000, WAITING_MAX = 600;
const APP_SECRET = 'hush', JWT_SECRET = 'a secret for tests that is long enough';
const folder = process.env.RINGBACK_TEST_DIR;

const TENANTS = [
  { name: 'Acme', timezone: 'Asia/Kolkata', shops: ['acme-one.myshopify.com', 'acme-two.myshopify.com'] },
  { name: 'Bazaar', timezone: 'America/New_York', shops: ['bazaar.myshopify.com'] },
  { name: 'Corner', timezone: 'UTC', shops: ['corner.myshopify.com'], secret: 'its own secret' },
];

function options() {
  const { values } = parseArgs({ options: { seconds: { type: 'string' }, kills: { type: 'string' }, seed: { type: 'string' }, rate: { type: 'string', default: '2' },
    load: { type: 'string', default: '60' }, settle: { type: 'string', default: '60' }, json: { type: 'boolean', default: false } } });
  const number = (name, fallback) => {
    const value = values[name] === undefined ? fallback : Number(values[name]);
    if (value !== undefined && !(value > 0)) throw new Error(`--${name} ${values[name]} is not a positive number`);
    return value;
  };
  const o = { json: values.json, kills: number('kills'), seconds: number('seconds'), rate: number('rate'), load: number('load'), settle: number('settle'), seed: number('seed', 1 + Math.floor(Math.random() * 1e9)) };
  if (o.kills === undefined && o.seconds === undefined) o.seconds = 60;
  return o;
}

/** A port that was free a moment ago: roles keep theirs over restarts. */
async function freePort() {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

/** Organizations with their stores; the store's id is found by its domain later. */
function makeTenants() {
  const shops = [], users = [];
  TENANTS.forEach(({ name, timezone, shops: domains, secret }, n) => {
    const user = `00000000-0000-4000-8000-00000000000${n + 1}`;
    const organization = JSON.parse(ringback('tenant', 'create', '--name', name, '--timezone', timezone, '--owner', user, '--json')).organization_id;
    for (const domain of domains) {
      ringback('tenant', 'connect-store', '--organization', organization, '--domain', domain, ...(secret ? ['--secret', secret] : []));
      shops.push({ domain, organization, secret: secret ?? APP_SECRET });
    }
    users.push({ user, organization, name });
  });
  return { shops, users };
}

/** Every process, and an ill network between each of ours and what it talks to. */
async function start() {
  const targets = { redis: new Server('redis', folder), postgres: new Server('postgres', folder) }, links = {};
  const pgSocket = `${new URLSearchParams(process.env.RINGBACK_TEST_DATABASE_URL.split('?')[1]).get('host')}/.s.PGSQL.5432`;
  const link = async (name, target) => { links[name] = await new Proxy(name, target).open(); return links[name].port; };
  for (const [name, role] of [['gateway-1', 'gateway'], ['gateway-2', 'gateway'], ['worker-1', 'worker'], ['worker-2', 'worker'], ['realtime', 'realtime']]) {
    const redisPort = await link(`${name}/redis`, { path: new URL(process.env.RINGBACK_TEST_REDIS_URL).pathname });
    const pgPort = await link(`${name}/postgres`, { path: pgSocket });
    const port = await freePort();
    targets[name] = new Role(name, role, {
      ...voiceSettings, RINGBACK_SHOPIFY_API_SECRET: APP_SECRET, RINGBACK_JWT_SECRET: JWT_SECRET, RINGBACK_ENCRYPTION_KEY: Buffer.alloc(32, 7).toString('base64'),
      RINGBACK_REDIS_URL: `redis://127.0.0.1:${redisPort}`, RINGBACK_DATABASE_URL: `postgresql://postgres@127.0.0.1:${pgPort}/ringback_test`,
      RINGBACK_LISTEN: `127.0.0.1:${port}`, RINGBACK_ADMIN_LISTEN: `127.0.0.1:${await freePort()}`, RINGBACK_BATCH_MAX: '50',
    }, folder).start();
    targets[name].port = port;
  }
  for (const name of ['gateway-1', 'gateway-2']) targets[name].door = await link(`senders/${name}`, { host: '127.0.0.1', port: targets[name].port });
  targets.realtime.door = await link('subscribers/realtime', { host: '127.0.0.1', port: targets.realtime.port });
  const roles = Object.values(targets).filter((t) => t instanceof Role);
  for (const role of roles) await role.ready();
  return { targets, links, roles };
}

/** Sends at `load` events a second until `going()` says no, then what is left of what has begun. */
async function sendAll(traffic, sender, load, random, going) {
  let due = Date.now();
  for (let event = traffic.next(); event !== null; event = going() ? traffic.next() : traffic.rest()) {
    while (sender.waiting >= WAITING_MAX) await sleep(20);
    due = Math.max(due + random.wait(load), Date.now() - 1000);
    if (due > Date.now()) await sleep(due - Date.now());
    sender.send(event);
  }
  while (sender.waiting > 0) await sleep(20);
}

/** Asks until nothing deviates any more, or `ms` have passed; { ms, left }. */
async function settle(traffic, subscribers, sent, ms, say) {
  const began = Date.now(), compare = () => deviations(traffic.expected, subscribers);
  for (let left = [], told = ''; ; await sleep(500)) {
    const late = Date.now() - began > ms;
    try {
      const all = await Promise.race([sent.then(() => true), sleep(500).then(() => false)]);
      const rest = all ? await unsettled() : 'senders still wait';
      left = rest === '' ? await compare() : [`not settled: ${rest}`, ...(late ? await compare() : [])];
    } catch (error) {
      left = [`not comparable: ${error.message}`];
    }
    if (left.length > 0 && left[0] !== told) say(`settling: ${told = left[0]}`);
    if (left.length === 0 || late) return { ms: Date.now() - began, left };
  }
}

async function main() {
  const o = options();
  if (folder === undefined) return;
  const say = (text) => process.stderr.write(`${text}\n`);
  const spanMs = (o.seconds ?? o.kills / o.rate) * 1000;
  say(`seed ${o.seed}`);
  ringback('migrate');
  const { shops, users } = makeTenants();
  exec(`alter table commerce_orders add constraint chaos_poison check (source_name is distinct from 'poison')`);
  const { targets, links, roles } = await start();
  const traffic = new Traffic(new Random(o.seed, 'traffic'), shops, Date.now(), spanMs);
  const sender = new Sender([targets['gateway-1'].door, targets['gateway-2'].door]);
  const subscribers = users.flatMap((u) => [1, 2].map((n) => new Subscriber(`${u.name}-${n}`, { ...u, port: targets.realtime.door, secret: JWT_SECRET })));
  const faults = new Faults(targets, links);

  const began = Date.now();
  const elapsed = () => Date.now() - began;
  let going = true;
  const sent = sendAll(traffic, sender, o.load, new Random(o.seed, 'pace'), () => going);
  const progress = () => say(`${Math.round(elapsed() / 1000)} s: ${faults.kills} kills, ${traffic.events} events, ${sender.accepted} accepted, ${sender.waiting} waiting; ` +
    `answers ${JSON.stringify(sender.answers)}, ${sender.broken} broken; faults ${JSON.stringify(faults.counts)}`);
  const ticker = setInterval(progress, PROGRESS_MS);
  for (const fault of plan(new Random(o.seed, 'faults'), o.rate, Object.keys(links))) {
    if (o.kills !== undefined ? faults.kills >= o.kills : fault.at >= spanMs) break;
    if (elapsed() < fault.at) await sleep(fault.at - elapsed());
    faults.begin(fault);
  }
  while (o.kills === undefined && elapsed() < spanMs) await sleep(20);
  const faultMs = elapsed();
  await faults.over();
  for (const link of Object.values(links)) link.heal();
  going = false;

  const { ms, left } = await settle(traffic, subscribers, sent, o.settle * 1000, say);
  clearInterval(ticker);
  progress();
  for (const subscriber of subscribers) await subscriber.stop();
  for (const role of roles) await role.then_(async () => { if (await role.end('SIGTERM') !== 0) role.ends.push(`${role.name} did not end in order at the end`); });
  const found = [...left, ...roles.flatMap((r) => r.ends), ...faults.failures, ...sender.refusals];
  const summary = {
    seed: o.seed, kills: faults.kills, killsPerSecond: Number((faults.kills / (faultMs / 1000)).toFixed(2)), seconds: Math.round(faultMs / 1000), faults: faults.counts,
    cuts: Object.values(links).reduce((sum, l) => sum + l.cuts, 0), events: traffic.events, accepted: sender.accepted, answers: sender.answers, broken: sender.broken, slowestMs: sender.slowest,
    rows: await counted().catch((error) => error.message), subscribers: { joins: subscribers.reduce((n, s) => n + s.joins, 0), changes: subscribers.reduce((n, s) => n + s.changes, 0), resyncs: subscribers.reduce((n, s) => n + s.resyncs, 0) },
    settledMs: left.length === 0 ? ms : null, deviations: found,
  };
  for (const link of Object.values(links)) link.close();
  if (o.json) process.stdout.write(`${JSON.stringify(summary)}\n`);
  else say(`${summary.kills} kills in ${summary.seconds} s, ${summary.accepted} events accepted, ${JSON.stringify(summary.rows)}, settled in ${summary.settledMs} ms`);
  for (const line of found) say(`DEVIATION ${line}`);
  if (found.length > 0) {
    const kept = `${tmpdir()}/ringback-chaos-${o.seed}`;
    mkdirSync(kept, { recursive: true });
    for (const name of [...roles.map((r) => `${r.name}.log`), 'pg.log', 'redis.log']) cpSync(`${folder}/${name}`, `${kept}/${name}`);
    say(`seed ${o.seed} failed: ${found.length} deviations; the logs are in ${kept}`);
  }
  process.exit(found.length > 0 ? 1 : 0);
}

main().catch((error) => {
  process.stderr.write(`${error instanceof TypeError && !error.code ? error.stack : error.message}\n`);
  process.exit(2);
});
