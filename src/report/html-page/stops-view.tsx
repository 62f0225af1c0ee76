// Processes that stood still: crashes, cores and samples with all threads, deadlocks, and the hits of probes.
import { useState } from 'preact/hooks';
import type { ReportStop, ReportStopThread } from '../../model/report.ts';
import type { Disassembly } from '../../model/stop.ts';
import { ExcerptView } from './excerpt-view.tsx';
import type { Summary } from './payload.ts';
import {
  didText,
  foldThreads,
  groupStops,
  heldText,
  isMoving,
  momentTitle,
  movements,
  probeValues,
  senderText,
  seriesFacts,
  stackChain,
  standstillTexts,
  stopFrameName,
  stopFramePlace,
  threadTitle,
  trustLegend,
} from './stop-words.ts';
import { GroupView, ThreadFrames } from './thread-view.tsx';
import { deadlockSteps, deadlockTitle } from './wait-words.ts';
import { counted } from './words.ts';

const mostHits = 1000;

/** Hits whose calls are shown with their values from the start. */
const mostOpenHits = 10;

export function StopsView({ summary }: { readonly summary: Summary }) {
  const stops = summary.stops ?? [];
  const { moments, samples, probes } = groupStops(stops);
  const legend = trustLegend(stops);
  return (
    <section class="stops">
      {legend !== undefined && <p class="quiet">{legend}</p>}
      {moments.map((stop) => (
        <Moment key={`${stop.image}-${stop.number}-${stop.cause}`} stop={stop} />
      ))}
      {samples.map((series) => (
        <Samples key={series[0]?.image} series={series} />
      ))}
      {probes.length > 0 && <Probes stops={probes} />}
    </section>
  );
}

