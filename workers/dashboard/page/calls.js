// The list of calls. Each line leads to the call; names come with the list, so a call that arrives is shown at once by its number and
// the list is read again soon after.
import { badge, tone, when } from './badge.js';
import { $, arrange, el } from './dom.js';
import { Filter } from './filter.js';
import { count, duration, words } from './format.js';
import { titleOf } from './outcomes.js';

const FIRST = 15;
const COLUMNS = ['Customer', 'Campaign', 'Result', 'Sentiment', 'Length', 'When'];
const running = (call) => call.status !== 'ended';

export function result(call) {
  if (running(call)) return el('span.result.running', {}, el('i.dot'), call.status === 'in_progress' ? 'Live' : words(call.status));
  return el('span.result', {}, el(`i.dot.${call.outcome ?? 'none'}`), call.outcome ? titleOf(call.outcome) : 'Ended');
}

export const partner = (call) => call.contact_name || (call.call_type === 'inbound' ? call.from_number : call.to_number) || 'Unknown number';

function cells(call) {
  const number = call.call_type === 'inbound' ? call.from_number : call.to_number;
  const about = call.metadata?.order_number ?? null;
  return [
    el('td', { 'data-label': 'Customer' }, el('a', { href: `#/calls/${call.id}`, dir: 'auto' }, partner(call)), call.contact_name && number ? el('span.muted.small', {}, number) : null),
    el('td', { 'data-label': 'Campaign' }, el('span', {}, call.campaign_name ?? '–'), about ? el('span.muted.small', {}, `order ${about}`) : null),
    el('td', { 'data-label': 'Result' }, result(call)),
    el('td', { 'data-label': 'Sentiment' }, call.sentiment ? badge(call.sentiment, tone(call.sentiment)) : el('span.muted', {}, '–')),
    el('td.number', { 'data-label': 'Length' }, running(call) || !call.duration_seconds ? '–' : duration(call.duration_seconds)),
    el('td.number', { 'data-label': 'When' }, when(call.started_at ?? call.created_at)),
  ];
}

export class Calls {
  constructor(api, refresh) {
    Object.assign(this, { api, rows: new Map(), nodes: new Map(), log: null, total: 0, loaded: false });
    this.filter = new Filter('calls', FIRST, () => refresh().now());
    this.lines = el('tbody');
    this.table = el('table.list', {}, el('thead', {}, el('tr', {}, COLUMNS.map((text) => el('th', { scope: 'col' }, text)))), this.lines);
    this.lines.addEventListener('click', (event) => { // the whole line is a target for the pointer; the link is the one for keys
      const row = event.target.closest('tr[data-id]');
      if (row && !event.target.closest('a')) location.hash = `#/calls/${row.dataset.id}`;
    });
    $('calls').replaceChildren(el('div.skeleton-rows', { 'aria-hidden': 'true' }, Array.from({ length: 6 }, () => el('div.skeleton'))));
  }

  async load() {
    const asked = JSON.stringify(this.filter.parameters());
    this.log = [];
    try {
      const { data, pagination } = await this.api.get('/calls', this.filter.parameters());
      if (asked !== JSON.stringify(this.filter.parameters())) return; // something else is wanted by now, and asked for
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
    if (this.filter.on && !known) return true;
    this.apply(change);
    this.render();
    return this.filter.on || !known || change.new.contact_id !== known.contact_id || change.new.campaign_id !== known.campaign_id;
  }

  apply({ eventType, new: now, old }) {
    if (eventType === 'DELETE') {
      if (this.rows.delete(old.id)) this.total--;
      return;
    }
    const known = this.rows.get(now.id);
    if (known && Date.parse(known.updated_at) > Date.parse(now.updated_at)) return;
    if (!known && this.filter.on) return;
    if (!known && eventType === 'INSERT') this.total++;
    this.rows.set(now.id, { ...known, ...now });
  }

  render() {
    const rows = [...this.rows.values()].sort((a, b) => Date.parse(b.created_at) - Date.parse(a.created_at) || (a.id < b.id ? 1 : -1)).slice(0, this.filter.limit);
    for (const id of this.nodes.keys()) if (!this.rows.has(id)) this.nodes.delete(id);
    $('calls-note').textContent = this.total ? count(this.total) : '';
    this.filter.offer(rows.length, this.total);
    if (rows.length === 0) {
      $('calls').replaceChildren(el('p.nothing', {}, el('strong', {}, this.filter.on ? 'No calls like this' : 'No calls yet'),
        el('span', {}, this.filter.on ? 'Choose others above.' : 'Switch a campaign on; its calls appear here while they are spoken.')));
      return;
    }
    arrange($('calls'), [this.table]);
    arrange(this.lines, rows.map((row) => this.line(row)));
  }

  /** A line stays the same one while its call is in the list, so that it can be clicked and keep the focus however much arrives. */
  line(call) {
    let kept = this.nodes.get(call.id);
    if (!kept) this.nodes.set(call.id, kept = { row: el('tr', { 'data-id': call.id }), text: null });
    const text = JSON.stringify(call);
    if (kept.text !== text) {
      const focused = kept.row.contains(document.activeElement);
      kept.text = text;
      kept.row.replaceChildren(...cells(call));
      if (focused) kept.row.querySelector('a').focus();
    }
    return kept.row;
  }

  tick() {
    this.lines.querySelectorAll('time').forEach((node) => node.refresh?.());
  }

  close() {
    this.filter.close();
  }
}
