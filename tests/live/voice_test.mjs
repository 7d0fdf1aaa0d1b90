// Voice callbacks through the real doors: signed, doubled and shuffled ones become one call with its transcript and recording;
// what nobody can place waits as a dead letter until `ringback dlq` sends it again.
import { test, before, after } from 'node:test';
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { RINGBACK, exec, get, redis, request, ringback, settled, sql, start, tenant, until, webhook } from './lib/harness.mjs';
import { envelope, partitionOf, Redis } from './lib/stream.mjs';
import { callback, retellCall, settings, twilioCall, vapiCall } from './lib/voice.mjs';

let all, organization, other;
const id = (text) => `voice-test-${text}`;
const callOf = (external) => sql(`select * from calls where external_call_id = '${external}'`);
const turnsOf = (call) => sql(`select speaker, content, sequence, timestamp from call_transcripts where call_id = '${call.id}' order by sequence`);
const lettersOf = (key) => sql(`select id, reason, detail, source, topic, headers, organization_id, attempts, replayed_at from dead_letters where key = '${key}' order by id`);
const drift = () => sql('select * from rollup_verify()');

async function send(provider, body, options) {
  const answer = await callback(all.address, provider, body, options);
  assert.equal(answer.status, 200, `${provider}: ${answer.text}`);
  assert.equal(answer.text, '{}');
}

function live(table, where) {
  const found = [];
  for (let n = 0; n < 8; n++)
    for (const [, f] of redis('XRANGE', `ringback:{${n}}:live`, '-', '+')) {
      const fields = Object.fromEntries(f.map((v, i) => [v, f[i + 1]]).filter((_, i) => i % 2 === 0));
      if (fields.t !== table) continue;
      const record = JSON.parse(fields.d);
      if (where(record)) found.push({ type: fields.e, organization: fields.o, record });
    }
  return found;
}

function shuffled(list, seed) {
  const out = [...list];
  for (let i = out.length - 1; i > 0; i--) {
    seed = (seed * 1103515245 + 12345) % 2147483648;
    const j = seed % (i + 1);
    [out[i], out[j]] = [out[j], out[i]];
  }
  return out;
}

before(async () => {
  ringback('migrate');
  organization = tenant('Voice', 'voice-test.myshopify.com');
  other = tenant('Other', 'voice-other.myshopify.com');
  exec(`UPDATE agents SET voice_settings = voice_settings || '{"provider_agent_id": "agent_mapped", "phone_number": "+14155550199"}'
        WHERE id = (SELECT id FROM agents WHERE organization_id = '${organization}' ORDER BY name LIMIT 1)`);
  all = await start('all', settings);
});
after(async () => all && assert.equal(await all.stop(), 0));

test('a Retell call becomes a row, its transcript, its recording and live updates', async () => {
  const [campaign] = sql(`select id from campaigns where organization_id = '${organization}' order by name limit 1`);
  for (const body of retellCall(id('r1'), { metadata: { organization_id: organization, campaign_id: campaign.id, payment_type: 'cod' } }))
    await send('retell', body);
  await settled();
  const [call] = callOf(id('r1'));
  assert.deepEqual([call.organization_id, call.campaign_id, call.provider, call.call_type, call.status, call.outcome, call.duration_seconds, call.sentiment, call.summary, call.from_number, call.to_number],
    [organization, campaign.id, 'retell', 'outbound', 'ended', 'answered', 61, 'positive', 'Asha confirmed.', '+14155550100', '+919811122233']);
  assert.equal(call.metadata.payment_type, 'cod');
  assert.deepEqual(turnsOf(call).map((t) => [t.sequence, t.speaker, t.content]),
    [[1, 'agent', 'Hello, is this Asha?'], [2, 'caller', 'Yes.'], [3, 'agent', 'Your order is on its way.']]);
  assert.equal(Date.parse(turnsOf(call)[1].timestamp), Date.parse(call.started_at) + 2500);
  assert.deepEqual(sql(`select storage_path from call_recordings where call_id = '${call.id}'`), [{ storage_path: null }]);
  const [contact] = sql(`select * from contacts where id = '${call.contact_id}'`);
  assert.deepEqual([contact.phone, contact.organization_id], ['+919811122233', organization]);
  const updates = live('calls', (r) => r.external_call_id === id('r1'));
  assert.equal(updates[0].type, 'INSERT');
  assert.ok(updates.every((u) => u.organization === organization));
  assert.equal(updates.at(-1).record.sentiment, 'positive');
  assert.equal(live('call_transcripts', (r) => r.call_id === call.id).filter((u) => u.type !== 'DELETE').length >= 3, true);
  assert.ok(live('call_recordings', (r) => r.call_id === call.id).length > 0);
  assert.deepEqual(sql(`select total_calls, answered, positive, duration_seconds from analytics_call_daily where organization_id = '${organization}' and campaign_id = '${campaign.id}'`),
    [{ total_calls: 1, answered: 1, positive: 1, duration_seconds: 61 }]);
  assert.deepEqual(drift(), []);
});

