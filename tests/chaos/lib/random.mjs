// Random numbers that are a function of the seed and of a name: each part of the harness draws from a stream of its own, so
// that what one part decides never depends on when another part ran.
import { createHash } from 'node:crypto';

export class Random {
  constructor(seed, name) {
    this.state = createHash('sha256').update(`${seed}/${name}`).digest().readUInt32BE(0);
  }

  /** 0 <= x < 1 (mulberry32). */
  unit() {
    this.state = (this.state + 0x6d2b79f5) >>> 0;
    let t = this.state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  }

  /** An integer, low <= x < high. */
  int(low, high) {
    return low + Math.floor(this.unit() * (high - low));
  }

  chance(p) {
    return this.unit() < p;
  }

  pick(list) {
    return list[this.int(0, list.length)];
  }

  /** One of { name: weight }. */
  weighted(weights) {
    const pairs = Object.entries(weights);
    let at = this.unit() * pairs.reduce((sum, [, w]) => sum + w, 0);
    for (const [name, weight] of pairs) if ((at -= weight) < 0) return name;
    return pairs[0][0];
  }

  shuffle(list) {
    for (let i = list.length - 1; i > 0; i--) {
      const j = this.int(0, i + 1);
      [list[i], list[j]] = [list[j], list[i]];
    }
    return list;
  }

  /** Milliseconds until the next of events that come `rate` times a second. */
  wait(rate) {
    return (-Math.log(1 - this.unit()) * 1000) / rate;
  }
}
