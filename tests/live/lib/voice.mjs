// Callbacks as the voice providers send them: their signatures, made here from the providers' own descriptions and not from
// our code, and short bodies of their shape.
import { createHmac } from 'node:crypto';
import { request } from './harness.mjs';

export const PUBLIC_URL = 'https://hooks.example.com';
export const secrets = {
  retell: 'key_test_retell', vapi: 'vapi test secret', twilio: 'twilio_test_token', telnyx: 'telnyx_test_token',
  plivo: 'plivo_test_token', elevenlabs: 'wsec_test',
};
export const settings = {
  RINGBACK_PUBLIC_URL: PUBLIC_URL, RINGBACK_RETELL_API_KEY: secrets.retell, RINGBACK_VAPI_SECRET: secrets.vapi,
  RINGBACK_TWILIO_AUTH_TOKEN: secrets.twilio, RINGBACK_TELNYX_AUTH_TOKEN: secrets.telnyx,
  RINGBACK_PLIVO_AUTH_TOKEN: secrets.plivo, RINGBACK_ELEVENLABS_WEBHOOK_SECRET: secrets.elevenlabs,
};

const hmac = (hash, secret, text, as) => createHmac(hash, secret).update(text).digest(as);
const byName = ([a], [b]) => (a < b ? -1 : a > b ? 1 : 0);
const sortedPairs = (text, join) => [...new URLSearchParams(text)].sort(byName).map(([k, v]) => k + join + v);

function twilio(secret, url, body) {
  return { 'X-Twilio-Signature': hmac('sha1', secret, url + sortedPairs(body, '').join(''), 'base64') };
}

const signers = {
  retell: (secret, url, body, at) => ({ 'X-Retell-Signature': `v=${at},d=${hmac('sha256', secret, body + at, 'hex')}` }),
  vapi: (secret) => ({ 'X-Vapi-Secret': secret }),
  twilio, telnyx: twilio,
  plivo(secret, url, body) {
    const nonce = '12345678901234567890', [base, query] = url.split('?');
    const text = `${base}?${query ? `${sortedPairs(query, '=').join('&')}.` : ''}${sortedPairs(body, '').join('')}.${nonce}`;
    return { 'X-Plivo-Signature-V3': hmac('sha256', secret, text, 'base64'), 'X-Plivo-Signature-V3-Nonce': nonce };
  },
  elevenlabs: (secret, url, body, at) => ({
    'ElevenLabs-Signature': `t=${Math.floor(at / 1000)},v0=${hmac('sha256', secret, `${Math.floor(at / 1000)}.${body}`, 'hex')}`,
  }),
};
const isForm = { twilio: true, telnyx: true, plivo: true };

/** The parts of one callback as the provider sends it: { path, headers, raw }. `body` is a string, or an object: sent as the
 * form or the JSON that the provider sends. */
export function signed(provider, body, { query = '', secret = secrets[provider], at = Date.now(), headers = {} } = {}) {
  const raw = typeof body === 'string' ? body : isForm[provider] ? new URLSearchParams(body).toString() : JSON.stringify(body);
  const path = `/webhooks/voice/${provider}${query === '' ? '' : `?${query}`}`;
  const all = {
    'Content-Type': isForm[provider] ? 'application/x-www-form-urlencoded; charset=UTF-8' : 'application/json',
    'Content-Length': Buffer.byteLength(raw),
    ...signers[provider](secret, PUBLIC_URL + path, raw, at),
    ...headers,
  };
  for (const name of Object.keys(all)) if (all[name] === null) delete all[name];
  return { path, headers: all, raw };
}

/** Sends one callback. */
export function callback(address, provider, body, options) {
  const { path, headers, raw } = signed(provider, body, options);
  return request(address, 'POST', path, headers, raw);
}

// ---- one short call of each kind ---------------------------------------------------------------------------------
const T0 = Date.parse('2026-11-20T09:00:00Z');

