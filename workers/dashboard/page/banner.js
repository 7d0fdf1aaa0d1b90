// Whether the page is live, and the sentence above it when it is not.
import { $ } from './dom.js';

const LOST_MS = 1500; // a shorter break is nobody's business
const LABELS = { connecting: 'Connecting', live: 'Live', lost: 'Offline' };
const LOST = 'The connection is lost; trying to reconnect. What you see may be out of date.';
const OFFLINE = 'This device is offline. What you see may be out of date.';

export class Banner {
  constructor() {
    this.state = 'connecting';
    this.lost = '';
    this.failing = new Map(); // what could not be read -> why
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

  draw(state) {
    $('live').dataset.state = state;
    $('live').lastElementChild.textContent = LABELS[state];
    this.text();
  }

  text() {
    const text = this.lost || [...this.failing.values()][0] || '';
    if ($('banner-text').textContent !== text) $('banner-text').textContent = text;
    $('banner').hidden = text === '';
  }

  close() {
    clearTimeout(this.losing);
    this.lost = '';
    this.failing.clear();
    this.draw('connecting');
  }
}
