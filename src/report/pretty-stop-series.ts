// What happens from one moment to the next, on a terminal: hits of probes in order, and samples of a process compared.
import type { Report, ReportStop, ReportStopThread } from '../model/report.ts';
import {
  didText,
  foldThreads,
  groupTitle,
  isMoving,
  type Movement,
  movements,
  probeValues,
  seriesFacts,
  stackChain,
  standstillTexts,
  threadTitle,
} from './html-page/stop-words.ts';
import type { Ink } from './pretty-ink.ts';
import { callLines, cycleLines, groupLines, type StopForm, valueLines } from './pretty-stop.ts';
import { clip, grouped, harmless, plural, wrap } from './terminal-text.ts';

/** The hits of all probes as a numbered list, in the order in which they were; of many, the first and the last ones. */
export function* probeLines(
  stops: readonly ReportStop[],
  { processes }: Report,
  form: StopForm,
  ink: Ink,
): Generator<string> {
  const places = new Set(stops.map(({ probe }) => probe?.place));
  const pids = new Set(stops.map(({ pid }) => pid));
  const count = `${grouped(stops.length)} ${plural(stops.length, 'hit')}`;
  const one = places.size === 1 ? ` of ${[...places][0]}` : ` of ${grouped(places.size)} probes`;
  yield `${ink.bold(`Probes: ${count}`)}${ink.dim(harmless(one))}`;
  const most = form.stops * 2;
  const head = stops.length <= most ? stops.length : Math.max(1, most - 2);
  const tail = stops.length <= most ? 0 : Math.min(2, most - 1);
  const width = String(stops.length).length;
  for (const [index, stop] of stops.entries()) {
    if (index >= head && index < stops.length - tail) {
      if (index === head) {
        const left = stops.length - head - tail;
        yield ink.dim(
          `${' '.repeat(width)}  … ${grouped(left)} more ${plural(left, 'hit')}; --all shows ${left === 1 ? 'it' : 'them'}`,
        );
      }
      continue;
    }
    const thread = stop.threads[0];
    const who = [
      ...(pids.size > 1 || processes.length > 1 ? [`process ${stop.pid}`] : []),
      ...(thread === undefined || (thread.number === 1 && thread.name === undefined)
        ? []
        : [threadTitle(thread)]),
      ...(stop.ms === undefined ? [] : [`${Math.round(stop.ms)} ms`]),
    ].join(', ');
    const place = places.size === 1 ? '' : `${stop.probe?.place ?? ''} `;
    const values = stop.probe === undefined ? [] : probeValues(stop.probe);
    const start = `${String(index + 1).padStart(width)}  ${harmless(place)}`;
    const inline = values.join('   ');
    const line = `${start}${harmless(inline)}${who === '' ? '' : `  ${ink.dim(harmless(who))}`}`;
    const fits = start.length + inline.length + who.length + 2 <= ink.columns;
    yield fits ? line : clip(`${start}${ink.dim(harmless(who))}`, ink.columns);
    if (!fits) yield* valueLines(values, form.isWhole || form.variables > 8 ? values.length : 2, ink);
    if (thread === undefined) continue;
    // Arguments and locals are there when --backtrace asked for them.
    if (thread.frames.some(({ variables = [] }) => variables.length > 0)) yield* callLines(thread, form, ink);
    else if (thread.frames.length > 0) {
      yield ink.dim(clip(`${' '.repeat(width)}  ${harmless(stackChain(thread))}`, ink.columns));
    }
  }
}

/** Repeated samples of one process: who stands still, and where the others were. */
export function* sampleLines(series: readonly ReportStop[], form: StopForm, ink: Ink): Generator<string> {
  const [first] = series;
  if (first === undefined) return;
  const facts = [`process ${first.pid}`, ...seriesFacts(series)];
  yield clip(`${ink.bold(`${series.length} samples`)}  ${ink.dim(facts.join(', '))}`, ink.columns);
  for (const text of standstillTexts(series)) {
    yield* wrap(harmless(text), ink.columns - 2).map((line) => `  ${line}`);
  }
  // The last one is what the process still does.
  const cycles = series.findLast(({ deadlocks = [] }) => deadlocks.length > 0);
  for (const deadlock of cycles?.deadlocks ?? []) yield* cycleLines(deadlock, cycles?.threads ?? [], ink);
  const all = movements(series);
  const still = all.filter((each) => each.samples === series.length && !isMoving(each));
  const moved = all.filter((each) => !still.includes(each));
  if (moved.length > 0) yield '  moved:';
  for (const movement of moved.slice(0, form.threads)) yield* movementLines(movement, form, ink);
  const left = moved.length - Math.min(moved.length, form.threads);
  if (left > 0)
    yield ink.dim(
      `    … ${grouped(left)} more ${plural(left, 'thread')}; --all shows ${left === 1 ? 'it' : 'them'}`,
    );
  if (still.length === 0) return;
  yield '  did not move:';
  const groups = foldThreads(still.map(({ thread }) => withoutCurrent(thread)));
  for (const line of groupLines(groups, series.at(-1)?.threads ?? [], form.threads, ink)) yield `  ${line}`;
}

/** In samples no thread is why the process stands still. */
function withoutCurrent({ isCurrent: _, ...thread }: ReportStopThread): ReportStopThread {
  return thread;
}

function* movementLines(movement: Movement, form: StopForm, ink: Ink): Generator<string> {
  const { thread, stacks } = movement;
  const did = didText(movement);
  const title = `${groupTitle({ threads: [thread] })}${did === '' ? '' : `: ${did}`}`;
  yield clip(`    ${harmless(title)}`, ink.columns);
  const most = form.isWhole ? stacks.length : Math.max(1, Math.min(3, form.variables));
  for (const { thread: at, samples } of stacks.slice(0, most)) {
    yield clip(`      ${grouped(samples)} × ${harmless(stackChain(at))}`, ink.columns);
  }
  if (stacks.length > most) yield ink.dim(`      … ${grouped(stacks.length - most)} other stacks`);
}
