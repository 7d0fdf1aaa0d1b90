// The dashboard in a real browser: what its users see, after webhooks and callbacks that come through the front door.
// RINGBACK_TEST_SCREENSHOTS=folder keeps pictures of it.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { OWNER, exec, request, ringback, sql, start, tenant, until, webhook } from './lib/harness.mjs';
import { axe, browser as launch } from './lib/clients.mjs';
import { callback, retellCall, settings } from './lib/voice.mjs';

const SHOP = 'kala.myshopify.com', OTHER_SHOP = 'other.myshopify.com', WAIT = 60000;
const token = (sub = OWNER) => ringback('token', '--sub', sub, '--expires', '1h').trim();
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
  const recent = (hook) => JSON.parse(JSON.stringify(hook), (key, value) => (/timestamp$/.test(key) ? value - Date.parse('2026-11-20T09:00:00Z') + Date.now() - 61000 : value));
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
  await picture('lost');
  exec(`UPDATE commerce_orders SET customer_name = 'Changed Meanwhile' WHERE customer_name = 'Own Buyer'`);
  server = await start('all', { ...settings, RINGBACK_LISTEN: server.address });
  await page.getByRole('button', { name: 'Try now' }).click();
  await page.locator('#live[data-state=live]').waitFor();
  await page.locator('#banner').waitFor({ state: 'hidden' });
  await reads('#orders li:first-child', /Changed Meanwhile/);
  page.mayFail = false;
  await order(SHOP, { name: 'After Wards', created_at: seconds(-5), updated_at: seconds(-5) });
  await reads('#orders li:first-child', /After Wards/);
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
  assert.deepEqual(stops.map((s) => s.id), ['Skip to the numbers', 'theme', 'sign-out', 'month', 'Show as a table', 'calls-search', 'calls-filter', ...stops.slice(7).map((s) => s.id)]);
  assert.ok(stops.slice(0, 7).every((s) => s.outline === 'solid'), JSON.stringify(stops));
  await page.locator('#calls tbody a').focus();
  await page.keyboard.press('Enter');
  await page.getByRole('dialog').waitFor();
  assert.match(page.url(), /#\/calls\//);
  await page.keyboard.press('Escape');
  assert.equal(await page.evaluate(() => document.activeElement.closest('tr') !== null), true, 'focus is back on the call');
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
  const source = axe();
  const faults = async (of, what) => {
    await of.evaluate(source);
    const { violations } = await of.evaluate(() => window.axe.run(document));
    return violations.map((v) => `${what}: ${v.id} (${v.impact}) ${v.nodes.slice(0, 3).map((n) => `${n.target} ${n.any.map((a) => a.message)}`).join('; ')}`);
  };
  for (const colorScheme of ['light', 'dark']) {
    const looked = await open({ jwt: token(), colorScheme });
    await reads('#calls tbody', /Answered/, looked);
    assert.deepEqual(await faults(looked, `${colorScheme} page`), []);
    await looked.locator('#calls tbody a').click();
    await reads('#call', /Asha confirmed/, looked);
    assert.deepEqual(await faults(looked, `${colorScheme} call`), []);
    await looked.keyboard.press('Escape');
    await looked.getByRole('button', { name: 'Sign out' }).click();
    assert.deepEqual(await faults(looked, `${colorScheme} sign-in`), []);
    await looked.context().close();
  }
});

test('all the while: no request to another origin, no error on the console', () => assert.deepEqual(strange, []));
