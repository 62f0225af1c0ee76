// A flame graph on a canvas, for a tree of any size: zoomed, searched and walked by keyboard and pointer.
import type { RefObject } from 'preact';
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { Unit } from '../../model/profile.ts';
import type { ReportProfileFrame } from '../../model/profile-report.ts';
import {
  type CallKind,
  callKind,
  changeOf,
  type FlameBox,
  type FlameTree,
  type Look,
  layOutFlame,
  pathTo,
} from './flame-tree.ts';
import {
  changeText,
  exactAmount,
  fittedName,
  kindWords,
  percentText,
  placeSource,
  shortAmount,
  shortName,
} from './profile-words.ts';

/** Pixels of a row of boxes. */
const rowHeight = 22;
/** What is narrower could hardly be seen. */
const leastPixels = 0.5;

interface Props {
  readonly tree: FlameTree;
  readonly frames: readonly ReportProfileFrame[];
  readonly look: Look;
  readonly unit: Unit;
  /** The node in the first row. */
  readonly root: number;
  /** Callers below, as flames burn; else above. */
  readonly upward: boolean;
  /** Colours tell what grew and shrank instead of whose code it is. */
  readonly differences: boolean;
  /** 1 for each group that the search found; missing when nothing is searched. */
  readonly matches: Uint8Array | undefined;
  readonly active: number;
  readonly place: RefObject<HTMLDivElement | null>;
  readonly onActive: (node: number) => void;
  readonly onHover: (node: number | undefined) => void;
  readonly onZoom: (node: number) => void;
}

