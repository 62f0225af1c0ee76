// Which findings the list shows, and in which groups: filters and search over the numbers of the index.
import type { Owner, Severity, StackLabel } from '../../model/finding.ts';
import type { Standing } from '../../model/report.ts';
import { grouped } from '../terminal-text.ts';
import {
  at,
  flag,
  has,
  type Index,
  owners,
  placeFrame,
  requestsOf,
  type Summary,
  severities,
  standings,
  textOf,
} from './payload.ts';
import { counted, functionText, sourceText } from './words.ts';

export type Grouping = 'place' | 'kind' | 'process' | 'standing' | 'none';

/** What the reader wants to see. An empty text is no wish. */
export interface Filter {
  readonly search: string;
  readonly severity: Severity | '';
  /** `tool/kind`. */
  readonly rule: string;
  /** Whether my code takes part. */
  readonly mine: 'with' | 'without' | '';
  readonly standing: Standing | '';
  readonly failing: boolean;
  /** Number of a request that it comes from; 0: any. */
  readonly request: number;
  /** Hidden findings too. */
  readonly all: boolean;
}

export const noFilter: Filter = {
  search: '',
  severity: '',
  rule: '',
  mine: '',
  standing: '',
  failing: false,
  request: 0,
  all: false,
};

/** A row of the list. */
export type Row =
  | { readonly type: 'group'; readonly key: string; readonly name: string; readonly size: number }
  | { readonly type: 'finding'; readonly finding: number; readonly group: string | undefined };

/** Where a finding is, in words: its source or object, and the function. */
export interface Place {
  readonly source: string;
  readonly function: string;
}

/** What is worked out once for a report and then only looked up. */
export interface Catalogue {
  readonly index: Index;
  /** Frame that stands for each finding; -1 when it has no stack. */
  readonly places: Int32Array;
  readonly mine: Uint8Array;
  readonly programs: ReadonlyMap<number, string>;
  readonly matches: (search: string) => Uint8Array | undefined;
}

export function catalogue(index: Index, summary: Summary): Catalogue {
  const { findings } = index;
  const places = new Int32Array(findings);
  for (let finding = 0; finding < findings; finding++) places[finding] = placeFrame(index, finding);
  const programs = new Map(summary.processes.map(({ image, pid, program }) => [image, `${pid} ${program}`]));
  return { index, places, mine: takesPart(index, 'mine'), programs, matches: searcher(index) };
}

/** For each finding, whether any call in its stacks has this owner. A stack that tells of a thread does not count. */
function takesPart(index: Index, owner: Owner): Uint8Array {
  const wanted = owners.indexOf(owner);
  const frames = Uint8Array.from(index.columns.owner, (each) => (each === wanted ? 1 : 0));
  const background: StackLabel = 'thread created at';
  return findingsWith(index, frames, (stack) => textOf(index, 'stackLabel', stack) !== background);
}

/** From frames to findings: through the tree of calls, whose outer calls come before the inner ones. */
function findingsWith(
  index: Index,
  frames: Uint8Array,
  counts: (stack: number) => boolean = () => true,
): Uint8Array {
  const { columns, parent, nodes, findings, firstStack } = index;
  const marked = new Uint8Array(nodes);
  for (let node = 0; node < nodes; node++) {
    const above = parent[node] ?? -1;
    marked[node] = frames[at(columns.nodeFrame, node)] || (above >= 0 && marked[above]) ? 1 : 0;
  }
  const found = new Uint8Array(findings);
  for (let finding = 0; finding < findings; finding++) {
    for (let stack = at(firstStack, finding); stack < at(firstStack, finding + 1); stack++) {
      const node = at(columns.stackNode, stack) - 1;
      if (node >= 0 && marked[node] && counts(stack)) {
        found[finding] = 1;
        break;
      }
    }
  }
  return found;
}

/** Finds findings by words, all of which must stand in its sentence, kind, id, or in a call of its stacks. */
function searcher(index: Index): (search: string) => Uint8Array | undefined {
  let frameTexts: readonly string[] | undefined;
  let lower: readonly string[] | undefined;
  const known = new Map<string, Uint8Array>();
  const find = (word: string): Uint8Array => {
    lower ??= index.strings.map((text) => text.toLowerCase());
    frameTexts ??= textsOfFrames(index, lower);
    const found = findingsWith(
      index,
      Uint8Array.from(frameTexts, (text) => (text.includes(word) ? 1 : 0)),
    );
    const strings = Uint8Array.from(lower, (text) => (text.includes(word) ? 1 : 0));
    const { what, title, rule, id } = index.columns;
    for (let finding = 0; finding < index.findings; finding++) {
      if (found[finding]) continue;
      found[finding] =
        strings[at(what, finding) - 1] ||
        strings[at(title, finding) - 1] ||
        strings[at(rule, finding) - 1] ||
        strings[at(id, finding) - 1]
          ? 1
          : 0;
    }
    return found;
  };
  return (search) => {
    const words = search.toLowerCase().split(/\s+/).filter(Boolean);
    if (words.length === 0) return undefined;
    const all = words.map((word) => {
      const found = known.get(word) ?? find(word);
      // What was typed on the way to a word is not asked for again.
      if (known.size > 20) known.clear();
      known.set(word, found);
      return found;
    });
    const [first = new Uint8Array(), ...rest] = all;
    return rest.length === 0
      ? first
      : first.map((yes, finding) => (yes && rest.every((each) => each[finding]) ? 1 : 0));
  };
}

