// Reading again: at once, but never twice at the same time, and not more often than every `pause` milliseconds however many
// changes arrive; less often while they do not cease, so that a room full of dashboards stays below the API's rate. What fails for now is
// tried again; `onDone` hears how each attempt ended.

const RETRY_MS = 5000;
const SLOWER = 1.5, SLOWEST = 8; // times the pause

export class Refresh {
  /** onDone(error or null) */
  constructor(read, { pause, onDone }) {
    Object.assign(this, { read, pause, onDone, pace: pause, running: false, wanted: false, urgent: false, busy: false, timer: null, last: -Infinity, closed: false });
  }

  /** Something may have changed. */
  ask(after = 0) {
    this.wanted = true;
    if (this.running || this.timer !== null) this.busy = true;
    else this.wait(after);
  }

  /** Now, whatever the pause: somebody waits for it. */
  now() {
    if (this.running) {
      this.urgent = true;
      return;
    }
    clearTimeout(this.timer);
    this.run();
  }

  wait(after) {
    if (!this.closed) this.timer = setTimeout(() => this.run(), Math.max(after, this.last + this.pace - performance.now(), 0));
  }

  async run() {
    if (this.closed) return;
    const pace = this.busy ? Math.min(this.pace * SLOWER, this.pause * SLOWEST) : this.pause;
    Object.assign(this, { timer: null, running: true, wanted: false, urgent: false, busy: false, pace });
    let failure = null;
    try {
      await this.read();
    } catch (error) {
      failure = error;
    }
    this.running = false;
    this.last = performance.now();
    if (this.closed) return;
    this.onDone(failure);
    if (this.urgent) this.run();
    else if (failure && passes(failure)) this.wait(failure.retryAfter ? failure.retryAfter * 1000 : RETRY_MS);
    else if (this.wanted) this.wait(0);
  }

  close() {
    this.closed = true;
    clearTimeout(this.timer);
    this.timer = null;
  }

  /** After close(), or not. */
  open() {
    this.closed = false;
  }
}

/** The same again may well succeed. */
export const passes = (error) => error.status === 0 || error.status === 429 || error.status >= 500;
