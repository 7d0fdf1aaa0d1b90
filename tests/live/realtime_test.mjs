// The unmodified supabase-js against `ringback realtime`: changes come from the live streams, memberships from PostgreSQL.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import net from 'node:net';
import { after, before, describe, test } from 'node:test';
import zlib from 'node:zlib';
import { exec, ringback, start, until } from './lib/harness.mjs';
import { ALICE, BOB, CAROL, ORG_A, ORG_B, at, client, leave, publish, refresh, serial, servers, signedIn, sleep, subscribe, tenants, token } from './lib/dashboards.mjs';
import { WebSocket, versions } from './lib/clients.mjs';

let server, undisturbed;
const sockets = [];
// Two that take their time, begun before all others and looked at near the end, so that nobody waits for them: a page that stays
// open for longer than its session, and one whose user is removed from an organization.
const ERIN = 'e1100000-0000-4000-8000-00000000e110', abandoned = {}, removed = {};

before(async () => {
  tenants();
  [server, undisturbed] = await Promise.all([start('realtime'), start('realtime')]);
  at.server = server;
  abandoned.supabase = client(versions.at(-1), token(BOB, '3s'), 0, undisturbed);
  abandoned.ends = Date.now() + 3000;
  abandoned.seen = subscribe(abandoned.supabase, { table: 'campaigns' });
  exec(`INSERT INTO organization_members (organization_id, user_id) VALUES ('${ORG_A}', '${ERIN}'), ('${ORG_B}', '${ERIN}')`);
  removed.seen = subscribe(client(versions.at(-1), token(ERIN), 0, undisturbed), { table: 'abandoned_carts' });
  await Promise.all([abandoned.seen.live(), removed.seen.live()]);
  publish(ORG_B, 'abandoned_carts', 'INSERT', { id: 'still' });
  await removed.seen.heard('still');
  exec(`DELETE FROM organization_members WHERE user_id = '${ERIN}' AND organization_id = '${ORG_B}'`);
  removed.at = Date.now();
});

after(() => {
  for (const ws of sockets) ws.terminate();
  return leave(server, undisturbed);
});

