// Folds the stream of records into drafts: one for each process image and one for each distinct finding.
import type { FindingRecord, Frame, Leak, Stack } from '../model/finding.ts';
import type { Problem } from '../model/problem.ts';
import type { Profile } from '../model/profile.ts';
import type {
  Amount,
  CountsRecord,
  FatalSignalRecord,
  GrowthRecord,
  MessageRecord,
  ProcessEndRecord,
  ProcessRecord,
  RunRecord,
  StopRecord,
  SuppressionUseRecord,
  ThreadRecord,
  TotalsRecord,
} from '../model/record.ts';
import { factsKey } from './access-facts.ts';
import {
  compareSites,
  exactKey,
  exactNumbers,
  type FrameNumbers,
  fingerprintOf,
  foldKey,
  frameNumbers,
  type Identity,
  identify,
  stackKey,
} from './fingerprint.ts';
import { type LeakKind, type LeakPolicy, leakCounts, leakKindOf } from './leak-policy.ts';
import { addLeaks } from './leak-sum.ts';
import { isToolFrame } from './ownership.ts';
import { noteVariant } from './variants.ts';

/** A distinct finding. `first` is the record that showed it first and stands for all. */
export interface FindingDraft extends Identity {
  /** Settled when all records are read: it depends on what else is in the same functions. */
  fingerprint: string;
  readonly first: FindingRecord;
  /** Creation of the threads that `first` names, as stacks. */
  readonly threadStacks: readonly Stack[];
  /** What further records said that `first` did not. */
  readonly variants: Set<string>;
  suppression: string | undefined;
  /** Not all of its records tell the same of the access and the block: `first` does not speak for all. */
  mixed: boolean;
  facts: string | undefined;
  readonly sightings: Map<ImageDraft, SightingDraft>;
}

/** A finding that is no leak, in one image. */
export interface SightingDraft {
  /** Error contexts: distinct `unique` ids, or records without one. */
  contexts: number;
  /** Occurrences as the records themselves say, 1 where they do not. */
  stated: number;
  /** Contexts and occurrences that a CountsRecord told. */
  countedContexts: number;
  counted: number;
}

/** Loss records for one exact allocation stack in one image, all from the same leak check. */
export interface LeakGroup {
  check: number;
  readonly sightings: Map<FindingDraft, { leak: Leak; records: number }>;
}

/** A process image and what was summed up for it. */
export interface ImageDraft {
  readonly process: ProcessRecord;
  readonly policy: LeakPolicy;
  end?: ProcessEndRecord;
  fatal?: FatalSignalRecord;
  totals: Partial<Pick<TotalsRecord, 'heap' | 'leaks' | 'errors'>>;
  /** Σ over CountsRecords; missing when there was none. */
  counts?: { errors: number; contexts: number };
  /** Error contexts seen as records, leaks not among them. */
  contexts: number;
  /** Loss records that count as errors, over all checks: valgrind counts them anew at each check. */
  failingLeaks: number;
  /** What was measured in it, one for each file that tells. */
  readonly profiles: Profile[];
  /** The `unique` ids of those, and the lowest of the image: a forked child goes on counting from its parent's. */
  readonly leakUniques: number[];
  lowestUnique: number;
  /** valgrind says that it ended the program itself, as `--exit-on-first-error=yes` asks. */
  stoppedAtFirstError: boolean;
  suppressionUses: number;
  /** There are blocks that the program's own allocator announced; valgrind's heap use does not hold them all. */
  announcedBlocks: boolean;
  /** Highest leak check of which there is a record, and its direct bytes by kind. */
  leakCheck: number;
  leakSums: Map<LeakKind, Amount>;
  /** By `exactKey`: comparable between images. */
  readonly leakGroups: Map<string, LeakGroup>;
  readonly findings: Set<FindingDraft>;
  readonly byUnique: Map<number | string, SightingDraft>;
  readonly threads: Map<number, ThreadRecord>;
  /** Moments at which it stood still, each with the finding that it shows. */
  readonly stops: StopDraft[];
}

/** A moment at which an image stood still. */
export interface StopDraft {
  readonly stop: StopRecord['stop'];
  readonly finding: FindingDraft | undefined;
}

/** A message with the image that said it. */
export interface MessageDraft {
  readonly image: ImageDraft;
  readonly message: MessageRecord | FatalSignalRecord;
}

/** Is told of records that say something about the time at which they were made, which drafts do not keep. */
export interface Listener {
  readonly finding: (finding: FindingDraft, image: ImageDraft, record: FindingRecord) => void;
  readonly growth: (record: GrowthRecord) => void;
}