test('a Vapi call: live turns, then the whole transcript, never doubled, and no prompt', async () => {
  const bodies = vapiCall(id('v1'), { metadata: { organization_id: organization } });
  for (const body of bodies.slice(0, 5)) await send('vapi', body);
  await settled();
  assert.deepEqual([callOf(id('v1'))[0].status, callOf(id('v1'))[0].outcome], ['in_progress', null]);
  assert.deepEqual(turnsOf(callOf(id('v1'))[0]).map((t) => t.content), ['Hello.', 'Who is this?']);
  for (const body of bodies.slice(5)) await send('vapi', body);
  await settled();
  const [call] = callOf(id('v1'));
  assert.deepEqual([call.status, call.outcome, call.duration_seconds, call.summary], ['ended', 'answered', 45, 'Asked who we are.']);
  assert.deepEqual(turnsOf(call).map((t) => [t.sequence, t.speaker, t.content]), [[1, 'agent', 'Hello.'], [2, 'caller', 'Who is this?']]);
  assert.equal(sql(`select 1 from call_recordings where call_id = '${call.id}'`).length, 1);
});

test('a Twilio call: the tenant stands in the signed URL, the recording comes on its own', async () => {
  const query = `organization_id=${organization}&payment_type=cod&attempt_id=att%201`;
  for (const body of twilioCall(id('t1'))) await send('twilio', body, { query });
  await settled();
  const [call] = callOf(id('t1'));
  assert.deepEqual([call.organization_id, call.status, call.outcome, call.duration_seconds, call.metadata.payment_type, call.metadata.attempt_id],
    [organization, 'ended', 'answered', 10, 'cod', 'att 1']);
  assert.deepEqual(sql(`select duration_seconds from call_recordings where call_id = '${call.id}'`), [{ duration_seconds: 9 }]);
});

test('thrice and shuffled is once', async () => {
  const row = (external) => {
    const [call] = callOf(external);
    const { id: callId, external_call_id, created_at, updated_at, contact_id, ...rest } = call;
    return { ...rest, turns: turnsOf(call), recordings: sql(`select duration_seconds from call_recordings where call_id = '${callId}'`) };
  };
  const metadata = { organization_id: organization }, query = `organization_id=${organization}`;
  const kinds = [['retell', (n) => retellCall(id(n), { metadata }), {}], ['vapi', (n) => vapiCall(id(n), { metadata }), {}], ['twilio', (n) => twilioCall(id(n)), { query }]];
  for (const [provider, make, options] of kinds) {
    for (const body of make(`${provider}-once`)) await send(provider, body, options);
    await settled();
    for (let seed = 1; seed <= 4; seed++) {
      const external = `${provider}-many-${seed}`, bodies = make(external);
      const sent = shuffled([...bodies, ...bodies, ...bodies], seed).map((body) => send(provider, body, options));
      await Promise.all(sent);
      await settled();
      const text = JSON.stringify(row(id(external))).replaceAll(id(external), id(`${provider}-once`));
      assert.deepEqual(JSON.parse(text), row(id(`${provider}-once`)), `${external}`);
    }
  }
  assert.equal(sql(`select 1 from dead_letters`).length, 0);
  assert.deepEqual(drift(), []);
});