for (const version of versions) {
  describe(`supabase-js ${version.version}`, () => {
    test('two tenants see their own changes only, in order, with their types', async () => {
      const a = await signedIn(version, ALICE), b = await signedIn(version, BOB), c = await signedIn(version, CAROL);
      const tag = `t${serial()}`;
      for (let i = 0; i < 20; i++) {
        publish(ORG_A, 'commerce_orders', i === 0 ? 'INSERT' : 'UPDATE', { id: `${tag}-a`, n: i, total: 12.5, paid: true, note: null, tags: ['x'] }, 3);
        publish(ORG_B, 'commerce_orders', 'INSERT', { id: `${tag}-b${i}`, title: 'Größe "M"\n' }, 3);
      }
      publish(ORG_A, 'commerce_orders', 'DELETE', { id: `${tag}-a` }, 3);
      publish(ORG_A, 'commerce_products', 'INSERT', { id: `${tag}-p` }, 3);
      await until(() => a.got.length === 21 && b.got.length === 20 && c.got.length === 41, 5000, `all: ${a.got.length} ${b.got.length} ${c.got.length}`);
      assert.deepEqual(a.got.slice(0, 20).map((p) => p.new.n), [...Array(20).keys()]);
      assert.deepEqual(a.got[0].new, { id: `${tag}-a`, n: 0, total: 12.5, paid: true, note: null, tags: ['x'] });
      assert.deepEqual([a.got[0].eventType, a.got[0].schema, a.got[0].table, a.got[0].errors], ['INSERT', 'public', 'commerce_orders', null]);
      assert.ok(Math.abs(Date.parse(a.got[0].commit_timestamp) - Date.now()) < 60000);
      assert.deepEqual([a.got[1].eventType, a.got[1].old], ['UPDATE', { id: `${tag}-a` }]);
      assert.deepEqual([a.got[20].eventType, a.got[20].new, a.got[20].old], ['DELETE', {}, { id: `${tag}-a` }]);
      assert.equal(b.got[0].new.title, 'Größe "M"\n');
      await sleep(100);
      assert.deepEqual([a.got.length, b.got.length, c.got.length], [21, 20, 41]);
    });

    test('filters and events select', async () => {
      const some = await signedIn(version, ALICE, { event: 'UPDATE', filter: 'trigger_ready=eq.ready' });
      const list = await signedIn(version, ALICE, { event: '*', filter: 'total=in.(10,20.50)' });
      publish(ORG_A, 'commerce_orders', 'UPDATE', { id: 'f1', trigger_ready: 'ready', total: 20.5 });
      publish(ORG_A, 'commerce_orders', 'UPDATE', { id: 'f2', trigger_ready: 'missing_phone', total: 10.0 });
      publish(ORG_A, 'commerce_orders', 'INSERT', { id: 'f3', trigger_ready: 'ready', total: 30 });
      publish(ORG_A, 'commerce_orders', 'UPDATE', { id: 'f4', trigger_ready: 'ready', total: 10 });
      await some.heard('f4');
      await list.heard('f4');
      assert.deepEqual(some.ids(), ['f1', 'f4']);
      assert.deepEqual(list.ids(), ['f1', 'f2', 'f4']);
    });

    test('select narrows the columns', async () => {
      const seen = { got: [] };
      const channel = client(version, token(ALICE)).channel(`select-${serial()}`)
        .on('postgres_changes', { event: '*', schema: 'public', table: 'commerce_orders', select: ['id', 'total'] }, (p) => seen.got.push(p))
        .on('system', {}, () => { seen.live = true; }).subscribe();
      await until(() => seen.live, 10000, 'live');
      publish(ORG_A, 'commerce_orders', 'UPDATE', { id: 's1', total: 1.5, notes: 'x' });
      await until(() => seen.got.length === 1, 5000, 'the change');
      assert.deepEqual([seen.got[0].new, seen.got[0].old], [{ id: 's1', total: 1.5 }, { id: 's1' }]);
      await channel.unsubscribe();
    });

    test('a bad filter joins and is told by system', async () => {
      const seen = subscribe(client(version, token(ALICE)), { filter: 'total~5' });
      await seen.subscribed();
      await until(() => seen.system.some((s) => s.status === 'error'), 5000, 'a system error');
      assert.equal(seen.states.at(-1), 'SUBSCRIBED');
    });

    for (const delay of [0, 15, 100, 900]) {
      test(`a session that is read in ${delay} ms starts delivery`, async () => {
        const seen = subscribe(client(version, token(ALICE), delay));
        await seen.live();
        publish(ORG_A, 'commerce_orders', 'INSERT', { id: `late-${delay}` });
        publish(ORG_B, 'commerce_orders', 'INSERT', { id: 'foreign' });
        await seen.heard(`late-${delay}`);
        await sleep(50);
        assert.deepEqual(seen.ids(), [`late-${delay}`]);
      });
    }

    test('without a token the channel delivers nothing, fails, and recovers when one comes', async () => {
      const supabase = client(version), seen = subscribe(supabase);
      await seen.subscribed();
      publish(ORG_A, 'commerce_orders', 'INSERT', { id: 'too-early' });
      await until(() => seen.states.includes('CHANNEL_ERROR'), 3000, 'CHANNEL_ERROR');
      await refresh(supabase, token(ALICE));
      await seen.live();
      await seen.subscribed();
      publish(ORG_A, 'commerce_orders', 'INSERT', { id: 'in-time' });
      await seen.heard('in-time');
      assert.deepEqual(seen.ids(), ['in-time']);
    });

    // 2.49 refuses to send such a token itself.
    test('an expired token is refused with a reason, a fresh one recovers', { skip: version.version.startsWith('2.49.') }, async () => {
      const supabase = client(version, token(ALICE, '-5m')), seen = subscribe(supabase);
      await until(() => /InvalidJWTToken: Token has expired \d+ seconds ago/.test(seen.errors.join()), 8000, 'a refusal');
      publish(ORG_A, 'commerce_orders', 'INSERT', { id: 'expired' });
      await refresh(supabase, token(ALICE));
      await seen.live();
      publish(ORG_A, 'commerce_orders', 'INSERT', { id: 'fresh' });
      await seen.heard('fresh');
      assert.deepEqual(seen.ids(), ['fresh']);
    });

    test('delivery stops when the token ends, and what was withheld is told when a new one comes', async () => {
      const supabase = client(version, token(ALICE, '3s')), seen = subscribe(supabase);
      const renewing = client(version, token(CAROL, '3s')), renewed = subscribe(renewing, { table: 'calls' });
      await seen.live();
      await renewed.live();
      await renewed.subscribed();
      const settled = renewed.states.length;
      publish(ORG_A, 'commerce_orders', 'INSERT', { id: 'before' });
      await seen.heard('before');
      for (let i = 0; i < 35; i++, await sleep(100)) {
        if (i === 10) await refresh(renewing, token(CAROL));
        publish(ORG_A, 'calls', 'INSERT', { id: i }, 4);
      }
      await renewed.heard(34);
      assert.deepEqual(renewed.ids(), [...Array(35).keys()], 'who has a new token in time hears everything');
      assert.deepEqual(renewed.states.slice(settled), []);
      publish(ORG_A, 'commerce_orders', 'INSERT', { id: 'withheld' });
      await sleep(200);
      assert.deepEqual(seen.ids(), ['before']);
      const times = seen.states.length;
      await refresh(supabase, token(ALICE));
      // Something was withheld, so the channel fails once and the application reads again.
      await until(() => seen.system.length === 2, 8000, 'delivery again');
      assert.deepEqual(seen.states.slice(times), ['CHANNEL_ERROR', 'SUBSCRIBED']);
      publish(ORG_A, 'commerce_orders', 'INSERT', { id: 'after' });
      await seen.heard('after');
      assert.deepEqual(seen.ids(), ['before', 'after']);
    });

    test('removed channels are left for good', async () => {
      const seen = await signedIn(version, ALICE);
      await seen.channel.unsubscribe();
      assert.equal(seen.states.at(-1), 'CLOSED');
      publish(ORG_A, 'commerce_orders', 'INSERT', { id: 'gone' });
      await sleep(150);
      assert.deepEqual(seen.ids(), []);
    });
  });
}

