// A TCP address in front of a real one, with a network that can be made ill:
//   latency  bytes arrive late, in order          slice    writes arrive in small pieces
//   stall    nothing arrives until the fault ends; then all of it, late (a network that was away)
//   hole     nothing arrives, and when the fault ends the connection is reset (a firewall that forgot it)
//   cut      the connection ends after so many more bytes, in the middle of whatever that is
//   reset    every connection is reset now         refuse   reset now, and new ones until the fault ends
import net from 'node:net';
import { once } from 'node:events';

export const ILLNESSES = ['latency', 'slice', 'stall', 'hole', 'cut', 'reset', 'refuse'];

/** One direction of one connection: bytes wait here until they may go on. */
class Way {
  constructor(proxy, from, to) {
    Object.assign(this, { proxy, from, to, queue: [], waiting: 0, timer: null, ended: false, budget: Infinity });
    from.on('data', (bytes) => this.take(bytes));
    from.on('end', () => { this.ended = true; this.pump(); });
    to.on('drain', () => this.pump());
  }

  take(bytes) {
    const { ill } = this.proxy;
    const due = ill?.kind === 'latency' ? Date.now() + ill.ms * (0.5 + Math.random()) : 0;
    if (ill?.kind === 'cut' && this.budget === Infinity) this.budget = ill.bytes;
    for (let at = 0; at < bytes.length;) {
      const size = ill?.kind === 'slice' ? 1 + Math.floor(Math.random() * ill.bytes) : bytes.length;
      this.queue.push({ bytes: bytes.subarray(at, at + size), due });
      at += size;
    }
    this.waiting += bytes.length;
    if (this.waiting > 1 << 20) this.from.pause();
    this.pump();
  }

  /** Sends what is due; slices one per turn of the loop, so that the reader sees them one by one. */
  pump() {
    const held = this.proxy.ill?.kind === 'stall' || this.proxy.ill?.kind === 'hole';
    while (this.timer === null && !held && this.queue.length > 0 && !this.to.writableNeedDrain) {
      const { bytes, due } = this.queue[0];
      const late = due - Date.now();
      if (late > 0) {
        this.later(() => setTimeout(() => this.again(), late));
        return;
      }
      this.queue.shift();
      this.waiting -= bytes.length;
      if (this.waiting < 1 << 19) this.from.resume();
      this.to.write(bytes.length > this.budget ? bytes.subarray(0, this.budget) : bytes);
      this.budget -= bytes.length;
      if (this.budget <= 0) {
        this.proxy.cuts++;
        this.from.destroy();
        this.to.end();
        return;
      }
      if (this.proxy.ill?.kind === 'slice') this.later(() => setTimeout(() => this.again(), 0));
    }
    if (this.ended && this.queue.length === 0 && this.timer === null) this.to.end();
  }

  later(start) {
    this.timer = start();
  }

  again() {
    this.timer = null;
    this.pump();
  }
}

export class Proxy {
  /** `target`: options of net.connect. */
  constructor(name, target) {
    Object.assign(this, { name, target, ill: null, pairs: new Set(), cuts: 0 });
    this.server = net.createServer({ allowHalfOpen: true }, (client) => this.accept(client));
  }

  async open() {
    this.server.listen(0, '127.0.0.1');
    await once(this.server, 'listening');
    this.port = this.server.address().port;
    return this;
  }

  accept(client) {
    if (this.ill?.kind === 'refuse') {
      client.on('error', () => {});
      client.resetAndDestroy();
      return;
    }
    const server = net.connect({ ...this.target, allowHalfOpen: true });
    const pair = { client, server };
    pair.ways = [new Way(this, client, server), new Way(this, server, client)];
    this.pairs.add(pair);
    const gone = () => {
      this.pairs.delete(pair);
      client.destroy();
      server.destroy();
    };
    for (const socket of [client, server]) {
      socket.setNoDelay(true);
      socket.on('error', () => {}); // 'close' follows
    }
    client.on('close', gone);
    // What the server sent last may still be on its way.
    server.on('close', () => { if (!pair.ways[1].ended || this.ill === null) gone(); });
  }

  reset() {
    for (const { client, server } of this.pairs) {
      client.resetAndDestroy();
      server.destroy(); // a unix socket knows no reset
    }
  }

  /** { kind, ms, bytes }; stays until heal(). */
  sicken(ill) {
    this.ill = ill;
    if (ill.kind === 'reset' || ill.kind === 'refuse') this.reset();
    if (ill.kind === 'reset') this.ill = null;
  }

  heal() {
    const was = this.ill?.kind;
    this.ill = null;
    if (was === 'hole') this.reset();
    for (const pair of this.pairs) for (const way of pair.ways) way.pump();
  }

  close() {
    this.server.close();
    this.reset();
  }
}
