// Leaks by the calls that allocated them: an icicle whose widths are bytes, and the same as a table.
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { grouped } from '../terminal-text.ts';
import { type Box, below, type Call, callTree, layOut, leakKinds } from './icicle.ts';
import { frameAt, type Index, textOf } from './payload.ts';
import { counted, functionText, ownerWords, shortBytes, sourceText } from './words.ts';

/** Pixels of a row of boxes. */
const rowHeight = 24;
const mostRows = 200;

export function LeaksView({ index }: { readonly index: Index }) {
  const kinds = useMemo(() => leakKinds(index), [index]);
  const [chosen, setChosen] = useState<ReadonlySet<string>>(() => new Set(kinds));
  const [inverted, setInverted] = useState(false);
  const whole = useMemo(() => callTree(index, chosen, inverted), [index, chosen, inverted]);
  const [zoomed, setZoomed] = useState<Call>(whole);
  const root = isIn(zoomed, whole) ? zoomed : whole;
  const toggle = (kind: string): void =>
    setChosen((before) => {
      const after = new Set(before);
      if (!after.delete(kind)) after.add(kind);
      return after;
    });
  return (
    <section class="leaks" aria-labelledby="leaks-title">
      <h2 id="leaks-title">
        {shortBytes(whole.bytes)} in {counted(whole.blocks, 'block')}, by the calls that allocated them
      </h2>
      <div class="choices">
        <label class="choice">
          <span>From</span>
          <select
            value={inverted ? 'allocation' : 'start'}
            onChange={(event) => setInverted(event.currentTarget.value === 'allocation')}
          >
            <option value="start">the outermost call down</option>
            <option value="allocation">the allocation up</option>
          </select>
        </label>
        {kinds.map((kind) => (
          <label key={kind} class="check">
            <input type="checkbox" checked={chosen.has(kind)} onChange={() => toggle(kind)} />{' '}
            {kind
              .replace(/^Leak_/, '')
              .replace(/(?<=[a-z])(?=[A-Z])/g, ' ')
              .toLowerCase()}
          </label>
        ))}
      </div>
      <Trail index={index} root={root} onZoom={setZoomed} />
      {root.bytes === 0 ? (
        <p class="empty">No bytes were lost{chosen.size < kinds.length ? ' in these kinds' : ''}.</p>
      ) : (
        <Icicle index={index} root={root} onZoom={setZoomed} />
      )}
      <p class="legend" aria-hidden="true">
        {Object.entries(ownerWords).map(([owner, words]) => (
          <span key={owner}>
            <span class={`swatch ${owner}`} /> {words}
          </span>
        ))}
        <span class="quiet">Width is bytes lost directly. Enter or a click zooms in, Esc zooms out.</span>
      </p>
      <CallTable index={index} root={root} whole={whole} onZoom={setZoomed} />
    </section>
  );
}

function isIn(call: Call, whole: Call): boolean {
  let top = call;
  while (top.parent !== undefined) top = top.parent;
  return top === whole;
}

function nameOf(index: Index, call: Call): string {
  if (call.frame < 0) return 'All leaks';
  const frame = frameAt(index, call.frame);
  // All that some tools tell is a line.
  return frame.function === undefined && frame.path !== undefined ? fileOf(index, call) : functionText(frame);
}

/** `src/list.c`: the calls of a function are one, whatever their lines. */
function fileOf(index: Index, call: Call): string {
  if (call.frame < 0) return '';
  const { line: _, ...frame } = frameAt(index, call.frame);
  return sourceText(frame);
}

function ownerOf(index: Index, call: Call): string {
  return call.frame < 0 ? 'all' : frameAt(index, call.frame).owner;
}

interface ZoomProps {
  readonly index: Index;
  readonly root: Call;
  readonly onZoom: (call: Call) => void;
}

function Trail({ index, root, onZoom }: ZoomProps) {
  const trail: Call[] = [];
  for (let call: Call | undefined = root; call !== undefined; call = call.parent) trail.unshift(call);
  if (trail.length < 2) return null;
  return (
    <nav class="zoom" aria-label="Zoom">
      {trail.map((call, depth) => (
        <span key={depth}>
          {depth > 0 && <span aria-hidden="true"> › </span>}
          {call === root ? (
            <b>{nameOf(index, call)}</b>
          ) : (
            <button type="button" class="link" onClick={() => onZoom(call)}>
              {nameOf(index, call)}
            </button>
          )}
        </span>
      ))}
    </nav>
  );
}

