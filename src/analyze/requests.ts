// Which requests of a replay a finding comes from: by the launch that served one, by the bytes of the log, by what memory grew.
import type { FindingRecord } from '../model/finding.ts';
import type { RequestShare } from '../model/report.ts';
import type { Replay, ReplayedRequest } from '../model/request.ts';
import type { RunManifest, ServedPass } from '../model/run.ts';
import type { FindingDraft, ImageDraft, Listener } from './fold.ts';
import { nameInLaunch } from './launches.ts';
import { leakKindOf } from './leak-policy.ts';
import { sumLeaks } from './leak-sum.ts';
import { type RequestGrowths, requestGrowths, sortedShares } from './request-growth.ts';
import { type ServedPlaces, servedPlaces } from './served-places.ts';
import type { SettledSighting } from './sightings.ts';

/** Collects while records are folded, and tells when all are settled. */
export interface Attribution {
  readonly listener: Listener;
  /** The most expensive first. Empty: it comes from what the program does outside of requests. Undefined: not known. */
  readonly sharesOf: (
    finding: FindingDraft,
    sightings: readonly SettledSighting[],
  ) => readonly RequestShare[] | undefined;
  /** The one request that a process served, where it lived for one only. */
  readonly requestOf: (image: ImageDraft) => number | undefined;
  /** The replay with what memory grew by in each request. */
  readonly replay: Replay;
}

/** @param launches entry n-1 is launch n. */
export function attribution(replay: Replay, launches: readonly RunManifest[]): Attribution {
  const growths = requestGrowths();
  const launchOf = ({ process: { launch } }: ImageDraft): RunManifest | undefined =>
    launch === undefined ? undefined : launches[launch - 1];
  if (replay.mode === 'cgi') {
    const passesOf: PassesOf = (image) => launchOf(image)?.served?.slice(0, 1) ?? [];
    return {
      listener: { finding: () => {}, growth: growths.take },
      sharesOf: (_, sightings) => madeShares(sightings, passesOf),
      requestOf: (image) => passesOf(image)[0]?.request,
      replay,
    };
  }
  const places = launches.map(({ served }) => served && servedPlaces(served));
  const placesOf = ({ process: { launch } }: ImageDraft): ServedPlaces | undefined =>
    launch === undefined ? undefined : places[launch - 1];
  const passesOf = passesOfChildren(launchOf, placesOf);
  const sentOf = new Map(replay.requests.map(({ number, sent }) => [number, sent]));
  const told = new Map<FindingDraft, Map<ImageDraft, Told>>();
  return {
    listener: {
      finding: (finding, image, record) => {
        if (record.leak !== undefined) {
          // Growth is that of the first process, and no other.
          const { pid } = launchOf(image) ?? {};
          if (pid === undefined || pid === image.process.pid)
            growths.meet(finding, image.process.launch, record);
          return;
        }
        const images = told.get(finding) ?? new Map<ImageDraft, Told>();
        told.set(finding, images);
        const known = images.get(image) ?? { requests: new Map(), isKnown: false };
        images.set(image, known);
        note(known, placesOf(image), image.process.artifact, record);
      },
      growth: growths.take,
    },
    sharesOf: (finding, sightings) => {
      const isLeak = leakKindOf(finding.first.kind) !== undefined;
      const made = madeShares(sightings, passesOf, isLeak ? sentOf : undefined);
      const others = isLeak
        ? withIndirect(growths.sharesOf(finding), sightings, growths)
        : toldShares(
            [...(told.get(finding) ?? [])].flatMap(([image, of]) => (isOf(passesOf, image) ? [] : of)),
          );
      return made === undefined ? others : sortedShares(joined(made, others ?? []));
    },
    requestOf: (image) => {
      const [pass, other] = passesOf(image);
      return other === undefined ? pass?.request : undefined;
    },
    get replay() {
      return withGrowth(replay, growths);
    },
  };
}

/** The passes that a process was there for and that it did not outlive; more than one where several were under way at its start. */
type PassesOf = (image: ImageDraft) => readonly ServedPass[];

function isOf(passesOf: PassesOf, image: ImageDraft): boolean {
  return passesOf(image).length > 0;
}

/**
 * A child whose log begins and ends while a request is served was made for it, as fcgiwrap does, and all that it shows is that
 * request's. The first process serves all requests, whenever its log began; a worker that lives on has a log that goes on.
 */
function passesOfChildren(
  launchOf: (image: ImageDraft) => RunManifest | undefined,
  placesOf: (image: ImageDraft) => ServedPlaces | undefined,
): PassesOf {
  const known = new Map<ImageDraft, readonly ServedPass[]>();
  const sizes = new Map<RunManifest, ReadonlyMap<string, number>>();
  const sizeOf = (launch: RunManifest, artifact: string): number => {
    const own = sizes.get(launch) ?? new Map(launch.artifacts.map(({ name, size }) => [name, size]));
    sizes.set(launch, own);
    return own.get(nameInLaunch(artifact)) ?? 0;
  };
  const find = (image: ImageDraft): readonly ServedPass[] => {
    const { pid, artifact } = image.process;
    const launch = launchOf(image);
    const places = placesOf(image);
    if (launch?.pid === undefined || launch.pid === pid || places === undefined) return [];
    if (image.end?.complete !== true) return [];
    const size = sizeOf(launch, artifact);
    const born = size === 0 ? [] : places(artifact, 0);
    const last = new Set(size === 0 ? [] : places(artifact, size - 1));
    return born.some((pass) => last.has(pass)) ? born : [];
  };
  return (image) => {
    const passes = known.get(image) ?? find(image);
    // Its end is not known until all records are read, and nobody asks before.
    known.set(image, passes);
    return passes;
  };
}

