// Every recorded callback of the providers goes through the real doors, signed by us, and leaves the row that a person who
// read it expects: delivered once, twice, and the last first. Each recording is a call of its own, of a tenant of its own
// kind of mapping. Skipped where the recordings are not at hand.
import { test, before, after } from 'node:test';
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { exec, ringback, settled, sql, start, tenant } from './lib/harness.mjs';
import { callback, settings } from './lib/voice.mjs';

const folder = path.resolve(process.env.RINGBACK_SOURCE_DIR ?? '.', '../shared/fixtures/voice');
const present = fs.existsSync(folder);
const opts = { skip: present ? false : 'the recordings are not at hand' };
const folders = { retell: 'retell', vapi: 'vapi', twilio: 'twilio', telnyx_texml: 'telnyx', plivo: 'plivo', elevenlabs: 'elevenlabs' };
const rounds = { once: 1, twice: 2, reverse: 1 };

/** [{ file, provider, raw, call: its call id, group: the call id as recorded }] */
function recordings() {
  const found = [];
  for (const [name, provider] of Object.entries(folders))
    for (const file of fs.readdirSync(path.join(folder, name)).sort()) {
      if (file.startsWith('api_') || file.startsWith('signature_')) continue; // answers to requests of ours; no callback of a call
      const raw = fs.readFileSync(path.join(folder, name, file), 'utf8');
      found.push({ file: `${name}/${file}`, provider, raw, ...idsOf(provider, raw) });
    }
  return found;
}

function idsOf(provider, raw) {
  if (!raw.trimStart().startsWith('{')) {
    const form = new URLSearchParams(raw);
    return { call: form.get(provider === 'plivo' ? 'CallUUID' : 'CallSid'), agent: null };
  }
  const body = JSON.parse(raw);
  switch (provider) {
    case 'retell': return { call: (body.call ?? body.data).call_id, agent: (body.call ?? body.data).agent_id ?? null };
    case 'vapi': return { call: body.message.call.id, agent: body.message.call.assistantId ?? null };
    case 'elevenlabs': return { call: body.data.conversation_id, agent: body.data.agent_id ?? null };
    default: return { call: body.CallSid ?? body.CallUUID, agent: null };
  }
}

/** The same callback about a call and an agent that nobody else has. */
function asOwn(r, suffix) {
  let raw = r.raw.replaceAll(r.call, `${r.call}-${suffix}`);
  if (r.agent) raw = raw.replaceAll(r.agent, `${r.agent}-${suffix}`);
  return raw;
}

const suffixOf = (round, r) => `${round}-${all_.indexOf(r)}`;
let all_ = [], all, organization;

function expected() {
  const [head, ...lines] = fs.readFileSync(path.join(folder, 'expected.tsv'), 'utf8').trimEnd().split('\n').map((l) => l.split('\t'));
  return new Map(lines.map((cells) => [cells[0], Object.fromEntries(head.map((name, i) => [name, cells[i] ?? '']))]));
}

/** The tenant of a recording's call: through its agent where it names one, through the URL for forms, else it is ours already. */
function place(r, suffix) {
  if (r.agent)
    exec(`INSERT INTO agents (organization_id, name, voice_settings) VALUES ('${organization}', 'of a recording', '{"provider_agent_id": "${r.agent}-${suffix}"}')`);
  else if (!['twilio', 'telnyx', 'plivo'].includes(r.provider))
    exec(`INSERT INTO calls (organization_id, provider, external_call_id) VALUES ('${organization}', '${r.provider}', '${r.call}-${suffix}')`);
}