test('a wrong, missing or old signature, or a changed body or URL, is 401 and stores nothing', async () => {
  const key = id('unsigned'), [body] = retellCall(key, { metadata: { organization_id: organization } });
  const [form] = twilioCall(key), query = `organization_id=${organization}`;
  const status = async (...args) => (await callback(all.address, ...args)).status;
  assert.equal(await status('retell', body, { secret: 'wrong' }), 401);
  assert.equal(await status('retell', body, { headers: { 'X-Retell-Signature': null } }), 401);
  assert.equal(await status('retell', body, { at: Date.now() - 6 * 60000 }), 401);
  assert.equal(await status('vapi', vapiCall(key)[0], { secret: 'wrong' }), 401);
  assert.equal(await status('elevenlabs', { type: 'post_call_transcription' }, { secret: 'wrong' }), 401);
  assert.equal(await status('twilio', form, { query, secret: 'wrong' }), 401);
  const headers = { 'X-Twilio-Signature': 'RSOYDt4T1cUTdK1PDd93/VVr8B8=' };
  const answer = await callback(all.address, 'twilio', form, { query, headers });
  assert.equal(answer.status, 401);
  assert.match(JSON.parse(answer.text).error.message, /RINGBACK_TWILIO_AUTH_TOKEN.*RINGBACK_PUBLIC_URL/);
  await settled();
  assert.equal(callOf(key).length, 0);
  assert.equal(lettersOf(key).length, 0);
});

test('signed, but about no call: 200, counted and dropped; what cannot be read becomes a dead letter', async () => {
  await send('retell', { event: 'some_new_event', hello: true });
  const { text } = await get(all.admin, '/metrics');
  assert.match(text, /ringback_gateway_requests_total\{source="retell",topic="callback",result="dropped"\} 1/);
  const n = sql('select 1 from dead_letters').length;
  await send('retell', '{"event": "call_ended", ');
  await send('retell', '[]');
  await settled();
  const found = sql(`select reason, detail, convert_from(payload, 'UTF8') as payload from dead_letters where source = 'retell' order by id`);
  assert.equal(found.length, n + 2);
  assert.deepEqual(found.map((l) => l.reason), ['malformed_body', 'malformed_body']);
  assert.equal(found[0].payload, '{"event": "call_ended", ');
  exec('DELETE FROM dead_letters');
});

test('without its secret a provider is answered 503 that names the setting; the others work', async () => {
  const bare = await start('gateway', { ...settings, RINGBACK_VAPI_SECRET: '' });
  try {
    const answer = await callback(bare.address, 'vapi', vapiCall(id('nosecret'))[0], { secret: '' });
    assert.equal(answer.status, 503);
    assert.ok(Number(answer.headers['retry-after']) > 0);
    assert.match(JSON.parse(answer.text).error.message, /RINGBACK_VAPI_SECRET/);
    assert.equal((await callback(bare.address, 'retell', { event: 'nothing' })).status, 200);
    assert.equal((await request(bare.address, 'POST', '/webhooks/voice/nobody', {}, '{}')).status, 404);
    assert.equal((await get(bare.address, '/webhooks/voice/retell')).status, 405);
  } finally {
    assert.equal(await bare.stop(), 0);
  }
});

test('without RINGBACK_PUBLIC_URL the signed URL is the one of the Host header', async () => {
  const gateway = await start('gateway', { ...settings, RINGBACK_PUBLIC_URL: undefined });
  try {
    const body = new URLSearchParams(twilioCall(id('host'))[0]).toString();
    const pairs = [...new URLSearchParams(body)].sort(([a], [b]) => (a < b ? -1 : 1)).map(([k, v]) => k + v).join('');
    for (const [host, status] of [['voice.example.com', 200], ['other.example.com', 401]]) {
      const signature = createHmac('sha1', settings.RINGBACK_TWILIO_AUTH_TOKEN).update(`http://voice.example.com/webhooks/voice/twilio?organization_id=${organization}${pairs}`).digest('base64');
      const answer = await callback(gateway.address, 'twilio', body, { query: `organization_id=${organization}`, headers: { Host: host, 'X-Twilio-Signature': signature } });
      assert.equal(answer.status, status, host);
    }
  } finally {
    assert.equal(await gateway.stop(), 0);
  }
  await settled();
  assert.equal(callOf(id('host')).length, 1);
});

