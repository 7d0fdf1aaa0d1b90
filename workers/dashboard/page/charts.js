// Calls by day and outcome, and the share of each outcome. Drawn by Chart.js; without it, and for screen readers, as a table.
import { $, arrange, el } from './dom.js';
import { count, day, duration, percent } from './format.js';
import { OUTCOMES } from './outcomes.js';

const calm = matchMedia('(prefers-reduced-motion: reduce)');

/** The colour that a custom property stands for, as the canvas wants it. */
function colour(name) {
  const probe = el('span', { hidden: true });
  probe.style.color = `var(--${name})`;
  document.body.append(probe);
  const made = getComputedStyle(probe).color;
  probe.remove();
  return made;
}

const family = () => getComputedStyle(document.body).fontFamily;
const longDay = { weekday: 'short', day: 'numeric', month: 'short' };

function axes() {
  const ticks = { color: colour('muted'), font: { family: family(), size: 12 } };
  return {
    x: { stacked: true, grid: { display: false }, border: { color: colour('line') },
      ticks: { ...ticks, maxRotation: 0, autoSkipPadding: 18 } },
    y: { stacked: true, beginAtZero: true, border: { display: false }, grid: { color: colour('line-soft') },
      ticks: { ...ticks, precision: 0, maxTicksLimit: 6, padding: 8 } },
  };
}

function tooltip() {
  return {
    backgroundColor: colour('tip'), titleColor: colour('tip-text'), bodyColor: colour('tip-text'), footerColor: colour('tip-text'),
    padding: 12, cornerRadius: 8, boxPadding: 5, usePointStyle: true, titleFont: { family: family(), weight: '600' },
    bodyFont: { family: family() }, footerFont: { family: family(), weight: '500' },
  };
}

export class Charts {
  constructor() {
    this.rows = null;
    this.redraw = () => { if (this.rows) { this.forget(); this.draw(); } };
    addEventListener('theme', this.redraw);
    $('legend').append(...OUTCOMES.map(({ key, title }) => el('li', {}, el(`i.dot.${key}`), title)));
  }

  show(rows) {
    this.rows = rows;
    this.totals = Object.fromEntries(OUTCOMES.map(({ key }) => [key, rows.reduce((sum, row) => sum + Number(row[key] ?? 0), 0)]));
    this.total = rows.reduce((sum, row) => sum + Number(row.total_calls), 0);
    this.draw();
  }

  draw() {
    const ended = Object.values(this.totals).reduce((a, b) => a + b, 0);
    $('by-day-note').textContent = `${count(this.total)} ${this.total === 1 ? 'call' : 'calls'}, ${day(this.rows[0].date)} – ${day(this.rows.at(-1).date)}`;
    $('share-note').textContent = ended ? `of ${count(ended)} ended ${ended === 1 ? 'call' : 'calls'}` : '';
    for (const card of ['by-day-card', 'share-card']) $(card).classList.toggle('is-empty', this.total === 0);
    this.table();
    this.shares(ended);
    if (this.total === 0) return this.empty();
    if (!globalThis.Chart) { // built without it: the table alone
      $('by-day').replaceChildren(el('p.nothing', {}, el('strong', {}, 'The chart library is not in this binary'),
        el('span', {}, 'It was built where npm was not available. The table below has the numbers.')));
      $('share').replaceChildren();
      return undefined;
    }
    this.bars();
    this.ring(ended);
    return undefined;
  }

  canvas(parent, label) {
    const canvas = el('canvas', { role: 'img', 'aria-label': label });
    parent.replaceChildren(canvas);
    return canvas;
  }

