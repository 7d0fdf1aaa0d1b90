// Sends as the real senders do: what does not get a 2xx is sent again, the same bytes under the same ids, with growing pauses.
import http from 'node:http';
import { sign } from '../../live/lib/harness.mjs';
import { signed } from '../../live/lib/voice.mjs';
import { sleep } from './servers.mjs';

const TIMEOUT_MS = 5000, PAUSE_MS = 100, PAUSE_MS_MAX = 4000;

/** { path, headers, raw } of one attempt: a provider signs with the time at which it sends. */
function requestOf(event) {
  if (event.provider) return signed(event.provider, event.body, { query: event.query });
  return {
    path: '/webhooks/shopify',
    raw: event.body,
    headers: {
      'Content-Type': 'application/json',
      'X-Shopify-Topic': event.topic,
      'X-Shopify-Shop-Domain': event.shop,
      'X-Shopify-API-Version': '2026-07',
      'X-Shopify-Event-Id': event.id,
      'X-Shopify-Webhook-Id': event.id,
      'X-Shopify-Triggered-At': event.triggered,
      'X-Shopify-Hmac-Sha256': sign(event.body, event.secret),
      'Content-Length': Buffer.byteLength(event.body),
    },
  };
}

export class Sender {
  /** `ports`: of gateways; each attempt goes to one of them, as a balancer would have it. */
  constructor(ports) {
    Object.assign(this, { ports, turn: 0, waiting: 0, accepted: 0, answers: {}, broken: 0, refusals: [], slowest: 0 });
    this.agent = new http.Agent({ keepAlive: true, maxSockets: 64 });
  }

  attempt(event) {
    const { path, headers, raw } = requestOf(event);
    return new Promise((resolve) => {
      const request = http.request({ host: '127.0.0.1', port: this.ports[this.turn++ % this.ports.length], method: 'POST', path, headers, agent: this.agent }, (answer) => {
        let text = '';
        answer.on('data', (part) => { text += part; });
        answer.on('close', () => resolve(answer.complete ? { status: answer.statusCode, text, retryAfter: answer.headers['retry-after'] } : null));
      });
      request.setTimeout(TIMEOUT_MS, () => request.destroy());
      request.on('error', () => resolve(null));
      request.end(raw);
    });
  }

  /** Resolves when it has been accepted. */
  async send(event) {
    const began = Date.now();
    this.waiting++;
    for (let pause = PAUSE_MS; ; pause = Math.min(pause * 2, PAUSE_MS_MAX)) {
      const answer = await this.attempt(event);
      if (answer === null) this.broken++;
      else this.answers[answer.status] = (this.answers[answer.status] ?? 0) + 1;
      if (answer?.status === 200) break;
      if (answer !== null && (answer.status !== 503 || answer.retryAfter === undefined)) this.refusals.push(`${event.topic ?? event.provider}: ${answer.status} ${answer.text}`);
      await sleep(pause * (0.5 + Math.random()));
    }
    this.waiting--;
    this.accepted++;
    this.slowest = Math.max(this.slowest, Date.now() - began);
  }
}
