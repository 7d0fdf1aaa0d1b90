// Reading again: at once, but never twice at the same time, and not more often than every `pause` milliseconds however many
// changes arrive. What fails for now is tried again; `onDone` hears how each attempt ended.

const RETRY_MS = 5000;

export class Refresh {
  /** onDone(error or null) */
  constructor(read, { pause, onDone }) {
    Object.assign(this, { read, pause, onDone, running: false, wanted: false, timer: null, last: -Infinity, closed: false });
  }

  /** Something may have changed. */
  ask(after = 0) {
    this.wanted = true;
    if (this.running || this.timer !== null || this.closed) return;
    const wait = Math.max(after, this.last + this.pause - performance.now(), 0);
    this.timer = setTimeout(() => this.run(), wait);
  }

  /** Now, whatever the pause: somebody waits for it. */
  now() {
    clearTimeout(this.timer);
    this.timer = null;
    this.wanted = true;
    return this.running ? undefined : this.run();
  }

  async run() {
    this.timer = null;
    if (this.closed) return;
    Object.assign(this, { running: true, wanted: false });
    let retry = 0;
    try {
      await this.read();
      if (!this.closed) this.onDone(null);
    } catch (error) {
      if (this.closed) return;
      this.onDone(error);
      retry = error.retryAfter ? error.retryAfter * 1000 : RETRY_MS;
      if (error.status === 0 || error.status === 429 || error.status >= 500) this.wanted = true;
    } finally {
      this.running = false;
      this.last = performance.now();
    }
    if (this.wanted) this.ask(retry);
  }

  close() {
    this.closed = true;
    clearTimeout(this.timer);
  }
}
