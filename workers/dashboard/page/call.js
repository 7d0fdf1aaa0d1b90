// One call beside the list: who, what came of it, and what is said, growing while it is spoken. `#/calls/ID` opens it, so it can
// be linked to, and the browser's way back closes it.
import { badge, tone } from './badge.js';
import { partner, result } from './calls.js';
import { $, arrange, el, icon } from './dom.js';
import { duration, fullMoment, moment, words } from './format.js';

const NEAR_END_PX = 80;
const SPEAKERS = { agent: 'Agent', caller: 'Customer', system: 'System' };

export class CallView {
  constructor(api, live) {
    Object.assign(this, { api, live, box: $('call'), id: null, call: null, turns: new Map(), nodes: new Map(), end: null });
    this.listeners = new AbortController();
    const options = { signal: this.listeners.signal };
    addEventListener('hashchange', () => this.follow(), options);
    this.box.addEventListener('close', () => { if (this.id) history.pushState(null, '', location.pathname); this.leave(); }, options);
    this.box.addEventListener('click', (event) => { if (event.target === this.box) this.box.close(); }, options);
    this.follow();
  }

  /** What the address says. */
  follow() {
    const id = /^#\/calls\/([0-9a-f-]{36})$/.exec(location.hash)?.[1] ?? null;
    if (id === this.id) return;
    this.leave();
    if (id) this.open(id);
    else this.box.close();
  }

  open(id) {
    this.id = id;
    this.box.replaceChildren(...this.frame('Call'), el('div.drawer-body', { 'aria-busy': 'true' }, el('div.skeleton'), el('div.skeleton'), el('div.skeleton')));
    if (!this.box.open) this.box.showModal();
    this.end = this.live.follow(id, { onTurn: (turn) => this.turn(turn), onJoined: () => this.read() });
    this.read();
  }

  leave() {
    this.end?.();
    Object.assign(this, { id: null, call: null, end: null, log: null });
    this.turns.clear();
    this.nodes.clear();
  }

  async read() {
    const id = this.id;
    try {
      const { data } = await this.api.get(`/calls/${id}`);
      if (this.id !== id) return;
      for (const turn of data.transcript) this.turns.set(turn.sequence, turn);
      this.call = data;
      this.draw();
    } catch (error) {
      if (this.id !== id || this.call) return; // what is there stays; the banner tells that the connection is lost
      this.box.replaceChildren(...this.frame('Call'), el('p.nothing', { role: 'alert' }, el('strong', {}, error.status === 404 ? 'There is no such call' : 'The call cannot be shown'),
        el('span', {}, error.status === 404 ? 'It may have been removed.' : error.message)));
    }
  }

  turn(turn) {
    this.turns.set(turn.sequence, turn);
    if (this.call) this.talk();
  }

  /** The call's own row changed. */
  change({ eventType, new: now, old }) {
    if (!this.call || (now.id ?? old.id) !== this.id) return;
    if (eventType === 'DELETE') return this.box.close();
    const ended = this.call.status !== 'ended' && now.status === 'ended';
    Object.assign(this.call, now);
    this.draw();
    if (ended) this.read(); // the recording, names that were not known before
    return undefined;
  }

  frame(title, under = null) {
    return [el('header.drawer-head', {}, el('div', {}, el('h2', { id: 'call-title', tabindex: '-1' }, title), under),
      el('button.icon', { type: 'button', 'aria-label': 'Close', onclick: () => this.box.close() }, icon('close')))];
  }

  draw() {
    const call = this.call;
    const number = call.call_type === 'inbound' ? call.from_number : call.to_number;
    const facts = [
      ['Campaign', call.campaign_name], ['Agent', call.agent_name], ['Order', call.metadata?.order_number],
      ['Began', call.started_at ? el('time', { datetime: call.started_at, title: fullMoment(call.started_at) }, moment(call.started_at)) : null],
      ['Length', call.status === 'ended' ? duration(call.duration_seconds) : null],
      ['Attempt', call.attempt_number > 1 ? String(call.attempt_number) : null],
      ['Decision', call.metadata?.order_decision ? words(call.metadata.order_decision) : null],
      ['Sentiment', call.sentiment ? badge(call.sentiment, tone(call.sentiment)) : null],
    ].filter(([, value]) => value);
    const focused = this.box.contains(document.activeElement) && document.activeElement.matches('.icon');
    const log = this.log ?? el('ol.talk');
    const body = el('div.drawer-body', {},
      el('dl.facts', {}, facts.map(([name, value]) => el('div', {}, el('dt', {}, name), el('dd', {}, value)))),
      call.summary ? el('section.summary', {}, el('h3', {}, 'Summary'), el('p', {}, call.summary)) : null,
      call.error_message ? el('p.error-text', {}, call.error_message) : null,
      el('section', {}, el('h3', {}, 'Conversation'), el('div', { role: 'log', 'aria-label': 'What is said' }, log)));
    const scrolled = this.box.querySelector('.drawer-body')?.scrollTop ?? 0;
    this.log = log;
    this.box.replaceChildren(...this.frame(partner(call), el('p.under', {}, result(call), call.contact_name && number ? el('span.muted', {}, number) : null)), body);
    body.scrollTop = scrolled;
    if (focused) this.box.querySelector('.icon').focus();
    this.talk();
  }

  talk() {
    const body = this.box.querySelector('.drawer-body');
    const pinned = body.scrollHeight - body.scrollTop - body.clientHeight < NEAR_END_PX;
    const turns = [...this.turns.values()].sort((a, b) => a.sequence - b.sequence);
    const nodes = turns.map((turn) => this.bubble(turn));
    if (this.call.status === 'in_progress') nodes.push(this.speaking ??= el('li.speaking', { 'aria-label': 'The call goes on' }, el('i'), el('i'), el('i')));
    if (nodes.length === 0) nodes.push(el('li.nothing', {}, el('span', {}, this.call.status === 'ended' ? 'Nothing was said.' : 'Waiting for the first words.')));
    const grew = nodes.length > this.log.children.length;
    arrange(this.log, nodes);
    if (pinned && grew && this.call.status !== 'ended') body.scrollTop = body.scrollHeight;
  }

  bubble(turn) {
    const text = turn.content;
    let node = this.nodes.get(turn.sequence);
    if (!node) {
      const at = turn.timestamp && this.call.started_at ? Math.max(0, (Date.parse(turn.timestamp) - Date.parse(this.call.started_at)) / 1000) : null;
      node = el(`li.turn.${turn.speaker}`, {}, el('span.speaker', {}, SPEAKERS[turn.speaker] ?? turn.speaker, at === null ? null : el('span.muted', {}, ` ${duration(at)}`)), el('p', { dir: 'auto' }));
      this.nodes.set(turn.sequence, node);
    }
    const words_ = node.querySelector('p');
    if (words_.textContent !== text) words_.textContent = text;
    return node;
  }

  close() {
    this.listeners.abort();
    this.leave();
    this.box.close();
  }
}