function textsOfFrames(index: Index, lower: readonly string[]): readonly string[] {
  const { function: names, path, object, line } = index.columns;
  return Array.from(names, (name, frame) => {
    const file = lower[at(path, frame) - 1] ?? '';
    const number = at(line, frame);
    return `${lower[name - 1] ?? ''}\n${file}${number === 0 ? '' : `:${number - 1}`}\n${lower[at(object, frame) - 1] ?? ''}`;
  });
}

/** The findings that pass, in the order of the report. */
export function passing({ index, mine, matches }: Catalogue, filter: Filter): readonly number[] {
  const { columns, findings } = index;
  const found = matches(filter.search);
  const severity = severities.indexOf(filter.severity as Severity);
  const standing = standings.indexOf(filter.standing as Standing) + 1;
  const rule = filter.rule === '' ? -1 : index.strings.indexOf(filter.rule) + 1;
  const passed: number[] = [];
  for (let finding = 0; finding < findings; finding++) {
    if (found !== undefined && !found[finding]) continue;
    if (!filter.all && has(index, finding, flag.hidden)) continue;
    if (filter.failing && !has(index, finding, flag.failing)) continue;
    if (severity >= 0 && columns.severity[finding] !== severity) continue;
    if (standing > 0 && columns.standing[finding] !== standing) continue;
    if (rule >= 0 && columns.rule[finding] !== rule) continue;
    if (filter.request > 0 && !requestsOf(index, finding).includes(filter.request)) continue;
    if (filter.mine !== '' && (filter.mine === 'with') !== (mine[finding] === 1)) continue;
    passed.push(finding);
  }
  return passed;
}

/** Rows for findings. Groups stand in the order of their first finding; of places, one with a single finding has none. */
export function rowsOf(
  known: Catalogue,
  findings: readonly number[],
  grouping: Grouping,
  closed: ReadonlySet<string>,
): readonly Row[] {
  if (grouping === 'none') {
    return findings.map((finding) => ({ type: 'finding', finding, group: undefined }));
  }
  const groups = new Map<string | number, number[]>();
  for (const finding of findings) {
    for (const key of keysOf(known, finding, grouping)) {
      const members = groups.get(key);
      if (members === undefined) groups.set(key, [finding]);
      else members.push(finding);
    }
  }
  const rows: Row[] = [];
  for (const [by, members] of groups) {
    const [first = 0] = members;
    if (grouping === 'place' && members.length === 1) {
      rows.push({ type: 'finding', finding: first, group: undefined });
      continue;
    }
    const key = `${grouping} ${by}`;
    rows.push({ type: 'group', key, name: groupName(known, first, by, grouping), size: members.length });
    if (closed.has(key)) continue;
    for (const finding of members) rows.push({ type: 'finding', finding, group: key });
  }
  return rows;
}

/** Frames that differ in their address or their reason only are one place: a Ref to the path and the line tell it. */
function keysOf(
  { index, places }: Catalogue,
  finding: number,
  grouping: Grouping,
): readonly (string | number)[] {
  const { columns, firstSeen } = index;
  switch (grouping) {
    case 'place': {
      const frame = at(places, finding);
      if (frame < 0) return ['none'];
      const file = at(columns.path, frame) || at(columns.object, frame);
      return [`${at(columns.function, frame)} ${file} ${at(columns.line, frame)}`];
    }
    case 'kind':
      return [at(columns.rule, finding)];
    case 'standing':
      return [at(columns.standing, finding)];
    case 'process': {
      const images = columns.seenImage.subarray(at(firstSeen, finding), at(firstSeen, finding + 1));
      return images.length === 0 ? ['none'] : [...new Set(images)];
    }
    case 'none':
      return [];
  }
}

function groupName(known: Catalogue, first: number, by: string | number, grouping: Grouping): string {
  const { index, programs } = known;
  switch (grouping) {
    case 'place': {
      const { source, function: name } = placeOf(known, first);
      return source === '' ? name : `${source} in ${name}`;
    }
    case 'kind':
      return `${textOf(index, 'title', first)} · ${textOf(index, 'rule', first)}`;
    case 'standing':
      return standings[Number(by) - 1] ?? 'not compared';
    case 'process':
      return typeof by === 'number' ? (programs.get(by) ?? `process image ${by}`) : 'no process is known';
    case 'none':
      return '';
  }
}

/** Where a finding is; without a stack nothing is known. */
export function placeOf({ index, places }: Catalogue, finding: number): Place {
  const frame = at(places, finding);
  if (frame < 0) return { source: '', function: 'no stack' };
  const { columns } = index;
  const line = at(columns.line, frame);
  const path = textOf(index, 'path', frame);
  const object = textOf(index, 'object', frame);
  const name = textOf(index, 'function', frame);
  const ip = textOf(index, 'ip', frame);
  return {
    source: sourceText({
      ...(path !== '' && { path }),
      ...(line !== 0 && { line: line - 1 }),
      ...(object !== '' && { object }),
    }),
    // All that some tools tell is a line.
    function:
      name === '' && ip === '' && path !== ''
        ? ''
        : functionText({ ...(name !== '' && { function: name }), ...(ip !== '' && { ip }) }),
  };
}

/** `12 of 340 findings`, for the line above the list. */
export function countText(shown: number, all: number): string {
  return shown === all ? counted(all, 'finding') : `${counted(shown, 'finding')} of ${grouped(all)}`;
}
