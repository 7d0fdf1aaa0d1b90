// What spans processes: broadcasts, presence, and clients that come back after the process that served them was killed.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { request, start, until } from './lib/harness.mjs';
import { versions } from './lib/clients.mjs';
import { ALICE, BOB, CAROL, ORG_A, ORG_B, at, client, leave, publish, serial, signedIn, sleep, tenants, token } from './lib/dashboards.mjs';

let server, second;

before(async () => {
  tenants();
  [server, second] = await Promise.all([start('realtime'), start('realtime')]);
  at.server = server;
});

after(() => leave(second, server));

for (const version of versions) {
  describe(`supabase-js ${version.version}`, () => {
    test('broadcasts reach the tenant in every process, and nobody else', async () => {
      const name = `talk-${serial()}`, heard = (list) => (m) => list.push(m.payload);
      const enter = async (sub, at, config = {}) => {
        const supabase = client(version, token(sub), 0, at), got = [], states = [];
        const channel = supabase.channel(name, { config: { broadcast: { ack: true, ...config } } }).on('broadcast', { event: 'wave' }, heard(got));
        await supabase.realtime.setAuth(supabase.session.jwt); // so that the first join carries it
        channel.subscribe((state) => states.push(state));
        await until(() => states.at(-1) === 'SUBSCRIBED', 10000, 'SUBSCRIBED');
        return { channel, got, states };
      };
      const [a, near, far, foreign] = [await enter(ALICE, server), await enter(ALICE, server, { self: true }),
        await enter(CAROL, second), await enter(BOB, second)];
      assert.equal(await a.channel.send({ type: 'broadcast', event: 'wave', payload: { n: 1, text: 'ü"' } }), 'ok');
      assert.equal(await near.channel.send({ type: 'broadcast', event: 'wave', payload: { n: 2 } }), 'ok');
      await until(() => far.got.length === 2 && near.got.length === 2 && a.got.length === 1, 5000, `all: ${far.got.length} ${near.got.length} ${a.got.length}`);
      assert.deepEqual(far.got, [{ n: 1, text: 'ü"' }, { n: 2 }]);
      const post = (path, jwt, body, type = 'application/json') =>
        request(second.address, 'POST', `/realtime/v1/api/broadcast${path}`, { authorization: `Bearer ${jwt}`, 'content-type': type }, body);
      const messages = JSON.stringify({ messages: [{ topic: name, event: 'wave', payload: { n: 3 } }] });
      assert.equal((await post('', token(ALICE), messages)).status, 202);
      assert.equal((await post(`/${name}/events/wave?apikey=x`, token(ALICE), '{"n":4}')).status, 202);
      assert.equal((await post('', 'nonsense', messages)).status, 401);
      assert.equal((await post('', token('0c000000-0000-4000-8000-00000000000c'), messages)).status, 403);
      assert.equal((await post('', token(ALICE), '{"messages":1}')).status, 400);
      await until(() => a.got.length === 3, 5000, 'what was posted');
      assert.deepEqual(a.got.map((p) => p.n), [2, 3, 4]);
      assert.deepEqual(foreign.got, []);
    });

    test('who is present is seen in every process, until a process is killed', async () => {
      const name = `room-${serial()}`, kill = version === versions.at(-1), third = kill ? await start('realtime') : second;
      const enter = async (sub, at, key) => {
        const supabase = client(version, token(sub), 0, at), states = [];
        const channel = supabase.channel(name, { config: { presence: { key } } }).on('presence', { event: 'sync' }, () => {});
        await supabase.realtime.setAuth(supabase.session.jwt);
        channel.subscribe((state) => states.push(state));
        await until(() => states.at(-1) === 'SUBSCRIBED', 10000, 'SUBSCRIBED');
        return { channel, keys: () => Object.keys(channel.presenceState()).sort().join(), metas: () => channel.presenceState() };
      };
      const a = await enter(ALICE, server, 'a'), far = await enter(CAROL, second, 'c'), doomed = await enter(ALICE, third, 'd'),
        foreign = await enter(BOB, second, 'b');
      for (const [one, n] of [[a, 1], [far, 2], [doomed, 3], [foreign, 4]]) assert.equal(await one.channel.track({ n }), 'ok');
      await until(() => [a, far, doomed].every((one) => one.keys() === 'a,c,d'), 5000, `all three: ${a.keys()} ${far.keys()} ${doomed.keys()}`);
      await until(() => foreign.keys() === 'b', 5000, 'the foreign one to see itself');
      assert.equal(a.metas().c[0].n, 2);
      await a.channel.track({ n: 5 });
      await until(() => far.metas().a?.[0].n === 5 && far.metas().a.length === 1, 5000, 'the newer state');
      await a.channel.untrack();
      await until(() => far.keys() === 'c,d', 5000, 'a to go');
      if (!kill) return;
      await third.stop('SIGKILL');
      await until(() => far.keys() === 'c', 30000, `the killed process's member to go: ${far.keys()}`);
    });
  });
}

test('under load every client hears all of its own, in order, across a kill of the process', async () => {
  const tenants = [[ORG_A, ALICE], [ORG_B, BOB]], kinds = [{}, { filter: 'even=eq.true' }];
  const list = [];
  for (const version of versions)
    for (const [organization, sub] of tenants)
      for (const kind of kinds) list.push({ organization, kind, seen: await signedIn(version, sub, { ...kind, table: 'calls' }) });
  const sent = [];
  const burst = async (n) => {
    for (let i = 0; i < n; i++, await sleep(20))
      for (const [organization] of tenants)
        publish(organization, 'calls', 'UPDATE', { id: 'one-row', n: sent.push(i % 2 === 0), even: i % 2 === 0, owner: organization, at: Date.now() }, 2);
  };
  await burst(50);
  const wanted = () => list.map(({ organization, kind }) => sent.map((even, i) => [even, i + 1])
    .filter(([even, n]) => (n % 2 === 1) === (organization === ORG_A) && (!kind.filter || even)).map(([, n]) => n));
  const missing = () => list.map(({ seen }, i) => {
    const got = new Set(seen.got.map((p) => p.new.n));
    return wanted()[i].filter((n) => !got.has(n)).length;
  });
  await until(() => missing().every((n) => n === 0), 20000, `all before the kill: ${missing()}`);
  const address = server.address;
  await server.stop('SIGKILL');
  await burst(20); // nobody listens
  at.server = server = await start('realtime', { RINGBACK_LISTEN: address });
  await burst(150);
  await until(() => missing().every((n) => n === 0), 30000, `all across the kill: ${missing()} of ${sent.length}`);
  for (const { organization, seen } of list) {
    const first = [...new Set(seen.got.map((p) => p.new.n))]; // at least once: what is repeated comes again behind the kill
    assert.deepEqual(first, [...first].sort((x, y) => x - y), 'in order');
    assert.ok(seen.got.every((p) => p.new.owner === organization), 'none foreign');
    const delays = seen.delays.slice(0, 20).sort((x, y) => x - y); // of the time before the kill
    assert.ok(delays.length === 0 || delays[delays.length >> 1] < 500, `within 500 ms, not ${delays}`);
    assert.ok(seen.got.every((p) => typeof p.new.even === 'boolean' && p.eventType === 'UPDATE'), 'types');
  }
});
