// The page of somebody who is signed in: what is read from /v1 is kept up by live changes, and read again whenever something may have
// been missed. When the session ends, all of it stays and waits for a new token.
import { Api, now } from './api.js';
import { Banner } from './banner.js';
import { CallView } from './call.js';
import { Calls } from './calls.js';
import { Charts } from './charts.js';
import { drawCart, drawOrder } from './commerce.js';
import { $ } from './dom.js';
import { Feed } from './feed.js';
import { clock, count, day } from './format.js';
import { Live } from './live.js';
import { Refresh } from './refresh.js';
import { claims } from './session.js';

const TICK_MS = 20000;
const COUNT_MS = 3000; // rows are shown as they arrive; how many there are, and what moved up behind a deleted one, soon after
const SOON_MS = 120000; // so long before its end a session is said to end
const DAY_MS = 86400000; // a timer of more than 24 days would go off at once
const ENDED = 'Your session has ended.';
const CHART_PERIOD = { today: 'week', week: 'week', month: 'month' };

export class Page {
  /** onRenew(): the person wants to go on with another token, which renew() is then told. */
  constructor(token, organization, tiles, onRenew) {
    Object.assign(this, { organization, tiles, user: claims(token).sub, api: new Api(token), charts: new Charts(), ended: false });
    this.banner = new Banner({ onRetry: () => this.retry(), onRenew });
    const feed = (name, order, draw, empty) => new Feed(name, { read: (parameters) => this.api.get(`/${name}`, parameters), refresh: () => this.refresh[name], order, draw, empty });
    this.orders = feed('orders', 'order_created_at', drawOrder, ['No orders yet', 'They appear here as soon as the store sends one.']);
    this.carts = feed('carts', 'abandoned_at', drawCart, ['No abandoned carts', 'A checkout that is left alone for a while appears here.']);
    this.calls = new Calls(this.api, () => this.refresh.calls);
    const reads = (name, read, pause) => new Refresh(read, { pause, onDone: (error) => this.wasRead(name, error) });
    this.refresh = {
      outcomes: reads('outcomes', () => this.readOutcomes(), 700), chart: reads('chart', () => this.readChart(), 1500),
      orders: reads('orders', () => this.orders.load(), COUNT_MS), carts: reads('carts', () => this.carts.load(), COUNT_MS),
      calls: reads('calls', () => this.calls.load(), 1500),
    };
    this.listeners = new AbortController();
    $('period').addEventListener('change', () => { tiles.forget(); this.refresh.outcomes.now(); this.refresh.chart.now(); }, { signal: this.listeners.signal });
    this.ticking = setInterval(() => { for (const list of [this.orders, this.carts, this.calls]) list.tick(); }, TICK_MS);
    this.live = new Live(token, organization.id, { onState: (state, why) => this.connected(state, why), onChange: (table, change) => this.changed(table, change) });
    this.call = new CallView(this.api, this.live);
    this.readAll();
    this.watchSession();
  }

  readAll() {
    for (const refresh of Object.values(this.refresh)) refresh.now();
  }

  retry() {
    this.live.retry();
    this.readAll();
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
    this.tiles.show(outcomes);
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

  /** Whatever happened in between: joined again means read again. */
  connected(state, why) {
    if (state === 'live') this.readAll();
    return this.banner.connection(state, why);
  }

  wasRead(name, error) {
    if (error?.status === 401 || error?.status === 403) {
      if (error.token !== this.api.token) this.refresh[name].now(); // it was asked with the token before
      else this.end(error.status === 401 ? ENDED : error.message.replace(/\.?$/, '.')); // 403: no member any more
    } else if (error?.status !== 429) this.banner.reading(name, error); // too often: later, then
  }

  /** Tells before the session ends, and that it has: live changes end then, too. */
  watchSession() {
    const expires = claims(this.api.token).exp * 1000, left = expires - now();
    clearTimeout(this.watching);
    if (left <= 0) return this.end(ENDED);
    this.banner.session(left > SOON_MS ? '' : `Your session ends at ${clock(expires)}.`);
    this.watching = setTimeout(() => this.watchSession(), Math.min(left > SOON_MS ? left - SOON_MS : left, DAY_MS));
    return undefined;
  }

  end(why) {
    if (this.ended) return;
    this.ended = true;
    clearTimeout(this.watching);
    for (const refresh of Object.values(this.refresh)) refresh.close();
    this.live.stop();
    this.call.pause();
    this.banner.session(`${why} What you see is from ${clock(now())}.`, true);
  }

  isOf(user, organization) {
    return user === this.user && organization.id === this.organization.id;
  }

  /** Goes on with another token of the same user. Everything is read again once it is live, so nothing is missed. */
  async renew(token) {
    this.api.token = token;
    this.ended = false;
    this.watchSession();
    for (const refresh of Object.values(this.refresh)) refresh.open();
    await this.live.renew(token);
    this.call.resume();
  }

  close() {
    this.closed = true;
    clearInterval(this.ticking);
    clearTimeout(this.watching);
    this.listeners.abort();
    for (const refresh of Object.values(this.refresh)) refresh.close();
    for (const part of [this.orders, this.carts, this.calls, this.call, this.charts, this.live, this.banner]) part.close();
  }
}
