// Small signs: a word in a colour, a moment that stays true.
import { now } from './api.js';
import { el } from './dom.js';
import { ago, fullMoment, words } from './format.js';

export const badge = (text, tone = 'plain') => el(`span.badge.${tone}`, {}, words(text));

/** A <time> that says how long ago; refresh() says it again. */
export function when(at) {
  if (!at) return el('span.muted', {}, '–');
  const node = el('time', { datetime: at, title: fullMoment(at) }, ago(at, now()));
  node.refresh = () => { node.textContent = ago(at, now()); };
  return node;
}

const toneOf = { cod: 'cod', prepaid: 'good', ready: 'ready', missing_phone: 'warn', abandoned: 'warn', recovered: 'good', expired: 'plain',
  paid: 'good', refunded: 'bad', partially_refunded: 'bad', voided: 'bad', fulfilled: 'good', positive: 'good', negative: 'bad' };
export const tone = (word) => toneOf[word] ?? 'plain';