function Moment({ stop }: { readonly stop: ReportStop }) {
  const { cause, fault, finding, disassembly, threads, modules, excerpt, core, what } = stop;
  // A process that has crashed does not go on.
  const pausedMs = cause === 'signal' ? undefined : stop.pausedMs;
  const first = threads[0];
  const blamed = first?.blamed === undefined ? undefined : first.frames[first.blamed];
  const sender = senderText(stop);
  return (
    <section class="stop">
      <h2>{momentTitle(stop)}</h2>
      <p class="quiet">
        {finding !== undefined && <a href={`#${finding}`}>{finding}</a>} process {stop.pid},{' '}
        {counted(threads.length, 'thread')}
        {pausedMs === undefined ? '' : `, ${heldText(pausedMs)}`}
        {core === undefined ? '' : `, core file ${core}`}
      </p>
      {(cause === 'signal' || cause === 'sample') && what !== undefined && <p>{what}</p>}
      {fault !== undefined && (
        <p>
          {fault.text} {fault.doubt !== undefined && <span class="quiet">{fault.doubt}</span>}
        </p>
      )}
      {sender !== undefined && <p>{sender}</p>}
      {excerpt !== undefined && <ExcerptView excerpt={excerpt} line={blamed?.line} />}
      {disassembly !== undefined && <Instructions disassembly={disassembly} />}
      <Cycles stop={stop} />
      {foldThreads(threads).map((group, index) => (
        <GroupView
          key={group.threads[0]?.number}
          group={group}
          threads={threads}
          open={index === 0 && (threads.length === 1 || first?.isCurrent === true)}
        />
      ))}
      {modules !== undefined && modules.length > 0 && (
        <details>
          <summary>{counted(modules.length, 'module')}</summary>
          <div class="wide">
            <table>
              <thead>
                <tr>
                  <th scope="col">Module</th>
                  <th scope="col">Addresses</th>
                  <th scope="col">Build-id</th>
                  <th scope="col">File</th>
                </tr>
              </thead>
              <tbody>
                {modules.map(({ path, start, end, buildId, file }) => (
                  <tr key={start}>
                    <th scope="row">
                      <code>{path}</code>
                    </th>
                    <td>
                      <code>
                        {start}-{end}
                      </code>
                    </td>
                    <td>
                      <code>{buildId ?? ''}</code>
                    </td>
                    <td>
                      {file === undefined
                        ? 'not found'
                        : `${file.path}: ${file.symbols === 'none' ? 'no symbols' : file.symbols}${file.matches === 'no' ? ', another build' : ''}`}
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        </details>
      )}
    </section>
  );
}

/** As source is shown, the one that failed marked. */
function Instructions({ disassembly: { lines, current, from } }: { readonly disassembly: Disassembly }) {
  return (
    <>
      <pre class="excerpt" tabIndex={0} aria-label="Instructions">
        {lines.map(({ address, text }, index) => (
          <span key={index} class={index === current ? 'line here' : 'line'}>
            <span class="number">
              {index === current ? '▶' : ' '} {address}
            </span>
            {text}
            {'\n'}
          </span>
        ))}
      </pre>
      {from === 'file' && <p class="quiet">The bytes are those of the file; the memory is not known.</p>}
    </>
  );
}

function Cycles({ stop }: { readonly stop: ReportStop }) {
  return (stop.deadlocks ?? []).map((deadlock, index) => {
    const steps = deadlockSteps(deadlock, stop.threads);
    const [first] = steps;
    if (first === undefined) return null;
    return (
      <section key={index} class="cycle">
        <h3>{deadlockTitle(deadlock)}</h3>
        <ol>
          {steps.map(({ thread, wait, isForLock, frame }, step) => (
            <li key={step}>
              <b>{thread}</b> waits for <code>{wait}</code>
              {isForLock && (
                <>
                  , held by <b>{(steps[step + 1] ?? first).thread}</b>
                </>
              )}
              {frame !== undefined && (
                <p class="quiet">
                  It waits in{' '}
                  <code>
                    {stopFrameName(frame)} {stopFramePlace(frame)}
                  </code>
                </p>
              )}
            </li>
          ))}
        </ol>
      </section>
    );
  });
}

function Samples({ series }: { readonly series: readonly ReportStop[] }) {
  const last = series.findLast(({ deadlocks = [] }) => deadlocks.length > 0);
  const facts = seriesFacts(series);
  const threads = series.at(-1)?.threads ?? [];
  const all = movements(series);
  const still = all.filter((each) => each.samples === series.length && !isMoving(each));
  const moved = all.filter((each) => !still.includes(each));
  return (
    <section class="stop">
      <h2>
        {series.length} samples of process {series[0]?.pid}
      </h2>
      {facts.length > 0 && <p class="quiet">{facts.join(', ')}</p>}
      {standstillTexts(series).map((text) => (
        <p key={text}>{text}</p>
      ))}
      {last !== undefined && <Cycles stop={last} />}
      {moved.length > 0 && <h3>Moved</h3>}
      {moved.map((movement) => (
        <section key={movement.thread.lwp} class="movement">
          <p>
            <b>{threadTitle(movement.thread)}</b> <span class="quiet">{didText(movement)}</span>
          </p>
          <ul>
            {movement.stacks.map(({ thread: at, samples }, index) => (
              <li key={index}>
                {samples} × <code>{stackChain(at)}</code>
              </li>
            ))}
          </ul>
        </section>
      ))}
      {still.length > 0 && <h3>Did not move</h3>}
      {foldThreads(still.map(({ thread }) => thread)).map((group) => (
        <GroupView key={group.threads[0]?.lwp} group={group} threads={threads} open={false} />
      ))}
    </section>
  );
}

function Probes({ stops }: { readonly stops: readonly ReportStop[] }) {
  return (
    <section class="stop">
      <h2>{counted(stops.length, 'hit')} of probes</h2>
      <div class="wide">
        <table>
          <thead>
            <tr>
              <th scope="col" class="number">
                Hit
              </th>
              <th scope="col">Probe</th>
              <th scope="col">Values</th>
              <th scope="col">Where</th>
            </tr>
          </thead>
          <tbody>
            {stops.slice(0, mostHits).map(({ probe, pid, ms, threads }, index) => (
              <tr key={index}>
                <td class="number">{index + 1}</td>
                <td>
                  <code>{probe?.place}</code>
                </td>
                <td>
                  {(probe === undefined ? [] : probeValues(probe)).map((text, value) => (
                    <p key={value}>
                      <code>{text}</code>
                    </p>
                  ))}
                </td>
                <td>
                  process {pid}
                  {threads[0] === undefined ? '' : `, ${threadTitle(threads[0])}`}
                  {ms === undefined ? '' : `, ${Math.round(ms)} ms`}
                  {threads[0] !== undefined && threads[0].frames.length > 0 && (
                    <HitCalls thread={threads[0]} isOpen={index < mostOpenHits} />
                  )}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {stops.length > mostHits && <p>… and {counted(stops.length - mostHits, 'more hit')}.</p>}
    </section>
  );
}

/** How a hit was reached; with the values of each call when --backtrace asked for them, which are made when they are looked at. */
function HitCalls({ thread, isOpen }: { readonly thread: ReportStopThread; readonly isOpen: boolean }) {
  const [open, setOpen] = useState(isOpen);
  const chain = <code>{stackChain(thread)}</code>;
  if (!thread.frames.some(({ variables = [] }) => variables.length > 0)) return <p>{chain}</p>;
  return (
    <details open={open} onToggle={({ currentTarget }) => setOpen(currentTarget.open)}>
      <summary>{chain}</summary>
      {open && <ThreadFrames thread={thread} isHit />}
    </details>
  );
}
