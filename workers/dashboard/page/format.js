// Numbers, money and time as people read them: in the organization's time zone, each amount in its own currency.

let zone = 'UTC';
const made = new Map();

/** False: this browser knows no such zone; times are UTC then. */
export function setZone(name) {
  made.clear();
  try {
    zone = new Intl.DateTimeFormat(undefined, { timeZone: name }).resolvedOptions().timeZone;
    return true;
  } catch {
    zone = 'UTC';
    return false;
  }
}

function formatter(kind, key, options) {
  const id = `${kind.name} ${key}`;
  if (!made.has(id)) made.set(id, new kind(undefined, options));
  return made.get(id);
}

export const count = (n) => formatter(Intl.NumberFormat, 'count', {}).format(n ?? 0);
export const percent = (part, whole) => (whole > 0 ? `${Math.round((100 * part) / whole)}%` : '–');

const EXACT = {}, WHOLE = { maximumFractionDigits: 0 }, SHORT = { notation: 'compact', maximumFractionDigits: 2 };
const CHARACTERS_MAX = 11; // what fits a tile

/** A currency that is none is shown as it came. */
function amountOf(amount, currency, digits) {
  const code = /^[A-Z]{3}$/.test(currency ?? '') && currency !== 'XXX' ? currency : null;
  const options = code ? { style: 'currency', currency: code, ...digits } : { maximumFractionDigits: 2, ...digits };
  const text = formatter(Intl.NumberFormat, `money ${code} ${JSON.stringify(digits)}`, options).format(amount);
  return code || !currency || currency === 'XXX' ? text : `${text} ${currency}`;
}

/** Whole units from a thousand on, unless `exact`. */
export function money(amount, currency, exact = false) {
  if (amount === null || amount === undefined) return '–';
  return amountOf(amount, currency, exact || Math.abs(amount) < 1000 ? EXACT : WHOLE);
}

/** For a tile: millions are written as such when their digits would not fit. */
export function shortMoney(amount, currency) {
  const text = money(amount, currency);
  return text.length > CHARACTERS_MAX ? amountOf(amount, currency, SHORT) : text;
}

const time = (key, options) => (at) => formatter(Intl.DateTimeFormat, key, { timeZone: zone, ...options }).format(new Date(at));
export const clock = time('clock', { hour: '2-digit', minute: '2-digit' });
export const moment = time('moment', { day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit' });
export const fullMoment = time('full', { dateStyle: 'full', timeStyle: 'long' });
const date = time('date', { dateStyle: 'medium' });
const dayOf = time('day-of', { year: 'numeric', month: '2-digit', day: '2-digit' });
const yearOf = time('year-of', { year: 'numeric' });

/** A calendar day ("2026-11-28") has no zone. */
export function day(text, options = { day: 'numeric', month: 'short' }) {
  return formatter(Intl.DateTimeFormat, `day ${JSON.stringify(options)}`, { timeZone: 'UTC', ...options }).format(new Date(`${text}T00:00:00Z`));
}

/** "now", "4 min ago", then the time, then the day; of another year its date. */
export function ago(at, now) {
  const seconds = Math.round((now - Date.parse(at)) / 1000);
  if (seconds < 45) return 'now';
  if (seconds < 3600) return `${Math.max(1, Math.round(seconds / 60))} min ago`;
  if (dayOf(at) === dayOf(now)) return clock(at);
  return yearOf(at) === yearOf(now) ? moment(at) : date(at);
}

export function duration(seconds) {
  if (seconds === null || seconds === undefined) return '–';
  const [hours, minutes, rest] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, Math.floor(seconds % 60)];
  const two = (n) => String(n).padStart(2, '0');
  return hours ? `${hours}:${two(minutes)}:${two(rest)}` : `${minutes}:${two(rest)}`;
}

/** "no_answer" -> "No answer" */
export const words = (text) => (text ? text[0].toUpperCase() + text.slice(1).replaceAll('_', ' ') : '');
