// Threads that stand at the same calls: their frames, each of which opens to its variables, and the registers.
import type { ReportStopFrame, ReportStopThread } from '../../model/report.ts';
import {
  endText,
  groupTitle,
  groupWait,
  stackChain,
  stopFrameName,
  stopFramePlace,
  type ThreadGroup,
  threadTitle,
  trustMarks,
  variableText,
} from './stop-words.ts';
import { ownerWords, reasonText } from './words.ts';

interface Props {
  readonly group: ThreadGroup;
  /** All of the moment: a lock may be held by one of another group. */
  readonly threads: readonly ReportStopThread[];
  readonly open: boolean;
}

export function GroupView({ group, threads, open }: Props) {
  const [first] = group.threads;
  if (first === undefined) return null;
  const waits = groupWait(group, threads);
  return (
    <details class="thread" open={open}>
      <summary>
        <b>{groupTitle(group)}</b> {waits !== '' && <span>{waits} </span>}
        <code class="quiet">{stackChain(first)}</code>
      </summary>
      {group.threads.length === 1 ? (
        <ThreadFrames thread={first} />
      ) : (
        group.threads.map((thread) => (
          <section key={thread.number}>
            <h4>{threadTitle(thread)}</h4>
            <ThreadFrames thread={thread} />
          </section>
        ))
      )}
    </details>
  );
}

function ThreadFrames({ thread }: { readonly thread: ReportStopThread }) {
  const { frames, blamed, omitted, registers = [] } = thread;
  const end = endText(thread);
  return (
    <>
      <ol class="frames" start={0}>
        {frames.map((frame, index) => (
          <FrameLine key={index} frame={frame} blamed={index === blamed} />
        ))}
      </ol>
      {omitted !== undefined && (
        <p class="quiet">
          {omitted.count} frames after the first {omitted.after} were not kept
        </p>
      )}
      {end !== '' && <p class="quiet">{end}</p>}
      {registers.length > 0 && (
        <details>
          <summary>Registers</summary>
          <pre tabIndex={0} aria-label="Registers">
            {registers
              .map(
                ({ name, value, pointsTo }) =>
                  `${name.padEnd(8)} ${value}${pointsTo === undefined ? '' : `  ${pointsTo}`}`,
              )
              .join('\n')}
          </pre>
        </details>
      )}
    </>
  );
}

function FrameLine({ frame, blamed }: { readonly frame: ReportStopFrame; readonly blamed: boolean }) {
  const { variables = [], trust, doubt, found, owner } = frame;
  const call = (
    <>
      {trust !== 'sure' && (
        <abbr title={`found: ${found}${doubt === undefined ? '' : `; ${doubt}`}`}>{trustMarks[trust]} </abbr>
      )}
      <code>
        <span class="function">{stopFrameName(frame)}</span>{' '}
        <span class="source">{stopFramePlace(frame)}</span>
      </code>
      {frame.isInlined === true && <span class="chip">inlined</span>}
      {blamed && <span class="chip blame">mine</span>}
      {owner !== 'mine' && <span class="owner">{ownerWords[owner]}</span>}
    </>
  );
  return (
    <li class={`frame ${owner}${blamed ? ' blamed' : ''}`} title={reasonText(owner, frame.ownerReason)}>
      {variables.length === 0 ? (
        call
      ) : (
        <details open={blamed}>
          <summary>{call}</summary>
          <pre tabIndex={0} aria-label="Variables">
            {variables.map(variableText).join('\n')}
          </pre>
        </details>
      )}
    </li>
  );
}
