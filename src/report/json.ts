// The report as JSON: report.schema.json, docs/json.md. One line for each finding, process, message and problem.
import { jsonWithShownBytes } from '../model/byte-marks.ts';
import type { Report } from '../model/report.ts';
import type { Reporter } from './reporter.ts';

/** `--report json=FILE`. */
export const json: Reporter = { name: 'json', render: renderJson };

function* renderJson(report: Report): Generator<string> {
  const write = createWriter();
  const entries = Object.entries(report).filter(([, value]) => value !== undefined);
  let between = '{\n';
  for (const [key, value] of entries) {
    yield `${between}${JSON.stringify(key)}: `;
    if (key === 'profiles' && Array.isArray(value)) yield* renderProfiles(value, write);
    else if (Array.isArray(value)) yield* renderList(value, write);
    else yield write(value);
    between = ',\n';
  }
  yield '\n}\n';
}

/** Element by element: findings can be many, and each can be long. */
function* renderList(items: readonly unknown[], write: Write): Generator<string> {
  let between = '[\n';
  for (const item of items) {
    yield `${between}${write(item)}`;
    between = ',\n';
  }
  yield items.length === 0 ? '[]' : '\n]';
}

/** Field by field, and trees one by one: the tables of one profile can be longer than a string can be. */
function* renderProfiles(profiles: readonly object[], write: Write): Generator<string> {
  let between = '[\n';
  for (const profile of profiles) {
    yield between;
    let start = '{';
    for (const key of ordered(Object.keys(profile))) {
      const value = (profile as Readonly<Record<string, unknown>>)[key];
      if (value === undefined) continue;
      yield `${start}${quoted(key)}:`;
      start = ',';
      if (Array.isArray(value)) yield* renderParts(value, write);
      else yield write(value);
    }
    yield start === '{' ? '{}' : '}';
    between = ',\n';
  }
  yield profiles.length === 0 ? '[]' : '\n]';
}

/** A list on the line that it begins on, in pieces of many elements. */
function* renderParts(items: readonly unknown[], write: Write): Generator<string> {
  yield '[';
  for (let from = 0; from < items.length; from += 1000) {
    const text = write(items.slice(from, from + 1000));
    yield `${from === 0 ? '' : ','}${text.slice(1, -1)}`;
  }
  yield ']';
}

type Write = (value: unknown) => string;

/** The keys that objects of one shape have, in the order in which they are made: a tree, and at its nodes the order to write. */
interface Shape {
  readonly next: Map<string, Shape>;
  fields?: readonly (readonly [key: string, start: string])[];
}

/** What `JSON.stringify` would write for plain data, with keys in one order: it would ask a function for each value. */
function createWriter(): Write {
  const root: Shape = { next: new Map() };
  const frameTexts = createTextCache<object>();

  const fieldsOf = (value: object): NonNullable<Shape['fields']> => {
    let shape = root;
    const keys = Object.keys(value);
    for (const key of keys) {
      let next = shape.next.get(key);
      if (next === undefined) {
        next = { next: new Map() };
        shape.next.set(key, next);
      }
      shape = next;
    }
    shape.fields ??= ordered(keys).map((key) => [key, `${quoted(key)}:`] as const);
    return shape.fields;
  };

  const writeList = (items: readonly unknown[]): string => {
    // Columns of a profile, of which there can be millions; what is no number of JSON becomes null.
    if (typeof items[0] === 'number' && items.every((item) => typeof item === 'number'))
      return JSON.stringify(items);
    let text = '[';
    for (let index = 0; index < items.length; index++) {
      if (index > 0) text += ',';
      text += write(items[index]);
    }
    return `${text}]`;
  };

  const writeFrames = (frames: readonly unknown[]): string => {
    let text = '[';
    for (let index = 0; index < frames.length; index++) {
      const frame = frames[index];
      if (index > 0) text += ',';
      text += isPlain(frame) ? frameTexts(frame, writeObject) : write(frame);
    }
    return `${text}]`;
  };

  const writeObject = (value: object): string => {
    const parts: string[] = [];
    for (const [key, start] of fieldsOf(value)) {
      const part = (value as Readonly<Record<string, unknown>>)[key];
      if (part === undefined) continue;
      parts.push(parts.length === 0 ? '{' : ',', start);
      parts.push(key === 'frames' && Array.isArray(part) ? writeFrames(part) : write(part));
    }
    // Unlike what is added up, this is one piece in memory, and takes no more than its characters.
    return parts.length === 0 ? '{}' : `${parts.join('')}}`;
  };

  const write = (value: unknown): string => {
    if (typeof value === 'string') return quoted(value);
    // Columns of a profile: JSON has no NaN.
    if (typeof value === 'number') return Number.isFinite(value) ? String(value) : 'null';
    if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
    return Array.isArray(value) ? writeList(value) : writeObject(value);
  };
  return write;
}

