// What goes wrong, and when: a list that only the seed decides. Kills come `rate` times a second; between them processes stop
// and go on, connections fall ill, Redis is full, the consumer group disappears, roles are restarted in order.
import { ILLNESSES } from './proxy.mjs';
import { redis, redisText, sleep } from './servers.mjs';

const PARTITIONS = 8;
const KILLED = { 'gateway-1': 10, 'gateway-2': 10, 'worker-1': 20, 'worker-2': 20, realtime: 12, redis: 14, postgres: 14 };
const OTHERS = { illness: 50, pause: 25, restart: 10, full: 8, group: 7 };
const OTHERS_PER_KILL = 0.35;
const QUEUE_MAX = 2; // faults that wait for one target; further ones do not happen
const NOT_HAPPENING = 0.3; // of the kills, about

/** An endless list of { at, kind, target, ... }; `at` in milliseconds from the beginning. */
export function* plan(random, rate, links) {
  for (let at = 1000; ; at += random.wait((rate * (1 + OTHERS_PER_KILL)) / (1 - NOT_HAPPENING))) {
    if (random.chance(1 / (1 + OTHERS_PER_KILL))) {
      yield { at, kind: 'kill', target: random.weighted(KILLED), downMs: random.int(0, 1000), softly: random.chance(0.5) };
      continue;
    }
    const kind = random.weighted(OTHERS);
    const ms = random.int(200, 3000);
    if (kind === 'illness') {
      // Longer than a worker's lease now and then: what was on the way arrives when somebody else owns the partition.
      const long = random.chance(0.06);
      yield { at, kind, target: random.pick(links), ms: long ? random.int(11000, 14000) : ms,
        ill: { kind: long ? 'stall' : random.pick(ILLNESSES), ms: random.int(20, 400), bytes: random.int(1, 4000) } };
    } else if (kind === 'pause') {
      const target = random.pick(Object.keys(KILLED)), long = target.startsWith('worker') && random.chance(0.15);
      yield { at, kind, target, ms: long ? random.int(11000, 14000) : ms };
    } else if (kind === 'restart') {
      yield { at, kind, target: random.pick(Object.keys(KILLED).filter((name) => name !== 'redis' && name !== 'postgres')), downMs: random.int(0, 500) };
    } else {
      yield { at, kind, target: 'redis', ms, partition: random.int(0, PARTITIONS + 1) };
    }
  }
}

/** Redis takes nothing more; what is there can be worked off. */
async function full(ms) {
  const used = Number(/used_memory:(\d+)/.exec(await redisText('INFO', 'memory'))[1]);
  await redisText('CONFIG', 'SET', 'maxmemory', String(used));
  await sleep(ms);
  await redisText('CONFIG', 'SET', 'maxmemory', '1gb');
}

/** One partition forgets what was read and acknowledged; or all of them do. */
async function dropGroup(partition) {
  for (let n = 0; n < PARTITIONS; n++) if (partition === n || partition === PARTITIONS) await redis('XGROUP', 'DESTROY', `ringback:{${n}}:events`, 'workers').catch(() => {});
}

export class Faults {
  /** `targets`: { name: Role | Server }, `links`: { name: Proxy }. */
  constructor(targets, links) {
    Object.assign(this, { targets, links, counts: {}, kills: 0, running: new Set(), failures: [] });
  }

  begin(fault) {
    const target = this.targets[fault.target];
    if (target?.queued >= QUEUE_MAX) return; // it has enough to go through already
    const name = fault.kind === 'illness' ? fault.ill.kind : fault.kind;
    this.counts[name] = (this.counts[name] ?? 0) + 1;
    if (fault.kind === 'kill') this.kills++;
    const doing = {
      kill: () => target.kill(fault.downMs, fault.softly && fault.target === 'postgres'),
      pause: () => target.pause(fault.ms),
      restart: () => target.restart(fault.downMs),
      illness: () => this.illness(this.links[fault.target], fault),
      full: () => target.then_(() => full(fault.ms)),
      group: () => target.then_(() => dropGroup(fault.partition)),
    }[fault.kind]().catch((error) => this.failures.push(`${fault.kind} ${fault.target}: ${error.message}`)).finally(() => this.running.delete(doing));
    this.running.add(doing);
  }

  async illness(link, { ill, ms }) {
    if (link.ill !== null) return; // one at a time
    link.sicken(ill);
    await sleep(ms);
    link.heal();
  }

  /** Resolves when the last fault is over and everything has been started again. */
  async over() {
    while (this.running.size > 0) await Promise.all(this.running);
  }
}