function Icicle({ index, root, onZoom }: ZoomProps) {
  const place = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(1000);
  const [active, setActive] = useState<Call>(root);
  const boxes = useMemo(() => layOut(root, 2 / Math.max(200, width)), [root, width]);
  const depth = boxes.reduce((most, box) => Math.max(most, box.depth), 0);
  const focus = boxes.some(({ call }) => call === active) ? active : root;

  useEffect(() => {
    const element = place.current;
    if (element === null) return;
    const observer = new ResizeObserver(() => setWidth(element.clientWidth));
    observer.observe(element);
    return () => observer.disconnect();
  }, []);

  const press = (event: KeyboardEvent): void => {
    const beside = focus.parent === undefined || focus === root ? [] : below(focus.parent);
    const number = beside.indexOf(focus);
    const targets: Readonly<Record<string, Call | undefined>> = {
      ArrowDown: below(focus)[0],
      ArrowUp: focus === root ? undefined : focus.parent,
      ArrowRight: beside[number + 1],
      ArrowLeft: beside[number - 1],
    };
    if (event.key === 'Escape' && root.parent !== undefined) onZoom(root.parent);
    else if (event.key in targets) {
      const target = targets[event.key];
      if (target !== undefined && boxes.some(({ call }) => call === target)) {
        setActive(target);
        requestAnimationFrame(() => place.current?.querySelector<HTMLElement>('[tabindex="0"]')?.focus());
      }
    } else return;
    event.preventDefault();
  };

  return (
    <div
      ref={place}
      class="icicle"
      role="group"
      aria-label="Leaks by calls; arrow keys move, Enter zooms"
      style={{ height: `${(depth + 1) * rowHeight}px` }}
      onKeyDown={press}
    >
      {boxes.map((box) => (
        <BoxButton
          key={`${box.depth} ${box.left}`}
          index={index}
          box={box}
          root={root}
          room={box.width * width}
          focused={box.call === focus}
          onFocus={() => setActive(box.call)}
          onZoom={onZoom}
        />
      ))}
    </div>
  );
}

interface BoxProps extends ZoomProps {
  readonly box: Box;
  /** Pixels. */
  readonly room: number;
  readonly focused: boolean;
  readonly onFocus: () => void;
}

function BoxButton({
  index,
  box: { call, left, width, depth },
  root,
  room,
  focused,
  onFocus,
  onZoom,
}: BoxProps) {
  const name = nameOf(index, call);
  const file = fileOf(index, call);
  const share = ((100 * call.bytes) / root.bytes).toFixed(1);
  const label = `${name} ${shortBytes(call.bytes)}${file === '' ? '' : `, ${file}`}: ${counted(call.bytes, 'byte')} in ${counted(call.blocks, 'block')}, ${share} %`;
  return (
    <button
      type="button"
      class={`box ${ownerOf(index, call)}`}
      tabIndex={focused ? 0 : -1}
      title={label}
      aria-label={label}
      style={{
        left: `${left * 100}%`,
        width: `${width * 100}%`,
        top: `${depth * rowHeight}px`,
      }}
      onFocus={onFocus}
      onClick={() => onZoom(call === root && call.parent !== undefined ? call.parent : call)}
    >
      {room > 30 && (
        <span>
          {name} {room > 160 && <span class="amount">{shortBytes(call.bytes)}</span>}
        </span>
      )}
    </button>
  );
}

function CallTable({ index, root, whole, onZoom }: ZoomProps & { readonly whole: Call }) {
  const rows = below(root);
  return (
    <>
      <h3>{root.parent === undefined ? 'By call' : `Below ${nameOf(index, root)}`}</h3>
      {rows.length > 0 && (
        <div class="wide">
          <table>
            <thead>
              <tr>
                <th scope="col">Call</th>
                <th scope="col" class="number">
                  Bytes
                </th>
                <th scope="col" class="number">
                  Blocks
                </th>
                <th scope="col" class="number">
                  Share
                </th>
                <th scope="col" class="number">
                  Findings
                </th>
              </tr>
            </thead>
            <tbody>
              {rows.slice(0, mostRows).map((call) => (
                <tr key={call.frame}>
                  <th scope="row">
                    <button type="button" class="link" onClick={() => onZoom(call)}>
                      {nameOf(index, call)}
                    </button>{' '}
                    <span class="quiet">{fileOf(index, call)}</span>
                  </th>
                  <td class="number">{grouped(call.bytes)}</td>
                  <td class="number">{grouped(call.blocks)}</td>
                  <td class="number">{((100 * call.bytes) / Math.max(1, whole.bytes)).toFixed(1)} %</td>
                  <td class="number">{grouped(call.findings)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {rows.length > mostRows && <p class="quiet">… and {grouped(rows.length - mostRows)} more.</p>}
      {root.own.length > 0 && (
        <>
          <h3>Findings that end here</h3>
          <ul>
            {root.own.slice(0, mostRows).map((finding) => (
              <li key={finding}>
                <a href={`#${textOf(index, 'id', finding)}`}>{textOf(index, 'id', finding)}</a>{' '}
                {textOf(index, 'title', finding)}
              </li>
            ))}
          </ul>
        </>
      )}
    </>
  );
}