/** All that the records came to. */
export interface Folded {
  readonly images: readonly ImageDraft[];
  /** In order of first appearance. */
  readonly findings: readonly FindingDraft[];
  readonly suppressions: readonly SuppressionUseRecord[];
  readonly messages: readonly MessageDraft[];
  readonly problems: readonly Problem[];
}

// Bounds against logs that say endless small things; what is beyond is counted and said in a problem.
const mostMessages = 1000;
const mostProblems = 1000;
const mostKeys = 50_000;

interface State {
  readonly images: Map<number, ImageDraft>;
  /** By base and site. */
  readonly findings: Map<string, FindingDraft>;
  /** Only a cache before `findings`: may be emptied at any time. */
  readonly byKey: Map<string, FindingDraft>;
  readonly number: FrameNumbers;
  readonly numberExactly: (frame: Frame) => number;
  readonly suppressions: Map<string, SuppressionUseRecord>;
  readonly messages: MessageDraft[];
  readonly problems: Problem[];
  messagesLeftOut: number;
  problemsLeftOut: number;
  readonly policyFor: (process: ProcessRecord) => LeakPolicy;
  readonly listener: Listener | undefined;
}

/**
 * Reads all records. Memory grows with distinct findings and process images, and by a number for each error context
 * of an image that has not ended; not with repetitions.
 */
export async function fold(
  records: AsyncIterable<RunRecord> | Iterable<RunRecord>,
  policyFor: (process: ProcessRecord) => LeakPolicy,
  listener?: Listener,
): Promise<Folded> {
  const state: State = {
    images: new Map(),
    findings: new Map(),
    byKey: new Map(),
    number: frameNumbers(),
    numberExactly: exactNumbers(),
    suppressions: new Map(),
    messages: [],
    problems: [],
    messagesLeftOut: 0,
    problemsLeftOut: 0,
    policyFor,
    listener,
  };
  // `for await` over an array would cost a promise for each record.
  if (Symbol.asyncIterator in records) for await (const record of records) take(state, record);
  else for (const record of records) take(state, record);

  numberSites(state.findings.values());
  const { messagesLeftOut, problemsLeftOut } = state;
  if (messagesLeftOut > 0) {
    const message = `${messagesLeftOut} further messages are left out; the artifacts hold them.`;
    state.problems.push({ code: 'messages-left-out', level: 'note', message });
  }
  if (problemsLeftOut > 0) {
    const message = `${problemsLeftOut} further problems of reading are left out.`;
    state.problems.push({ code: 'problems-left-out', level: 'incomplete', message });
  }
  return {
    images: [...state.images.values()],
    findings: [...state.findings.values()],
    suppressions: [...state.suppressions.values()],
    messages: state.messages,
    problems: state.problems,
  };
}

function take(state: State, record: RunRecord): void {
  switch (record.type) {
    case 'process':
      state.images.set(record.image, newImage(record, state.policyFor(record)));
      return;
    case 'problem':
      if (state.problems.length < mostProblems) state.problems.push(record.problem);
      else state.problemsLeftOut++;
      return;
    case 'growth':
      state.listener?.growth(record);
      return;
    default:
      takeOfImage(state, imageOf(state, record.image), record);
  }
}

type OfImage = Exclude<RunRecord, { type: 'process' | 'problem' | 'growth' }>;

function takeOfImage(state: State, image: ImageDraft, record: OfImage): void {
  switch (record.type) {
    case 'finding':
      takeFinding(state, image, record);
      return;
    case 'counts':
      takeCounts(image, record);
      return;
    case 'totals':
      image.totals = {
        ...image.totals,
        ...(record.heap && { heap: record.heap }),
        ...(record.leaks && { leaks: record.leaks }),
        ...(record.errors && { errors: record.errors }),
      };
      return;
    case 'profile':
      image.profiles.push(record.profile);
      return;
    case 'stop':
      image.stops.push({ stop: record.stop, finding: findingOfStop(image, record) });
      return;
    case 'thread':
      image.threads.set(record.id, record);
      return;
    case 'suppression-use':
      image.suppressionUses += record.count;
      addSuppression(state.suppressions, record);
      return;
    case 'fatal-signal':
      image.fatal = record;
      takeMessage(state, image, record);
      return;
    case 'message':
      takeMessage(state, image, record);
      return;
    case 'process-end':
      image.end = record;
      image.byUnique.clear();
      image.threads.clear();
  }
}

