// One call beside the list: who, what came of it, its recording, and what is said, growing while it is spoken. `#/calls/ID` opens it, so
// it can be linked to, and the browser's way back closes it.
import { now } from './api.js';
import { badge, tone } from './badge.js';
import { partner, result } from './calls.js';
import { $, arrange, el, icon } from './dom.js';
import { duration, fullMoment, moment, words } from './format.js';
import { Recording } from './recording.js';

const NEAR_END_PX = 80, SECOND_MS = 1000;
const SPEAKERS = { agent: 'Agent', caller: 'Customer', system: 'System' };

/** What is known of a call, as names and values; what is not known is left out. */
function factsOf(call) {
  return [
    ['Campaign', call.campaign_name], ['Agent', call.agent_name], ['Order', call.metadata?.order_number],
    ['Began', call.started_at ? el('time', { datetime: call.started_at, title: fullMoment(call.started_at) }, moment(call.started_at)) : null],
    ['Length', call.status === 'ended' ? duration(call.duration_seconds) : call.status === 'in_progress' && call.started_at ? el('span.so-far', {}, soFar(call)) : null],
    ['Attempt', call.attempt_number > 1 ? String(call.attempt_number) : null],
    ['Decision', call.metadata?.order_decision ? words(call.metadata.order_decision) : null],
    ['Sentiment', call.sentiment ? badge(call.sentiment, tone(call.sentiment)) : null],
  ].filter(([, value]) => value);
}

const soFar = (call) => duration(Math.max(0, (now() - Date.parse(call.started_at)) / SECOND_MS));

export class CallView {
  constructor(api, live) {
    Object.assign(this, { api, live, box: $('call'), inside: $('call-inside'), id: null, call: null, turns: new Map(), nodes: new Map(), end: null });
    this.listeners = new AbortController();
    const options = { signal: this.listeners.signal };
    addEventListener('hashchange', () => this.follow(), options);
    this.box.addEventListener('close', () => this.closed(), options);
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
    this.title = el('h2', { id: 'call-title', tabindex: '-1', dir: 'auto' }, 'Call');
    this.under = el('p.under');
    this.log = el('ol.talk');
    this.talkBox = el('section', { 'aria-label': 'Conversation' }, el('h3', {}, 'Conversation'), el('div', { role: 'log', 'aria-label': 'What is said' }, this.log));
    this.recording = new Recording(this.api, id);
    this.body = el('div.drawer-body', { 'aria-busy': 'true' }, el('div.skeleton'), el('div.skeleton'), el('div.skeleton'));
    this.inside.replaceChildren(el('header.drawer-head', {}, el('div', {}, this.title, this.under),
      el('button.icon', { type: 'button', 'aria-label': 'Close', onclick: () => this.box.close() }, icon('close'))), this.body);
    if (!this.box.open) this.box.showModal();
    this.ticking = setInterval(() => this.tick(), SECOND_MS);
    this.resume();
    this.read();
  }

  /** Hears nothing until resume(): the session has ended. */
  pause() {
    this.end?.();
    this.end = null;
  }

  resume() {
    if (!this.id || this.end) return;
    this.end = this.live.follow(this.id, { call_transcripts: (turn) => this.turn(turn), call_recordings: (recording) => this.recorded(recording) }, () => this.read());
  }

  leave() {
    this.pause();
    clearInterval(this.ticking);
    this.recording?.close();
    Object.assign(this, { id: null, call: null, recording: null, speaking: null });
    this.turns.clear();
    this.nodes.clear();
  }

  /** The address says so too, and the focus is where it was, on the line of this call. */
  closed() {
    const { id } = this;
    if (id) history.pushState(null, '', location.pathname);
    this.leave();
    if (id) $('calls').querySelector(`a[href="#/calls/${id}"]`)?.focus();
  }

