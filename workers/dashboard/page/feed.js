// A list of rows as they arrive: read from /v1, kept up by live changes. A change that arrives while the list is being read is
// applied to what was read, so none is lost between the two.
import { $, arrange, el, nothing, skeletons } from './dom.js';
import { Filter } from './filter.js';
import { count } from './format.js';

const FIRST = 8;

export class Feed {
  /** The list `name`: read(parameters) -> { data, pagination }; refresh(): what reads it again; order: the column that sorts, newest first;
   * draw(row) gives what a list item holds; empty: a title and a sentence. */
  constructor(name, { read, refresh, order, draw, empty }) {
    Object.assign(this, { list: $(name), note: $(`${name}-note`), name, read, order, draw, empty, rows: new Map(), nodes: new Map(), log: null, total: 0 });
    this.filter = new Filter(name, FIRST, () => refresh().now());
    this.list.setAttribute('aria-busy', 'true');
    this.list.replaceChildren(...skeletons(FIRST));
  }

  async load() {
    const asked = JSON.stringify(this.filter.parameters());
    this.log = [];
    try {
      const { data, pagination } = await this.read(this.filter.parameters());
      if (asked !== JSON.stringify(this.filter.parameters())) return; // something else is wanted by now, and asked for
      const first = this.asked !== asked; // another list: nothing in it is news
      this.asked = asked;
      this.rows = new Map(data.map((row) => [row.id, row]));
      this.total = Number(pagination.total);
      for (const change of this.log) this.apply(change);
      this.render(first);
    } finally {
      this.log = null;
    }
  }

  change(change) {
    this.log?.push(change);
    if (this.list.hasAttribute('aria-busy')) return; // nothing was read yet
    this.apply(change);
    this.render();
  }

  apply({ eventType, new: now, old }) {
    if (eventType === 'DELETE') {
      if (this.rows.delete(old.id)) this.total--;
      return;
    }
    const known = this.rows.get(now.id);
    if (known && Date.parse(known.updated_at) > Date.parse(now.updated_at)) return;
    if (!known && this.filter.on) return; // whether it belongs here is seen when the list is read again
    if (!known && eventType === 'INSERT') this.total++;
    this.rows.set(now.id, { ...known, ...now });
  }

  render(first = false) {
    const rows = [...this.rows.values()].sort((a, b) => Date.parse(b[this.order]) - Date.parse(a[this.order]) || (a.id < b.id ? 1 : -1));
    for (const row of rows.splice(this.filter.limit)) this.rows.delete(row.id);
    for (const id of this.nodes.keys()) if (!this.rows.has(id)) this.nodes.delete(id);
    this.list.removeAttribute('aria-busy');
    this.note.textContent = this.total ? count(this.total) : '';
    this.filter.offer(rows.length, this.total);
    if (rows.length === 0) return this.list.replaceChildren(nothing(...(this.filter.on ? [`No ${this.name} like this`, 'Choose others above.'] : this.empty)));
    arrange(this.list, rows.map((row) => this.node(row, first)));
    return undefined;
  }

  node(row, first) {
    let kept = this.nodes.get(row.id);
    if (!kept) this.nodes.set(row.id, kept = { item: el(first ? 'li' : 'li.new', { 'data-id': row.id }), text: null });
    const text = JSON.stringify(row);
    if (kept.text !== text) {
      if (kept.text !== null) {
        kept.item.classList.remove('new');
        void kept.item.offsetWidth; // begins the animation anew
        kept.item.classList.add('new');
      }
      kept.text = text;
      kept.item.replaceChildren(...this.draw(row));
    }
    return kept.item;
  }

  /** What is written as "4 min ago" goes on. */
  tick() {
    for (const [id, kept] of this.nodes) if (this.rows.has(id)) kept.item.querySelectorAll('time').forEach((node) => node.refresh?.());
  }

  close() {
    this.filter.close();
  }
}
