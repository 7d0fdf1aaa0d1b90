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
import { Refresh } from './refresh.js';
import { claims, forget, keep, stored } from './session.js';
import { Tiles } from './tiles.js';

const TICK_MS = 20000;
const ENDED = 'Your session has ended. Sign in again.';
const CHART_PERIOD = { today: 'week', week: 'week', month: 'month' };

const tiles = new Tiles($('tiles'));
let page = null; // while signed in

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
      orders: reads('orders', () => this.orders.load(), 2000), carts: reads('carts', () => this.carts.load(), 2000),
      calls: reads('calls', () => this.calls.load(), 1500),
    };
    this.listeners = new AbortController();
    $('period').addEventListener('change', () => { tiles.forget(); this.refresh.outcomes.now(); this.refresh.chart.now(); }, { signal: this.listeners.signal });
    $('banner-retry').addEventListener('click', () => this.live.retry(), { signal: this.listeners.signal });
    this.ticking = setInterval(() => { this.orders.tick(); this.carts.tick(); this.calls.tick(); }, TICK_MS);
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
      case 'commerce_orders': return this.orders.change(change);
      case 'commerce_abandoned_carts': return this.carts.change(change);
      case 'calls':
        if (this.calls.change(change)) this.refresh.calls.ask(300);
        return this.call.change(change);
      case 'analytics_call_daily': return this.refresh.chart.ask(100);
      default: return this.refresh.outcomes.ask(50);
    }
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
    else this.banner.reading(name, error);
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

function signOut(reason = '') {
  page?.close();
  page = null;
  forget();
  tiles.forget();
  document.title = 'Ringback';
  $('dashboard').hidden = true;
  $('sign-in').hidden = false;
  $('sign-in-error').textContent = reason;
  $('token').value = '';
  $('token').focus();
}

/** Asks who this is; the answer's sentence when the token is of no use. */
async function signIn(token) {
  if (!globalThis.supabase) {
    signOut('This binary was built without the page\'s libraries, because npm was not available: build it again where it is.');
    return;
  }
  if (claims(token)?.sub === undefined) {
    signOut(token ? 'This is no token: it has three parts with dots between them.' : '');
    return;
  }
  let organization;
  try {
    ({ data: organization } = await new Api(token).get('/organization'));
  } catch (error) {
    signOut(error.status === 401 ? 'This token is not valid, or no longer.' : error.message);
    return;
  }
  keep(token);
  setZone(organization.timezone);
  $('organization').textContent = organization.name;
  $('foot').textContent = `Days and times are those of ${organization.timezone.replaceAll('_', ' ')}.`;
  document.title = `${organization.name} · Ringback`;
  $('sign-in').hidden = true;
  $('dashboard').hidden = false;
  page = new Page(token, organization);
}

$('sign-in-form').addEventListener('submit', (event) => {
  event.preventDefault();
  signIn($('token').value.trim().replace(/^Bearer /i, ''));
});
$('sign-out').addEventListener('click', () => signOut());
addEventListener('hashchange', () => { // a second address with a token, opened in a tab that is signed in
  if (!location.hash.startsWith('#token=')) return;
  page?.close();
  signIn(stored());
});

const token = stored();
if (token) signIn(token);
else signOut();