  async read() {
    const { id } = this;
    try {
      const { data } = await this.api.get(`/calls/${id}`);
      if (this.id !== id) return;
      for (const turn of data.transcript) this.turns.set(turn.sequence, turn);
      this.call = data;
      this.draw();
    } catch (error) {
      if (this.id !== id || this.call) return; // what is there stays; the banner tells that the connection is lost
      this.body.removeAttribute('aria-busy');
      this.body.replaceChildren(el('p.nothing', { role: 'alert' }, el('strong', {}, error.status === 404 ? 'There is no such call' : 'The call cannot be shown'),
        el('span', {}, error.status === 404 ? 'It may have been removed.' : error.message)));
    }
  }

  turn(turn) {
    this.turns.set(turn.sequence, turn);
    if (this.call) this.talk();
  }

  recorded(recording) {
    if (!this.call) return;
    this.call.recording = recording;
    this.draw();
  }

  /** The call's own row changed. */
  change({ eventType, new: row, old }) {
    if (!this.call || (row.id ?? old.id) !== this.id) return;
    if (eventType === 'DELETE') return this.box.close();
    const ended = this.call.status !== 'ended' && row.status === 'ended';
    Object.assign(this.call, row);
    this.draw();
    if (ended) this.read(); // names that were not known before
    return undefined;
  }

  draw() {
    const { call } = this, number = call.call_type === 'inbound' ? call.from_number : call.to_number;
    this.title.textContent = partner(call);
    this.under.replaceChildren(result(call), call.contact_name && number ? el('span.muted', {}, number) : '');
    this.body.removeAttribute('aria-busy');
    if (call.recording) this.recording.show(call.recording);
    arrange(this.body, [ // the player stays where it is: moved, it would fall silent
      el('dl.facts', {}, factsOf(call).map(([name, value]) => el('div', {}, el('dt', {}, name), el('dd', {}, value)))),
      call.summary ? el('section.summary', {}, el('h3', {}, 'Summary'), el('p', { dir: 'auto' }, call.summary)) : null,
      call.error_message ? el('p.error-text', {}, call.error_message) : null,
      call.recording ? this.recording.box : null,
      this.talkBox,
    ].filter(Boolean));
    this.talk();
  }

  talk() {
    const { body, call } = this;
    const pinned = body.scrollHeight - body.scrollTop - body.clientHeight < NEAR_END_PX;
    const turns = [...this.turns.values()].sort((a, b) => a.sequence - b.sequence);
    const nodes = turns.map((turn) => this.bubble(turn));
    if (call.status === 'in_progress') nodes.push(this.speaking ??= el('li.speaking', {}, el('span.hidden', {}, 'The call goes on'), el('i'), el('i'), el('i')));
    if (nodes.length === 0) nodes.push(el('li.nothing', {}, el('span', {}, call.redacted ? 'What was said has been erased.' : call.status === 'ended' ? 'Nothing was said.' : 'Waiting for the first words.')));
    const grew = nodes.length > this.log.children.length;
    arrange(this.log, nodes);
    if (pinned && grew && call.status !== 'ended') body.scrollTop = body.scrollHeight;
  }

  bubble(turn) {
    const text = turn.content;
    let node = this.nodes.get(turn.sequence);
    if (!node) {
      const at = turn.timestamp && this.call.started_at ? Math.max(0, (Date.parse(turn.timestamp) - Date.parse(this.call.started_at)) / SECOND_MS) : null;
      node = el(`li.turn.${turn.speaker}`, {}, el('span.speaker', {}, SPEAKERS[turn.speaker] ?? turn.speaker, at === null ? null : el('span.muted', {}, ` ${duration(at)}`)), el('p', { dir: 'auto' }));
      this.nodes.set(turn.sequence, node);
    }
    const words_ = node.querySelector('p');
    if (words_.textContent !== text) words_.textContent = text;
    return node;
  }

  /** How long it has lasted. */
  tick() {
    const node = this.body.querySelector('.so-far');
    if (node) node.textContent = soFar(this.call);
  }

  close() {
    this.listeners.abort();
    this.leave();
    this.box.close();
  }
}
