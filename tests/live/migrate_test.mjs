// `ringback migrate`: several at once, twice, against a newer database; and workers that meet a schema of another age.
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { RINGBACK, exec, get, ringback, sql, start, until } from './lib/harness.mjs';

const run = promisify(execFile);
const carried = fs.readdirSync(path.join(process.env.RINGBACK_SOURCE_DIR ?? '.', 'schema/migrations')).sort().map((f) => f.slice(0, 14));
const ledger = () => sql('select version, name from supabase_migrations.schema_migrations order by version');

test('four pods that migrate at once apply everything once', async () => {
  const outputs = await Promise.all(Array.from({ length: 4 }, () => run(RINGBACK, ['migrate'])));
  const applied = outputs.flatMap((o) => o.stdout.split('\n').filter((l) => l.startsWith('applied ')));
  assert.equal(applied.length, carried.length);
  assert.deepEqual(ledger().map((r) => r.version), carried);
  assert.ok(ledger().every((r) => r.name.length > 0));
});

test('once more there is nothing to do', () => {
  assert.match(ringback('migrate'), /nothing to do/);
});

test('a migration of somebody else\'s that is older is left alone', () => {
  exec(`insert into supabase_migrations.schema_migrations (version, name) values ('20200101000000', 'theirs')`);
  assert.match(ringback('migrate'), /nothing to do/);
  exec(`delete from supabase_migrations.schema_migrations where version = '20200101000000'`);
});

test('a database that is newer than the program is refused, and nothing is changed', () => {
  exec(`insert into supabase_migrations.schema_migrations (version, name) values ('20991231000000', 'tomorrow')`);
  const before = ledger();
  try {
    execFileSync(RINGBACK, ['migrate'], { stdio: ['ignore', 'pipe', 'pipe'], encoding: 'utf8' });
    assert.fail('it migrated');
  } catch (e) {
    assert.equal(e.status, 1);
    assert.equal(e.stderr.trim().split('\n').length, 1);
    assert.match(e.stderr, /20991231000000.*newer/);
  }
  assert.deepEqual(ledger(), before);
});

test('a worker waits for the schema that it knows, and goes on when it is there', async () => {
  const newer = `insert into supabase_migrations.schema_migrations (version, name) values ('20991231000000', 'tomorrow') on conflict do nothing`;
  const worker = start('worker');
  let ready = false;
  worker.then(() => { ready = true; }, () => {});
  await new Promise((r) => setTimeout(r, 2500));
  assert.equal(ready, false, 'not ready with a newer schema');
  exec(`delete from supabase_migrations.schema_migrations where version = '20991231000000'`);
  const w = await worker;
  assert.equal((await get(w.admin, '/readyz')).status, 200);
  exec(newer);
  exec(`delete from supabase_migrations.schema_migrations where version = '20991231000000'`);
  assert.equal(await w.stop(), 0);
});

test('without a database a role starts, stays alive and says what it waits for', async () => {
  execFileSync(process.env.RINGBACK_SERVERS, ['stop', 'postgres']);
  const worker = start('worker');
  let ready = false;
  worker.then(() => { ready = true; }, () => {});
  await new Promise((r) => setTimeout(r, 2000));
  assert.equal(ready, false);
  execFileSync(process.env.RINGBACK_SERVERS, ['start', 'postgres']);
  const w = await worker;
  assert.equal((await get(w.admin, '/healthz')).status, 200);
  await until(async () => (await get(w.admin, '/readyz')).status === 200, 10000, 'readiness');
  assert.equal(await w.stop(), 0);
});
