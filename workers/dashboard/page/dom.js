// Small helpers around the DOM. Text goes in as text, never as markup: what customers typed stays harmless.

export const $ = (id) => document.getElementById(id);

/** el('li.new', { title: 'x', onclick: f }, 'text', child, null, [more]) */
export function el(what, attributes = {}, ...children) {
  const [name, ...classes] = what.split('.');
  const made = document.createElement(name);
  if (classes.length) made.className = classes.join(' ');
  for (const [key, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (key.startsWith('on')) made.addEventListener(key.slice(2), value);
    else made.setAttribute(key, value === true ? '' : value);
  }
  made.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return made;
}

/** A symbol of icon.svg. */
export function icon(name) {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  const use = document.createElementNS('http://www.w3.org/2000/svg', 'use');
  use.setAttribute('href', `/assets/icon.svg#${name}`);
  svg.setAttribute('aria-hidden', 'true');
  svg.append(use);
  return svg;
}

/** Makes `parent` hold exactly these children, and moves only what has to move: focus and animations stay. */
export function arrange(parent, children) {
  for (const child of [...parent.children]) if (!children.includes(child)) child.remove();
  children.forEach((child, i) => { if (parent.children[i] !== child) parent.insertBefore(child, parent.children[i] ?? null); });
}

/** What a list says when it has nothing to show. */
export const nothing = (title, text) => el('li.nothing', {}, el('strong', {}, title), el('span', {}, text));

export const skeletons = (n) => Array.from({ length: n }, () => el('li.skeleton', { 'aria-hidden': 'true' }));
