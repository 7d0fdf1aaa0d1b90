// Results as text: a table for each row of a part, goals held or missed, and the README's table.
import { each, median, score } from './measure.mjs';

/** What a sample may hold: heading and digits. Anything else is shown under its own name. */
const columns = {
  rate: ['events/s', 0],
  server_us: ['CPU us/event', 1],
  postgres_us: ['PostgreSQL us', 1],
  redis_us: ['Redis us', 1],
  p50_ms: ['p50 ms', 1],
  p95_ms: ['p95 ms', 1],
  p99_ms: ['p99 ms', 1],
  rss_mb: ['peak RSS MiB', 1],
};

const number = (value, digits) => value.toFixed(digits).replace(/\B(?=(\d{3})+(?!\d))/g, (_, __, at, all) => (all.includes('.') && at > all.indexOf('.') ? '' : ','));
/** As many digits as say something: three. */
export const brief = (value) => number(value, value === 0 || Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2);

/** The median, and from where to where the rounds went. */
function spread(values, digits) {
  const low = number(Math.min(...values), digits), high = number(Math.max(...values), digits);
  return number(median(values), digits) + (low === high ? '' : ` (${low}-${high})`);
}

/** Rows of cells, the first of them the headings; the first `texts` columns are text, the others numbers. */
export function table(rows, texts = 1) {
  const widths = rows[0].map((_, i) => Math.max(...rows.map((r) => String(r[i]).length)));
  return rows.map((row) => row.map((cell, i) => (i < texts ? String(cell).padEnd(widths[i]) : String(cell).padStart(widths[i]))).join('  ').trimEnd()).join('\n');
}

function systemsTable(row) {
  const samples = Object.values(row.systems).flat(), keys = [...new Set([...Object.keys(columns), ...samples.flatMap(Object.keys)])]
    .filter((key) => key !== 'point' && samples.some((s) => typeof s[key] === 'number')); // a point is in its system's name
  const lines = Object.entries(row.systems).map(([name, list]) => [name, ...keys.map((key) => {
    const values = each(list, key).filter((v) => typeof v === 'number');
    return values.length ? spread(values, columns[key]?.[1] ?? 1) : '';
  })]);
  return table([[row.what, ...keys.map((key) => columns[key]?.[0] ?? key)], ...lines]);
}

export const wanted = (g) => (g.atMost !== undefined ? `${brief(g.atMost)} ${g.unit} or less` : `${brief(g.atLeast)} ${g.unit} or more`);
export const held = (g) => score(g) >= 1;
const verdict = (g) => (held(g) ? 'held' : `MISSED by ${Math.ceil(Math.abs(median(g.values) / (g.atMost ?? g.atLeast) - 1) * 100)} %`);

const goalsOf = (part) => part.rows.flatMap((row) => row.goals ?? []);
const goalLine = (g) => [`${g.what}: ${brief(median(g.values))} ${g.unit}`, g.values.length > 1 ? `(${g.values.map(brief).join(' ')})` : '', wanted(g), verdict(g)];

export function tables(name, part) {
  const goals = goalsOf(part).map(goalLine);
  return [`${name}: ${part.title}`, ...part.rows.map(systemsTable), ...(goals.length ? [table([['goal', 'each round', 'target', ''], ...goals], 4)] : [])].join('\n\n');
}

/** All goals of all parts: { part, goal }. */
export const allGoals = (results, order) => order.filter((name) => results.parts[name]).flatMap((name) => goalsOf(results.parts[name]).map((g) => ({ part: name, goal: g })));

export function summary(results, order) {
  const all = allGoals(results, order);
  if (all.length === 0) return '';
  return table([['', 'goal', 'target', ''], ...all.map(({ part, goal: g }) => [part, `${g.what}: ${brief(median(g.values))} ${g.unit}`, wanted(g), verdict(g)])], 4);
}

const where = ({ machine: m, versions: v }) => `${m.cores} cores (${m.cpu}), ${m.memory_gib} GiB, PostgreSQL ${v.postgresql}, Redis ${v.redis}, Node ${v.node}`;

/** The table of the README. */
export function markdown(results, order) {
  const lines = allGoals(results, order).map(({ part, goal: g }) =>
    `| ${part} | ${g.what} | ${wanted(g)} | ${brief(median(g.values))} ${g.unit} | ${held(g) ? 'held' : `**missed by ${Math.ceil(Math.abs(median(g.values) / (g.atMost ?? g.atLeast) - 1) * 100)} %**`} |`);
  const dates = Object.values(results.parts).map((p) => p.date.slice(0, 10)).sort();
  return [`Medians of ${where(results)}; ${dates[0]}${dates.at(-1) !== dates[0] ? ` to ${dates.at(-1)}` : ''}.`, '',
    '| part | what | target | measured | |', '|---|---|---|---|---|', ...lines].join('\n');
}
