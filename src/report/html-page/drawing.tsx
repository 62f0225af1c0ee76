// What the drawing can do in a browser: details of the box under the pointer, zoom by click and keys, search.
import { matcherOf } from './flame-tree.ts';
import { fittedName } from './profile-words.ts';

/** A box as it stands in the file. */
interface Box {
  readonly element: SVGGElement;
  readonly rect: Element | null;
  /** Fractions of the whole width. */
  readonly x: number;
  readonly width: number;
  readonly depth: number;
  readonly title: string;
  readonly amount: string;
}

const character = 7.23;

start();

function start(): void {
  const place = document.getElementById('boxes');
  const details = document.getElementById('details');
  const controls = document.getElementById('controls');
  if (place === null || details === null || controls === null) return;
  const left = Number(place.dataset.left);
  const whole = Number(place.dataset.width);
  const boxes = [...place.querySelectorAll<SVGGElement>('.f')].map((element): Box => {
    const { x, w, d, a } = element.dataset;
    return {
      element,
      rect: element.querySelector('rect'),
      x: Number(x),
      width: Number(w),
      depth: Number(d),
      title: element.querySelector('title')?.textContent ?? '',
      amount: a ?? '',
    };
  });
  const [first] = boxes;
  if (first === undefined) return;
  const byElement = new Map<Element, Box>(boxes.map((box) => [box.element, box]));
  let root: Box = first;
  let active: Box = first;
  const { field, clear, result } = panel(controls, left + whole);

  const boxOf = (event: Event): Box | undefined => {
    const element = event.target instanceof Element ? event.target.closest('.f') : null;
    return element === null ? undefined : byElement.get(element);
  };
  const contains = (outer: Box, inner: Box): boolean =>
    inner.depth >= outer.depth &&
    inner.x >= outer.x - 1e-9 &&
    inner.x + inner.width <= outer.x + outer.width + 1e-9;
  const parentOf = (box: Box): Box | undefined =>
    boxes.find((other) => other.depth === box.depth - 1 && contains(other, box));

  const zoom = (to: Box): void => {
    root = to;
    for (const box of boxes) {
      const above = box.depth < to.depth && contains(box, to);
      const inside = contains(to, box);
      box.element.classList.toggle('above', above);
      box.element.classList.toggle('gone', !above && !inside);
      if (!above && !inside) continue;
      const x = left + (above ? 0 : ((box.x - to.x) / to.width) * whole);
      const width = above ? whole : (box.width / to.width) * whole;
      box.rect?.setAttribute('x', String(x));
      box.rect?.setAttribute('width', String(Math.max(0.1, width - 0.6)));
      write(box, x, width);
    }
    clear.hidden = root === first && field.value === '';
    focus(to);
  };

  const write = (box: Box, x: number, width: number): void => {
    const room = Math.floor((width - 8) / character);
    let text = box.element.querySelector('text');
    if (room < 3) {
      text?.remove();
      return;
    }
    if (text === null) {
      text = document.createElementNS('http://www.w3.org/2000/svg', 'text');
      text.setAttribute('y', String(Number(box.rect?.getAttribute('y')) + 13));
      box.element.append(text);
    }
    text.setAttribute('x', String(x + 4));
    text.textContent = fittedName(nameOf(box), box.amount, room);
  };

  const focus = (box: Box): void => {
    active.element.removeAttribute('tabindex');
    active = box;
    box.element.setAttribute('tabindex', '0');
    details.textContent = box.title.replace('\n', ': ');
  };

  const search = (): void => {
    const matches = matcherOf(field.value);
    const covered: Box[] = [];
    let part = 0;
    // Outer boxes first, so that a match inside a match is not counted again.
    for (const box of [...boxes].sort((a, b) => a.depth - b.depth || a.x - b.x)) {
      const hit = typeof matches === 'function' && box !== first && matches(nameOf(box));
      box.element.classList.toggle('hit', hit);
      if (!hit || covered.some((outer) => contains(outer, box))) continue;
      covered.push(box);
      part += box.width;
    }
    result.textContent =
      typeof matches === 'function'
        ? `${(100 * part).toFixed(1)} % matches`
        : typeof matches === 'string'
          ? matches
          : '';
    clear.hidden = root === first && field.value === '';
  };

  place.addEventListener('click', (event) => {
    const box = boxOf(event);
    if (box !== undefined) zoom(box === root ? (parentOf(box) ?? box) : box);
  });
  place.addEventListener('pointerover', (event) => {
    const box = boxOf(event);
    if (box !== undefined) details.textContent = box.title.replace('\n', ': ');
  });
  place.addEventListener('focusin', (event) => {
    const box = boxOf(event);
    if (box !== undefined) details.textContent = box.title.replace('\n', ': ');
  });
  field.addEventListener('input', search);
  clear.addEventListener('click', () => {
    field.value = '';
    search();
    zoom(first);
  });
  document.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target === field) {
      if (event.key === 'Escape') field.blur();
      return;
    }
    const beside = (step: number): Box | undefined => {
      const row = boxes
        .filter((box) => box.depth === active.depth && !box.element.classList.contains('gone'))
        .sort((a, b) => a.x - b.x);
      return row[row.indexOf(active) + step];
    };
    const moves: Readonly<Record<string, () => Box | undefined>> = {
      ArrowUp: () => boxes.find((box) => box.depth === active.depth + 1 && contains(active, box)),
      ArrowDown: () => parentOf(active),
      ArrowLeft: () => beside(-1),
      ArrowRight: () => beside(1),
    };
    if (event.key === '/') field.focus();
    else if (event.key === 'Escape') zoom(parentOf(root) ?? first);
    else if (event.key === 'Enter' && byElement.has(event.target as Element)) zoom(active);
    else if (Object.hasOwn(moves, event.key)) {
      const to = moves[event.key]?.();
      if (to !== undefined) {
        focus(to);
        to.element.focus();
      }
    } else return;
    event.preventDefault();
  });
  focus(first);
  details.textContent = 'Click a box to zoom in, / to search, Esc to zoom out.';
}

/** The first line: a name has no second one, because control characters are made visible in it. */
function nameOf({ title }: Box): string {
  return title.split('\n', 1)[0] ?? '';
}

/** Field, button and result, in the upper right corner. */
function panel(controls: Element, right: number) {
  const width = 520;
  const holder = document.createElementNS('http://www.w3.org/2000/svg', 'foreignObject');
  for (const [name, value] of Object.entries({ x: right - width, y: 8, width, height: 28 })) {
    holder.setAttribute(name, String(value));
  }
  const html = <Name extends keyof HTMLElementTagNameMap>(name: Name): HTMLElementTagNameMap[Name] =>
    document.createElementNS('http://www.w3.org/1999/xhtml', name) as HTMLElementTagNameMap[Name];
  const box = html('div');
  box.className = 'panel';
  const result = html('span');
  result.setAttribute('role', 'status');
  const field = html('input');
  field.type = 'search';
  field.placeholder = 'Search';
  field.setAttribute('aria-label', 'Search calls');
  const clear = html('button');
  clear.textContent = 'Reset';
  clear.hidden = true;
  box.append(result, clear, field);
  holder.append(box);
  controls.append(holder);
  return { field, clear, result };
}
