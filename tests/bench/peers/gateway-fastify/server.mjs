// The gateway as it is usually written in Node: fastify keeps the raw body, its HMAC is compared in constant time, the headers are
// checked, and the event is appended to its shop's stream; 200 is answered when Redis has confirmed that. ioredis sends what
// comes up in one turn of the loop as one pipeline (enableAutoPipelining).
//   REDIS_SOCKET, SECRET, PARTITIONS, TOPICS (a JSON list)
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import Fastify from 'fastify';
import { Redis } from 'ioredis';

const { REDIS_SOCKET, SECRET, PARTITIONS, TOPICS } = process.env;
const topics = new Set(JSON.parse(TOPICS)), streams = new Map(); // shop -> key of its stream
const SHOP = /^[a-z0-9][a-z0-9-]*\.myshopify\.com$/i, SHOPS_MAX = 100000;
const redis = new Redis({ path: REDIS_SOCKET, enableAutoPipelining: true });
const app = Fastify({ bodyLimit: 8 * 1024 * 1024, logger: false });

function streamOf(shop) {
  let key = streams.get(shop);
  if (key === undefined) {
    key = `node:{${createHash('sha256').update(shop).digest().readUInt32BE(0) % Number(PARTITIONS)}}:events`;
    if (streams.size < SHOPS_MAX) streams.set(shop, key);
  }
  return key;
}

function authentic(body, given) {
  if (typeof given !== 'string') return false;
  const wanted = createHmac('sha256', SECRET).update(body).digest(), mac = Buffer.from(given, 'base64');
  return mac.length === wanted.length && timingSafeEqual(mac, wanted);
}

app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
app.post('/webhooks/shopify', async (request, reply) => {
  const { headers, body } = request;
  if (!body || !authentic(body, headers['x-shopify-hmac-sha256'])) return reply.code(401).send({ error: { code: 'UNAUTHORIZED', message: 'the signature is wrong' } });
  const topic = headers['x-shopify-topic'], shop = headers['x-shopify-shop-domain']?.toLowerCase();
  if (!topic || !shop || !SHOP.test(shop)) return reply.code(400).send({ error: { code: 'BAD_REQUEST', message: 'topic or shop is missing' } });
  if (!topics.has(topic)) return { status: 'ignored' };
  const triggered = Date.parse(headers['x-shopify-triggered-at']);
  try {
    await redis.xadd(streamOf(shop), '*', 'source', 'shopify', 'topic', topic, 'key', shop, 'event_id', headers['x-shopify-event-id'] ?? '',
      'delivery_id', headers['x-shopify-webhook-id'] ?? '', 'triggered', Number.isNaN(triggered) ? '' : triggered, 'received', Date.now(),
      'api_version', headers['x-shopify-api-version'] ?? '', 'body', body);
  } catch {
    return reply.code(503).header('Retry-After', '5').send({ error: { code: 'UNAVAILABLE', message: 'the event could not be stored: send it again' } });
  }
  return { status: 'stored' };
});

await app.listen({ port: 0, host: '127.0.0.1' });
console.log(`listening ${app.server.address().port}`);