test('the tenant: our own row before metadata, metadata before an agent\'s settings, and never another tenant\'s agent', async () => {
  const [agent] = sql(`select id from agents where organization_id = '${organization}' and voice_settings ->> 'provider_agent_id' = 'agent_mapped'`);
  const [foreign] = sql(`select id from agents where organization_id = '${other}' limit 1`);
  exec(`INSERT INTO calls (organization_id, provider, external_call_id, metadata) VALUES ('${other}', 'retell', '${id('ours')}', '{"attempt_id": "a"}')`);
  await send('retell', retellCall(id('ours'), { metadata: { organization_id: organization } })[0]);
  await send('retell', retellCall(id('told'), { agent: 'agent_mapped', metadata: { organization_id: other } })[0]);
  await send('retell', retellCall(id('by-agent'), { agent: 'agent_mapped' })[0]);
  await send('retell', retellCall(id('by-number'), { from: '+14155550199' })[0]);
  await send('retell', retellCall(id('foreign-agent'), { metadata: { organization_id: organization, agent_id: foreign.id } })[0]);
  await settled();
  const owner = (n) => callOf(id(n)).map((c) => [c.organization_id, c.agent_id])[0];
  assert.equal(owner('ours')[0], other);
  assert.deepEqual(owner('told'), [other, null]);
  assert.deepEqual(owner('by-agent'), [organization, agent.id]);
  assert.deepEqual(owner('by-number'), [organization, agent.id]);
  assert.deepEqual(owner('foreign-agent'), [organization, null]);
});

test('a callback that names nobody follows the others about its call, also in one batch', async () => {
  const key = id('together'), bodies = twilioCall(key);
  const stream = new Redis(new URL(process.env.RINGBACK_TEST_REDIS_URL).pathname);
  all.child.kill('SIGSTOP');
  // The first entry ends the read that is waiting, the other two come with the next one.
  for (const [body, query] of [[{ CallSid: key }, ''], [bodies[4], ''], [bodies[0], `?organization_id=${organization}`]])
    await stream.send('XADD', `ringback:{${partitionOf(key)}}:events`, '*', 'e', envelope({
      source: 'twilio', topic: 'callback', key, body: new URLSearchParams(body).toString(),
      headers: { 'content-type': 'application/x-www-form-urlencoded', url: `https://hooks.example.com/webhooks/voice/twilio${query}` },
    }));
  await stream.close();
  all.child.kill('SIGCONT');
  await settled();
  assert.equal(callOf(key).length, 1);
  assert.equal(lettersOf(key).length, 0);
});

// ---- dead letters ----------------------------------------------------------------------------------------------------
const dlq = (...args) => ringback('dlq', ...args);
const dlqFails = (...args) => {
  const r = spawnSync(RINGBACK, ['dlq', ...args], { encoding: 'utf8', input: '' });
  assert.ok(r.status > 0, `dlq ${args} exited ${r.status}: ${r.stdout}`);
  assert.equal(r.stderr.trim().split('\n').length, 1, r.stderr);
  return r.stderr;
};

