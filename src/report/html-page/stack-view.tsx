// One stack: my calls in full, runs of others folded into a line that opens.
import { useState } from 'preact/hooks';
import { sentence } from '../sentence.ts';
import type { PageFrame, PageStack } from './payload.ts';
import { counted, functionText, ownerWords, reasonText, sourceText } from './words.ts';

interface Props {
  readonly stack: PageStack;
  readonly text: string | null | undefined;
  /** Instead of the label of the stack. */
  readonly label?: string | undefined;
  /** Position of the blamed frame, when it is in this stack. */
  readonly blamed: number | undefined;
}

export function StackView({ stack, text, label = stack.label, blamed }: Props) {
  const title = text === null || text === undefined ? label : text;
  const parts = foldedParts(stack.frames, blamed);
  return (
    <section class="stack">
      <h3>{sentence(title.charAt(0).toUpperCase() + title.slice(1)).replace(/\.$/, '')}</h3>
      {stack.frames.length === 0 ? (
        <p class="quiet">No calls are known.</p>
      ) : (
        <ol class="frames">
          {parts.map(({ from, frames, folded }) =>
            folded ? (
              <Fold key={from} frames={frames} />
            ) : (
              frames.map((frame, offset) => (
                <FrameLine key={from + offset} frame={frame} blamed={from + offset === blamed} />
              ))
            ),
          )}
        </ol>
      )}
    </section>
  );
}

function Fold({ frames }: { readonly frames: readonly PageFrame[] }) {
  const [open, setOpen] = useState(false);
  if (open) return frames.map((frame, index) => <FrameLine key={index} frame={frame} blamed={false} />);
  const owners = [...new Set(frames.map(({ owner }) => ownerWords[owner]))].join(' and ');
  const names = frames.slice(0, 2).map(functionText).join(', ');
  return (
    <li class="folded">
      <button type="button" onClick={() => setOpen(true)}>
        <span aria-hidden="true">▸</span> {counted(frames.length, `${owners} call`)}{' '}
        <span class="quiet">
          {names}
          {frames.length > 2 ? ', …' : ''}
        </span>
      </button>
    </li>
  );
}

function FrameLine({ frame, blamed }: { readonly frame: PageFrame; readonly blamed: boolean }) {
  // Where the instrument keeps its own malloc helps nobody.
  const source = frame.owner === 'tool' && frame.function !== undefined ? '' : sourceText(frame);
  // All that some tools tell is a line.
  const onlyPlace = frame.function === undefined && frame.ip === undefined && frame.path !== undefined;
  return (
    <li
      class={`frame ${frame.owner}${blamed ? ' blamed' : ''}`}
      title={reasonText(frame.owner, frame.ownerReason)}
    >
      <code>
        <span class="function">{onlyPlace ? '' : functionText(frame)}</span>{' '}
        <span class="source">{source}</span>
      </code>
      {frame.inlined === true && <span class="chip">inlined</span>}
      {blamed && <span class="chip blame">blamed</span>}
      {frame.owner !== 'mine' && <span class="owner">{ownerWords[frame.owner]}</span>}
    </li>
  );
}

interface StackPart {
  readonly from: number;
  readonly frames: readonly PageFrame[];
  readonly folded: boolean;
}

/** Runs of two and more calls that are not mine, but for the one that my code made. A stack without mine is shown whole. */
function foldedParts(frames: readonly PageFrame[], blamed: number | undefined): readonly StackPart[] {
  const none = !frames.some(({ owner }) => owner === 'mine');
  const parts: { from: number; frames: PageFrame[]; folded: boolean }[] = [];
  for (const [index, frame] of frames.entries()) {
    const kept =
      frame.owner === 'mine' ||
      index === blamed ||
      frames[index + 1]?.owner === 'mine' ||
      (none && index < 8);
    const last = parts.at(-1);
    if (last !== undefined && last.folded === !kept) last.frames.push(frame);
    else parts.push({ from: index, frames: [frame], folded: !kept });
  }
  return parts.map((part) => (part.frames.length < 2 ? { ...part, folded: false } : part));
}