function newImage(process: ProcessRecord, policy: LeakPolicy): ImageDraft {
  return {
    process,
    policy,
    totals: {},
    contexts: 0,
    failingLeaks: 0,
    profiles: [],
    leakUniques: [],
    lowestUnique: Number.POSITIVE_INFINITY,
    stoppedAtFirstError: false,
    suppressionUses: 0,
    announcedBlocks: false,
    leakCheck: 0,
    leakSums: new Map(),
    leakGroups: new Map(),
    findings: new Set(),
    byUnique: new Map(),
    threads: new Map(),
    stops: [],
  };
}

/** Records of an image that never began still belong to some process: one without a pid. */
function imageOf(state: State, number: number): ImageDraft {
  const known = state.images.get(number);
  if (known !== undefined) return known;
  const process: ProcessRecord = {
    type: 'process',
    image: number,
    pid: 0,
    argv: [],
    instrumentArgv: [],
    forked: false,
    artifact: '',
  };
  const image = newImage(process, state.policyFor(process));
  state.images.set(number, image);
  return image;
}

function takeFinding(state: State, image: ImageDraft, record: FindingRecord): void {
  const finding = findingOf(state, image, record);
  state.listener?.finding(finding, image, record);
  if (finding.suppression === undefined) finding.suppression = record.suppression;
  noteVariant(finding.variants, finding.first, record);
  if (!finding.mixed && record !== finding.first && record.leak === undefined)
    noteFacts(state, finding, record);
  image.findings.add(finding);
  const unique = Number(record.unique);
  if (unique < image.lowestUnique) image.lowestUnique = unique;
  if (record.leak === undefined) takeError(image, finding, record);
  else takeLeak(state, image, finding, record, record.leak);
}

/** The finding comes before the stop that shows it. */
function findingOfStop(
  { findings, byUnique }: ImageDraft,
  { finding }: StopRecord,
): FindingDraft | undefined {
  if (finding === undefined) return undefined;
  const shown = byUnique.get(uniqueKey(finding));
  for (const draft of shown === undefined ? [] : findings) {
    for (const sighting of draft.sightings.values()) if (sighting === shown) return draft;
  }
  return undefined;
}

function noteFacts({ number }: State, finding: FindingDraft, record: FindingRecord): void {
  const keyOf = (frames: readonly Frame[]): string => stackKey(frames, number);
  finding.facts ??= factsKey(finding.first, keyOf);
  finding.mixed = factsKey(record, keyOf) !== finding.facts;
}

function findingOf(state: State, image: ImageDraft, record: FindingRecord): FindingDraft {
  const key = foldKey(record, state.number);
  const known = state.byKey.get(key);
  if (known !== undefined) return known;
  const { base, outline, site } = identify(record);
  const place = `${base} ${site}`;
  let finding = state.findings.get(place);
  if (finding === undefined) {
    finding = {
      base,
      outline,
      site,
      fingerprint: base,
      first: record,
      threadStacks: threadStacks(image, record),
      variants: new Set(),
      suppression: undefined,
      mixed: false,
      facts: undefined,
      sightings: new Map(),
    };
    state.findings.set(place, finding);
  }
  if (state.byKey.size >= mostKeys) state.byKey.clear();
  state.byKey.set(key, finding);
  return finding;
}

/** Tells findings in the same functions apart, in the order of their lines. */
function numberSites(findings: Iterable<FindingDraft>): void {
  const byBase = new Map<string, FindingDraft[]>();
  for (const finding of findings) {
    const same = byBase.get(finding.base);
    if (same === undefined) byBase.set(finding.base, [finding]);
    else same.push(finding);
  }
  for (const [base, places] of byBase) {
    places.sort((a, b) => compareSites(a.site, b.site));
    for (const [index, finding] of places.entries()) finding.fingerprint = fingerprintOf(base, index + 1);
  }
}

/** Where the threads were created that an error names; the tool announces them before the error. */
function threadStacks(image: ImageDraft, record: FindingRecord): readonly Stack[] {
  const stacks: Stack[] = [];
  for (const id of record.threads ?? []) {
    const thread = image.threads.get(id);
    if (thread === undefined || thread.frames.length === 0) continue;
    stacks.push({ label: 'thread created at', text: `Thread #${id} was created`, frames: thread.frames });
  }
  return stacks;
}