export function FlameGraph(props: Props) {
  const { tree, frames, look, unit, root, upward, differences, matches, place, onActive, onHover, onZoom } =
    props;
  const canvas = useRef<HTMLCanvasElement>(null);
  const [width, setWidth] = useState(0);
  const [height, setHeight] = useState(0);
  const [hover, setHover] = useState<{ readonly box: FlameBox; readonly x: number; readonly y: number }>();
  const palette = usePalette();
  const layout = useMemo(
    () => layOutFlame(tree, root, look, leastPixels / Math.max(200, width)),
    [tree, root, look, width],
  );
  const rows = useMemo(() => rowsOf(layout.boxes, layout.depth), [layout]);
  const boxOf = useMemo(() => new Map(layout.boxes.map((box) => [box.node, box])), [layout]);
  const active = boxOf.get(props.active) ?? rows[0]?.[0];
  const top = (depth: number): number => (upward ? layout.depth - 1 - depth : depth) * rowHeight;

  useEffect(() => {
    const element = place.current;
    if (element === null) return;
    const measure = (): void => {
      setWidth(element.clientWidth);
      setHeight(element.clientHeight);
    };
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    return () => observer.disconnect();
  }, [place]);

  // Flames begin at the bottom.
  useLayoutEffect(() => {
    const element = place.current;
    if (element !== null) element.scrollTop = upward ? element.scrollHeight : 0;
    setHover(undefined);
  }, [layout, upward, place]);

  const paint = (): void => {
    const element = canvas.current;
    const scroller = place.current;
    if (element === null || scroller === null || width === 0) return;
    const first = Math.floor(scroller.scrollTop / rowHeight);
    const last = Math.ceil((scroller.scrollTop + height) / rowHeight);
    const context = prepare(element, width, Math.min(height, layout.depth * rowHeight));
    if (context === null) return;
    for (let line = Math.max(0, first); line < Math.min(layout.depth, last); line++) {
      const depth = upward ? layout.depth - 1 - line : line;
      const y = line * rowHeight - scroller.scrollTop;
      for (const box of rows[depth] ?? []) {
        const frame = frames[tree.frameOf(box.node)];
        drawBox(context, palette, {
          x: box.left * width,
          y,
          width: box.width * width,
          kind: callKind(frame),
          inlined: frame?.inlined === true,
          name: nameOf(tree, look, box.node),
          amount: shortAmount(tree.total(box.node, look.measure, look.side), unit),
          change: differences
            ? changeOf(
                tree.total(box.node, look.measure, 'before'),
                tree.total(box.node, look.measure, 'after'),
              )
            : undefined,
          changeText: differences ? changeOfNode(tree, look.measure, box.node) : '',
          found: matches === undefined ? undefined : matches[tree.groupOf(box.node)] === 1,
          marked: box === active || box === hover?.box,
        });
      }
    }
  };
  useLayoutEffect(paint);

  const boxAt = (event: MouseEvent): FlameBox | undefined => {
    const scroller = place.current;
    if (scroller === null) return undefined;
    const area = scroller.getBoundingClientRect();
    const line = Math.floor((event.clientY - area.top - scroller.clientTop + scroller.scrollTop) / rowHeight);
    const row = rows[upward ? layout.depth - 1 - line : line] ?? [];
    const x = (event.clientX - area.left - scroller.clientLeft) / width;
    return row.find(({ left, width: wide }) => x >= left && x < left + Math.max(wide, 2 / width));
  };

  const press = (event: KeyboardEvent): void => {
    if (active === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    const row = rows[active.depth] ?? [];
    const number = row.indexOf(active);
    const child = (): FlameBox | undefined =>
      (rows[active.depth + 1] ?? []).find(({ node }) => tree.parentOf(node) === active.node);
    const parent = (): FlameBox | undefined => boxOf.get(tree.parentOf(active.node));
    const targets: Readonly<Record<string, () => FlameBox | undefined>> = {
      ArrowUp: upward ? child : parent,
      ArrowDown: upward ? parent : child,
      ArrowRight: () => row[number + 1],
      ArrowLeft: () => row[number - 1],
      Home: () => rows[0]?.[0],
      End: () => rows.at(-1)?.[0],
    };
    if (event.key === 'Escape' && tree.parentOf(root) >= 0) onZoom(tree.parentOf(root));
    else if (event.key === 'Enter' || event.key === ' ') zoom(active.node);
    else if (Object.hasOwn(targets, event.key)) {
      const target = targets[event.key]?.();
      if (target !== undefined) {
        onActive(target.node);
        setHover(undefined);
        onHover(undefined);
        showRow(place.current, top(target.depth));
      }
    } else return;
    event.preventDefault();
    event.stopPropagation();
  };

  const zoom = (node: number): void => {
    onZoom(node === root && tree.parentOf(node) >= 0 ? tree.parentOf(node) : node);
  };

  const point = (event: PointerEvent): void => {
    const box = event.pointerType === 'touch' ? undefined : boxAt(event);
    const area = place.current?.parentElement?.getBoundingClientRect();
    onHover(box?.node);
    setHover(box && area && { box, x: event.clientX - area.left, y: event.clientY - area.top });
  };
  const leave = (): void => {
    onHover(undefined);
    setHover(undefined);
  };

  return (
    <div class="flame-place">
      <div
        ref={place}
        class={hover === undefined ? 'flame' : 'flame pointing'}
        role="tree"
        tabIndex={0}
        aria-label={`${upward ? 'Flame graph' : 'Icicle graph'}; arrow keys move, Enter zooms in, Escape zooms out`}
        aria-activedescendant={active && 'flame-call'}
        data-boxes={layout.boxes.length}
        data-depth={layout.depth}
        onKeyDown={press}
        onScroll={paint}
        onPointerMove={point}
        onPointerLeave={leave}
        onClick={(event) => {
          const box = boxAt(event);
          if (box === undefined) return;
          onActive(box.node);
          zoom(box.node);
        }}
      >
        <div class="flame-window" aria-hidden="true">
          <canvas ref={canvas} />
        </div>
        <div class="flame-room" aria-hidden="true" style={{ height: `${layout.depth * rowHeight}px` }} />
        {active !== undefined && <ActiveCall {...props} box={active} rows={rows} />}
      </div>
      {hover !== undefined && <Tip {...props} node={hover.box.node} x={hover.x} y={hover.y} room={width} />}
      {layout.left > 0 && (
        <p class="quiet small-print">
          {layout.left === 1 ? 'One call is' : `${layout.left} calls are`} too narrow to be drawn; zoom in to
          see
          {layout.left === 1 ? ' it' : ' them'}.
        </p>
      )}
    </div>
  );
}

/** What a reader of the screen hears of the call that the keys have come to. */
function ActiveCall(props: Props & { readonly box: FlameBox; readonly rows: readonly FlameBox[][] }) {
  const { tree, look, box, rows } = props;
  const parent = tree.parentOf(box.node);
  const beside =
    box.depth === 0 ? [box] : (rows[box.depth] ?? []).filter(({ node }) => tree.parentOf(node) === parent);
  return (
    <div
      id="flame-call"
      class="unseen"
      role="treeitem"
      tabIndex={-1}
      aria-selected="true"
      aria-level={box.depth + 1}
      aria-setsize={beside.length}
      aria-posinset={beside.indexOf(box) + 1}
      aria-label={`${nameOf(tree, look, box.node)}: ${factsOf(props, box.node).join(', ')}`}
    />
  );
}

function Tip(
  props: Props & { readonly node: number; readonly x: number; readonly y: number; readonly room: number },
) {
  const { tree, look, node, x, y, room } = props;
  const [amount, ...facts] = factsOf(props, node);
  const atEnd = x > room / 2;
  return (
    <div
      class="tip"
      aria-hidden="true"
      style={{
        top: `${y + 18}px`,
        ...(atEnd ? { right: `${Math.max(0, room - x)}px` } : { left: `${x}px` }),
      }}
    >
      <b>{nameOf(tree, look, node)}</b>
      <span>{amount}</span>
      {facts.map((fact) => (
        <span key={fact} class="quiet">
          {fact}
        </span>
      ))}
    </div>
  );
}

/** The amount first: `12,415,506 bytes, 84.2 %`. */
export function factsOf(
  { tree, frames, look, unit }: Pick<Props, 'tree' | 'frames' | 'look' | 'unit'>,
  node: number,
): readonly string[] {
  const { measure, side } = look;
  const frame = frames[tree.frameOf(node)];
  const total = tree.total(node, measure, side);
  const facts = [`${exactAmount(total, unit)}, ${percentText(total, tree.total(0, measure, side))}`];
  if (tree.compared) facts.push(`${changeOfNode(tree, measure, node)} against before`);
  if (frame === undefined) return facts;
  const source = placeSource(frame, tree.isMixed(node));
  const kind = callKind(frame);
  if (source !== '') facts.push(source);
  if (kind !== 'all') facts.push(kindWords[kind]);
  if (frame.inlined === true) facts.push('inlined');
  return facts;
}

export function changeOfNode(tree: FlameTree, measure: number, node: number): string {
  return changeText(tree.total(node, measure, 'before'), tree.total(node, measure, 'after'));
}

function nameOf(tree: FlameTree, { names }: Look, node: number): string {
  return names[tree.groupOf(node)] ?? 'all';
}

/** Boxes by row, from left to right. */
function rowsOf(boxes: readonly FlameBox[], depth: number): readonly FlameBox[][] {
  const rows: FlameBox[][] = Array.from({ length: depth }, () => []);
  for (const box of boxes) rows[box.depth]?.push(box);
  for (const row of rows) row.sort((a, b) => a.left - b.left);
  return rows;
}

function showRow(scroller: HTMLElement | null, top: number): void {
  if (scroller === null) return;
  if (top < scroller.scrollTop) scroller.scrollTop = top;
  else if (top + rowHeight > scroller.scrollTop + scroller.clientHeight) {
    scroller.scrollTop = top + rowHeight - scroller.clientHeight;
  }
}

/** The nodes above a zoomed one, each a way back. */
export function ZoomTrail({ tree, look, root, onZoom }: Pick<Props, 'tree' | 'look' | 'root' | 'onZoom'>) {
  const path = pathTo(tree, root);
  if (path.length < 2) return null;
  // Of a deep path the beginning and the end tell the most.
  const shown = path.length <= 8 ? path : [...path.slice(0, 3), -1, ...path.slice(-4)];
  return (
    <nav class="zoom" aria-label="Zoom">
      {shown.map((node, depth) => (
        <span key={node}>
          {depth > 0 && <span aria-hidden="true"> › </span>}
          {node === -1 ? (
            <span class="quiet">{path.length - 7} more</span>
          ) : node === root ? (
            <b>{shortName(nameOf(tree, look, node))}</b>
          ) : (
            <button type="button" class="link" onClick={() => onZoom(node)}>
              {shortName(nameOf(tree, look, node))}
            </button>
          )}
        </span>
      ))}
    </nav>
  );
}

const inks = [
  'text',
  'quiet',
  'accent',
  'ground',
  'mine',
  'library',
  'system',
  'kernel',
  'tool',
  'match',
] as const;
const scales = ['same', 'grew', 'shrank'] as const;

/** Colours as the style has them now. A canvas does not know variables. */
interface Palette {
  readonly inks: Readonly<Record<(typeof inks)[number], string>>;
  readonly scales: Readonly<Record<(typeof scales)[number], readonly number[]>>;
  readonly font: string;
  /** Pixels of a character: the font has one width. */
  readonly character: number;
}

function usePalette(): Palette {
  const [palette, setPalette] = useState(readPalette);
  useEffect(() => {
    const update = (): void => setPalette(readPalette());
    const scheme = matchMedia('(prefers-color-scheme: dark)');
    scheme.addEventListener('change', update);
    const observer = new MutationObserver(update);
    observer.observe(document.documentElement, { attributeFilter: ['data-theme'] });
    return () => {
      scheme.removeEventListener('change', update);
      observer.disconnect();
    };
  }, []);
  return palette;
}

function readPalette(): Palette {
  const probe = document.body.appendChild(document.createElement('span'));
  const colour = (name: string): string => {
    probe.style.color = `var(--${name})`;
    return getComputedStyle(probe).color;
  };
  probe.style.fontFamily = 'var(--mono)';
  const font = getComputedStyle(probe).fontFamily;
  const read = {
    inks: Object.fromEntries(inks.map((name) => [name, colour(name)])) as Palette['inks'],
    // `rgb(245, 154, 143)`
    scales: Object.fromEntries(
      scales.map((name) => [name, (colour(name).match(/[\d.]+/g) ?? []).slice(0, 3).map(Number)]),
    ) as unknown as Palette['scales'],
    font,
  };
  probe.remove();
  const context = document.createElement('canvas').getContext('2d');
  if (context === null) return { ...read, character: 8 };
  context.font = `12px ${font}`;
  return { ...read, character: context.measureText('mmmmmmmmmm').width / 10 };
}

function prepare(canvas: HTMLCanvasElement, width: number, height: number): CanvasRenderingContext2D | null {
  const scale = devicePixelRatio || 1;
  const [wide, high] = [Math.round(width * scale), Math.round(height * scale)];
  if (canvas.width !== wide) canvas.width = wide;
  if (canvas.height !== high) canvas.height = high;
  canvas.style.width = `${width}px`;
  canvas.style.height = `${height}px`;
  const context = canvas.getContext('2d');
  context?.setTransform(scale, 0, 0, scale, 0, 0);
  context?.clearRect(0, 0, width, height);
  return context;
}

interface Drawing {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly kind: CallKind;
  readonly inlined: boolean;
  readonly name: string;
  readonly amount: string;
  /** From -1 to 1; missing when colours tell owners. */
  readonly change: number | undefined;
  readonly changeText: string;
  readonly found: boolean | undefined;
  readonly marked: boolean;
}

function drawBox(context: CanvasRenderingContext2D, palette: Palette, drawing: Drawing): void {
  const { x, y, kind, inlined, name, amount, change, found, marked } = drawing;
  const width = drawing.width > 3 ? drawing.width - 1 : Math.max(0.5, drawing.width);
  const height = rowHeight - 1;
  context.globalAlpha = found === false ? 0.4 : 1;
  context.fillStyle =
    found === true
      ? palette.inks.match
      : change !== undefined
        ? mixed(palette, change)
        : palette.inks[kind === 'all' || kind === 'sum' ? 'tool' : kind];
  context.fillRect(x, y, width, height);
  if (width > 8) decorate(context, palette, { x, y, width, height, kind, inlined });
  context.globalAlpha = 1;
  if (marked) {
    context.strokeStyle = palette.inks.accent;
    context.lineWidth = 2;
    context.strokeRect(x + 1, y + 1, Math.max(1, width - 2), height - 2);
  }
  const room = Math.floor((width - 10) / palette.character);
  if (room < 3) return;
  const text = fittedName(name, change === undefined ? amount : drawing.changeText, room);
  context.fillStyle = found === false ? palette.inks.quiet : palette.inks.text;
  context.font = `${inlined ? 'italic ' : ''}${kind === 'mine' ? '600 ' : ''}12px ${palette.font}`;
  context.textBaseline = 'middle';
  context.fillText(text, x + 6, y + height / 2 + 0.5, width - 8);
}

/** What tells kinds of calls apart without colour: an edge for my code, stripes for the kernel, dashes for inlined calls. */
function decorate(
  context: CanvasRenderingContext2D,
  { inks: ink }: Palette,
  {
    x,
    y,
    width,
    height,
    kind,
    inlined,
  }: { x: number; y: number; width: number; height: number; kind: CallKind; inlined: boolean },
): void {
  if (kind === 'mine' && width > 16) {
    context.fillStyle = ink.accent;
    context.fillRect(x, y, 3, height);
  }
  if (kind === 'library') {
    context.fillStyle = ink.quiet;
    context.fillRect(x, y, 1.5, height);
  }
  if (kind === 'kernel' || kind === 'sum') {
    context.save();
    context.beginPath();
    context.rect(x, y, width, height);
    context.clip();
    context.globalAlpha *= 0.22;
    context.strokeStyle = ink.quiet;
    context.lineWidth = 1;
    context.beginPath();
    const step = kind === 'kernel' ? 6 : 12;
    // One pattern for the whole row, so that boxes beside each other look like one cloth.
    for (let from = Math.floor((x - height) / step) * step; from < x + width; from += step) {
      context.moveTo(from, y + height);
      context.lineTo(from + height, y);
    }
    context.stroke();
    context.restore();
  }
  if (inlined) {
    context.strokeStyle = ink.quiet;
    context.lineWidth = 1.5;
    context.setLineDash([3, 3]);
    context.beginPath();
    context.moveTo(x, y + height - 1);
    context.lineTo(x + width, y + height - 1);
    context.stroke();
    context.setLineDash([]);
  }
}

function mixed({ scales: { same, grew, shrank } }: Palette, change: number): string {
  const end = change > 0 ? grew : shrank;
  // Small changes must be seen too.
  const part = change === 0 ? 0 : 0.25 + 0.75 * Math.min(1, Math.abs(change) * 1.5);
  const channel = (index: number): number =>
    Math.round((same[index] ?? 0) + part * ((end[index] ?? 0) - (same[index] ?? 0)));
  return `rgb(${channel(0)} ${channel(1)} ${channel(2)})`;
}
