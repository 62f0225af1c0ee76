// Threads that stand at the same calls: their frames, each of which opens to its variables, and the registers.
import { Fragment } from 'preact';
import type { ReportStopFrame, ReportStopThread } from '../../model/report.ts';
import { sentence } from '../sentence.ts';
import {
  endText,
  groupTitle,
  stackChain,
  stopFrameName,
  stopFramePlace,
  type ThreadGroup,
  threadTitle,
  trustMarks,
  variableText,
} from './stop-words.ts';
import { groupWait } from './wait-words.ts';
import { counted, ownerWords, reasonText } from './words.ts';

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
        <b>{groupTitle(group)}</b> {waits} <code class="quiet">{stackChain(first)}</code>
      </summary>
      {group.threads.length === 1 ? (
        <ThreadFrames thread={first} />
      ) : (
        group.threads.map((thread) => (
          <section key={thread.number}>
            <h3>{threadTitle(thread)}</h3>
            <ThreadFrames thread={thread} />
          </section>
        ))
      )}
    </details>
  );
}

interface FramesProps {
  readonly thread: ReportStopThread;
  /** It came to where a probe is: nothing is to blame. */
  readonly isHit?: boolean;
}

/** The calls of a thread, the telling one with its values, and its registers. */
export function ThreadFrames({ thread, isHit = false }: FramesProps) {
  const { frames, blamed, omitted, isCurrent, waits, registers = [] } = thread;
  const end = endText(thread);
  return (
    <>
      <ol class="frames" start={0}>
        {frames.map((frame, index) => (
          <Fragment key={index}>
            {omitted !== undefined && index === omitted.after && (
              <li class="quiet">… {counted(omitted.count, 'frame')} not kept</li>
            )}
            <FrameLine
              frame={frame}
              number={index + (omitted !== undefined && index >= omitted.after ? omitted.count : 0)}
              telling={index === blamed}
              // A thread that only stood by is to blame for nothing.
              blamed={index === blamed && isCurrent === true && !isHit}
            />
          </Fragment>
        ))}
      </ol>
      {end !== '' && <p class="quiet">{end}</p>}
      {waits?.evidence !== undefined && <p class="quiet">How its wait is known: {waits.evidence}</p>}
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

interface LineProps {
  readonly frame: ReportStopFrame;
  readonly number: number;
  /** Its values are shown from the start. */
  readonly telling: boolean;
  readonly blamed: boolean;
}

function FrameLine({ frame, number, telling, blamed }: LineProps) {
  const { variables = [], trust, doubt, found, owner } = frame;
  // What has no name stands where it is: the module is in the name then.
  const place = stopFramePlace(frame);
  const call = (
    <span class="call">
      <span class="index">#{number}</span>
      <code>
        {trust !== 'sure' && <b class="mark">{trustMarks[trust]} </b>}
        <span class="function">{stopFrameName(frame)}</span>{' '}
        {place !== '' && <span class="source">{place}</span>}
      </code>
      {frame.isInlined === true && <span class="chip">inlined</span>}
      {trust !== 'sure' && <span class="chip">{found}</span>}
      {blamed && <span class="chip blame">blamed</span>}
      {owner !== 'mine' && <span class="owner">{ownerWords[owner]}</span>}
    </span>
  );
  const facts = (
    <>
      {doubt !== undefined && <p class="quiet">{sentence(doubt)}</p>}
      {variables.length > 0 && (
        <pre tabIndex={0} aria-label="Variables">
          {variables.map(variableText).join('\n')}
        </pre>
      )}
    </>
  );
  return (
    <li
      class={`frame ${owner}${trust === 'doubtful' ? ' doubtful' : ''}${blamed ? ' blamed' : ''}`}
      title={reasonText(owner, frame.ownerReason)}
    >
      {variables.length === 0 && doubt === undefined ? (
        call
      ) : (
        <details open={telling}>
          <summary>{call}</summary>
          {facts}
        </details>
      )}
    </li>
  );
}