/** The text of an object, made when it is not known. */
export type TextCache<Key> = (key: Key, make: (key: Key) => string) => string;

/**
 * Texts of shared objects: readers intern frames, and outer calls are in nearly every stack. It forgets all when it
 * holds many, so that frames which occur only once do not pile up.
 */
export function createTextCache<Key extends object>(): TextCache<Key> {
  const texts = new Map<Key, string>();
  return (key, make) => {
    const known = texts.get(key);
    if (known !== undefined) return known;
    if (texts.size >= mostTexts) texts.clear();
    const text = make(key);
    texts.set(key, text);
    return text;
  };
}

/** A frame is about 300 characters, so this is 2.5 MB. */
const mostTexts = 8192;

// What a string holds beside plain characters: quotes, backslashes, `#`, and all that is no printable ASCII. The path
// `/usr/lib/libc.so.6` holds nothing of it.
const notPlain = /[^ !$-[\]-~]/;

function quoted(text: string): string {
  return notPlain.test(text) ? harmlessJson(JSON.stringify(text)) : `"${text}"`;
}

const harmful = /[\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069\u200e\u200f\u061c\ufeff]/g;

/** Still the same JSON, and harmless when someone prints it on a terminal or in the log of a CI system. */
export function harmlessJson(text: string): string {
  // `##[group]`, `##vso[…]`, `##teamcity[…]`; to look for the two marks first is much faster.
  const shown = jsonWithShownBytes(text);
  const quiet = shown.includes('##') ? shown.replace(/#(?=#(?:vso|teamcity)?\[)/gi, '\\u0023') : shown;
  return quiet.replace(harmful, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

function isPlain(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * The keys of an object in one order, whichever reader or step made it: reports can then be compared as text.
 * Keys that are data and not fields (heuristics) follow in alphabetical order, and numbers come first, as JavaScript has it.
 */
function ordered(keys: readonly string[]): readonly string[] {
  const sorted = [...keys].sort((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1));
  return Object.keys(Object.fromEntries(sorted.map((key) => [key, true])));
}

let ranks: ReadonlyMap<string, number> | undefined;

function rank(key: string): number {
  ranks ??= new Map(keyOrder.split(' ').map((word, index) => [word, index]));
  return ranks.get(key) ?? ranks.size;
}

/** Every field below the top level, in an order in which a person would ask. */
const keyOrder = [
  'id fingerprint outline rule tool kind severity title error failing pardon standing before hidden name version',
  'failOn onlyMine limits group unit most actual exceeded new known changed fixed notJudged place cost programs',
  'directory command toolOptions startedAt durationMs',
  'growth measure allowed after',
  'mode server passes warmUp parallel requests request',
  'images image pid launch ppid tid parent program argv forked end exit stoppedBy complete startedMs endedMs projectRoot thread',
  'method target sent answered statuses answer status reason contentType location bodyBytes faults unmet lost ended slowestMs',
  'entry measured grew steady',
  'how code level source what alsoSeen message hint details',
  'label text owner ownerReason ip object function file line column path inlined stack frame stacks frames blamed',
  'excerpt firstLine lines span raw count atLeast inherited leak inheritedLeak',
  'bytes directBytes indirectBytes blocks bytesDelta blocksDelta record check',
  'access operation size address descriptor number signal suppression seenIn witnesses meaning advice causes fixes falsePositives options',
  'findings totals heap inUse allocations frees allocatedBytes allFreed',
  'leaks definite indirect possible reachable unfreed heuristics',
  'errors contexts suppressed suppressedContexts computed',
  'artifact offset length quote cut',
  'cause finding ms pausedMs core fault pointer exception isHandled disassembly current codeName sender uid who systemCall architecture threads modules deadlocks probe',
  'lwp isCurrent found trust doubt named functionOffset isInlined isSignalHandler variables type value isArgument omitted registers pointsTo waits isOwnerGone readers timeout isParked evidence activity state systemCall waitChannel cpuMs sleeps',
  'start buildId matches symbols hit changes expression',
  'format measures formula primary stated trees parents values inferred functions costs self inclusive calls cycles',
  'byInclusive bySelf bySelfChange byInclusiveChange files edges callers callees edgesInferred jumps fromLines toLines taken reached left counts sources',
  'timeline clock series snapshots time tree sites node lifetimes maxBytes maxBlocks accesses parts trigger notes',
].join(' ');
