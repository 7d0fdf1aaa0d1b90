// Small multiples: CPU per order event, process upon process, over the logarithm of what grows; a dot is one measurement, the dashed
// line the most that may be: the first point's cost times the logarithm of what grew.
import { each, median } from './measure.mjs';

const MARGIN = 16, AXIS = 34, GAP = 20, HEIGHT = 150, LEGEND = 54, TITLE = 32, FOOT = 46, STEPS = 24;
const PROCESSES = [['server_us', 'w', 'worker'], ['postgres_us', 'p', 'PostgreSQL'], ['redis_us', 'r', 'Redis']];

const total = (s) => PROCESSES.reduce((sum, [key]) => sum + s[key], 0);
const short = (n) => (n >= 1e6 ? `${n / 1e6}M` : n >= 1e4 ? `${n / 1e3}k` : String(n));
/** A round number of at least `most` that four lines divide. */
function ceiling(most) {
  const unit = 10 ** Math.floor(Math.log10(most));
  return [1, 2, 3, 4, 6, 8, 10].map((n) => n * unit).find((n) => n >= most);
}

/** What may be spent at `n`, when `first` was spent at the first point. */
const allowed = ({ least, noise }, first, n) =>
  noise * first.cost * Math.max(1, Math.log(Math.max(least, n)) / Math.log(Math.max(least, first.n)));

function pointsOf(row) {
  return Object.values(row.systems).map((samples) => ({ n: samples[0].point, samples, cost: median(samples.map(total)),
    parts: PROCESSES.map(([key]) => median(each(samples, key))) }));
}

function drawOne(svg, row, points, { left, top, width, most }) {
  const from = Math.log(points[0].n), to = Math.log(points.at(-1).n), bottom = top + HEIGHT;
  const x = (n) => left + (Math.log(n) - from) / (to - from) * width, y = (us) => bottom - us / most * HEIGHT;
  svg.text(left, top - 10, row.what, 'b');
  for (let line = 0; line <= 4; line++) svg.line(left, y(most * line / 4), left + width, y(most * line / 4), 'g');
  const under = points.map(() => 0);
  PROCESSES.forEach(([, kind], i) => {
    const lower = points.map((p, k) => [x(p.n), y(under[k])]);
    points.forEach((p, k) => { under[k] += p.parts[i]; });
    svg.area([...points.map((p, k) => [x(p.n), y(under[k])]), ...lower.reverse()], kind);
  });
  svg.curve(Array.from({ length: STEPS + 1 }, (_, i) => Math.exp(from + (to - from) * i / STEPS)).map((n) => [x(n), y(Math.min(most, allowed(row.curve, points[0], n)))]), 'd');
  points.forEach((p, i) => {
    const anchor = i === 0 ? '' : i === points.length - 1 ? ' e' : ' m';
    for (const s of p.samples) svg.dot(x(p.n), y(total(s)), 'o');
    svg.text(x(p.n), bottom + 16, short(p.n), `s${anchor}`);
    svg.text(x(p.n), bottom + 32, `${Math.round(p.cost)} us`, anchor.trim());
  });
}

/** Draws them in one line from `top` on; returns where it ends. */
export function drawCurves(svg, rows, top) {
  const all = rows.map((row) => pointsOf(row)), head = top + LEGEND + TITLE, width = (svg.width - MARGIN * 2 - AXIS - GAP * (rows.length - 1)) / rows.length;
  const most = ceiling(Math.max(...all.flatMap((points, i) => points.flatMap((p) => [allowed(rows[i].curve, points[0], p.n), ...p.samples.map(total)]))));
  svg.text(MARGIN, top + 12, 'What an order costs as something grows', 'h');
  svg.text(MARGIN, top + 31, 'CPU microseconds per order event; a dot is one measurement, dashed is the most that may be: the logarithm of what grows', 's');
  PROCESSES.forEach(([, kind, name], i) => {
    svg.bar(MARGIN + AXIS + i * 100, top + LEGEND - 9, 10, 10, kind, name);
    svg.text(MARGIN + AXIS + 16 + i * 100, top + LEGEND, name, 's');
  });
  for (let line = 0; line <= 4; line++) svg.text(MARGIN + AXIS - 8, head + HEIGHT - HEIGHT * line / 4 + 4, String(most * line / 4), 's e');
  rows.forEach((row, i) => drawOne(svg, row, all[i], { left: MARGIN + AXIS + i * (width + GAP), top: head, width, most }));
  return head + HEIGHT + FOOT;
}