test('a call that nobody can place is a dead letter, which dlq replay applies once the mapping exists', async () => {
  const keys = ['u1', 'u2'].map(id);
  for (const key of keys) for (const body of retellCall(key, { agent: 'agent_new' })) await send('retell', body);
  const [twilio] = twilioCall(id('u3'));
  await send('twilio', twilio, { query: 'payment_type=cod' });
  await settled();
  for (const key of keys) {
    assert.equal(callOf(key).length, 0);
    assert.deepEqual([...new Set(lettersOf(key).map((l) => `${l.reason} ${l.source} ${l.topic} ${l.organization_id}`))], ['unknown_call retell callback null']);
    assert.equal(lettersOf(key).length, 4);
  }
  const [letter] = lettersOf(id('u3'));
  assert.equal(letter.headers.url, 'https://hooks.example.com/webhooks/voice/twilio?payment_type=cod');
  assert.ok(!JSON.stringify(lettersOf(keys[0])).includes('v='), 'no signature is kept');

  // replayed too early it waits again
  assert.match(dlq('replay', '--key', keys[0]), /replayed 4 dead letters/);
  await settled();
  assert.deepEqual(lettersOf(keys[0]).map((l) => [l.attempts, l.replayed_at]), Array(4).fill([2, null]));

  exec(`UPDATE agents SET voice_settings = voice_settings || '{"provider_agent_id": "agent_new"}'
        WHERE id = (SELECT id FROM agents WHERE organization_id = '${other}' ORDER BY name LIMIT 1)`);
  assert.match(dlq('replay', '--reason', 'unknown_call', '--source', 'retell', '--dry-run'), /would replay 8/);
  assert.equal(JSON.parse(dlq('replay', '--reason', 'unknown_call', '--source', 'retell', '--json', '--rate', '40/s')).replayed, 8);
  await settled();
  for (const key of keys) {
    const [call] = callOf(key);
    assert.deepEqual([call.organization_id, call.status, call.outcome, call.sentiment], [other, 'ended', 'answered', 'positive']);
    assert.equal(turnsOf(call).length, 3);
    assert.ok(lettersOf(key).every((l) => l.replayed_at !== null));
  }
  assert.equal(lettersOf(id('u3'))[0].replayed_at, null, 'another source');
  assert.match(dlq('replay', '--reason', 'unknown_call', '--source', 'retell'), /replayed 0 dead letters/);
  assert.deepEqual(drift(), []);
});

test('dlq list and show tell everything; wrong arguments are one line', async () => {
  const [letter] = lettersOf(id('u3'));
  const table = dlq('list').trim().split('\n');
  assert.match(table[0], /^id +last seen +reason +topic +key +attempts +detail$/);
  assert.ok(table.some((l) => l.startsWith(`${letter.id} `) && l.includes('unknown_call') && l.includes('twilio callback') && l.includes(id('u3'))), table.join('\n'));
  const listed = JSON.parse(dlq('list', '--source', 'twilio', '--json')).dead_letters;
  assert.deepEqual(listed.map((l) => [l.id, l.key, l.attempts, l.replayed_at, l.redacted]), [[letter.id, id('u3'), 1, null, false]]);
  assert.equal(JSON.parse(dlq('list', '--json', '--replayed', '--key', id('u1'))).dead_letters.length, 4);
  assert.equal(JSON.parse(dlq('list', '--json', '--key', id('u1'))).dead_letters.length, 0);
  assert.equal(JSON.parse(dlq('list', '--json', '--replayed', '--limit', '3')).dead_letters.length, 3);
  assert.equal(JSON.parse(dlq('list', '--json', '--since', '1h', '--topic', 'callback')).dead_letters.length, 1);
  assert.equal(JSON.parse(dlq('list', '--json', '--until', '1h')).dead_letters.length, 0);
  assert.equal(JSON.parse(dlq('list', '--json', '--organization', organization)).dead_letters.length, 0);
  assert.match(dlq('list', '--reason', 'nothing'), /no dead letters/);

  const shown = dlq('show', String(letter.id));
  assert.match(shown, /^reason +unknown_call$/m);
  assert.match(shown, /^headers +\{.*payment_type=cod.*\}$/m);
  assert.match(shown, /\n\nCallSid=voice-test-u3&/);
  const json = JSON.parse(dlq('show', String(letter.id), '--json'));
  assert.equal(new URLSearchParams(json.payload).get('CallSid'), id('u3'));
  assert.equal(json.headers['content-type'].split(';')[0], 'application/x-www-form-urlencoded');

  assert.match(dlqFails('show', '999999999'), /no dead letter 999999999/);
  for (const args of [[], ['mend'], ['show'], ['show', 'x'], ['list', '--since', 'yesterday'], ['list', '--limit', '0'], ['list', '--dry-run'],
    ['replay', '--rate', 'fast'], ['list', '--organization', 'x'], ['replay', '--nonsense'], ['discard', '--key', 'x']]) dlqFails(...args);
  assert.match(dlqFails('replay', '999999999'), /not there/, 'an id that is not there');
});

