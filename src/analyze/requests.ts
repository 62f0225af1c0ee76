// Which requests of a replay a finding comes from: by the launch that served one, by the bytes of the log, by what memory grew.
import type { FindingRecord } from '../model/finding.ts';
import type { RequestShare } from '../model/report.ts';
import type { Replay, ReplayedRequest } from '../model/request.ts';
import type { RunManifest, ServedPass } from '../model/run.ts';
import type { FindingDraft, Listener } from './fold.ts';
import { nameInLaunch } from './launches.ts';
import { leakKindOf } from './leak-policy.ts';
import { sumLeaks } from './leak-sum.ts';
import { type RequestGrowths, requestGrowths, sortedShares } from './request-growth.ts';
import type { SettledSighting } from './sightings.ts';

/** Collects while records are folded, and tells when all are settled. */
export interface Attribution {
  readonly listener: Listener;
  /** The most expensive first. Empty: it comes from what the program does outside of requests. Undefined: not known. */
  readonly sharesOf: (
    finding: FindingDraft,
    sightings: readonly SettledSighting[],
  ) => readonly RequestShare[] | undefined;
  /** The request that a launch served, where each pass has a launch of its own. */
  readonly requestOf: (launch: number | undefined) => number | undefined;
  /** The replay with what memory grew by in each request. */
  readonly replay: Replay;
}

/** @param launches entry n-1 is launch n. */
export function attribution(replay: Replay, launches: readonly RunManifest[]): Attribution {
  const growths = requestGrowths();
  if (replay.mode === 'cgi') {
    const passOf = (launch: number | undefined): ServedPass | undefined =>
      launch === undefined ? undefined : launches[launch - 1]?.served?.[0];
    return {
      listener: { finding: () => {}, growth: growths.take },
      sharesOf: (_, sightings) => madeShares(sightings, passOf),
      requestOf: (launch) => passOf(launch)?.request,
      replay,
    };
  }
  const places = launches.map(({ served }) => served && servedPlaces(served));
  const told = new Map<FindingDraft, Told>();
  return {
    listener: {
      finding: (finding, { process: { launch, artifact } }, record) => {
        growths.meet(finding, launch, record);
        if (record.leak !== undefined) return;
        const known = told.get(finding) ?? { requests: new Map(), isKnown: false };
        told.set(finding, known);
        const place = launch === undefined ? undefined : places[launch - 1];
        note(known, place, artifact, record);
      },
      growth: growths.take,
    },
    sharesOf: (finding, sightings) =>
      leakKindOf(finding.first.kind) === undefined
        ? toldShares(told.get(finding))
        : withIndirect(growths.sharesOf(finding), sightings, growths),
    requestOf: () => undefined,
    get replay() {
      return withGrowth(replay, growths);
    },
  };
}

/**
 * Growth is told by the stack that allocated, and what a lost block alone pointed to has stacks of its own. Where one request made
 * all blocks of a finding, it made what is lost with them.
 */
function withIndirect(
  shares: readonly RequestShare[] | undefined,
  sightings: readonly SettledSighting[],
  growths: RequestGrowths,
): readonly RequestShare[] | undefined {
  const [only, second] = shares ?? [];
  const leak = sumLeaks(sightings.flatMap(({ leak, inherited }) => (inherited ? [] : (leak ?? []))));
  if (only === undefined || second !== undefined || leak === undefined) return shares;
  if (only.bytes !== leak.directBytes || only.blocks !== leak.blocks || leak.indirectBytes === 0)
    return shares;
  const { passes = 1, steady } = only;
  // Of the whole growth of a request that is the same each time, no part can differ for long.
  const isSame = steady === true && growths.of(only.request)?.steady === true && leak.bytes % passes === 0;
  return [{ ...only, bytes: leak.bytes, ...(steady !== undefined && { steady: isSame }) }];
}

function withGrowth(replay: Replay, growths: RequestGrowths): Replay {
  const requests = replay.requests.map((request): ReplayedRequest => {
    const growth = growths.of(request.number);
    return growth === undefined ? request : { ...request, growth };
  });
  return { ...replay, requests };
}

/** What was seen of a finding in the passes of one request, by launch. */
type Passes = Map<number, { count: number; bytes: number; blocks: number }>;