function takeError(image: ImageDraft, finding: FindingDraft, record: FindingRecord): void {
  let sighting = finding.sightings.get(image);
  if (sighting === undefined) {
    sighting = { contexts: 0, stated: 0, countedContexts: 0, counted: 0 };
    finding.sightings.set(image, sighting);
  }
  if (record.unique !== undefined) {
    const unique = uniqueKey(record.unique);
    // The same error twice, as in a document that was copied onto itself, is still one error.
    if (image.byUnique.has(unique)) return;
    image.byUnique.set(unique, sighting);
  }
  sighting.contexts++;
  sighting.stated += record.count ?? 1;
  if (record.count !== undefined) {
    sighting.countedContexts++;
    sighting.counted += record.count;
  }
  image.contexts++;
}

/** Numbers take a tenth of the memory of strings, and there can be as many as errors: `0x1f`. */
function uniqueKey(unique: string): number | string {
  const number = Number(unique);
  return Number.isSafeInteger(number) ? number : unique;
}

function takeCounts(image: ImageDraft, record: CountsRecord): void {
  image.counts ??= { errors: 0, contexts: 0 };
  for (const [unique, count] of record.counts) {
    image.counts.errors += count;
    image.counts.contexts++;
    // A forked child repeats the counts of its parent's errors, which its own document does not hold.
    const sighting = image.byUnique.get(uniqueKey(unique));
    if (sighting === undefined) continue;
    sighting.countedContexts++;
    sighting.counted += count;
  }
}

function takeLeak(
  state: State,
  image: ImageDraft,
  finding: FindingDraft,
  record: FindingRecord,
  leak: Leak,
): void {
  const kind = leakKindOf(record.kind);
  if (leakCounts(record.kind, image.policy)) {
    image.failingLeaks++;
    if (image.leakUniques.length < mostKeys) image.leakUniques.push(Number(record.unique));
  }
  if (leak.check > image.leakCheck) {
    image.leakCheck = leak.check;
    image.leakSums.clear();
  }
  if (leak.check === image.leakCheck && kind !== undefined) {
    const sum = image.leakSums.get(kind) ?? { bytes: 0, blocks: 0 };
    image.leakSums.set(kind, { bytes: sum.bytes + leak.directBytes, blocks: sum.blocks + leak.blocks });
  }
  const frames = record.stacks[0]?.frames ?? [];
  const allocator = frames[0];
  if (allocator === undefined || !isToolFrame(allocator)) image.announcedBlocks = true;
  const key = exactKey(frames, state.numberExactly);
  let group = image.leakGroups.get(key);
  if (group === undefined) {
    group = { check: leak.check, sightings: new Map() };
    image.leakGroups.set(key, group);
  }
  if (leak.check < group.check) return;
  if (leak.check > group.check) {
    group.check = leak.check;
    group.sightings.clear();
  }
  const earlier = group.sightings.get(finding);
  if (earlier === undefined) group.sightings.set(finding, { leak, records: 1 });
  else {
    earlier.leak = addLeaks(earlier.leak, leak);
    earlier.records++;
  }
}

function addSuppression(all: Map<string, SuppressionUseRecord>, record: SuppressionUseRecord): void {
  const key = `${record.name}\0${record.place ?? ''}`;
  const before = all.get(key);
  all.set(
    key,
    before === undefined
      ? record
      : {
          ...before,
          count: before.count + record.count,
          ...(record.bytes !== undefined && { bytes: (before.bytes ?? 0) + record.bytes }),
          ...(record.blocks !== undefined && { blocks: (before.blocks ?? 0) + record.blocks }),
        },
  );
}

// `Exit program on first error (--exit-on-first-error=yes)`
const firstErrorStop = /^Exit program on first error \(--exit-on-first-error=yes\)/;

// `could not unlink /home/ann/list/.vgrun/runs/20260801-120000-list/vgdb-pipe-from-vgdb-to-101-by-ann-on-host`: a
// program that tidied up took the pipes that vgrun, not the user, asked valgrind for. A line for each of the three.
const pipeGone =
  /^could not unlink .*\/vgdb-pipe-(?:from-vgdb-to|to-vgdb-from|shared-mem-vgdb)-\d+-by-.*(?:\n|$)/gm;

function takeMessage(state: State, image: ImageDraft, said: MessageRecord | FatalSignalRecord): void {
  let message = said;
  if (message.type === 'message' && message.source !== 'client') {
    if (firstErrorStop.test(message.text)) image.stoppedAtFirstError = true;
    const text = message.text.replace(pipeGone, '').trimEnd();
    if (text === '' && message.text !== '') return;
    if (text !== message.text) message = { ...message, text };
  }
  if (state.messages.length < mostMessages) state.messages.push({ image, message });
  else state.messagesLeftOut++;
}
