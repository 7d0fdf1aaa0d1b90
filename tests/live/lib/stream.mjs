// Writes stream entries as the gateway does, so that the worker can be tested without one, and with entries that no
// gateway would write. Wire form of the envelope: queue/envelope.c.
import { createHash } from 'node:crypto';
import net from 'node:net';
import { once } from 'node:events';

/** The partition of a routing key: first four bytes of SHA-256, big-endian. */
export function partitionOf(key, partitions = 8) {
  return createHash('sha256').update(key.toLowerCase()).digest().readUInt32BE(0) % partitions;
}

function packText(text) {
  const bytes = Buffer.from(text);
  const head = bytes.length < 32 ? Buffer.from([0xa0 | bytes.length]) : Buffer.from([0xda, bytes.length >> 8, bytes.length & 255]);
  return Buffer.concat([head, bytes]);
}

function packBytes(bytes) {
  const head = Buffer.alloc(5);
  head[0] = 0xc6;
  head.writeUInt32BE(bytes.length, 1);
  return Buffer.concat([head, bytes]);
}

function packInt(n) {
  if (n >= 0 && n < 128) return Buffer.from([Number(n)]);
  const b = Buffer.alloc(9);
  b[0] = 0xd3;
  b.writeBigInt64BE(BigInt(n), 1);
  return b;
}

function packMap(of) {
  const pairs = Object.entries(of);
  return Buffer.concat([Buffer.from([0x80 | pairs.length]), ...pairs.flatMap(([k, v]) => [packText(k), packText(v)])]);
}

/** A msgpack envelope with an uncompressed body; at most 15 headers. */
export function envelope({ version = 1, source = 'shopify', topic, key, body, triggered, received = Date.now(), id, headers }) {
  const raw = Buffer.isBuffer(body) ? body : Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
  const pairs = [['v', packInt(version)], ['s', packText(source)], ['t', packText(topic)], ['k', packText(key)]];
  if (id !== undefined) pairs.push(['i', packText(id)]);
  if (triggered !== undefined) pairs.push(['g', packInt(BigInt(Date.parse(triggered)) * 1000n)]);
  pairs.push(['r', packInt(BigInt(received) * 1000n)]);
  if (headers !== undefined) pairs.push(['x', packMap(headers)]);
  pairs.push(['h', packBytes(createHash('sha256').update(raw).digest().subarray(0, 8))]);
  pairs.push(['c', Buffer.from([0])], ['b', packBytes(raw)]);
  return Buffer.concat([Buffer.from([0x80 | pairs.length]), ...pairs.flatMap(([k, v]) => [packText(k), v])]);
}

/** A pipelined Redis connection that takes binary arguments. Replies come as text; errors reject. */
export class Redis {
  constructor(path) {
    this.socket = net.connect({ path });
    this.waiting = [];
    this.rest = Buffer.alloc(0);
    this.socket.on('error', (error) => this.waiting.splice(0).forEach((w) => w.reject(error)));
    this.socket.on('data', (data) => this.take(data));
  }

  take(data) {
    this.rest = Buffer.concat([this.rest, data]);
    for (;;) {
      const end = this.rest.indexOf('\r\n');
      if (end < 0) return;
      const line = this.rest.subarray(1, end).toString();
      const type = String.fromCharCode(this.rest[0]);
      let used = end + 2;
      let value = line;
      if (type === '$' && line !== '-1') {
        used = end + 2 + Number(line) + 2;
        if (this.rest.length < used) return;
        value = this.rest.subarray(end + 2, used - 2).toString();
      }
      this.rest = this.rest.subarray(used);
      const { resolve, reject } = this.waiting.shift();
      if (type === '-') reject(new Error(line));
      else resolve(value);
    }
  }

  send(...args) {
    const parts = [Buffer.from(`*${args.length}\r\n`)];
    for (const arg of args) {
      const b = Buffer.isBuffer(arg) ? arg : Buffer.from(String(arg));
      parts.push(Buffer.from(`$${b.length}\r\n`), b, Buffer.from('\r\n'));
    }
    this.socket.write(Buffer.concat(parts));
    return new Promise((resolve, reject) => this.waiting.push({ resolve, reject }));
  }

  async close() {
    if (this.socket.destroyed) return;
    this.socket.end();
    await once(this.socket, 'close');
  }
}
