// See run. A round is a simulated day of its own seed, so that new rows and old ones, first deliveries and repeated ones come in
// every round; the streams keep one minute, so that Redis' memory is no part of the question.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { WebSocket } from '../chaos/lib/websocket.mjs';
import { OWNER, RINGBACK, ringback, settled, start, tenant } from '../live/lib/harness.mjs';

const { values: options } = parseArgs({ options: {
  rounds: { type: 'string', default: '10' }, events: { type: 'string', default: '100000' },
  grow: { type: 'string', default: '10' }, rate: { type: 'string', default: '0' },
} });
const [rounds, deliveries, grow] = [options.rounds, options.events, options.grow].map(Number);
const DOMAIN = 'soak.myshopify.com';
const STILL_MS = 3000; // after the last event: what is only in use for a moment is given back

/** Resident memory of a process in KiB. */
const resident = (pid) => Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]);

/** One round of deliveries. */
async function play(gateway, seed) {
  const child = spawn(RINGBACK, ['simulate', '--url', `http://${gateway.address}`, '--stores', DOMAIN, '--secret', 'hush',
    '--seed', String(seed), '--events', String(Math.ceil(deliveries / 3)), '--duplicates', '200', '--rate', options.rate,
    '--connections', '16', '--quiet', '--json'], { stdio: ['ignore', 'pipe', 'inherit'] });
  child.stdout.resume();
  const [code] = await once(child, 'close');
  if (code !== 0) throw new Error(`simulate ended with ${code}`);
}

/** A dashboard: joins and counts the changes that come. */
function dashboard(realtime, token) {
  const seen = { changes: 0 };
  const ws = new WebSocket(Number(realtime.address.split(':').pop()), '/realtime/v1/websocket?apikey=anon&vsn=2.0.0');
  const say = (topic, event, payload) => ws.send(JSON.stringify(['1', '1', topic, event, payload]));
  ws.on('open', () => say('realtime:soak', 'phx_join', { access_token: token,
    config: { postgres_changes: [{ event: '*', schema: 'public', table: 'commerce_orders' }] } }));
  ws.on('message', (text) => { seen.changes += text.includes('"postgres_changes"'); });
  ws.on('close', () => { if (!seen.over) throw new Error('the dashboard was thrown out'); });
  seen.beat = setInterval(() => say('phoenix', 'heartbeat', {}), 10000);
  seen.close = () => { seen.over = true; clearInterval(seen.beat); ws.close(); };
  return seen;
}

ringback('migrate');
tenant('Soak', DOMAIN);
const settings = { RINGBACK_STREAM_RETENTION: '1m' };
const processes = {};
for (const role of ['gateway', 'worker', 'realtime']) processes[role] = await start(role, settings);
const screen = dashboard(processes.realtime, ringback('token', '--sub', OWNER, '--expires', '24h').trim());

const first = {};
let failed = false;
console.log(`round  events     ${Object.keys(processes).map((role) => role.padStart(12)).join('')}   (KiB)`);
for (let round = 1; round <= rounds; round++) {
  await play(processes.gateway, round);
  await settled(600000);
  await new Promise((r) => setTimeout(r, STILL_MS));
  const now = Object.fromEntries(Object.entries(processes).map(([role, p]) => [role, resident(p.child.pid)]));
  if (round === 1) Object.assign(first, now);
  console.log(`${String(round).padStart(5)}  ${String(round * deliveries).padEnd(10)} ${Object.values(now).map((n) => String(n).padStart(12)).join('')}`);
  if (round < rounds) continue;
  for (const [role, n] of Object.entries(now)) {
    const percent = (n / first[role] - 1) * 100;
    failed ||= percent > grow;
    console.log(`${role}: ${percent >= 0 ? '+' : ''}${percent.toFixed(1)} % since round 1${percent > grow ? `, more than ${grow} %` : ''}`);
  }
}
console.log(`the dashboard saw ${screen.changes} changes`);
screen.close();
for (const p of Object.values(processes)) await p.stop();
process.exitCode = failed || screen.changes === 0 ? 1 : 0;
