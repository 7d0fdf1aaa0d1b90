// The chart of the README: all goals, one bar each, as long as the goal was surpassed; below them the curves of what was measured as
// something grew.
import { drawCurves } from './curves.mjs';
import { median, score } from './measure.mjs';
import { allGoals, brief, held, wanted } from './report.mjs';
import { Svg } from './svg.mjs';

const WIDTH = 860, LEFT = 390, RIGHT = 110, BAR = 14, LINE = 26, HEAD = 64, FOOT = 28;
const MOST = 8, LEAST = 0.25; // times the target, at the ends of the logarithmic axis
const TICKS = [0.25, 0.5, 1, 2, 4, 8];

const x = (times) => LEFT + (Math.log2(Math.min(MOST, Math.max(LEAST, times))) - Math.log2(LEAST)) / (Math.log2(MOST) - Math.log2(LEAST)) * (WIDTH - LEFT - RIGHT);

function drawBars(svg, goals) {
  const bottom = HEAD + goals.length * LINE;
  for (const tick of TICKS) {
    svg.line(x(tick), HEAD - 4, x(tick), bottom, tick === 1 ? 't' : 'g');
    svg.text(x(tick), bottom + 16, tick === 1 ? 'target' : `${tick} x`, 's m');
  }
  goals.forEach(({ part, goal: g }, i) => {
    const y = HEAD + i * LINE + (LINE - BAR) / 2;
    svg.text(LEFT - 8, y + 11, g.what.length > 60 ? `${g.what.slice(0, 59)}…` : g.what, 'e');
    svg.bar(LEFT, y, Math.max(1, x(score(g)) - LEFT), BAR, held(g) ? 'y' : 'n', `${part}: ${wanted(g)}`);
    svg.text(WIDTH - 12, y + 11, `${brief(median(g.values))} ${g.unit}`, 'e');
  });
  return bottom + FOOT;
}

export function chart(results, order) {
  const svg = new Svg(WIDTH);
  svg.text(16, 24, 'Ringback: what was measured against its targets', 'h');
  svg.text(16, 43, `${results.machine.cores} cores with PostgreSQL, Redis and the load on them, fsync on; longer is better`, 's');
  const bottom = drawBars(svg, allGoals(results, order));
  const curves = order.flatMap((name) => results.parts[name]?.rows ?? []).filter((row) => row.curve);
  return svg.end(curves.length ? drawCurves(svg, curves, bottom + 16) : bottom, 'Ringback: measured against targets');
}
