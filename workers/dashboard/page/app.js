// The page: signed out or signed in; when signed in, what is read from /v1 is kept up by live changes, and read again whenever
// something may have been missed.
import { Api } from './api.js';
import { Banner } from './banner.js';
import { CallView } from './call.js';
import { Calls } from './calls.js';
import { Charts } from './charts.js';
import { drawCart, drawOrder } from './commerce.js';
import { $ } from './dom.js';
import { Feed } from './feed.js';
import { count, day, setZone } from './format.js';
import { Live } from './live.js';
import { Refresh, passes } from './refresh.js';
import { claims, forget, keep, stored } from './session.js';
import { Tiles } from './tiles.js';

const TICK_MS = 20000;
const COUNT_MS = 3000; // rows are shown as they arrive; how many there are, and what moved up behind a deleted one, soon after
const RETRY_MS = 3000;
const ENDED = 'Your session has ended. Sign in again.';
const CHART_PERIOD = { today: 'week', week: 'week', month: 'month' };

const tiles = new Tiles($('tiles'));
let page = null; // while signed in
let again; // the next attempt to sign in, when the server did not answer

class Page {
  constructor(token, organization) {
    this.token = token;
    this.api = new Api(token);
    this.banner = new Banner();
    this.charts = new Charts();
    this.orders = new Feed($('orders'), { read: () => this.api.get('/orders', { limit: 8 }), order: 'order_created_at', draw: drawOrder,
      empty: ['No orders yet', 'They appear here as soon as the store sends one.'], onTotal: (n) => { $('orders-note').textContent = n ? count(n) : ''; } });
    this.carts = new Feed($('carts'), { read: () => this.api.get('/carts', { limit: 8 }), order: 'abandoned_at', draw: drawCart,
      empty: ['No abandoned carts', 'A checkout that is left alone for a while appears here.'], onTotal: (n) => { $('carts-note').textContent = n ? count(n) : ''; } });
    this.calls = new Calls(this.api, () => this.refresh.calls);
    const reads = (name, read, pause) => new Refresh(read, { pause, onDone: (error) => this.wasRead(name, error) });
    this.refresh = {
      outcomes: reads('outcomes', () => this.readOutcomes(), 700), chart: reads('chart', () => this.readChart(), 1500),
      orders: reads('orders', () => this.orders.load(), COUNT_MS), carts: reads('carts', () => this.carts.load(), COUNT_MS),
      calls: reads('calls', () => this.calls.load(), 1500),
    };
    this.listeners = new AbortController();
    $('period').addEventListener('change', () => { tiles.forget(); this.refresh.outcomes.now(); this.refresh.chart.now(); }, { signal: this.listeners.signal });
    $('banner-retry').addEventListener('click', () => this.live.retry(), { signal: this.listeners.signal });
    this.ticking = setInterval(() => this.tick(), TICK_MS);
    this.live = new Live(token, organization.id, { onState: (state, why) => this.connected(state, why), onChange: (table, change) => this.changed(table, change) });
    this.call = new CallView(this.api, this.live);
    this.readAll();
  }

  readAll() {
    for (const refresh of Object.values(this.refresh)) refresh.now();
  }

  period() {
    return $('period').querySelector('input:checked').value;
  }

  async readOutcomes() {
    const period = this.period();
    const outcomes = await this.api.get('/analytics/outcomes', { period });
    if (this.closed || period !== this.period()) return;
    $('days').textContent = outcomes.date_from === outcomes.date_to ? day(outcomes.date_to, { dateStyle: 'full' })
      : `${day(outcomes.date_from, { day: 'numeric', month: 'long' })} – ${day(outcomes.date_to, { dateStyle: 'long' })}`;
    tiles.show(outcomes);
  }

  async readChart() {
    const period = CHART_PERIOD[this.period()];
    const { data } = await this.api.get('/analytics/calls', { period, group_by: 'day' });
    if (!this.closed && period === CHART_PERIOD[this.period()]) this.charts.show(data);
  }

  changed(table, change) {
    switch (table) {
      case 'commerce_orders':
        this.orders.change(change);
        return this.refresh.orders.ask(COUNT_MS);
      case 'commerce_abandoned_carts':
        this.carts.change(change);
        return this.refresh.carts.ask(COUNT_MS);
      case 'calls':
        if (this.calls.change(change)) this.refresh.calls.ask(300);
        return this.call.change(change);
      case 'analytics_call_daily': return this.refresh.chart.ask(100);
      default: return this.refresh.outcomes.ask(50);
    }
  }

  tick() {
    for (const list of [this.orders, this.carts, this.calls]) list.tick();
    if (this.expired()) this.refresh.outcomes.now(); // the server has the last word, by its own clock
  }

  /** Whatever happened in between: joined again means read again. */
  connected(state, why) {
    if (state === 'lost' && this.expired()) return signOut(ENDED);
    if (state === 'live') this.readAll();
    return this.banner.connection(state, why);
  }

  expired() {
    const expires = claims(this.token)?.exp;
    return expires !== undefined && expires * 1000 < Date.now();
  }

  wasRead(name, error) {
    if (error?.status === 401) signOut(ENDED);
    else if (error?.status !== 429) this.banner.reading(name, error); // too often: later, then
  }

  close() {
    this.closed = true;
    clearInterval(this.ticking);
    this.listeners.abort();
    for (const refresh of Object.values(this.refresh)) refresh.close();
    this.call.close();
    this.calls.close();
    this.charts.close();
    this.live.close();
    this.banner.close();
  }
}

/** The form, with a sentence; the token is kept when it may still be good. */
function askForToken(reason) {
  page?.close();
  page = null;
  tiles.forget();
  document.title = 'Ringback';
  $('dashboard').hidden = true;
  $('sign-in').hidden = false;
  $('sign-in-error').textContent = reason;
  $('token').value = '';
  $('token').focus();
}

function signOut(reason = '') {
  forget();
  clearTimeout(again);
  askForToken(reason);
}

/** Asks who this is. */
async function signIn(token) {
  clearTimeout(again);
  if (!globalThis.supabase) return askForToken('This binary was built without the page\'s libraries, because npm was not available: build it again where it is.');
  if (claims(token)?.sub === undefined) return signOut('This is no token: it has three parts with dots between them.');
  let organization;
  try {
    ({ data: organization } = await new Api(token).get('/organization'));
  } catch (error) {
    if (!passes(error)) return signOut(error.status === 401 ? 'This token is not valid, or no longer.' : error.message);
    keep(token);
    again = setTimeout(() => signIn(token), RETRY_MS);
    return askForToken(`${error.message.replace(/\.?$/, '.')} Trying again.`);
  }
  keep(token);
  setZone(organization.timezone);
  $('organization').textContent = organization.name;
  $('foot').textContent = `Days and times are those of ${organization.timezone.replaceAll('_', ' ')}.`;
  document.title = `${organization.name} · Ringback`;
  $('sign-in').hidden = true;
  $('dashboard').hidden = false;
  page?.close();
  page = new Page(token, organization);
  return undefined;
}

$('sign-in-form').addEventListener('submit', (event) => {
  event.preventDefault();
  signIn($('token').value.trim().replace(/^Bearer /i, ''));
});
$('sign-out').addEventListener('click', () => signOut());
$('token').addEventListener('input', () => clearTimeout(again));
addEventListener('hashchange', () => { // a second address with a token, opened in a tab that is signed in
  if (location.hash.startsWith('#token=')) signIn(stored());
});

const token = stored();
if (token) signIn(token);
else signOut();
