// The dashboard in a real browser: what its users see, after webhooks and callbacks that come through the front door.
// RINGBACK_TEST_SCREENSHOTS=folder keeps pictures of it.
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { OWNER, exec, request, ringback, sql, start, tenant, until, webhook } from './lib/harness.mjs';
import { axe, browser as launch } from './lib/clients.mjs';
import { callback, retellCall, settings as voice } from './lib/voice.mjs';

const SHOP = 'kala.myshopify.com', OTHER_SHOP = 'other.myshopify.com', WAIT = 60000;
const RECORDINGS = join(process.env.RINGBACK_TEST_DIR, 'recordings'), settings = { ...voice, RINGBACK_PUBLIC_URL: '', RINGBACK_RECORDINGS_STORE: `file://${RECORDINGS}` };
const token = (sub = OWNER, expires = '1h') => ringback('token', '--sub', sub, '--expires', expires).trim();
const wide = { width: 1360, height: 900 }, phone = { width: 360, height: 740 };

let server, browser, organization, other, page;
const strange = []; // requests to elsewhere, failures, whatever the console complains about

/** A page of its own session; signed in if there is a token. */
async function open({ jwt, viewport = wide, colorScheme = 'light', path = '/' } = {}) {
  const context = await browser.newContext({ viewport, colorScheme, locale: 'en-IN', reducedMotion: 'reduce' });
  const made = await context.newPage();
  made.setDefaultTimeout(WAIT);
  made.on('request', (r) => { if (new URL(r.url()).host !== server.address) strange.push(`asked ${r.url()}`); });
  made.on('response', (r) => { if (r.status() >= 400 && r.status() !== 401) strange.push(`${r.status()} ${r.url()}`); });
  made.on('console', (m) => { if (['error', 'warning'].includes(m.type()) && !made.mayFail) strange.push(m.text()); });
  made.on('pageerror', (error) => strange.push(error.stack));
  await made.goto(`http://${server.address}${path}${jwt ? `#token=${jwt}` : ''}`);
  if (jwt) await made.locator('#live[data-state=live]').waitFor();
  return made;
}

async function picture(name, of = page, options = {}) {
  if (process.env.RINGBACK_TEST_SCREENSHOTS) await of.screenshot({ path: join(process.env.RINGBACK_TEST_SCREENSHOTS, `${name}.png`), ...options });
}

const text = (selector, of = page) => of.locator(selector).innerText();
const reads = (selector, expected, of = page) => until(async () => expected.test(await text(selector, of)), WAIT, `${selector} to read ${expected}`);
const seconds = (n) => new Date(Date.now() + n * 1000).toISOString();

/** What shuts people out, as axe sees it. */
async function faults(what, of = page) {
  await of.evaluate(axe());
  const { violations } = await of.evaluate(() => window.axe.run(document));
  return violations.map((v) => `${what}: ${v.id} (${v.impact}) ${v.nodes.slice(0, 3).map((n) => `${n.target} ${n.any.map((a) => a.message)}`).join('; ')}`);
}

let serial = 1000;
function order(shop, { name = 'Asha Rao', ...more } = {}) {
  const id = ++serial, [first_name, last_name] = name.split(' ');
  return webhook(server.address, 'orders/create', shop, { id, name: `#${id}`, order_number: id, created_at: seconds(-60), updated_at: seconds(-60), currency: 'INR',
    total_price: '1499.00', financial_status: 'pending', fulfillment_status: null, payment_gateway_names: ['Cash on Delivery (COD)'],
    phone: '+919811122233', customer: { id: id + 50000, first_name, last_name }, line_items: [{ id, title: 'Cotton kurta', quantity: 1, price: '1499.00' }], ...more });
}
function checkout(shop, token_, more = {}) {
  const id = ++serial;
  return webhook(server.address, 'checkouts/create', shop, { id, token: token_, created_at: seconds(-9000), updated_at: seconds(-7200), currency: 'INR', total_price: '2400.00',
    email: 'meera@example.com', phone: '+919811122299', customer: { id: id + 60000, first_name: 'Meera', last_name: 'Iyer' },
    line_items: [{ title: 'Silk scarf', quantity: 2, price: '1200.00' }], ...more });
}

before(async () => {
  ringback('migrate');
  organization = tenant('Kala Crafts', SHOP);
  other = tenant('Other Goods', OTHER_SHOP); // of the same user, who joined it later: only the first one is shown
  server = await start('all', settings);
  browser = await launch();
});

after(async () => {
  await browser?.close();
  if (server) assert.equal(await server.stop(), 0);
});

test('files come with their types, entity tags, gzip and a strict policy', async () => {
  const kinds = { '/': /^text\/html/, '/assets/app.js': /^text\/javascript/, '/assets/base.css': /^text\/css/, '/assets/icon.svg': /^image\/svg/, '/assets/supabase.js': /^text\/javascript/ };
  for (const [path, kind] of Object.entries(kinds)) {
    const plain = await request(server.address, 'GET', path);
    assert.equal(plain.status, 200, path);
    assert.match(plain.headers['content-type'], kind);
    assert.match(plain.headers['content-security-policy'], /script-src 'self';/);
    assert.match(plain.headers['content-security-policy'], /media-src 'self';/); // recordings are in a folder here
    assert.doesNotMatch(plain.headers['content-security-policy'], /unsafe|http|\*/);
    assert.equal(plain.headers['x-content-type-options'], 'nosniff');
    assert.equal((await request(server.address, 'GET', path, { 'If-None-Match': plain.headers.etag })).status, 304);
  }
  const packed = await request(server.address, 'GET', '/assets/chart.js', { 'Accept-Encoding': 'gzip, br' });
  assert.equal(packed.headers['content-encoding'], 'gzip');
  assert.ok(packed.headers['content-length'] < 110000, packed.headers['content-length']);
  assert.equal((await request(server.address, 'HEAD', '/')).status, 200);
  assert.equal((await request(server.address, 'POST', '/')).status, 405);
  assert.equal((await request(server.address, 'GET', '/assets/package.json')).status, 404);
  const bucket = await start('realtime', { RINGBACK_RECORDINGS_STORE: 's3://calls', RINGBACK_S3_ENDPOINT: 'https://s3.example:9000/base' }); // it needs no key for that
  assert.match((await request(bucket.address, 'GET', '/')).headers['content-security-policy'], /media-src 'self' https:\/\/s3\.example:9000;/);
  assert.equal(await bucket.stop(), 0);
});

test('signing in: a bad token is told in a sentence, a good one opens the page, signing out forgets it', async () => {
  page = await open();
  page.mayFail = true; // the browser itself reports the 401
  await page.getByLabel('Access token').fill('nonsense');
  await page.getByRole('button', { name: 'Sign in' }).click();
  await reads('#sign-in-error', /no token/);
  const [head, , signature] = token().split('.');
  await page.getByLabel('Access token').fill(`${head}.${Buffer.from(JSON.stringify({ sub: OWNER, exp: 9e9 })).toString('base64url')}.${signature}`);
  await page.keyboard.press('Enter');
  await reads('#sign-in-error', /not valid/);
  assert.deepEqual(await faults('sign-in with a complaint'), []);
  await picture('sign-in');
  page.mayFail = false;
  await page.getByLabel('Access token').fill(token());
  await page.keyboard.press('Enter');
  await page.locator('#live[data-state=live]').waitFor();
  assert.equal(await text('#organization'), 'Kala Crafts');
  assert.equal(await text('#foot'), 'Days and times are those of Asia/Kolkata.');
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByLabel('Access token').waitFor();
  assert.equal(await page.evaluate(() => sessionStorage.length), 0);
  await page.context().close();
});

test('an address with a token signs in, and loses the token at once; with nothing to show the page says so', async () => {
  page = await open({ jwt: token() });
  assert.equal(new URL(page.url()).hash, '');
  await reads('#orders', /No orders yet/);
  await reads('#carts', /No abandoned carts/);
  await reads('#calls', /No calls yet/);
  await reads('#by-day', /No calls in this period/);
  assert.deepEqual(await faults('empty'), []);
  await picture('empty', page, { fullPage: true });
});

test('after webhooks an order and a cart appear and the tiles move, without a reload', async () => {
  await page.evaluate(() => { window.loaded = 'once'; });
  await order(SHOP);
  await reads('#orders li', /Asha Rao[\s\S]*COD[\s\S]*Ready to call[\s\S]*₹1,499\.00/);
  await checkout(SHOP, 'cart-1');
  await reads('#carts li', /Meera Iyer[\s\S]*Abandoned[\s\S]*₹2,400\.00/);
  await reads('.tile.carts', /0\s[\s\S]*of 1 abandoned/);
  await order(SHOP, { name: 'Meera Iyer', checkout_token: 'cart-1', total_price: '2400.00', created_at: seconds(-30), updated_at: seconds(-30) });
  await reads('#carts li', /Recovered/);
  await reads('[data-tile=carts_recovered]', /^1$/);
  await reads('[data-tile=revenue_recovered]', /^₹2,400$/);
  assert.equal(await page.locator('#orders > li').count(), 2);
  assert.match(await text('#orders > li:first-child'), /Meera Iyer/); // the newest is the first
  assert.equal(await page.evaluate(() => window.loaded), 'once');
});

test('a call appears when it begins, its transcript grows while it is spoken, and its numbers count', async () => {
  const { campaign, agent } = sql(`select c.id as campaign, a.campaign_agent as agent from campaigns c cross join lateral
    (select agent_id as campaign_agent from campaign_agents where campaign_id = c.id limit 1) a where c.name = 'Order Confirmation' and c.organization_id = '${organization}'`)[0];
  const metadata = { organization_id: organization, campaign_id: campaign, agent_id: agent, payment_type: 'cod', order_number: '#1001' };
  const recent = (hook) => JSON.parse(JSON.stringify(hook), (key, value) => (key === 'recording_url' ? undefined // nobody fetches anything
    : /timestamp$/.test(key) ? value - Date.parse('2026-11-20T09:00:00Z') + Date.now() - 61000 : value));
  const [started, talking, ended, analysed] = retellCall('call_1', { metadata }).map(recent);
  await callback(server.address, 'retell', started);
  await reads('#calls tbody tr', /Order Confirmation[\s\S]*order #1001[\s\S]*Live/);
  await page.locator('#calls tbody tr a').click();
  await page.getByRole('dialog').waitFor();
  await reads('#call', /Waiting for the first words|What is said|Conversation/);
  assert.equal(await page.locator('#call .turn').count(), 0);
  await callback(server.address, 'retell', talking);
  await until(async () => await page.locator('#call .turn').count() === 2, WAIT, 'two turns');
  assert.deepEqual(await page.locator('#call .turn p').allInnerTexts(), ['Hello, is this Asha?', 'Yes.']);
  await page.locator('#call .speaking').waitFor();
  await picture('call-live');
  await callback(server.address, 'retell', ended);
  await until(async () => await page.locator('#call .turn').count() === 3, WAIT, 'three turns');
  await callback(server.address, 'retell', analysed);
  await reads('#call', /Answered[\s\S]*Positive[\s\S]*Asha confirmed\./);
  assert.equal(await page.locator('#call .speaking').count(), 0);
  await page.keyboard.press('Escape');
  await page.getByRole('dialog').waitFor({ state: 'hidden' });
  await reads('[data-tile=cod_confirmed]', /^1$/);
  await reads('#by-day-note', /^1 call,/);
  await reads('#shares', /Answered\s+1\s+100%/);
  assert.ok(await page.locator('#by-day canvas').count() === 1 && await page.locator('#share canvas').count() === 1);
  await page.getByText('Show as a table').click();
  await reads('#by-day-table tbody tr:first-child', /\t1\t1\t0\t0\t0\t0\t1:01$/);
  await page.getByText('Show as a table').click();
});

/** A second of silence, eight thousand samples of it. */
function silence() {
  const size = 8000, file = Buffer.alloc(44 + size, 128);
  file.write('RIFF\0\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0', 'latin1');
  file.writeUInt32LE(36 + size, 4);
  file.writeUInt32LE(size, 24);
  file.writeUInt32LE(size, 28);
  file.write('\x01\0\x08\0data', 32, 'latin1');
  file.writeUInt32LE(size, 40);
  return file;
}

test('a recording appears when it has been copied, plays, and survives its link', async () => {
  const { id } = sql('select id from calls')[0], path = `${organization}/${id}.wav`;
  mkdirSync(join(RECORDINGS, organization), { recursive: true });
  writeFileSync(join(RECORDINGS, path), silence());
  await page.locator('#calls tbody tr a').click();
  await reads('#call', /Asha confirmed/);
  assert.equal(await page.locator('#call audio').count(), 0);
  exec(`INSERT INTO call_recordings (organization_id, call_id, duration_seconds) VALUES ('${organization}', '${id}', 1)`);
  await reads('#call .recording', /has not been copied/);
  exec(`UPDATE call_recordings SET storage_path = '${path}' WHERE call_id = '${id}'`);
  const player = page.locator('#call audio');
  await player.waitFor();
  assert.equal(await player.getAttribute('aria-label'), 'Recording of the call, 0:01');
  await until(() => player.evaluate((audio) => audio.duration === 1), WAIT, 'its length');
  await picture('call-recording');
  assert.deepEqual(await faults('recording'), []);
  await player.evaluate((audio) => { audio.muted = true; audio.here = true; return audio.play(); });
  exec(`UPDATE calls SET summary = 'Asha confirmed, twice.' WHERE id = '${id}'`);
  await reads('#call', /twice/);
  await until(() => player.evaluate((audio) => audio.here && audio.ended), WAIT, 'all of it to be heard, whatever changes beside it');

  page.mayFail = true; // the browser itself reports what it cannot load
  await player.evaluate((audio) => { audio.src = audio.src.replace(/expires=\d+/, 'expires=1'); });
  await until(() => player.evaluate((audio) => audio.here && audio.readyState > 0 && !audio.src.includes('expires=1&')), WAIT, 'another link');
  await page.route('**/v1/recordings/**', (route) => route.fulfill({ status: 404 }));
  await page.keyboard.press('Escape');
  await page.locator('#calls tbody tr a').click();
  await reads('#call .recording', /could not play/);
  await page.unroute('**/v1/recordings/**');
  await page.getByRole('button', { name: 'Try again' }).click();
  await until(() => player.evaluate((audio) => audio.duration === 1), WAIT, 'to be heard again');
  page.mayFail = false;
  exec(`UPDATE calls SET summary = 'Asha confirmed.' WHERE id = '${id}'`);
  await page.keyboard.press('Escape');
  strange.splice(0, strange.length, ...strange.filter((line) => !/^40[34] .*\/v1\/recordings\//.test(line)));
});

test('lists are narrowed by a choice, and stay so while rows arrive', async () => {
  await page.locator('#orders-filter').selectOption('No phone');
  await reads('#orders', /No orders like this/);
  await order(SHOP, { name: 'Without Number', phone: null, created_at: seconds(-20), updated_at: seconds(-20) });
  await reads('#orders', /Without Number/);
  assert.equal(await page.locator('#orders > li').count(), 1);
  await page.locator('#orders-filter').selectOption('All orders');
  await until(async () => await page.locator('#orders > li').count() === 3, WAIT, 'all orders');
  await page.locator('#carts-filter').selectOption('Abandoned');
  await reads('#carts', /No carts like this/); // it was recovered
  await page.locator('#carts-filter').selectOption('All carts');
  await reads('#carts', /Recovered/);
});

test('another organization of the same user stays out of sight, and so does everybody else\'s', async () => {
  await order(OTHER_SHOP, { name: 'Foreign Buyer' });
  await checkout(OTHER_SHOP, 'foreign-cart', { customer: { id: 1, first_name: 'Foreign', last_name: 'Visitor' } });
  await until(() => sql(`select 1 from commerce_abandoned_carts where organization_id = '${other}'`).length, WAIT, 'their cart');
  const before_ = await text('[data-tile=carts_recovered]');
  await order(SHOP, { name: 'Own Buyer', created_at: seconds(-10), updated_at: seconds(-10) });
  await reads('#orders li:first-child', /Own Buyer/);
  assert.doesNotMatch(await text('body'), /Foreign/);
  assert.equal(await text('[data-tile=carts_recovered]'), before_);
  const stranger = await open();
  stranger.mayFail = true;
  const asked = stranger.waitForResponse(/organization/);
  await stranger.getByLabel('Access token').fill(token('5ea1ed00-0000-4000-8000-000000000009'));
  await stranger.keyboard.press('Enter');
  assert.equal((await asked).status(), 403);
  await reads('#sign-in-error', /not a member/, stranger);
  strange.splice(0, strange.length, ...strange.filter((line) => !/^403 .*organization$/.test(line)));
  await stranger.context().close();
});

test('a lost connection is told; when it comes back the page has what happened meanwhile', async () => {
  page.mayFail = true; // the browser itself reports refused connections
  assert.equal(await server.stop(), 0);
  await page.getByRole('alert').filter({ hasText: 'connection is lost' }).waitFor();
  assert.equal(await text('#live'), 'Offline');
  assert.deepEqual(await faults('lost'), []);
  await picture('lost');
  exec(`UPDATE commerce_orders SET customer_name = 'Changed Meanwhile' WHERE customer_name = 'Own Buyer'`);
  server = await start('all', { ...settings, RINGBACK_LISTEN: server.address });
  await page.evaluate(() => document.querySelector('#banner:not([hidden]) button')?.click()); // or it has found back by itself
  await page.locator('#live[data-state=live]').waitFor();
  await page.locator('#banner').waitFor({ state: 'hidden' });
  await reads('#orders li:first-child', /Changed Meanwhile/);
  page.mayFail = false;
  await order(SHOP, { name: 'After Wards', created_at: seconds(-5), updated_at: seconds(-5) });
  await reads('#orders li:first-child', /After Wards/);
});

test('a session that ends leaves all of it there, and goes on with a new token where one was', async () => {
  const seen = await open({ jwt: token(OWNER, '110s'), colorScheme: 'dark' }); // it ends soon, and so it says
  await reads('#orders', /After Wards/, seen);
  await seen.evaluate(() => { window.loaded = 'once'; });
  await seen.locator('#period').getByText('7 days').click();
  await seen.locator('#calls tbody a').click();
  await reads('#call', /Asha confirmed/, seen);
  await reads('#call .banner', /^Your session ends at \d\d:\d\d [ap]m\./, seen);
  const renewal = seen.getByRole('dialog', { name: 'Stay signed in' });
  const enter = async (jwt) => {
    if (!await renewal.isVisible()) await seen.locator('#call .banner button').click();
    await renewal.getByLabel('New token').fill(jwt);
    await renewal.getByRole('button', { name: 'Go on' }).click();
  };
  await enter(token(OWNER, '2s'));
  await renewal.waitFor({ state: 'hidden' });
  await reads('#call .banner', /Your session has ended\. What you see is from/, seen);
  assert.equal(await text('#live', seen), 'Session ended');
  await order(SHOP, { name: 'While Ended', created_at: seconds(-2), updated_at: seconds(-2) });
  await reads('#orders li:first-child', /While Ended/); // on the other page
  assert.doesNotMatch(await text('#orders', seen), /While Ended/);
  assert.match(await text('#orders', seen), /After Wards/);
  assert.match(await text('#call', seen), /Asha confirmed/);
  seen.mayFail = true; // the browser itself reports the 401
  await enter(`${token().slice(0, -4)}AAAA`);
  await reads('#renew-error', /not valid/, seen);
  seen.mayFail = false;
  await picture('renewal', seen);
  assert.deepEqual(await faults('renewal', seen), []);
  await enter(token());
  await seen.locator('#live[data-state=live]').waitFor();
  await reads('#orders li:first-child', /While Ended/, seen);
  assert.equal(await seen.locator('.banner:visible').count(), 0);
  assert.match(await text('#call', seen), /Asha confirmed/);
  assert.equal(await seen.locator('#period input:checked').inputValue(), 'week');
  await order(SHOP, { name: 'Afterwards Live', created_at: seconds(-1), updated_at: seconds(-1) });
  await reads('#orders li:first-child', /Afterwards Live/, seen);
  assert.equal(await seen.evaluate(() => window.loaded), 'once');
  await seen.context().close();
});

test('keys reach everything, and one sees where one is', async () => {
  await page.reload();
  await page.locator('#live[data-state=live]').waitFor();
  await reads('#calls tbody', /Answered/);
  const focused = () => page.evaluate(() => { const e = document.activeElement; return { id: e.id || e.value || e.textContent, outline: getComputedStyle(e.matches('input[type=radio]') ? e.nextSibling : e).outlineStyle }; });
  const stops = [];
  for (let i = 0; i < 10; i++) {
    await page.keyboard.press('Tab');
    stops.push(await focused());
  }
  assert.deepEqual(stops.map((s) => s.id), ['Skip to the numbers', 'theme', 'sign-out', 'month', 'Show as a table', 'orders-filter', 'carts-filter', 'calls-search', 'calls-filter', ...stops.slice(9).map((s) => s.id)]);
  assert.ok(stops.slice(0, 9).every((s) => s.outline === 'solid'), JSON.stringify(stops));
  await page.locator('#calls tbody a').focus();
  await page.keyboard.press('Enter');
  await page.getByRole('dialog').waitFor();
  assert.match(page.url(), /#\/calls\//);
  exec(`UPDATE calls SET sentiment = 'neutral'`); // the line behind it is drawn anew
  await reads('#call', /Neutral/);
  await page.keyboard.press('Escape');
  await until(() => page.evaluate(() => document.activeElement.matches('#calls tr a')), WAIT, 'the focus to be back on the call');
  await page.locator('#period input:checked').focus();
  await page.keyboard.press('ArrowLeft');
  await reads('#days', / – /);
  await page.keyboard.press('ArrowLeft');
  await until(async () => !/ – /.test(await text('#days')), WAIT, 'the period to be today');
  await page.locator('#calls-filter').selectOption('Busy');
  await reads('#calls', /No calls like this/);
});

test('dark follows the system until the switch was used, and stays', async () => {
  const ground = (of) => of.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const light = await ground(page);
  await page.getByRole('button', { name: 'Dark appearance' }).click();
  const dark = await ground(page);
  assert.notEqual(dark, light);
  await page.reload();
  assert.equal(await ground(page), dark);
  const follows = await open({ jwt: token(), colorScheme: 'dark' });
  assert.equal(await ground(follows), dark);
  await reads('#calls tbody', /Answered/, follows);
  await picture('dark', follows, { fullPage: true });
  await follows.context().close();
});

test('a phone shows all of it without scrolling sideways, and a call\'s address opens the call', async () => {
  const id = sql('select id from calls limit 1')[0].id;
  const small = await open({ jwt: token(), viewport: phone });
  await reads('#calls tbody', /Answered/, small);
  const width = () => small.evaluate(() => document.documentElement.scrollWidth);
  assert.equal(await width(), phone.width);
  await picture('phone', small, { fullPage: true });
  await small.goto(`http://${server.address}/#/calls/${id}`);
  await reads('#call', /Asha confirmed/, small);
  assert.equal(await width(), phone.width);
  assert.ok((await small.locator('#call').boundingBox()).width <= phone.width);
  await picture('phone-call', small);
  await small.context().close();
});

test('a binary without the libraries says so and shows its numbers as a table; an API that is away is waited for', async () => {
  const bare = await open();
  bare.mayFail = true; // the browser itself reports the 404
  for (const name of ['supabase', 'chart']) await bare.route(`**/assets/${name}.js`, (route) => route.fulfill({ status: 404 }));
  await bare.goto(`http://${server.address}/#token=${token()}`);
  await bare.reload();
  await reads('#sign-in-error', /without the page's libraries/, bare);
  await bare.unroute('**/assets/supabase.js');
  await bare.reload(); // the token was kept
  await reads('#by-day', /chart library is not in this binary/, bare);
  await bare.getByText('Show as a table').click();
  await reads('#by-day-table tbody tr:first-child', /\t1\t1\t0/, bare);
  await bare.route('**/v1/organization', (route) => route.fulfill({ status: 503, json: { error: { message: 'The database is away' } } }));
  await bare.reload();
  await reads('#sign-in-error', /The database is away\. Trying again\./, bare);
  await bare.unroute('**/v1/organization');
  await bare.locator('#live[data-state=live]').waitFor(); // by itself
  await bare.context().close();
  strange.splice(0, strange.length, ...strange.filter((line) => !/^404 .*(supabase|chart)\.js$|^503 .*organization$/.test(line)));
});

test('axe finds nothing that shuts people out, in light and in dark, in the page, a call and the sign-in', async () => {
  for (const colorScheme of ['light', 'dark']) {
    const looked = await open({ jwt: token(), colorScheme });
    await reads('#calls tbody', /Answered/, looked);
    assert.deepEqual(await faults(`${colorScheme} page`, looked), []);
    await looked.locator('#calls tbody a').click();
    await reads('#call', /Asha confirmed/, looked);
    assert.deepEqual(await faults(`${colorScheme} call`, looked), []);
    await looked.keyboard.press('Escape');
    if (colorScheme === 'dark') { // in light it was looked at above
      await looked.getByRole('button', { name: 'Sign out' }).click();
      assert.deepEqual(await faults('dark sign-in', looked), []);
    }
    await looked.context().close();
  }
});

test('all the while: no request to another origin, no error on the console', () => assert.deepEqual(strange, []));
