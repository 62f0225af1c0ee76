// Profiles in the format of pprof, a compressed protocol buffer: for `go tool pprof`, Grafana, Polar Signals, Datadog.
import { gzipSync } from 'node:zlib';
import {
  Label,
  Line,
  Location,
  Mapping,
  Function as PprofFunction,
  Profile as PprofProfile,
  Sample,
  StringTable,
  ValueType,
} from 'pprof-format';
import type { CallTree, Measure, Unit } from '../model/profile.ts';
import type { ReportProfile, ReportProfileFrame } from '../model/profile-report.ts';
import type { Report } from '../model/report.ts';
import { nodesInOrder, processName, profilesOf, sumTrees, wholeValue } from './profile-export.ts';
import { caveats, frameName, treeCaveats, whoseProfile } from './profile-text.ts';
import type { Reporter } from './reporter.ts';
import { harmless } from './terminal-text.ts';

/*
 * https://github.com/google/pprof/blob/main/proto/profile.proto
 *
 * Decisions:
 * - A sample has a value for each measure of all profiles; the default is the primary one of the most expensive process.
 * - pid, tid and name of a thread are labels, and so is the program when there are several.
 * - A location is a frame with what was inlined into it, the innermost first, as the format has it.
 * - Of a time line, the peak. Milliseconds become microseconds: values are whole numbers.
 * - That a tree is inferred, and what the tool says of itself, are comments (`go tool pprof -comments`).
 * - The functions are named already, so every mapping says that nothing is left to look up.
 */

/** `--report pprof=FILE`. Bytes, not text. */
export const pprof: Reporter = {
  name: 'pprof',
  render: (report) => renderPprof(report, profilesOf(report, 'pprof')),
};

function* renderPprof(report: Report, profiles: readonly ReportProfile[]): Generator<Uint8Array> {
  yield gzipSync(encoded(report, profiles));
}

const units: Readonly<Partial<Record<Unit, string>>> = {
  bytes: 'bytes',
  ns: 'nanoseconds',
  ms: 'microseconds',
};

function encoded(report: Report, profiles: readonly ReportProfile[]): Uint8Array {
  const strings = new StringTable();
  const word = (text: string): number => strings.dedup(harmless(text));
  const measures = measuresOf(profiles);
  const tables = createTables(word);
  const samples: Sample[] = [];
  const [first] = profiles as readonly [ReportProfile];
  // What stands first is taken for the program itself.
  const name = processName(first);
  tables.mapping(sumTrees(first).frames.find(({ object }) => object?.endsWith(`/${name}`) === true)?.object);
  for (const profile of profiles) {
    const { frames, trees } = sumTrees(profile);
    const columns = measures.map(({ key }) => profile.measures.findIndex((each) => keyOf(each) === key));
    for (const tree of trees) {
      const label = labelsOf(profile, tree, profiles.length > 1, word);
      const place = tables.placesOf(frames, tree);
      for (const node of nodesInOrder(tree)) {
        const value = columns.map((column, measure) =>
          wholeValue(tree.values[column]?.[node] ?? 0, measures[measure]?.unit ?? 'events'),
        );
        if (value.every((each) => each === 0)) continue;
        samples.push(new Sample({ locationId: place(node), value, label }));
      }
    }
  }
  const primary = first.measures[first.primary];
  const comments = [
    `vgrun ${report.vgrun}`,
    ...profiles.flatMap((profile) =>
      [...caveats(profile), ...treeCaveats(profile), ...profile.notes].map((note) =>
        profiles.length > 1 ? `${whoseProfile(profile)}: ${note}` : note,
      ),
    ),
  ];
  const { run } = report;
  const started = run === undefined ? Number.NaN : Date.parse(run.startedAt);
  const profile = new PprofProfile({
    sampleType: measures.map(
      ({ name, unit }) => new ValueType({ type: word(name), unit: word(units[unit] ?? 'count') }),
    ),
    sample: samples,
    mapping: tables.mappings,
    location: tables.locations,
    function: tables.functions,
    stringTable: strings,
    ...(Number.isFinite(started) && { timeNanos: BigInt(started) * 1_000_000n }),
    ...(run?.durationMs !== undefined && { durationNanos: wholeValue(run.durationMs * 1000, 'ms') }),
    comment: comments.map(word),
    ...(primary && { defaultSampleType: word(primary.name) }),
  });
  return profile.encode();
}