describe('faults', () => {
  test('a removed member stops receiving', async () => {
    await sleep(removed.at + 31000 - Date.now());
    publish(ORG_B, 'abandoned_carts', 'INSERT', { id: 'secret' });
    publish(ORG_A, 'abandoned_carts', 'INSERT', { id: 'mine' });
    await removed.seen.heard('mine');
    await sleep(100);
    assert.deepEqual(removed.seen.ids(), ['still', 'mine']);
  });

  test('clients come back after the process was killed, and hear again', async () => {
    const seen = await Promise.all(versions.map((v) => signedIn(v, ALICE)));
    const address = server.address;
    await server.stop('SIGKILL');
    at.server = server = await start('realtime', { RINGBACK_LISTEN: address });
    await Promise.all(seen.map(async (s) => {
      await until(() => s.system.filter((m) => m.status === 'ok').length > 1, 15000, `a second system ok; ${s.states}`);
      assert.equal(s.states.at(-1), 'SUBSCRIBED');
    }));
    publish(ORG_A, 'commerce_orders', 'INSERT', { id: 'risen' });
    await Promise.all(seen.map((s) => s.heard('risen')));
  });

  test('while Redis is away nothing is lost', async () => {
    const seen = await signedIn(versions.at(-1), ALICE);
    publish(ORG_A, 'commerce_orders', 'INSERT', { id: 'r1' });
    await seen.heard('r1');
    servers('stop', 'redis');
    await sleep(300);
    servers('start', 'redis');
    for (let i = 2; i < 10; i++) publish(ORG_A, 'commerce_orders', 'INSERT', { id: `r${i}` }, 5);
    await seen.heard('r9', 15000);
    assert.deepEqual(seen.ids(), Array.from({ length: 9 }, (_, i) => `r${i + 1}`));
  });

  test('while PostgreSQL is away a join is answered and delivers later', async () => {
    exec(`INSERT INTO organization_members (organization_id, user_id) VALUES ('${ORG_A}', 'da7e0000-0000-4000-8000-000000000004')`);
    const jwt = token('da7e0000-0000-4000-8000-000000000004');
    servers('stop', 'postgres');
    const supabase = client(versions.at(-1), jwt);
    await supabase.realtime.setAuth(jwt); // so that the first join carries it
    const seen = subscribe(supabase);
    await seen.subscribed();
    assert.deepEqual(seen.system, []);
    servers('start', 'postgres');
    await seen.live();
    publish(ORG_A, 'commerce_orders', 'INSERT', { id: 'pg' });
    await seen.heard('pg');
    assert.deepEqual(seen.states, ['SUBSCRIBED']);
  });

  test('lost updates are told: the client joins again', async () => {
    const seen = await signedIn(versions.at(-1), ALICE), other = await signedIn(versions.at(-1), BOB);
    const [times, others] = [seen.states.length, other.states.length];
    publish(ORG_A, '', 'RESYNC', {});
    await until(() => seen.states.length === times + 2, 8000, 'a rejoin');
    assert.deepEqual(seen.states.slice(times), ['CHANNEL_ERROR', 'SUBSCRIBED']);
    assert.equal(other.states.length, others);
  });

  test('who became a member a moment ago is let in at once', async () => {
    const dave = 'da7e0000-0000-4000-8000-00000000da7e', jwt = token(dave);
    const early = subscribe(client(versions.at(-1), jwt)); // it is known now that he belongs nowhere
    await early.live();
    exec(`INSERT INTO organization_members (organization_id, user_id) VALUES ('${ORG_A}', '${dave}')`);
    await sleep(1000);
    const began = Date.now(), seen = subscribe(client(versions.at(-1), jwt));
    await seen.live();
    publish(ORG_A, 'commerce_orders', 'INSERT', { id: 'welcome' });
    await seen.heard('welcome');
    assert.ok(Date.now() - began < 5000, `within a moment, not ${Date.now() - began} ms`);
    await until(() => early.states.includes('CHANNEL_ERROR'), 5000, 'the open page to be told, too');
  });
});

