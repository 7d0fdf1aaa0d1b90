// As much of a websocket client as a subscriber needs: text messages, pings, the end. Node's own modules only.
import { createHash, randomBytes } from 'node:crypto';
import { EventEmitter } from 'node:events';
import net from 'node:net';

const TEXT = 1, CLOSE = 8, PING = 9, PONG = 10;
const HEAD_MAX = 16384;

/** Events: open, message(text), close (once, always). */
export class WebSocket extends EventEmitter {
  constructor(port, path) {
    super();
    this.rest = Buffer.alloc(0);
    this.parts = [];
    this.opened = this.ended = false;
    const key = randomBytes(16).toString('base64');
    this.accept = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
    this.socket = net.connect({ port, host: '127.0.0.1' }, () => this.socket.write(
      `GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${key}\r\n\r\n`));
    this.socket.setNoDelay(true);
    this.socket.on('data', (bytes) => this.take(bytes));
    this.socket.on('end', () => this.close());
    this.socket.on('error', () => this.close());
    this.socket.on('close', () => this.close());
  }

  take(bytes) {
    this.rest = this.rest.length === 0 ? bytes : Buffer.concat([this.rest, bytes]);
    if (!this.opened && !this.takeHead()) return;
    while (!this.ended && this.takeFrame());
  }

  takeHead() {
    const end = this.rest.indexOf('\r\n\r\n');
    if (end < 0) {
      if (this.rest.length > HEAD_MAX) this.close();
      return false;
    }
    const head = this.rest.subarray(0, end).toString('latin1');
    this.rest = this.rest.subarray(end + 4);
    if (!head.startsWith('HTTP/1.1 101') || !head.includes(this.accept)) {
      this.close();
      return false;
    }
    this.opened = true;
    this.emit('open');
    return true;
  }

  /** False: the next frame is not whole yet. */
  takeFrame() {
    if (this.rest.length < 2) return false;
    const final = this.rest[0] & 0x80, code = this.rest[0] & 0x0f;
    let length = this.rest[1] & 0x7f, at = 2;
    if (length === 126) {
      if (this.rest.length < 4) return false;
      length = this.rest.readUInt16BE(2);
      at = 4;
    } else if (length === 127) {
      if (this.rest.length < 10) return false;
      length = Number(this.rest.readBigUInt64BE(2));
      at = 10;
    }
    if (this.rest.length < at + length) return false;
    const payload = this.rest.subarray(at, at + length);
    this.rest = this.rest.subarray(at + length);
    if (code === CLOSE) this.close();
    else if (code === PING) this.write(PONG, payload);
    else if (code < CLOSE) {
      this.parts.push(payload);
      if (final) this.emit('message', Buffer.concat(this.parts.splice(0)).toString());
    }
    return true;
  }

  write(code, payload) {
    if (this.ended) return;
    const mask = randomBytes(4), body = Buffer.from(payload);
    for (let i = 0; i < body.length; i++) body[i] ^= mask[i & 3];
    const head = body.length < 126 ? Buffer.from([0x80 | code, 0x80 | body.length])
      : Buffer.from([0x80 | code, 0x80 | 126, body.length >> 8, body.length & 255]);
    this.socket.write(Buffer.concat([head, mask, body]));
  }

  send(text) {
    this.write(TEXT, text);
  }

  close() {
    if (this.ended) return;
    this.ended = true;
    this.socket.destroy();
    this.emit('close');
  }
}
