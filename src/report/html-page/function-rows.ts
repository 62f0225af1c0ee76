// The table of functions without a screen: what of it is shown, in which order, and who calls whom.
import type { Columns } from '../../model/profile.ts';
import type { ReportProfileFrame } from '../../model/profile-report.ts';
import { type CallKind, callKind, matcherOf } from './flame-tree.ts';
import type { PageProfile } from './profile-payload.ts';
import { placeName, placeSource } from './profile-words.ts';

export const sortKeys = [
  'inclusive',
  'self',
  'calls',
  'name',
  'owner',
  'inclusiveChange',
  'selfChange',
] as const;
export type SortKey = (typeof sortKeys)[number];

/** What of the functions to show. */
export interface FunctionQuery {
  readonly measure: number;
  /** A text or `/expression/`, looked for in name, source and object. */
  readonly search: string;
  /** Empty: all. */
  readonly kind: CallKind | '';
  readonly sort: SortKey;
  /** The other way round than usual: costs rise, names fall. */
  readonly reversed: boolean;
}

/** Functions that the query asks for, in its order; those without any cost come last. An expression that is none finds nothing. */
export function functionRows(profile: PageProfile, query: FunctionQuery): readonly number[] {
  const { functions } = profile;
  const matches = matcherOf(query.search);
  if (typeof matches === 'string') return [];
  const rows: number[] = [];
  for (const [row, frame] of functions.entries()) {
    if (query.kind !== '' && callKind(frame) !== query.kind) continue;
    if (matches !== undefined && !textsOf(frame).some(matches)) continue;
    rows.push(row);
  }
  const sign = query.reversed ? -1 : 1;
  const texts = textOrder(functions, query.sort);
  if (texts !== undefined) return rows.sort((a, b) => sign * compareTexts(texts, a, b));
  const amounts = amountOrder(profile, query.sort, query.measure);
  return rows.sort((a, b) => sign * ((amounts(b) || 0) - (amounts(a) || 0)) || a - b);
}

function textsOf(frame: ReportProfileFrame): readonly string[] {
  return [placeName(frame), frame.path ?? '', frame.object ?? ''];
}

function textOrder(functions: readonly ReportProfileFrame[], sort: SortKey): readonly string[] | undefined {
  if (sort === 'name') return functions.map(placeName);
  return sort === 'owner'
    ? functions.map((frame) => `${callKind(frame)} ${placeSource(frame)} ${placeName(frame)}`)
    : undefined;
}

function compareTexts(texts: readonly string[], a: number, b: number): number {
  const [one = '', other = ''] = [texts[a], texts[b]];
  return one < other ? -1 : one > other ? 1 : a - b;
}

function amountOrder(profile: PageProfile, sort: SortKey, measure: number): (row: number) => number {
  const { costs, before } = profile;
  const at = (columns: Columns | undefined) => {
    const column = columns?.[measure] ?? [];
    return (row: number): number => column[row] ?? 0;
  };
  const self = at(costs.self);
  const inclusive = at(costs.inclusive ?? costs.self);
  if (sort === 'self') return self;
  if (sort === 'calls') return (row) => costs.calls?.[row] ?? 0;
  if (sort === 'selfChange') {
    const old = at(before?.costs.self);
    return (row) => Math.abs(self(row) - old(row));
  }
  if (sort === 'inclusiveChange') {
    const old = at(before?.costs.inclusive ?? before?.costs.self);
    return (row) => Math.abs(inclusive(row) - old(row));
  }
  return inclusive;
}

/** Calls between two functions, wherever they stand. */
export interface Neighbour {
  readonly function: number;
  /** 0: the format does not tell. */
  readonly calls: number;
  /** What was spent for these calls, with all that was called. */
  readonly cost: number;
}

/** Who calls a function and whom it calls, the most expensive first. A call of itself is among both. */
export function neighbours(
  { edges }: PageProfile,
  target: number,
  measure: number,
): { readonly callers: readonly Neighbour[]; readonly callees: readonly Neighbour[] } {
  const callers = new Map<number, Neighbour>();
  const callees = new Map<number, Neighbour>();
  for (const [row, caller] of (edges?.callers ?? []).entries()) {
    const callee = edges?.callees[row] ?? -1;
    if (callee === target) count(callers, caller, row);
    if (caller === target) count(callees, callee, row);
  }
  function count(found: Map<number, Neighbour>, other: number, row: number): void {
    const known = found.get(other);
    found.set(other, {
      function: other,
      calls: (known?.calls ?? 0) + (edges?.calls[row] ?? 0),
      cost: (known?.cost ?? 0) + (edges?.values[measure]?.[row] ?? 0),
    });
  }
  const sorted = (found: Map<number, Neighbour>): Neighbour[] =>
    [...found.values()].sort((a, b) => b.cost - a.cost || b.calls - a.calls || a.function - b.function);
  return { callers: sorted(callers), callees: sorted(callees) };
}
