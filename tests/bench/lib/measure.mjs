// What is measured and how: CPU and memory of processes from /proc, rounds of several systems in turn, medians, goals.
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const HERTZ = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));
export const sleep = (ms) => new Promise((r) => setTimeout(r, ms));

// ---- processes ----

/** Seconds of CPU that a process took so far, all of its threads and its ended children. */
export function cpu(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\) /, '').split(' ');
  return fields.slice(11, 15).reduce((sum, n) => sum + Number(n), 0) / HERTZ;
}

const status = (pid, field) => Number(new RegExp(`${field}:\\s+(\\d+)`).exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) * 1024;
/** Bytes of memory that a process has resident now, and the most that it had since it began or since forgetPeak(). */
export const resident = (pid) => status(pid, 'VmRSS');
export const peak = (pid) => status(pid, 'VmHWM');
export const forgetPeak = (pid) => writeFileSync(`/proc/${pid}/clear_refs`, '5');

/** Until the process has had nothing to do for half a second; at most `ms`. */
export async function idle(pid, ms = 30000) {
  const deadline = Date.now() + ms;
  for (let quiet = 0, last = cpu(pid); quiet < 4 && Date.now() < deadline;) {
    await sleep(150);
    const now = cpu(pid);
    quiet = now - last < 0.015 ? quiet + 1 : 0;
    last = now;
  }
}

// ---- the two servers of with_servers ----

const pidOf = (server) => Number(readFileSync(join(process.env.RINGBACK_TEST_DIR, `${server}.pid`), 'utf8'));
export const redisPid = () => pidOf('redis');
export const redisCpu = () => cpu(redisPid());
/** The server and all of its backends; one that ended is in the server's own account. */
export function postgresCpu() {
  const server = pidOf('pg'), children = readFileSync(`/proc/${server}/task/${server}/children`, 'utf8').trim().split(' ');
  return [server, ...children].reduce((sum, pid) => { try { return sum + cpu(pid); } catch { return sum; } }, 0);
}

/** Starts the meters. What comes back ends them: meter([pid])(events) is a sample, CPU in microseconds per event. */
export function meter(pids) {
  const read = () => [pids.reduce((sum, pid) => sum + cpu(pid), 0), postgresCpu(), redisCpu()];
  for (const pid of pids) forgetPeak(pid);
  const before = read(), began = performance.now();
  return (events) => {
    const seconds = (performance.now() - began) / 1000, [server_us, postgres_us, redis_us] = read().map((now, i) => (now - before[i]) / events * 1e6);
    return { rate: events / seconds, server_us, postgres_us, redis_us, rss_mb: pids.reduce((sum, pid) => sum + peak(pid), 0) / 2 ** 20 };
  };
}

// ---- rounds ----

/** Measures every system once a round, in turn: A B, then B A. systems: { name: async () => sample }; gives { name: [sample, ...] }. */
export async function alternate(systems, rounds, say = () => {}) {
  const samples = Object.fromEntries(Object.keys(systems).map((name) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    const order = Object.entries(systems);
    if (round % 2) order.reverse();
    for (const [name, measure] of order) {
      const sample = await measure();
      samples[name].push(sample);
      say(`round ${round + 1}, ${name}: ${Object.entries(sample).filter(([, v]) => typeof v === 'number').map(([k, v]) => `${k} ${+v.toPrecision(4)}`).join(', ')}`);
    }
  }
  return samples;
}

export const median = (list) => {
  const sorted = [...list].sort((a, b) => a - b), half = sorted.length >> 1;
  return sorted.length % 2 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
};
/** One value of every sample. */
export const each = (samples, key) => samples.map((s) => s[key]);
/** Round by round: how many times one system's value is the other's. */
export const ratios = (ours, theirs, key) => ours.map((s, i) => s[key] / theirs[i][key]);

/** A target and what came out: `values` of each round; their median holds it or does not. */
export const goal = (what, unit, values, target) => ({ what, unit, values, ...target });
/** How well the median does against its target: 1 holds it just so, 2 is twice as good. */
export function score(g) {
  const value = median(g.values);
  return g.atMost !== undefined ? g.atMost / value : value / g.atLeast;
}
