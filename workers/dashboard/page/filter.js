// What a list shows: the choice above it as parameters of /v1, and how many rows, which "Show more" makes more.
import { $ } from './dom.js';

const STEP = 20, MOST = 100, TYPING_MS = 250;

export class Filter {
  /** Of the list `name`: its <select> NAME-filter with options "parameter=value", its button NAME-more and, if there is one, its NAME-search.
   * onChange(): read again. */
  constructor(name, first, onChange) {
    Object.assign(this, { select: $(`${name}-filter`), search: $(`${name}-search`), button: $(`${name}-more`), first, limit: first });
    this.listeners = new AbortController();
    const options = { signal: this.listeners.signal };
    const again = () => { this.limit = first; onChange(); };
    this.select.addEventListener('change', again, options);
    this.search?.addEventListener('input', () => { clearTimeout(this.typing); this.typing = setTimeout(again, TYPING_MS); }, options);
    this.button.addEventListener('click', () => { this.limit = Math.min(MOST, this.limit + STEP); onChange(); }, options);
  }

  chosen() {
    const [key, value] = this.select.value.split('=');
    return { ...(value ? { [key]: value } : {}), ...(this.search?.value.trim() ? { search: this.search.value.trim() } : {}) };
  }

  get on() {
    return Object.keys(this.chosen()).length > 0;
  }

  parameters() {
    return { ...this.chosen(), limit: this.limit };
  }

  /** `shown` of `total` rows are there. */
  offer(shown, total) {
    this.button.hidden = total <= shown || this.limit >= MOST;
  }

  close() {
    this.listeners.abort();
    clearTimeout(this.typing);
    this.button.hidden = true;
  }
}