/** Each pass has a process of its own, with those that it started: what these show, the request made. */
function madeShares(
  sightings: readonly SettledSighting[],
  passOf: (launch: number | undefined) => ServedPass | undefined,
): readonly RequestShare[] | undefined {
  const byRequest = new Map<number, Passes>();
  let isLeak = false;
  for (const { image, count, leak, inherited } of sightings) {
    const { launch } = image.process;
    const request = passOf(launch)?.request;
    if (inherited || launch === undefined || request === undefined) continue;
    const passes: Passes = byRequest.get(request) ?? new Map();
    byRequest.set(request, passes);
    const before = passes.get(launch) ?? { count: 0, bytes: 0, blocks: 0 };
    if (leak !== undefined) isLeak = true;
    passes.set(launch, {
      count: before.count + count,
      bytes: before.bytes + (leak?.bytes ?? 0),
      blocks: before.blocks + (leak?.blocks ?? 0),
    });
  }
  if (byRequest.size === 0) return undefined;
  return sortedShares(
    [...byRequest].map(([request, passes]) => madeShare(request, [...passes.values()], isLeak)),
  );
}

function madeShare(
  request: number,
  passes: readonly { readonly count: number; readonly bytes: number; readonly blocks: number }[],
  isLeak: boolean,
): RequestShare {
  const [first] = passes;
  const sum = (of: (pass: (typeof passes)[number]) => number): number =>
    passes.reduce((total, pass) => total + of(pass), 0);
  const steady = passes.every(({ bytes, blocks }) => bytes === first?.bytes && blocks === first.blocks);
  return {
    request,
    how: 'made',
    passes: passes.length,
    count: sum(({ count }) => count),
    ...(isLeak && { bytes: sum(({ bytes }) => bytes), blocks: sum(({ blocks }) => blocks) }),
    ...(isLeak && passes.length > 1 && { steady }),
  };
}

/** In which requests an error was told. */
interface Told {
  readonly requests: Map<number, { how: 'first' | 'one of'; readonly passes: Set<string> }>;
  /** The place in the log is known of at least one record. */
  isKnown: boolean;
}

function note(
  told: Told,
  places: ServedPlaces | undefined,
  ofProcess: string,
  { span }: Pick<FindingRecord, 'span'>,
): void {
  if (places === undefined || span === undefined) return;
  told.isKnown = true;
  const passes = places(span.artifact === '' ? ofProcess : span.artifact, span.offset);
  const several = new Set(passes.map(({ request }) => request)).size > 1;
  for (const { request, pass } of passes) {
    const known = told.requests.get(request);
    // Told once while it was served alone, it is this request's, whatever else it may be.
    if (known === undefined)
      told.requests.set(request, { how: several ? 'one of' : 'first', passes: new Set() });
    else if (!several) known.how = 'first';
    told.requests.get(request)?.passes.add(`${pass}`);
  }
}

function toldShares(told: Told | undefined): readonly RequestShare[] | undefined {
  if (told === undefined || !told.isKnown) return undefined;
  const shares = [...told.requests].map(
    ([request, { how, passes }]): RequestShare => ({ request, how, passes: passes.size }),
  );
  return sortedShares(shares);
}

/** The passes in which a byte of a log was written. */
type ServedPlaces = (artifact: string, offset: number) => readonly ServedPass[];

interface Range {
  readonly from: number;
  readonly to: number;
  readonly pass: ServedPass;
  /** The highest `to` of this range and those before it. */
  reach: number;
}

/** Ranges of requests that were served at once overlap, so several may hold a byte. */
function servedPlaces(served: readonly ServedPass[]): ServedPlaces {
  const byArtifact = new Map<string, Range[]>();
  for (const pass of served) {
    for (const { artifact, from, to } of pass.grown ?? []) {
      const ranges = byArtifact.get(artifact) ?? [];
      byArtifact.set(artifact, ranges);
      ranges.push({ from, to, pass, reach: to });
    }
  }
  for (const ranges of byArtifact.values()) {
    ranges.sort((a, b) => a.from - b.from);
    let reach = 0;
    for (const range of ranges) {
      reach = Math.max(reach, range.to);
      range.reach = reach;
    }
  }
  return (artifact, offset) => {
    const ranges = byArtifact.get(nameInLaunch(artifact)) ?? [];
    const found: ServedPass[] = [];
    for (let index = lastAtOrBefore(ranges, offset); index >= 0; index--) {
      const range = ranges[index];
      if (range === undefined || range.reach <= offset) break;
      if (offset < range.to) found.push(range.pass);
    }
    return found;
  };
}

/** Position of the last range that begins at or before a byte; -1 when there is none. */
function lastAtOrBefore(ranges: readonly Range[], offset: number): number {
  let [low, high] = [0, ranges.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((ranges[middle]?.from ?? 0) <= offset) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}
