// The processes that are killed: ours (spawned here) and the two servers (through tests/live/servers, so that with_servers
// ends them whatever happens to us).
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream, existsSync, readFileSync, readdirSync } from 'node:fs';
import { promisify } from 'node:util';
import { get, until } from '../../live/lib/harness.mjs';

const run = promisify(execFile);
const START_MS = 60000;
const YOUNG_MS = 1000; // a process may end by SIGTERM before it can handle it
const UP_MS = 400; // at least, between two faults of one target

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Does one thing after the other to its target; what is asked for meanwhile waits its turn. */
class Target {
  constructor(name) {
    Object.assign(this, { name, turn: Promise.resolve(), queued: 0 });
  }

  then_(fn) {
    this.queued++;
    this.turn = this.turn.then(fn).then(() => sleep(UP_MS)).finally(() => { this.queued--; });
    return this.turn;
  }
}

/** One role of Ringback at fixed addresses. */
export class Role extends Target {
  constructor(name, role, settings, folder) {
    super(name);
    Object.assign(this, { role, settings, child: null, wanted: false, ends: [], log: `${folder}/${name}.log` });
    this.out = createWriteStream(this.log, { flags: 'a' });
  }

  start() {
    const child = spawn(process.env.RINGBACK, [this.role], { env: { ...process.env, ...this.settings }, stdio: ['ignore', 'ignore', 'pipe'] });
    this.child = child;
    this.began = Date.now();
    this.wanted = true;
    child.stderr.on('data', (text) => this.out.write(text));
    child.on('exit', (code, signal) => {
      this.out.write(`--- ${this.name} ended: ${code ?? signal}\n`);
      // Nobody asked for it: it crashed, and that is a finding.
      if (this.wanted) this.ends.push(`${this.name} ended by itself: ${code ?? signal}`);
      if (this.wanted && this.child === child) this.then_(() => sleep(500)).then(() => { if (this.wanted) this.start(); });
    });
    return this;
  }

  async end(signal) {
    const { child } = this;
    this.wanted = false;
    if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
    const gone = once(child, 'exit');
    child.kill(signal);
    const late = setTimeout(() => {
      this.ends.push(`${this.name} did not end within 20 s of ${signal}`);
      child.kill('SIGKILL');
    }, 20000);
    await gone;
    clearTimeout(late);
    return child.exitCode;
  }

  kill(downMs) {
    return this.then_(async () => {
      await this.end('SIGKILL');
      await sleep(downMs);
      this.start();
    });
  }

  /** In order, as a rolling restart does it. */
  restart(downMs) {
    return this.then_(async () => {
      const young = Date.now() - this.began < YOUNG_MS;
      const code = await this.end('SIGTERM');
      if (code !== 0 && !young) this.ends.push(`${this.name} answered SIGTERM with ${code ?? this.child.signalCode}`);
      await sleep(downMs);
      this.start();
    });
  }

  pause(ms) {
    return this.then_(async () => {
      const { child } = this;
      child.kill('SIGSTOP');
      await sleep(ms);
      child.kill('SIGCONT');
    });
  }

  async ready() {
    await until(async () => (await get(this.settings.RINGBACK_ADMIN_LISTEN, '/readyz').catch(() => ({}))).status === 200,
      START_MS, `${this.name} to be ready`);
  }
}

// One that has ended but that nobody has waited for counts: PostgreSQL takes it for a running server.
const isThere = (pid) => existsSync(`/proc/${pid}`);

/** PostgreSQL or Redis. */
export class Server extends Target {
  constructor(name, folder) {
    super(name);
    this.pidFile = `${folder}/${name === 'redis' ? 'redis' : 'pg'}.pid`;
  }

  /** The server and, with PostgreSQL, its processes. */
  pids() {
    const pid = readFileSync(this.pidFile, 'utf8').trim();
    const children = readdirSync(`/proc/${pid}/task`).flatMap((task) => readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8').split(' '));
    return [pid, ...children].filter(Boolean).map(Number);
  }

  signal(name, most = Infinity) {
    let pids = [];
    try { pids = this.pids().slice(0, most); } catch { /* it is gone */ }
    for (const pid of pids) try { process.kill(pid, name); } catch { /* it has just gone */ }
    return pids;
  }

  async start() {
    await run(process.env.RINGBACK_SERVERS, ['start', this.name]);
  }

  /** `softly`: PostgreSQL's immediate shutdown, which tells its clients; else SIGKILL to all that it consists of. */
  kill(downMs, softly = false) {
    return this.then_(async () => {
      if (softly) {
        await run(process.env.RINGBACK_SERVERS, ['kill', this.name]);
      } else {
        this.signal('SIGSTOP', 1); // so that PostgreSQL makes no child of which we do not hear
        const pids = this.signal('SIGKILL');
        await until(() => !pids.some(isThere), START_MS, `${this.name} to be gone`);
      }
      await sleep(downMs);
      await this.start();
    });
  }

  pause(ms) {
    return this.then_(async () => {
      this.signal('SIGSTOP');
      await sleep(ms);
      this.signal('SIGCONT');
    });
  }
}

/** A command of redis-cli at the real socket; its reply as text. */
export async function redisText(...args) {
  const { stdout } = await run('redis-cli', ['-s', new URL(process.env.RINGBACK_TEST_REDIS_URL).pathname, ...args], { maxBuffer: 1 << 28 });
  return stdout;
}

/** The same, parsed. */
export const redis = async (...args) => JSON.parse(await redisText('--json', ...args));

/** The only column of the only row, as JSON. `before`: statements of the same transaction. */
export async function query(sql, before = '') {
  const { stdout } = await run('psql', [process.env.RINGBACK_TEST_DATABASE_URL, '-XAtq', '-v', 'ON_ERROR_STOP=1', '-c', `begin; ${before} ${sql}; commit`],
    { maxBuffer: 1 << 29 });
  return JSON.parse(stdout);
}

export const rowsOf = (select, before) => query(`select coalesce(json_agg(t), '[]') from (${select}) t`, before);
