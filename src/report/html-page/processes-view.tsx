// The process tree, and when each process ran.
import { useMemo, useState } from 'preact/hooks';
import type { ReportProcess } from '../../model/report.ts';
import { type Replay, requestName } from '../../model/request.ts';
import { depthsOf, endText } from '../pretty-summary.ts';
import { grouped } from '../terminal-text.ts';
import type { Summary } from './payload.ts';
import { durationText } from './words.ts';

const mostProcesses = 500;

export function ProcessesView({ summary }: { readonly summary: Summary }) {
  const { processes, replay } = summary;
  const [all, setAll] = useState(false);
  const depths = useMemo(() => depthsOf(processes), [processes]);
  const end = useMemo(
    () =>
      processes.reduce(
        (latest, { startedMs = 0, endedMs = 0 }) => Math.max(latest, startedMs, endedMs),
        summary.run?.durationMs ?? 0,
      ),
    [processes, summary],
  );
  const timed = processes.some(({ startedMs }) => startedMs !== undefined);
  const shown = all ? processes : processes.slice(0, mostProcesses);
  return (
    <section class="processes" aria-labelledby="processes-title">
      <h2 id="processes-title">
        {grouped(processes.length)} {processes.length === 1 ? 'process' : 'processes'}
      </h2>
      <div class="wide">
        <table>
          <thead>
            <tr>
              <th scope="col">Process</th>
              <th scope="col">How it ended</th>
              <th scope="col" class="number">
                All findings
              </th>
              <th scope="col" class="time">
                {timed ? (
                  <span class="scale">
                    <span>0</span>
                    <span>{durationText(end)}</span>
                  </span>
                ) : (
                  'Time'
                )}
              </th>
            </tr>
          </thead>
          <tbody>
            {shown.map((process, number) => (
              <tr key={process.image}>
                <th scope="row">
                  <span
                    class="process"
                    style={{
                      paddingInlineStart: `${Math.min(12, depths.get(process.image) ?? 0) * 1.25}rem`,
                    }}
                  >
                    <code>
                      {process.pid} {process.program}
                    </code>{' '}
                    <span class="quiet">{howMade(process, processes[number - 1])}</span>{' '}
                    {process.request !== undefined && (
                      <span class="quiet">{requestText(process.request, replay)}</span>
                    )}
                    {process.argv.length > 1 && <span class="argv">{process.argv.slice(1).join(' ')}</span>}
                  </span>
                </th>
                <td>
                  {process.complete ? '' : <span aria-hidden="true">⚠ </span>}
                  {endText(process)}
                </td>
                <td class="number">{grouped(process.findings)}</td>
                <td class="time">
                  <TimeBar process={process} end={end} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {shown.length < processes.length && (
        <button type="button" onClick={() => setAll(true)}>
          Show all {grouped(processes.length)}
        </button>
      )}
    </section>
  );
}

function requestText(number: number, replay: Replay | undefined): string {
  const request = replay?.requests[number - 1];
  return request?.number === number ? requestName(request) : `request ${number}`;
}

function howMade(process: ReportProcess, before: ReportProcess | undefined): string {
  if (before?.pid === process.pid && before.launch === process.launch && process.pid !== 0) return 'exec';
  return process.forked ? 'fork' : '';
}

function TimeBar({
  process: { startedMs, endedMs, findings },
  end,
}: {
  process: ReportProcess;
  end: number;
}) {
  if (startedMs === undefined || end === 0) return <span class="quiet">time not known</span>;
  const until = endedMs ?? end;
  const text =
    endedMs === undefined
      ? `from ${durationText(startedMs)}, its end is not known`
      : `${durationText(startedMs)} to ${durationText(endedMs)}`;
  return (
    <span class="track" title={text}>
      <span
        class={`bar${findings > 0 ? ' found' : ''}${endedMs === undefined ? ' endless' : ''}`}
        style={{
          insetInlineStart: `${(100 * startedMs) / end}%`,
          width: `${(100 * Math.max(0, until - startedMs)) / end}%`,
        }}
      />
      <span class="unseen">{text}</span>
    </span>
  );
}
