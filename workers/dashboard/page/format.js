// Numbers, money and time as people read them: in the organization's time zone, each amount in its own currency.

let zone = 'UTC';
const made = new Map();

export function setZone(name) {
  zone = name;
  made.clear();
}

function formatter(kind, key, options) {
  const id = `${kind.name} ${key}`;
  if (!made.has(id)) made.set(id, new kind(undefined, options));
  return made.get(id);
}

export const count = (n) => formatter(Intl.NumberFormat, 'count', {}).format(n ?? 0);
export const percent = (part, whole) => (whole > 0 ? `${Math.round((100 * part) / whole)}%` : '–');

/** Whole units from a thousand on, unless `exact`. A currency that is none is shown as it came. */
export function money(amount, currency, exact = false) {
  if (amount === null || amount === undefined) return '–';
  const digits = !exact && Math.abs(amount) >= 1000 ? { maximumFractionDigits: 0 } : {};
  const code = /^[A-Z]{3}$/.test(currency ?? '') && currency !== 'XXX' ? currency : null;
  const options = code ? { style: 'currency', currency: code, ...digits } : { maximumFractionDigits: 2, ...digits };
  const text = formatter(Intl.NumberFormat, `money ${code} ${exact || Math.abs(amount) < 1000}`, options).format(amount);
  return code || !currency || currency === 'XXX' ? text : `${text} ${currency}`;
}

const time = (key, options) => (at) => formatter(Intl.DateTimeFormat, key, { timeZone: zone, ...options }).format(new Date(at));
export const clock = time('clock', { hour: '2-digit', minute: '2-digit' });
export const moment = time('moment', { day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit' });
export const fullMoment = time('full', { dateStyle: 'full', timeStyle: 'long' });
const dayOf = time('day-of', { year: 'numeric', month: '2-digit', day: '2-digit' });

/** A calendar day ("2026-11-28") has no zone. */
export function day(text, options = { day: 'numeric', month: 'short' }) {
  return formatter(Intl.DateTimeFormat, `day ${JSON.stringify(options)}`, { timeZone: 'UTC', ...options }).format(new Date(`${text}T00:00:00Z`));
}

/** "now", "4 min ago", then the time, then the day. */
export function ago(at, now = Date.now()) {
  const seconds = Math.round((now - Date.parse(at)) / 1000);
  if (seconds < 45) return 'now';
  if (seconds < 3600) return `${Math.max(1, Math.round(seconds / 60))} min ago`;
  return dayOf(at) === dayOf(now) ? clock(at) : moment(at);
}

export function duration(seconds) {
  if (seconds === null || seconds === undefined) return '–';
  return `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, '0')}`;
}

/** "no_answer" -> "No answer" */
export const words = (text) => (text ? text[0].toUpperCase() + text.slice(1).replaceAll('_', ' ') : '');
