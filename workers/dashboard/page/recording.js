// A call's recording in the browser's own player. The link under which it is heard is asked for when the call is looked at and is good
// for an hour; when the player finds it good no longer, another is asked for and the player goes on where it was.
import { now } from './api.js';
import { arrange, el } from './dom.js';
import { duration } from './format.js';

const NOT_YET = 'It has not been copied from the voice provider yet, and appears here as soon as it has.';
const UNHEARD = 'This browser could not play it.';

export class Recording {
  constructor(api, call) {
    Object.assign(this, { api, call, path: null, asking: 0, heard: false });
    this.audio = el('audio', { controls: true, preload: 'metadata', 'aria-label': 'Recording of the call' });
    this.audio.addEventListener('loadedmetadata', () => { this.heard = true; this.goOn(); });
    this.audio.addEventListener('error', () => this.failed());
    this.body = el('div.recording');
    this.box = el('section', { 'aria-label': 'Recording' }, el('h3', {}, 'Recording'), this.body);
  }

  /** `recording`: its row, with a path once there is a copy. */
  show({ storage_path: path, duration_seconds: seconds }) {
    if (seconds) this.audio.setAttribute('aria-label', `Recording of the call, ${duration(seconds)}`);
    if (!path) return this.say(NOT_YET);
    if (path === this.path) return undefined;
    this.path = path;
    return this.ask();
  }

  async ask() {
    const asking = ++this.asking;
    this.heard = false;
    if (!this.body.contains(this.audio)) this.say('Asking for it …');
    try {
      const { url, expires_at: expires } = await this.api.get(`/calls/${this.call}/recording`);
      if (asking !== this.asking) return;
      Object.assign(this, { url, expires: Date.parse(expires) });
      this.audio.src = url;
      arrange(this.body, [this.audio]);
    } catch (error) {
      if (asking === this.asking) this.say(error.message.replace(/^./, (c) => c.toUpperCase()).replace(/\.?$/, '.'), true);
    }
  }

  /** A link that was good is so no longer: on with another. One that never was is told. */
  failed() {
    if (!this.audio.hasAttribute('src')) return undefined;
    if (this.heard || now() > this.expires) {
      this.at = { seconds: this.audio.currentTime, playing: !this.audio.paused };
      return this.ask();
    }
    return this.say(UNHEARD, true, el('a', { href: this.url, target: '_blank', rel: 'noopener noreferrer' }, 'Open it by itself'));
  }

  goOn() {
    if (!this.at) return;
    const { seconds, playing } = this.at;
    this.at = null;
    this.audio.currentTime = seconds;
    if (playing) this.audio.play().catch(() => {}); // the browser may want a click for that
  }

  say(text, again = false, more = null) {
    this.body.replaceChildren(el('p.muted', {}, text), again ? el('p.buttons', {}, el('button.quiet', { type: 'button', onclick: () => this.ask() }, 'Try again'), more) : '');
  }

  close() {
    this.asking++;
    this.audio.removeAttribute('src');
    this.audio.load();
  }
}