test('dlq discard deletes what it is told to, and nothing else', async () => {
  const before_ = sql('select id from dead_letters').length;
  const [letter] = lettersOf(id('u3'));
  dlqFails('discard', String(letter.id)); // nobody can be asked
  assert.match(dlq('discard', String(letter.id), '--dry-run'), /would discard 1/);
  assert.equal(lettersOf(id('u3')).length, 1);
  assert.match(dlq('discard', String(letter.id), '--yes'), /discarded 1 dead letter\n/);
  assert.equal(lettersOf(id('u3')).length, 0);
  assert.equal(sql('select id from dead_letters').length, before_ - 1);
});

test('dlq replay brings back any source: a Shopify order of a store that was connected too late', async () => {
  const shop = 'too-late.myshopify.com', order = { id: 77001, name: '#77001', created_at: '2026-11-20T08:00:00Z', updated_at: '2026-11-20T08:00:00Z',
    currency: 'INR', current_total_price: '10.00', note: 'zwölf \u{1F4DE}', line_items: [] };
  await webhook(all.address, 'orders/create', shop, order, { headers: { 'X-Shopify-Triggered-At': '2026-11-20T08:00:01.5Z', 'X-Shopify-Event-Id': 'event-1' } });
  await settled();
  assert.equal(lettersOf(shop).length, 1);
  ringback('tenant', 'connect-store', '--organization', organization, '--domain', shop);
  const letterId = String(lettersOf(shop)[0].id);
  dlq('replay', letterId);
  await new Promise((r) => setTimeout(r, 1500)); // "no such store" counts for a second
  await settled();
  if (lettersOf(shop)[0].replayed_at === null) dlq('replay', letterId);
  await settled();
  const [row] = sql(`select notes, source_triggered_at from commerce_orders where external_order_id = '77001'`);
  assert.equal(row.notes, 'zwölf \u{1F4DE}');
  assert.equal(Date.parse(row.source_triggered_at), Date.parse('2026-11-20T08:00:01.5Z'));
  assert.match(dlqFails('replay', letterId), /replayed before/);
});

test('with Redis away dlq replay says so, and the letters still wait', async () => {
  await send('retell', retellCall(id('u5'), { agent: 'agent_unheard_of' })[0]);
  await settled();
  execFileSync(process.env.RINGBACK_SERVERS, ['stop', 'redis'], { stdio: 'ignore' });
  try {
    assert.match(dlqFails('replay', '--key', id('u5')), /Redis/);
  } finally {
    execFileSync(process.env.RINGBACK_SERVERS, ['start', 'redis'], { stdio: 'ignore' });
  }
  await until(async () => (await get(all.admin, '/readyz')).status === 200, 10000, 'ready again');
  assert.equal(lettersOf(id('u5'))[0].replayed_at, null);
});

test('a redaction erases a customer\'s callbacks from every partition, and their live updates', async () => {
  const phone = '+919822200011', shop = 'voice-test.myshopify.com', keys = Array.from({ length: 12 }, (_, n) => id(`redact-${n}`));
  for (const key of keys) for (const body of retellCall(key, { to: phone, metadata: { organization_id: organization } })) await send('retell', body);
  await send('retell', retellCall(id('kept'), { to: '+919822200022', metadata: { organization_id: organization } })[0]);
  await settled();
  const retained = () => JSON.stringify(Array.from({ length: 8 }, (_, n) => ['events', 'live'].map((s) => redis('XRANGE', `ringback:{${n}}:${s}`, '-', '+'))));
  assert.ok(retained().includes(keys[0]) && new Set(keys.map((k) => partitionOf(k))).size > 1);
  await webhook(all.address, 'customers/redact', shop, { shop_domain: shop, customer: { id: 1, email: null, phone }, orders_to_redact: [] });
  await settled();
  await until(() => !retained().includes(phone.slice(1)), 10000, 'the request\'s own entry to go');
  const left = retained();
  for (const key of keys) assert.ok(!left.includes(`"${key}"`) && !left.includes(`k\\u00${key}`), key);
  assert.ok(!left.includes(phone.slice(1)));
  assert.ok(left.includes(id('kept')));
  assert.deepEqual(sql(`select distinct to_number, summary from calls where external_call_id like '${id('redact-')}%'`), [{ to_number: null, summary: null }]);
});