  bars() {
    const label = `Calls by day: ${OUTCOMES.map(({ key, title }) => `${count(this.totals[key])} ${title.toLowerCase()}`).join(', ')}. The table below has every day.`;
    const data = {
      labels: this.rows.map((row) => row.date),
      datasets: OUTCOMES.map(({ key, title }) => ({
        label: title, data: this.rows.map((row) => Number(row[key])), backgroundColor: colour(key), borderColor: colour('surface'),
        borderWidth: { top: 1 }, borderSkipped: false, borderRadius: 3, maxBarThickness: 30, categoryPercentage: 0.82, barPercentage: 0.9,
      })),
    };
    if (this.barChart) {
      this.barChart.data.labels = data.labels;
      this.barChart.data.datasets.forEach((set, i) => { set.data = data.datasets[i].data; });
      this.barChart.canvas.setAttribute('aria-label', label);
      this.barChart.update();
      return;
    }
    const scales = axes();
    scales.x.ticks.callback = function (value) { return day(this.getLabelForValue(value)); };
    const callbacks = {
      title: ([item]) => day(item.label, longDay),
      label: (item) => ` ${item.dataset.label}: ${count(item.raw)}`,
      footer: ([item]) => `${count(this.rows[item.dataIndex].total_calls)} calls, ${duration(this.rows[item.dataIndex].avg_duration)} on average`,
    };
    this.barChart = new globalThis.Chart(this.canvas($('by-day'), label), {
      type: 'bar', data,
      options: {
        responsive: true, maintainAspectRatio: false, animation: calm.matches ? false : { duration: 450 }, scales,
        interaction: { mode: 'index', intersect: false }, plugins: { legend: { display: false }, tooltip: { ...tooltip(), callbacks } },
      },
    });
  }

  ring(ended) {
    const values = OUTCOMES.map(({ key }) => this.totals[key]);
    if (this.ringChart) {
      this.ringChart.data.datasets[0].data = values;
      this.ringChart.update();
    } else {
      const callbacks = { label: (item) => ` ${item.label}: ${count(item.raw)}` };
      this.ringChart = new globalThis.Chart(this.canvas($('share'), 'Share of each outcome; the list beside it has the numbers.'), {
        type: 'doughnut',
        data: { labels: OUTCOMES.map(({ title }) => title), datasets: [{ data: values, backgroundColor: OUTCOMES.map(({ key }) => colour(key)),
          borderColor: colour('surface'), borderWidth: 3, hoverOffset: 4, borderRadius: 4 }] },
        options: { responsive: true, maintainAspectRatio: false, cutout: '72%', animation: calm.matches ? false : { duration: 450 },
          plugins: { legend: { display: false }, tooltip: { ...tooltip(), callbacks } } },
      });
      $('share').append(el('div.middle', { 'aria-hidden': 'true' }, el('strong'), el('span', {}, 'answered')));
    }
    $('share').querySelector('.middle strong').textContent = percent(this.totals.answered, ended);
  }

  shares(ended) {
    arrange($('shares'), OUTCOMES.map(({ key, title }) => el('li', {}, el(`i.dot.${key}`, { 'aria-hidden': 'true' }), el('span', {}, title),
      el('b', {}, count(this.totals[key])), el('span.muted', {}, percent(this.totals[key], ended)))));
  }

  table() {
    const head = ['Day', 'Calls', ...OUTCOMES.map(({ title }) => title), 'Average'];
    const rows = this.rows.toReversed().map((row) => el('tr', {}, el('th', { scope: 'row' }, day(row.date, longDay)),
      [row.total_calls, ...OUTCOMES.map(({ key }) => row[key])].map((n) => el('td', {}, count(n))), el('td', {}, duration(row.avg_duration))));
    $('by-day-table').replaceChildren(el('table.numbers', {}, el('thead', {}, el('tr', {}, head.map((text) => el('th', { scope: 'col' }, text)))), el('tbody', {}, rows)));
  }

  empty() {
    this.forget();
    $('by-day').replaceChildren(el('p.nothing', {}, el('strong', {}, 'No calls in this period'), el('span', {}, 'They appear here as soon as the voice provider reports one.')));
    $('share').replaceChildren();
  }

  /** The charts are drawn anew: other colours, or nothing to show. */
  forget() {
    this.barChart?.destroy();
    this.ringChart?.destroy();
    this.barChart = this.ringChart = null;
  }

  close() {
    removeEventListener('theme', this.redraw);
    this.forget();
    $('legend').replaceChildren();
  }
}
