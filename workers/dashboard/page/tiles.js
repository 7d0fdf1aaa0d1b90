// The four numbers. They move by themselves: rollup rows change, the outcomes are read again, the digits run to the new value.
import { el } from './dom.js';
import { count, money, percent, shortMoney } from './format.js';

const STEP_MS = 600, OTHERS_MAX = 2, LONG = 7; // characters
const calm = matchMedia('(prefers-reduced-motion: reduce)');

const share = (part, whole, of, none) => (whole > 0 ? `${percent(part, whole)} of ${count(whole)} ${of}` : none);

const TILES = [
  { key: 'revenue_recovered', title: 'Revenue recovered', accent: 'revenue', show: (n, o) => shortMoney(n, o.currency), exact: (n, o) => money(n, o.currency, true), also: others,
    note: (o) => (o.carts_recovered > 0 ? `from ${count(o.carts_recovered)} recovered ${o.carts_recovered === 1 ? 'cart' : 'carts'}` : 'no cart recovered yet') },
  { key: 'cod_confirmed', title: 'COD confirmed', accent: 'cod', show: (n) => count(n), whole: (o) => o.cod_orders,
    note: (o) => (o.cod_orders > 0 ? `by a call, of ${count(o.cod_orders)} COD orders` : 'no COD orders yet') },
  { key: 'carts_recovered', title: 'Carts recovered', accent: 'carts', show: (n) => count(n), whole: (o) => o.carts_abandoned,
    note: (o) => share(o.carts_recovered, o.carts_abandoned, 'abandoned', 'no abandoned carts yet') },
  { key: 'rto_prevented', title: 'RTO prevented', accent: 'rto', show: (n) => count(n), whole: (o) => o.cod_orders,
    note: (o) => share(o.rto_prevented, o.cod_orders, 'COD orders', 'no COD orders yet') },
];

/** What was recovered in other currencies than the main one. */
function others(outcomes) {
  const list = Object.entries(outcomes.revenue_by_currency ?? {}).filter(([currency, amount]) => currency !== outcomes.currency && amount > 0);
  const shown = list.slice(0, OTHERS_MAX).map(([currency, amount]) => shortMoney(amount, currency));
  if (list.length > OTHERS_MAX) shown.push(`${list.length - OTHERS_MAX} more`);
  return { text: shown.length ? `and ${shown.join(', ')}` : '', title: list.map(([currency, amount]) => money(amount, currency, true)).join(', ') };
}

export class Tiles {
  constructor(parent) {
    this.tiles = TILES.map((tile) => {
      const value = el('span.value', { 'data-tile': tile.key }, '–');
      const note = el('p.note', {}, '\u00a0'), also = tile.also ? el('p.note', { hidden: true }) : null;
      const meter = tile.whole ? el('span.meter', { 'aria-hidden': 'true' }, el('i')) : null;
      const box = el(`div.tile.${tile.accent}`, { role: 'group', 'aria-label': tile.title, 'aria-busy': 'true' }, el('h2', {}, tile.title), value, meter, also, note);
      return { ...tile, box, valueNode: value, noteNode: note, alsoNode: also, meter, shown: null };
    });
    parent.append(...this.tiles.map((tile) => tile.box));
  }

  show(outcomes) {
    for (const tile of this.tiles) {
      const n = Number(outcomes[tile.key] ?? 0);
      tile.box.removeAttribute('aria-busy');
      tile.noteNode.textContent = tile.note(outcomes);
      if (tile.exact) tile.valueNode.title = tile.exact(n, outcomes);
      if (tile.also) {
        const { text, title } = tile.also(outcomes);
        Object.assign(tile.alsoNode, { textContent: text, title, hidden: !text });
      }
      if (tile.whole) tile.meter.firstChild.style.width = `${Math.min(100, (100 * n) / (tile.whole(outcomes) || 1))}%`;
      if (tile.shown !== null && tile.shown !== n) {
        tile.box.classList.remove('moved');
        void tile.box.offsetWidth; // begins the animation anew
        tile.box.classList.add('moved');
      }
      this.run(tile, n, outcomes);
    }
  }

  run(tile, to, outcomes) {
    const from = tile.shown ?? to;
    const began = performance.now();
    tile.shown = to;
    tile.valueNode.classList.toggle('long', tile.show(to, outcomes).length > LONG);
    cancelAnimationFrame(tile.frame);
    const step = (now) => {
      const part = from === to || calm.matches ? 1 : Math.min(1, (now - began) / STEP_MS);
      const eased = 1 - (1 - part) ** 3;
      tile.valueNode.textContent = tile.show(part === 1 ? to : Math.round(from + (to - from) * eased), outcomes);
      if (part < 1) tile.frame = requestAnimationFrame(step);
    };
    step(began);
  }

  /** Other numbers come: they appear, they do not run. */
  forget() {
    for (const tile of this.tiles) tile.shown = null;
  }
}