before(async () => {
  if (!present) return;
  ringback('migrate');
  organization = tenant('Voice fixtures', 'voice-fixtures.myshopify.com');
  all_ = recordings();
  all = await start('all', settings);
  for (const [round, times] of Object.entries(rounds)) {
    for (const r of all_) place(r, suffixOf(round, r));
    for (let n = 0; n < times; n++)
      for (const r of round === 'reverse' ? [...all_].reverse() : all_) {
        const answer = await callback(all.address, r.provider, asOwn(r, suffixOf(round, r)), { query: `organization_id=${organization}&order_id=o-1` });
        assert.equal(answer.status, 200, `${r.file}: ${answer.text}`);
      }
    await settled();
  }
});
after(async () => all && assert.equal(await all.stop(), 0));

for (const round of Object.keys(rounds))
  test(`every recorded callback leaves the expected row: ${round}`, opts, () => {
    const wanted = expected(), rows = new Map(sql('select * from calls').map((c) => [c.external_call_id, c]));
    const wrong = [];
    for (const r of all_) {
      const want = wanted.get(r.file);
      if (want === undefined) continue;
      const row = rows.get(`${r.call}-${suffixOf(round, r)}`);
      const is = row && [row.status, row.outcome ?? '', row.sentiment ?? ''].join(' ');
      const should = [want.status, want.outcome, want.sentiment].join(' ');
      if (is !== should) wrong.push(`${r.file}: ${is}, not ${should}`);
      if (!row) continue;
      if (want.call_type !== '' && row.call_type !== want.call_type) wrong.push(`${r.file}: ${row.call_type}, not ${want.call_type}`);
      if (want.duration_s !== '' && row.duration_seconds !== Number(want.duration_s)) wrong.push(`${r.file}: ${row.duration_seconds} s, not ${want.duration_s} s`);
      if (row.provider !== r.provider || row.organization_id !== organization) wrong.push(`${r.file}: of ${row.provider}, ${row.organization_id}`);
    }
    assert.deepEqual(wrong, []);
    const files = all_.map((r) => r.file);
    const ours = [...wanted.keys()].filter((file) => folders[file.split('/')[0]] !== undefined);
    assert.deepEqual(ours.filter((file) => !files.includes(file)), [], 'every expectation has its recording');
    assert.ok(ours.length >= 40);
  });

test('twice is once: the rows, transcripts and recordings are the same whatever the order', opts, () => {
  const of = (round) => all_.map((r) => {
    const suffix = suffixOf(round, r);
    const [found] = sql(`select c.call_type, c.from_number, c.to_number, c.status, c.outcome, c.duration_seconds, c.sentiment, c.sentiment_score, c.summary,
        c.error_message, c.attempt_number, c.metadata, c.started_at, c.ended_at,
        (select json_agg(json_build_array(t.sequence, t.speaker, t.content, t.confidence, t.timestamp) order by t.sequence) from call_transcripts t where t.call_id = c.id) as turns,
        (select json_agg(json_build_array(x.duration_seconds)) from call_recordings x where x.call_id = c.id) as recordings
      from calls c where c.external_call_id = '${r.call}-${suffix}'`);
    return [r.file, JSON.stringify(found ?? null).replaceAll(`-${suffix}`, '')];
  });
  const once = of('once');
  assert.deepEqual(of('twice'), once);
  assert.deepEqual(of('reverse'), once);
});

test('no recorded callback is a dead letter, no prompt or tool chatter became a turn, and the rollups are exact', opts, () => {
  assert.deepEqual(sql('select source, key, reason, detail from dead_letters'), []);
  const turns = sql('select speaker, content from call_transcripts');
  assert.ok(turns.length > 20);
  assert.deepEqual(turns.filter((t) => t.content.trim() === '' || /^\s*[{[]/.test(t.content)), []);
  for (const r of all_.filter((x) => x.provider === 'vapi')) {
    const prompts = (JSON.parse(r.raw).message.artifact?.messages ?? JSON.parse(r.raw).message.messages ?? []).filter((m) => m.role === 'system').map((m) => m.message);
    assert.deepEqual(turns.filter((t) => prompts.includes(t.content)), [], r.file);
  }
  assert.deepEqual(sql('select * from rollup_verify()'), []);
});