describe('the socket itself', () => {
  /** Sends raw bytes, and `then` once something came; resolves with all that came until the connection ended (or ms passed). */
  const raw = (bytes, ms = 3000, then = '') => new Promise((resolve) => {
    const [host, port] = [server.address.slice(0, server.address.lastIndexOf(':')), server.address.split(':').at(-1)];
    const socket = net.connect(Number(port), host, () => socket.write(bytes));
    const answer = { text: '', closed: false };
    const done = () => { socket.destroy(); resolve(answer); };
    socket.on('data', (d) => { answer.text += d.toString('latin1'); });
    socket.once('data', () => socket.write(then));
    socket.on('close', () => { answer.closed = true; done(); });
    socket.on('error', () => {});
    setTimeout(done, ms);
  });
  const upgrade = (path, more = '') => `GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
    `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n${more}\r\n`;
  const open = (query = 'vsn=2.0.0', options = {}) => new Promise((resolve, reject) => {
    const ws = new WebSocket(`ws://${server.address}/realtime/v1/websocket?apikey=x&${query}`, options);
    sockets.push(ws);
    ws.messages = [];
    ws.on('message', (d) => ws.messages.push(JSON.parse(d)));
    ws.on('close', (code) => { ws.code = code; });
    ws.on('open', () => resolve(ws));
    ws.on('error', reject);
  });

  test('only the websocket path is upgraded', async () => {
    assert.match((await raw(upgrade('/realtime/v1/websocket?vsn=2.0.0'), 300)).text, /^HTTP\/1.1 101 /);
    for (const path of ['/realtime/v1/websocketx', '/realtime/v1/websocket/../x', '/realtime/v1/websocket?vsn=9.0.0'])
      assert.doesNotMatch((await raw(upgrade(path), 1000)).text, /^HTTP\/1.1 101 /, path);
    const plain = await raw('GET /realtime/v1/websocket HTTP/1.1\r\nHost: x\r\n\r\n');
    assert.doesNotMatch(plain.text, /^HTTP\/1.1 [12]/);
    assert.ok(plain.closed);
  });

  test('two requests with bodies in one segment do not make it spin', async () => {
    const attack = 'GET /realtime/v1/websocket HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello'.repeat(2);
    await Promise.all([raw(attack, 1000), raw(upgrade('/realtime/v1/websocket', 'Content-Length: 5\r\n') + 'hello' + attack, 1000)]);
    const ws = await open(), begun = process.hrtime.bigint();
    ws.send('[null,"1","phoenix","heartbeat",{}]');
    await until(() => ws.messages.length === 1, 1000, 'a heartbeat reply');
    assert.ok(process.hrtime.bigint() - begun < 500_000_000n);
    const stat = () => execFileSync('cut', ['-d ', '-f14,15', `/proc/${server.child.pid}/stat`], { encoding: 'utf8' })
      .split(' ').reduce((a, n) => a + Number(n), 0);
    const before_ = stat();
    await sleep(1000);
    assert.ok(stat() - before_ < 30, 'idle: no more than 0.3 s of CPU in a second');
    ws.close();
  });

  test('messages come in pieces, up to 64 KiB', async () => {
    const ws = await open();
    const frame = JSON.stringify([null, '7', 'phoenix', 'heartbeat', { pad: 'x'.repeat(60000) }]);
    ws.send(frame.slice(0, 10), { fin: false });
    ws.send(frame.slice(10, 3000), { fin: false });
    ws.send(frame.slice(3000), { fin: true });
    await until(() => ws.messages.length === 1, 2000, 'a reply');
    assert.deepEqual(ws.messages[0], [null, '7', 'phoenix', 'phx_reply', { status: 'ok', response: {} }]);
    ws.send('x'.repeat(65 * 1024));
    await until(() => ws.code !== undefined, 3000, 'a close');
    assert.equal(ws.code, 1009);
  });

  test('who offers it gets compressed messages, everybody the same ones', async () => {
    const all = await Promise.all([{}, { perMessageDeflate: { clientNoContextTakeover: true, threshold: 0 } }, { perMessageDeflate: false },
      { perMessageDeflate: { serverMaxWindowBits: 10 } }].map((options) => open('vsn=2.0.0', options)));
    const terms = 'permessage-deflate; server_no_context_takeover; client_no_context_takeover';
    assert.deepEqual(all.map((ws) => ws._socket && ws.extensions), ['permessage-deflate', 'permessage-deflate', '', '']);
    assert.match((await raw(upgrade('/realtime/v1/websocket?vsn=2.0.0', 'Sec-WebSocket-Extensions: permessage-deflate\r\n'), 300)).text,
      new RegExp(`\r\nSec-WebSocket-Extensions: ${terms}\r\n\r\n$`));
    for (const ws of all)
      ws.send(JSON.stringify(['1', '1', 'realtime:deflate', 'phx_join', { pad: 'x'.repeat(2000), access_token: token(ALICE),
        config: { postgres_changes: [{ event: '*', schema: 'public', table: 'agents' }] } }]));
    await until(() => all.every((ws) => ws.messages.length === 2), 5000, 'all to be live');
    const before = all.map((ws) => ws._socket.bytesRead), rows = 40;
    for (let i = 0; i < rows; i++)
      publish(ORG_A, 'agents', i % 2 ? 'UPDATE' : 'INSERT', { id: i, prompt: 'Say good day, ask whether the order is right. '.repeat(i), name: 'Größe' }, 1);
    await until(() => all.every((ws) => ws.messages.length === 2 + rows), 5000, 'all rows');
    for (const ws of all) assert.deepEqual(ws.messages.slice(2), all[2].messages.slice(2));
    const took = all.map((ws, i) => ws._socket.bytesRead - before[i]);
    assert.ok(took[0] < took[2] / 3 && took[1] === took[0] && took[3] === took[2], `bytes: ${took}`);
    for (const ws of all) ws.close();
  });

  test('compressed messages come in pieces; bad ones, bombs and compression that was not negotiated close the socket', async () => {
    const deflated = (text) => zlib.deflateRawSync(text, { finishFlush: zlib.constants.Z_SYNC_FLUSH }).subarray(0, -4);
    const frame = (first, bytes) => Buffer.concat([Buffer.from(bytes.length < 126 ? [first, 0x80 | bytes.length] : [first, 0xFE, bytes.length >> 8, bytes.length & 255]),
      Buffer.alloc(4), bytes]); // masked by zeros
    const heartbeat = (ref, pad = '') => JSON.stringify([null, ref, 'phoenix', 'heartbeat', { pad }]);
    /** Sends frames behind a handshake; what the server sent, and the code it closed with. */
    const converse = async (frames, offer = 'permessage-deflate') => {
      const hello = upgrade('/realtime/v1/websocket?vsn=2.0.0', offer ? `Sec-WebSocket-Extensions: ${offer}\r\n` : '');
      const { text } = await raw(hello, 1000, Buffer.concat(frames));
      const sent = text.slice(text.indexOf('\r\n\r\n') + 4), [, close] = /\x88[\x02-\x7d]([^]{2})/.exec(sent) ?? [];
      return { sent, code: close ? close.charCodeAt(0) << 8 | close.charCodeAt(1) : null };
    };
    const whole = deflated(heartbeat('7', 'x'.repeat(5000) + 'ü')), [a, b] = [whole.subarray(0, 9), whole.subarray(9)];
    const cases = await Promise.all([
      converse([frame(0x41, a), frame(0x00, b.subarray(0, 1)), frame(0x89, Buffer.from('ping')), frame(0x80, b.subarray(1)),
        frame(0x81, Buffer.from(heartbeat('8'))), frame(0xC1, deflated(heartbeat('9'))), frame(0xC1, zlib.deflateRawSync(heartbeat('10')))]),
      converse([frame(0xC1, Buffer.from('no deflate data'))]),
      converse([frame(0xC1, deflated(Buffer.alloc(20 << 20)))]),
      converse([frame(0xC1, whole)], ''),
      converse([frame(0xE1, whole)]),
      converse([frame(0x41, a), frame(0x80, Buffer.alloc(0)), frame(0x81, Buffer.from(heartbeat('never')))]),
    ]);
    for (const ref of ['7', '8', '9', '10']) assert.match(cases[0].sent, new RegExp(`"${ref}","phoenix","phx_reply"`));
    assert.match(cases[0].sent, /ping/);
    assert.deepEqual(cases.map((c) => c.code), [null, 1007, 1009, 1002, 1002, 1007]);
    assert.ok(cases.slice(1).every((c) => !/phx_reply/.test(c.sent)));
  });

  test('garbage is borne for a while, then the socket is closed', async () => {
    const ws = await open('vsn=1.0.0');
    for (const text of ['', '{', '[]', '{}', '{"topic":{}}', '\u0000']) ws.send(text);
    ws.send('{"topic":"phoenix","event":"heartbeat","payload":{},"ref":"1"}');
    await until(() => ws.messages.length === 1, 2000, 'a reply');
    assert.deepEqual(ws.messages[0].payload, { status: 'ok', response: {} });
    for (let i = 0; i < 20; i++) ws.send('garbage');
    await until(() => ws.code !== undefined, 3000, 'a close');
    assert.equal(ws.code, 1008);
  });

  test('a reader that does not read is told to resync; others hear everything', async () => {
    const slow = await open('vsn=2.0.0', { perMessageDeflate: false }), good = await open(); // compressed, they would all fit into its socket
    const join = (ws) => ws.send(JSON.stringify(['1', '1', 'realtime:s', 'phx_join', { access_token: token(ALICE),
      config: { postgres_changes: [{ event: '*', schema: 'public', table: 'commerce_orders' }] } }]));
    join(slow);
    join(good);
    await until(() => slow.messages.length === 2 && good.messages.length === 2, 3000, 'both to be live');
    slow.pause();
    const pad = 'x'.repeat(50000);
    for (let i = 0; i < 120; i++) {
      publish(ORG_A, 'commerce_orders', 'INSERT', { id: i, pad }, 1);
      if (i % 5 === 4) await until(() => good.messages.length === i + 3, 5000, `change ${i}`);
    }
    slow.resume();
    await until(() => slow.messages.at(-1)?.[3] === 'phx_error', 5000, 'phx_error');
    assert.ok(slow.messages.length < 122);
    slow.close();
    good.close();
  });

  test('SIGTERM asks every client to go, and they find the next process', async () => {
    const sockets = await Promise.all(Array.from({ length: 60 }, () => open()));
    const seen = await signedIn(versions.at(-1), ALICE, { table: 'agents' }), address = server.address;
    assert.equal(await server.stop(), 0);
    await until(() => sockets.every((ws) => ws.code !== undefined), 1000, 'closes');
    assert.ok(sockets.every((ws) => ws.code === 1001), `${[...new Set(sockets.map((ws) => ws.code))]}`);
    at.server = server = await start('realtime', { RINGBACK_LISTEN: address });
    await until(() => seen.system.length > 1, 15000, 'the client to be back');
    publish(ORG_A, 'agents', 'INSERT', { id: 'drained' });
    await seen.heard('drained');
  });
});

test('a page that outlives its session hears nothing more, is told, and comes back with a new one', async () => {
  const { supabase, seen, ends } = abandoned, GRACE = 75000;
  assert.deepEqual(seen.states[0], 'SUBSCRIBED');
  publish(ORG_B, 'campaigns', 'INSERT', { id: 'too late' });
  await until(() => seen.states.length > 1, ends + GRACE + 20000 - Date.now(), 'the end of the grace');
  assert.deepEqual([seen.states[1], seen.got], ['CHANNEL_ERROR', []]);
  assert.ok(Date.now() > ends + GRACE - 1000, 'not before');
  await refresh(supabase, token(BOB));
  await until(() => seen.states.at(-1) === 'SUBSCRIBED' && seen.system.length > 1, 15000, `delivery again: ${seen.states}`);
  publish(ORG_B, 'campaigns', 'INSERT', { id: 'again' });
  await seen.heard('again');
  assert.ok(!seen.states.includes('CLOSED'));
});