/** What children made, and what was measured or told of the first process. */
function joined(made: readonly RequestShare[], others: readonly RequestShare[]): readonly RequestShare[] {
  const byRequest = new Map(made.map((share) => [share.request, share]));
  for (const share of others) {
    const own = byRequest.get(share.request);
    if (own === undefined) byRequest.set(share.request, share);
    else if (own.bytes !== undefined && share.bytes !== undefined) {
      byRequest.set(share.request, {
        ...own,
        count: Math.max(own.count ?? 0, share.count ?? 0),
        bytes: own.bytes + share.bytes,
        blocks: (own.blocks ?? 0) + (share.blocks ?? 0),
        ...(own.steady !== undefined && { steady: own.steady && share.steady === true }),
      });
    }
  }
  return [...byRequest.values()];
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

/** What was seen of a finding in the passes of one request, by pass. */
interface Seen {
  readonly passes: Map<ServedPass, { count: number; bytes: number; blocks: number }>;
  /** It is surely this request's at least once. */
  isSure: boolean;
}

/**
 * Each pass has a process of its own, with those that it started: what these show, the request made.
 *
 * @param sentOf of a program that serves many, of which only some children are looked at: how often each request was sent.
 */
function madeShares(
  sightings: readonly SettledSighting[],
  passesOf: PassesOf,
  sentOf?: ReadonlyMap<number, number>,
): readonly RequestShare[] | undefined {
  const byRequest = new Map<number, Seen>();
  let isLeak = false;
  for (const { image, count, leak, inherited } of sightings) {
    if (inherited) continue;
    const passes = passesOf(image);
    const requests = new Set(passes.map(({ request }) => request));
    for (const request of requests) {
      const seen: Seen = byRequest.get(request) ?? { passes: new Map(), isSure: false };
      byRequest.set(request, seen);
      if (requests.size === 1) seen.isSure = true;
      // Of passes of one request at once, each has a process, and it does not matter which one.
      const own = passes.filter((each) => each.request === request);
      const pass = own.find((each) => !seen.passes.has(each)) ?? own[0];
      if (pass === undefined) continue;
      const before = seen.passes.get(pass) ?? { count: 0, bytes: 0, blocks: 0 };
      if (leak !== undefined) isLeak = true;
      seen.passes.set(pass, {
        count: before.count + count,
        bytes: before.bytes + (leak?.bytes ?? 0),
        blocks: before.blocks + (leak?.blocks ?? 0),
      });
    }
  }
  if (byRequest.size === 0) return undefined;
  return sortedShares(
    [...byRequest].map(([request, seen]) => madeShare(request, seen, isLeak, sentOf?.get(request))),
  );
}

function madeShare(request: number, seen: Seen, isLeak: boolean, sent: number | undefined): RequestShare {
  const passes = [...seen.passes].flatMap(([{ pass }, of]) => (pass < 1 ? [] : of));
  if (!seen.isSure) return { request, how: 'one of', passes: passes.length };
  if (passes.length === 0) return { request, how: 'made', passes: 0 };
  const [first] = passes;
  const sum = (of: (pass: (typeof passes)[number]) => number): number =>
    passes.reduce((total, pass) => total + of(pass), 0);
  const all = Math.max(passes.length, sent ?? 0);
  const steady =
    all === passes.length &&
    passes.every(({ bytes, blocks }) => bytes === first?.bytes && blocks === first.blocks);
  return {
    request,
    how: 'made',
    passes: all,
    count: sent === undefined ? sum(({ count }) => count) : passes.length,
    ...(isLeak && { bytes: sum(({ bytes }) => bytes), blocks: sum(({ blocks }) => blocks) }),
    ...(isLeak && all > 1 && { steady }),
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
    const known = told.requests.get(request) ?? { how: 'one of', passes: new Set() };
    told.requests.set(request, known);
    // Told once while it was served alone, it is this request's, whatever else it may be.
    if (!several) known.how = 'first';
    if (pass >= 1) known.passes.add(`${pass}`);
  }
}

/** @param told by process. */
function toldShares(told: readonly Told[]): readonly RequestShare[] | undefined {
  if (!told.some(({ isKnown }) => isKnown)) return undefined;
  const requests: Told['requests'] = new Map();
  for (const [request, { how, passes }] of told.flatMap((each) => [...each.requests])) {
    const known = requests.get(request) ?? { how, passes: new Set() };
    requests.set(request, known);
    if (how === 'first') known.how = how;
    for (const pass of passes) known.passes.add(pass);
  }
  return sortedShares(
    [...requests].map(([request, { how, passes }]) => ({ request, how, passes: passes.size })),
  );
}