function keyOf({ name, unit }: Measure): string {
  return `${unit} ${name}`;
}

/** The measures of all profiles, each once. */
function measuresOf(profiles: readonly ReportProfile[]): readonly (Measure & { readonly key: string })[] {
  const known = new Map<string, Measure & { readonly key: string }>();
  for (const measure of profiles.flatMap((profile) => profile.measures)) {
    const key = keyOf(measure);
    if (!known.has(key)) known.set(key, { ...measure, key });
  }
  return [...known.values()];
}

function labelsOf(
  profile: ReportProfile,
  { name, pid = profile.pid, tid }: CallTree,
  several: boolean,
  word: (text: string) => number,
): Label[] {
  return [
    ...(several ? [new Label({ key: word('program'), str: word(processName(profile)) })] : []),
    ...(pid > 0 ? [new Label({ key: word('pid'), num: pid })] : []),
    ...(tid !== undefined ? [new Label({ key: word('tid'), num: tid })] : []),
    ...(name !== undefined && profile.timeline === undefined
      ? [new Label({ key: word('thread'), str: word(name) })]
      : []),
  ];
}

/** The tables of the format, grown as they are needed. Ids are counted from 1. */
function createTables(word: (text: string) => number) {
  const mappings: Mapping[] = [];
  const functions: PprofFunction[] = [];
  const locations: Location[] = [];
  const mappingOf = new Map<string, number>();
  const functionOf = new Map<string, number>();

  const mapping = (object: string | undefined): number => {
    if (object === undefined) return 0;
    let id = mappingOf.get(object);
    if (id === undefined) {
      id = mappings.length + 1;
      mappingOf.set(object, id);
      mappings.push(
        new Mapping({
          id,
          filename: word(object),
          hasFunctions: true,
          hasFilenames: true,
          hasLineNumbers: true,
          hasInlineFrames: true,
        }),
      );
    }
    return id;
  };
  const line = (frame: ReportProfileFrame): Line => {
    const name = frameName(frame);
    const file = frame.path ?? '';
    const key = `${name}\0${file}`;
    let id = functionOf.get(key);
    if (id === undefined) {
      id = functions.length + 1;
      functionOf.set(key, id);
      functions.push(
        new PprofFunction({ id, name: word(name), systemName: word(name), filename: word(file) }),
      );
    }
    return new Line({ functionId: id, line: Math.max(0, frame.line ?? 0) });
  };

  /** The locations of a node and its callers, innermost first. */
  const placesOf = (frames: readonly ReportProfileFrame[], tree: CallTree) => {
    const frameAt = (node: number): ReportProfileFrame =>
      frames[tree.frames[node] as number] as ReportProfileFrame;
    const known = new Map<string, number>();
    const location = (nodes: readonly number[]): number => {
      const key = nodes.map((node) => tree.frames[node]).join(' ');
      let id = known.get(key);
      if (id === undefined) {
        const outer = frameAt(nodes[nodes.length - 1] as number);
        id = locations.length + 1;
        known.set(key, id);
        locations.push(
          new Location({
            id,
            mappingId: mapping(outer.object),
            address: addressOf(outer.ip),
            line: nodes.map((node) => line(frameAt(node))),
          }),
        );
      }
      return id;
    };
    // The location in which a node is the innermost, and the node that called it: 0 until it is looked up.
    const ids = new Int32Array(tree.parents.length);
    const callers = new Int32Array(tree.parents.length);
    const lookUp = (node: number): void => {
      const nodes = [node];
      let at = node;
      while (frameAt(at).inlined === true && (tree.parents[at] as number) >= 0) {
        at = tree.parents[at] as number;
        nodes.push(at);
      }
      ids[node] = location(nodes);
      callers[node] = tree.parents[at] as number;
    };
    return (node: number): number[] => {
      const path: number[] = [];
      for (let at = node; at >= 0; at = callers[at] as number) {
        if (ids[at] === 0) lookUp(at);
        path.push(ids[at] as number);
      }
      return path;
    };
  };
  return { mappings, functions, locations, mapping, placesOf };
}

// `0x7f31c0de40`
function addressOf(ip: string | undefined): bigint {
  return ip !== undefined && /^0x[0-9a-f]{1,16}$/i.test(ip) ? BigInt(ip) : 0n;
}
