// The chart of all goals: one bar each, as long as the goal was surpassed; the line is the target.
import { median, score } from './measure.mjs';
import { allGoals, brief, held, wanted } from './report.mjs';

const WIDTH = 860, LEFT = 390, RIGHT = 110, BAR = 14, LINE = 26, HEAD = 64, FOOT = 28;
const MOST = 8, LEAST = 0.25; // times the target, at the ends of the logarithmic axis
const TICKS = [0.25, 0.5, 1, 2, 4, 8];

const escape = (text) => text.replace(/[&<>]/g, (c) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;' })[c]);
const x = (times) => LEFT + (Math.log2(Math.min(MOST, Math.max(LEAST, times))) - Math.log2(LEAST)) / (Math.log2(MOST) - Math.log2(LEAST)) * (WIDTH - LEFT - RIGHT);

const STYLE = `text{font:12px system-ui,sans-serif;fill:#24292f}.h{font-size:16px;font-weight:600}.s{fill:#57606a}.e{text-anchor:end}.m{text-anchor:middle}
.g{stroke:#d0d7de}.t{stroke:#24292f;stroke-width:1.5}.y{fill:#1a7f6b}.n{fill:#c4602f}
@media(prefers-color-scheme:dark){text{fill:#e6edf3}.s{fill:#9198a1}.g{stroke:#30363d}.t{stroke:#e6edf3}.y{fill:#3fb59a}.n{fill:#e0854f}}`;

export function chart(results, order) {
  const goals = allGoals(results, order), bottom = HEAD + goals.length * LINE, out = [];
  const say = (at, y, text, kind = '') => out.push(`<text x="${at.toFixed(1)}" y="${y}"${kind ? ` class="${kind}"` : ''}>${escape(text)}</text>`);
  say(16, 24, 'Ringback: what was measured against its targets', 'h');
  say(16, 43, `${results.machine.cores} cores with PostgreSQL, Redis and the load on them, fsync on; longer is better`, 's');
  for (const tick of TICKS) {
    out.push(`<line class="${tick === 1 ? 't' : 'g'}" x1="${x(tick).toFixed(1)}" x2="${x(tick).toFixed(1)}" y1="${HEAD - 4}" y2="${bottom}"/>`);
    say(x(tick), bottom + 16, tick === 1 ? 'target' : `${tick} x`, 's m');
  }
  goals.forEach(({ part, goal: g }, i) => {
    const y = HEAD + i * LINE + (LINE - BAR) / 2, end = x(score(g));
    say(LEFT - 8, y + 11, g.what.length > 60 ? `${g.what.slice(0, 59)}…` : g.what, 'e');
    out.push(`<rect class="${held(g) ? 'y' : 'n'}" x="${LEFT}" y="${y}" width="${Math.max(1, end - LEFT).toFixed(1)}" height="${BAR}" rx="2"><title>${escape(`${part}: ${wanted(g)}`)}</title></rect>`);
    say(WIDTH - 12, y + 11, `${brief(median(g.values))} ${g.unit}`, 'e');
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${bottom + FOOT}" width="${WIDTH}" height="${bottom + FOOT}" role="img" aria-label="Ringback: measured against targets"><style>${STYLE}</style>\n${out.join('\n')}\n</svg>\n`;
}
