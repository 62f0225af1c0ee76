// The report as JSON: report.schema.json, docs/json.md. One line for each finding, process, message and problem.
import type { Report } from '../model/report.ts';
import type { Reporter } from './reporter.ts';

/** `--report json=FILE`. */
export const json: Reporter = { name: 'json', render: renderJson };

function* renderJson(report: Report): Generator<string> {
  const entries = Object.entries(report).filter(([, value]) => value !== undefined);
  let between = '{\n';
  for (const [key, value] of entries) {
    yield `${between}${JSON.stringify(key)}: `;
    if (Array.isArray(value)) yield* renderList(value);
    else yield write(value);
    between = ',\n';
  }
  yield '\n}\n';
}

/** Element by element: findings can be many, and each can be long. */
function* renderList(items: readonly unknown[]): Generator<string> {
  let between = '[\n';
  for (const item of items) {
    yield `${between}${write(item)}`;
    between = ',\n';
  }
  yield items.length === 0 ? '[]' : '\n]';
}

function write(value: unknown): string {
  return harmlessJson(JSON.stringify(value, (_, part: unknown) => (isPlain(part) ? ordered(part) : part)));
}

/** Still the same JSON, and harmless when someone prints it on a terminal or in the log of a CI system. */
export function harmlessJson(text: string): string {
  // `##[group]`, `##vso[…]`, `##teamcity[…]`
  const quiet = text.replace(/#(?=#(?:vso|teamcity)?\[)/gi, '\\u0023');
  return quiet.replace(
    /[\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069\u200e\u200f\u061c\ufeff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

function isPlain(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * The same object with its keys in one order, whichever reader or step made it: reports can then be compared as text.
 * Keys that are data and not fields (heuristics) follow in alphabetical order.
 */
function ordered(value: object): object {
  const keys = Object.keys(value).sort((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1));
  return Object.fromEntries(keys.map((key) => [key, (value as Readonly<Record<string, unknown>>)[key]]));
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
  'image pid ppid parent program argv forked end exit stoppedBy complete startedMs endedMs projectRoot thread',
  'how code level source what alsoSeen message hint details',
  'label text owner ownerReason ip object function file line path inlined stack frame stacks frames blamed',
  'excerpt firstLine lines span raw count atLeast inherited leak inheritedLeak',
  'bytes directBytes indirectBytes blocks bytesDelta blocksDelta record check',
  'access operation size address descriptor number signal suppression seenIn meaning advice causes fixes falsePositives options',
  'findings totals heap inUse allocations frees allocatedBytes allFreed',
  'leaks definite indirect possible reachable heuristics',
  'errors contexts suppressed suppressedContexts computed',
  'artifact offset length quote cut',
].join(' ');
