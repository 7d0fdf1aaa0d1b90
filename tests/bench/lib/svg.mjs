// An SVG being written: text, lines, shapes; its colours are those of the page that it stands in, light or dark.

const STYLE = `text{font:12px system-ui,sans-serif;fill:#24292f}.h{font-size:16px;font-weight:600}.b{font-weight:600}.s{fill:#57606a}.e{text-anchor:end}.m{text-anchor:middle}
.g{stroke:#d0d7de}.t{stroke:#24292f;stroke-width:1.5}.d{fill:none;stroke:#57606a;stroke-width:1.5;stroke-dasharray:4 3}.y{fill:#1a7f6b}.n{fill:#c4602f}
.w{fill:#1a7f6b}.p{fill:#5577c9}.r{fill:#c99a2e}.o{fill:#24292f}
@media(prefers-color-scheme:dark){text{fill:#e6edf3}.s{fill:#9198a1}.g{stroke:#30363d}.t{stroke:#e6edf3}.d{stroke:#9198a1}.y{fill:#3fb59a}.n{fill:#e0854f}
.w{fill:#3fb59a}.p{fill:#7f9ce6}.r{fill:#e0b95b}.o{fill:#e6edf3}}`;

const escape = (text) => text.replace(/[&<>"]/g, (c) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[c]);
const at = (n) => String(Math.round(n * 10) / 10);
const path = (points) => points.map(([x, y], i) => `${i ? 'L' : 'M'}${at(x)} ${at(y)}`).join('');

export class Svg {
  constructor(width) {
    Object.assign(this, { width, out: [] });
  }

  text(x, y, text, kind = '') {
    this.out.push(`<text x="${at(x)}" y="${at(y)}"${kind ? ` class="${kind}"` : ''}>${escape(text)}</text>`);
  }

  line(x1, y1, x2, y2, kind) {
    this.out.push(`<line class="${kind}" x1="${at(x1)}" x2="${at(x2)}" y1="${at(y1)}" y2="${at(y2)}"/>`);
  }

  bar(x, y, width, height, kind, title) {
    this.out.push(`<rect class="${kind}" x="${at(x)}" y="${at(y)}" width="${at(width)}" height="${at(height)}" rx="2"><title>${escape(title)}</title></rect>`);
  }

  dot(x, y, kind) {
    this.out.push(`<circle class="${kind}" cx="${at(x)}" cy="${at(y)}" r="2.2"/>`);
  }

  curve(points, kind) {
    this.out.push(`<path class="${kind}" d="${path(points)}"/>`);
  }

  area(points, kind) {
    this.out.push(`<path class="${kind}" d="${path(points)}Z"/>`);
  }

  end(height, label) {
    return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${this.width} ${height}" width="${this.width}" height="${height}" role="img" aria-label="${escape(label)}"><style>${STYLE}</style>\n${this.out.join('\n')}\n</svg>\n`;
  }
}