/** The webhooks of a Retell call that is answered and analysed: [started, transcript so far, ended, analysed]. */
export function retellCall(id, { metadata, agent = 'agent_demo', from = '+14155550100', to = '+919811122233' } = {}) {
  const call = {
    call_id: id, call_type: 'phone_call', agent_id: agent, direction: 'outbound', from_number: from, to_number: to,
    start_timestamp: T0, ...(metadata ? { metadata } : {}),
  };
  const turn = (role, content, start) => ({ role, content, words: [{ word: content, start, end: start + 1 }] });
  const turns = [turn('agent', 'Hello, is this Asha?', 0.5), turn('user', 'Yes.', 2.5), turn('agent', 'Your order is on its way.', 4)];
  const end = { ...call, end_timestamp: T0 + 61000, duration_ms: 61000, disconnection_reason: 'user_hangup', transcript_object: turns,
    recording_url: `https://recordings.example.com/${id}.wav` };
  const analysis = { call_summary: 'Asha confirmed.', user_sentiment: 'Positive', in_voicemail: false };
  return [
    { event: 'call_started', event_timestamp: T0 + 100, call },
    { event: 'transcript_updated', event_timestamp: T0 + 9000, call: { ...call, transcript_object: turns.slice(0, 2) } },
    { event: 'call_ended', event_timestamp: T0 + 61100, call: end },
    { event: 'call_analyzed', event_timestamp: T0 + 65000, call: { ...end, call_analysis: analysis } },
  ];
}

/** The server messages of a Vapi call: [queued, ringing, in progress, two final turns, ended, report]. */
export function vapiCall(id, { metadata, number = '+14155550101', customer = '+919811122244' } = {}) {
  const call = { id, type: 'outboundPhoneCall', status: 'queued', assistantId: 'assistant_demo', phoneNumber: { number },
    customer: { number: customer }, ...(metadata ? { metadata } : {}) };
  const message = (type, seconds, more) => ({ message: { type, timestamp: T0 + seconds * 1000, call, ...more } });
  const said = [['bot', 'Hello.', 1], ['user', 'Who is this?', 3]];
  return [
    message('status-update', 0, { status: 'queued' }),
    message('status-update', 1, { status: 'ringing' }),
    message('status-update', 5, { status: 'in-progress' }),
    ...said.map(([role, transcript, s]) => message('transcript', 5 + s, { role: role === 'bot' ? 'assistant' : role, transcriptType: 'final', transcript })),
    message('status-update', 50, { status: 'ended', endedReason: 'customer-ended-call' }),
    message('end-of-call-report', 55, {
      endedReason: 'customer-ended-call', startedAt: new Date(T0 + 5000).toISOString(), endedAt: new Date(T0 + 50000).toISOString(),
      durationSeconds: 45, cost: 0.0712, analysis: { summary: 'Asked who we are.' },
      artifact: {
        messages: [{ role: 'system', message: 'You are a secret prompt.', time: T0, secondsFromStart: 0 },
          ...said.map(([role, text, s]) => ({ role, message: text, time: T0 + 5000 + s * 1000, secondsFromStart: s }))],
        recordingUrl: `https://recordings.example.com/${id}.wav`,
      },
    }),
  ];
}

/** The callbacks of a Twilio call: [initiated, ringing, answered, completed, its recording]. */
export function twilioCall(id, { from = '+14155550102', to = '+919811122255' } = {}) {
  const status = (CallStatus, n, more = {}) => ({ CallSid: id, AccountSid: 'ACdemo', From: from, To: to, Direction: 'outbound-api', CallStatus,
    SequenceNumber: String(n), Timestamp: new Date(T0 + n * 10000).toUTCString(), ...more });
  return [
    status('initiated', 0), status('ringing', 1), status('in-progress', 2), status('completed', 3, { CallDuration: '10', Duration: '1' }),
    { CallSid: id, AccountSid: 'ACdemo', RecordingSid: `RE${id}`, RecordingUrl: `https://api.example.com/Recordings/RE${id}`, RecordingStatus: 'completed',
      RecordingDuration: '9', RecordingStartTime: new Date(T0 + 20000).toUTCString() },
  ];
}
