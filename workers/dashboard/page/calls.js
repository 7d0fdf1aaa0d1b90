// The list of calls. Each line leads to the call; names come with the list, so a call that arrives is shown at once by its number and
// the list is read again soon after.
import { badge, tone, when } from './badge.js';
import { $, el } from './dom.js';
import { count, duration, words } from './format.js';
import { titleOf } from './outcomes.js';

const PAGE = 15, PAGE_MAX = 100, TYPING_MS = 250;
const COLUMNS = ['Customer', 'Campaign', 'Result', 'Sentiment', 'Length', 'When'];
const running = (call) => call.status !== 'ended';

export function result(call) {
  if (running(call)) return el('span.result.running', {}, el('i.dot'), call.status === 'in_progress' ? 'Live' : words(call.status));
  return el('span.result', {}, el(`i.dot.${call.outcome ?? 'none'}`), call.outcome ? titleOf(call.outcome) : 'Ended');
}

export const partner = (call) => call.contact_name || (call.call_type === 'inbound' ? call.from_number : call.to_number) || 'Unknown number';

function line(call) {
  const number = call.call_type === 'inbound' ? call.from_number : call.to_number;
  const about = call.metadata?.order_number ?? null;
  return el('tr', { 'data-id': call.id, class: running(call) ? 'running' : null },
    el('td.customer', {}, el('a', { href: `#/calls/${call.id}` }, partner(call)), call.contact_name && number ? el('span.muted.small', {}, number) : null),
    el('td', { 'data-label': 'Campaign' }, el('span', {}, call.campaign_name ?? '–'), about ? el('span.muted.small', {}, `order ${about}`) : null),
    el('td', { 'data-label': 'Result' }, result(call)),
    el('td', { 'data-label': 'Sentiment' }, call.sentiment ? badge(call.sentiment, tone(call.sentiment)) : el('span.muted', {}, '–')),
    el('td.number', { 'data-label': 'Length' }, running(call) || !call.duration_seconds ? '–' : duration(call.duration_seconds)),
    el('td.number', { 'data-label': 'When' }, when(call.started_at ?? call.created_at)));
}

export class Calls {
  constructor(api, refresh) {
    Object.assign(this, { api, refresh, rows: new Map(), limit: PAGE, log: null, total: 0, loaded: false });
    this.listeners = new AbortController();
    const options = { signal: this.listeners.signal };
    $('calls-filter').addEventListener('change', () => this.again(), options);
    $('calls-search').addEventListener('input', () => { clearTimeout(this.typing); this.typing = setTimeout(() => this.again(), TYPING_MS); }, options);
    $('calls-more').addEventListener('click', () => { this.limit = Math.min(PAGE_MAX, this.limit + 20); this.refresh().now(); }, options);
    $('calls').addEventListener('click', (event) => { // the whole line is a target for the pointer; the link is the one for keys
      const row = event.target.closest('tr[data-id]');
      if (row && !event.target.closest('a')) location.hash = `#/calls/${row.dataset.id}`;
    }, options);
    $('calls').replaceChildren(el('div.skeleton-rows', { 'aria-hidden': 'true' }, Array.from({ length: 6 }, () => el('div.skeleton'))));
  }

  again() {
    this.limit = PAGE;
    this.refresh().now();
  }

  filter() {
    const [key, value] = $('calls-filter').value.split('=');
    return { ...(value ? { [key]: value } : {}), search: $('calls-search').value.trim() };
  }

  isFiltered() {
    return Object.values(this.filter()).some(Boolean);
  }

  async load() {
    this.log = [];
    try {
      const { data, pagination } = await this.api.get('/calls', { ...this.filter(), limit: this.limit });
      this.rows = new Map(data.map((row) => [row.id, row]));
      this.total = Number(pagination.total);
      this.loaded = true;
      for (const change of this.log) this.apply(change);
      this.render();
    } finally {
      this.log = null;
    }
  }

  /** True: the list should be read again. */
  change(change) {
    this.log?.push(change);
    if (!this.loaded) return false;
    const known = this.rows.get(change.new.id ?? change.old.id);
    if (this.isFiltered() && !known) return true;
    this.apply(change);
    this.render();
    return this.isFiltered() || !known || change.new.contact_id !== known.contact_id || change.new.campaign_id !== known.campaign_id;
  }

  apply({ eventType, new: now, old }) {
    if (eventType === 'DELETE') {
      if (this.rows.delete(old.id)) this.total--;
      return;
    }
    const known = this.rows.get(now.id);
    if (known && Date.parse(known.updated_at) > Date.parse(now.updated_at)) return;
    if (!known && this.isFiltered()) return;
    if (!known && eventType === 'INSERT') this.total++;
    this.rows.set(now.id, { ...known, ...now });
  }

  render() {
    const rows = [...this.rows.values()].sort((a, b) => Date.parse(b.created_at) - Date.parse(a.created_at) || (a.id < b.id ? 1 : -1)).slice(0, this.limit);
    const focused = document.activeElement?.closest?.('#calls tr')?.dataset.id;
    $('calls-note').textContent = this.total ? count(this.total) : '';
    $('calls-more').hidden = this.total <= rows.length || this.limit >= PAGE_MAX;
    if (rows.length === 0) {
      $('calls').replaceChildren(el('p.nothing', {}, el('strong', {}, this.isFiltered() ? 'No calls like this' : 'No calls yet'),
        el('span', {}, this.isFiltered() ? 'Choose other calls above.' : 'Switch a campaign on; its calls appear here while they are spoken.')));
      return;
    }
    $('calls').replaceChildren(el('table.list', {}, el('thead', {}, el('tr', {}, COLUMNS.map((text) => el('th', { scope: 'col' }, text)))),
      el('tbody', {}, rows.map(line))));
    if (focused) $('calls').querySelector(`tr[data-id="${CSS.escape(focused)}"] a`)?.focus();
  }

  tick() {
    $('calls').querySelectorAll('time').forEach((node) => node.refresh?.());
  }

  close() {
    this.listeners.abort();
    clearTimeout(this.typing);
  }
}
