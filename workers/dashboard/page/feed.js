// A list of rows as they arrive: read from /v1, kept up by live changes. A change that arrives while the list is being read is
// applied to what was read, so none is lost between the two.
import { arrange, el, nothing, skeletons } from './dom.js';

export class Feed {
  /** read() -> { data, pagination }; order: the column that sorts, newest first; draw(row, node) fills a list item. */
  constructor(list, { read, order, draw, empty, size = 8, onTotal = () => {} }) {
    Object.assign(this, { list, read, order, draw, empty, size, onTotal, rows: new Map(), nodes: new Map(), log: null, total: 0 });
    list.replaceChildren(...skeletons(size));
  }

  async load() {
    this.log = [];
    try {
      const { data, pagination } = await this.read();
      const first = this.rows.size === 0 && this.list.hasAttribute('aria-busy');
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
    if (!known && eventType === 'INSERT') this.total++;
    this.rows.set(now.id, { ...known, ...now });
  }

  render(first = false) {
    const rows = [...this.rows.values()].sort((a, b) => Date.parse(b[this.order]) - Date.parse(a[this.order]) || (a.id < b.id ? 1 : -1));
    for (const row of rows.splice(this.size)) this.rows.delete(row.id);
    for (const id of this.nodes.keys()) if (!this.rows.has(id)) this.nodes.delete(id);
    this.list.removeAttribute('aria-busy');
    this.onTotal(this.total);
    if (rows.length === 0) return this.list.replaceChildren(nothing(...this.empty));
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
}
