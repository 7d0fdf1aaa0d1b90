// Whether the page is live, and the sentence above it when it is not, or will soon not be. An open call covers the page, so the
// sentence stands there too.
import { $ } from './dom.js';

const LOST_MS = 1500; // a shorter break is nobody's business
const LABELS = { connecting: 'Connecting', live: 'Live', lost: 'Offline', ended: 'Session ended' };
const LOST = 'The connection is lost; trying to reconnect. What you see may be out of date.';
const OFFLINE = 'This device is offline. What you see may be out of date.';

export class Banner {
  /** onRetry: do not wait for the next attempt; onRenew: a new token is to be had. */
  constructor({ onRetry, onRenew }) {
    Object.assign(this, { state: 'connecting', lost: '', soon: '', ended: '', failing: new Map(), act: null }); // failing: what could not be read -> why
    this.actions = { retry: { label: 'Try now', act: onRetry }, renew: { label: 'Enter a new token', act: onRenew } };
    this.boxes = [...document.querySelectorAll('.banner')];
    this.listeners = new AbortController();
    for (const box of this.boxes) box.lastElementChild.addEventListener('click', () => this.act(), { signal: this.listeners.signal });
    this.draw('connecting');
  }

  connection(state, why) {
    this.state = state;
    clearTimeout(this.losing);
    if (state === 'live') this.lost = '';
    else if (state === 'lost') return this.wait(why === 'offline' ? 0 : LOST_MS, why === 'offline' ? OFFLINE : LOST);
    else return this.wait(LOST_MS, this.lost); // a banner stays until it is known
    return this.draw(state);
  }

  wait(ms, lost) {
    const { state } = this;
    this.losing = setTimeout(() => { this.lost = lost; this.draw(state); }, ms);
  }

  /** `error`: the read of `name` failed; null: it did not. */
  reading(name, error) {
    if (error === null) this.failing.delete(name);
    else this.failing.set(name, `${error.message.replace(/\.?$/, '.')} Trying again.`);
    this.text();
  }

  /** The session: '' while it is good, else a sentence; `ended`: nothing comes any more. */
  session(text, ended = false) {
    const before = this.ended;
    [this.soon, this.ended] = ended ? ['', text] : [text, ''];
    if (!ended) return before ? this.draw('connecting') : this.text();
    clearTimeout(this.losing);
    this.lost = '';
    this.failing.clear();
    return this.draw('ended');
  }

  draw(state) {
    $('live').dataset.state = state;
    $('live').lastElementChild.textContent = LABELS[state];
    this.text();
  }

  text() {
    const trouble = this.lost || [...this.failing.values()][0] || '';
    const text = this.ended || trouble || this.soon;
    const { label, act } = this.actions[text && text === trouble ? 'retry' : 'renew'];
    this.act = act;
    for (const box of this.boxes) {
      const [said, button] = box.children;
      if (said.textContent !== text) said.textContent = text;
      button.textContent = label;
      box.classList.toggle('calm', text !== trouble);
      box.hidden = text === '';
    }
  }

  close() {
    clearTimeout(this.losing);
    this.listeners.abort();
    Object.assign(this, { lost: '', soon: '', ended: '' });
    this.failing.clear();
    this.draw('connecting');
  }
}
