// Totals of a process and of the run: the tool's own where it printed them, else computed by valgrind's arithmetic.
import type { Amount, ErrorTotals, HeapTotals, LeakTotals } from '../model/record.ts';
import type { ReportTotals } from '../model/report.ts';
import type { ImageDraft } from './fold.ts';
import { isDebugger, isRuntime, leakKindsOf } from './instruments.ts';
import { allLeakKinds, type LeakKind, leakKindOf, leakPolicy, searchedLeakKinds } from './leak-policy.ts';
import { mayBeInherited, type ParentOf, type Settled } from './sightings.ts';

/*
 * Up to XML protocol 5 valgrind writes no summaries, but all that they sum up. Checked against valgrind 3.19, which
 * prints the summaries in a text run of the same program:
 * - errors: all of <errorcounts> (a forked child's hold those of its parent, and so does its text summary), and one
 *   for each loss record of a kind that counts as an error, in every leak check of the process;
 * - leaks: the direct bytes of the loss records of the last check, for each kind; needs --show-leak-kinds=all;
 * - in use at exit: all leak kinds together, when nothing was suppressed and every block is of an allocator that
 *   valgrind replaced (blocks of VALGRIND_MEMPOOL_ALLOC leak, but are no heap). Allocations and frees cannot be known.
 *
 * A runtime inside the program writes each error when it occurs: they are added up, and so are its leaks when it
 * searched for them. Kinds that it does not have are not in the sum, not even as zero.
 */

/** The totals of one image. */
export function imageTotals(
  image: ImageDraft,
  contextsWithoutCount: number,
  parentOf: ParentOf,
): ReportTotals {
  const computed: ('heap' | 'leaks' | 'errors')[] = [];
  const errors =
    image.totals.errors ?? computeErrors(image, contextsWithoutCount + leaksBeforeFork(image, parentOf));
  if (errors !== undefined && image.totals.errors === undefined) computed.push('errors');
  // `All heap blocks were freed -- no leaks are possible` stands in place of the last LEAK SUMMARY; one that was
  // printed is then from an earlier check.
  const told = image.totals.heap?.allFreed === true ? undefined : image.totals.leaks;
  const leaks = told ?? computeLeaks(image);
  if (leaks !== undefined && told === undefined) computed.push('leaks');
  const heap = image.totals.heap ?? computeHeap(image, leaks);
  if (heap !== undefined && image.totals.heap === undefined) computed.push('heap');
  return { ...(heap && { heap }), ...(leaks && { leaks }), ...(errors && { errors }), computed };
}

/**
 * Loss records of leak checks that the ancestors of a forked child made before the fork: they are in the child's count
 * of errors, but in its <errorcounts> not. They are known by ids lower than the first of the child's own.
 */
function leaksBeforeFork(image: ImageDraft, parentOf: ParentOf): number {
  let records = 0;
  const seen = new Set<ImageDraft>();
  for (let child = image; child.process.forked && !seen.has(child); ) {
    seen.add(child);
    const parent = parentOf(child);
    if (parent === undefined || child.lowestUnique === Number.POSITIVE_INFINITY) break;
    const { lowestUnique } = child;
    records += parent.leakUniques.filter((unique) => unique < lowestUnique).length;
    child = parent;
  }
  return records;
}

/** Of a tool that looks for no errors; that there were none is then no answer. */
function onlyMeasures({ profiles, counts, contexts }: ImageDraft): boolean {
  return profiles.length > 0 && counts === undefined && contexts === 0;
}

function computeErrors(image: ImageDraft, contextsWithoutCount: number): ErrorTotals | undefined {
  // Of a debugger a sum in valgrind's words would say nothing that its one crash does not.
  if (isDebugger(image.process.tool)) return undefined;
  if (isRuntime(image.process.tool) && image.end?.complete === true && !onlyMeasures(image)) {
    let errors = image.failingLeaks;
    for (const { sightings } of image.findings) errors += sightings.get(image)?.stated ?? 0;
    return { errors, contexts: image.contexts + image.failingLeaks };
  }
  if (image.process.protocol === undefined || image.end?.complete !== true) return undefined;
  if (onlyMeasures(image)) return undefined;
  if (image.counts === undefined && image.contexts > 0) return undefined;
  const counts = image.counts ?? { errors: 0, contexts: 0 };
  const uncounted = contextsWithoutCount + image.failingLeaks;
  const suppressed = suppressionsKnown(image) ? { suppressed: image.suppressionUses } : {};
  const none = suppressionsKnown(image) && image.suppressionUses === 0 ? { suppressedContexts: 0 } : {};
  return { errors: counts.errors + uncounted, contexts: counts.contexts + uncounted, ...suppressed, ...none };
}

function computeLeaks(image: ImageDraft): LeakTotals | undefined {
  if (image.totals.heap?.allFreed === true) return emptyLeaks;
  const { protocol = 0, tool, instrumentArgv } = image.process;
  if (isRuntime(tool)) return leaksOfRuntime(image, leakKindsOf(tool));
  // XML forces a full leak check since protocol 4, whatever --leak-check says.
  if (tool !== 'memcheck' || protocol < 4 || image.end?.complete !== true) return undefined;
  const { shown } = leakPolicy(instrumentArgv.filter((option) => !option.includes('leak-check=')));
  if (!searchedLeakKinds.every((kind) => shown.has(kind))) return undefined;
  const isLast = image.leakCheck >= (image.end.leakChecks ?? 0);
  const sum = (kind: LeakKind): Amount => (isLast ? image.leakSums.get(kind) : undefined) ?? nothing;
  const none = suppressionsKnown(image) && image.suppressionUses === 0 ? { suppressed: nothing } : {};
  return {
    definite: sum('definite'),
    indirect: sum('indirect'),
    possible: sum('possible'),
    reachable: sum('reachable'),
    ...none,
  };
}

/** That there are none is an answer only where they were searched for. */
function leaksOfRuntime(image: ImageDraft, kinds: readonly LeakKind[]): LeakTotals | undefined {
  const searched = image.leakSums.size > 0 || (image.end?.leakChecks ?? 0) > 0;
  if (kinds.length === 0 || !searched || image.end?.complete !== true) return undefined;
  return Object.fromEntries(kinds.map((kind) => [kind, image.leakSums.get(kind) ?? nothing]));
}

function computeHeap(image: ImageDraft, leaks: LeakTotals | undefined): HeapTotals | undefined {
  if (leaks?.suppressed === undefined || image.totals.leaks !== undefined) return undefined;
  if (image.announcedBlocks) return undefined;
  const { definite, indirect, possible, reachable } = leaks;
  if (definite === undefined || indirect === undefined || possible === undefined || reachable === undefined)
    return undefined;
  const inUse = [definite, indirect, possible, reachable].reduce(addAmounts);
  return { inUse, allFreed: inUse.blocks === 0 };
}

/** With -q valgrind does not write which suppressions it used, and with --show-error-list=no neither (3.23). */
function suppressionsKnown(image: ImageDraft): boolean {
  const { protocol, instrumentArgv } = image.process;
  if (protocol === undefined) return false;
  return !instrumentArgv.some((option) => /^(?:-q|--quiet|--show-error-list=no)$/.test(option));
}

/**
 * The totals of the run. With one process, its own. With more, errors and leaks are summed. What a forked child
 * reports as its parent does is not counted again, and as it may be the child's own, the sum is a lower bound; heap use is not summed, because a child's heap begins as a copy of its parent's.
 */
export function runTotals(
  totals: ReadonlyMap<ImageDraft, ReportTotals>,
  settled: Settled,
  failing: (kind: string, image: ImageDraft) => boolean,
  parentOf: ParentOf,
): ReportTotals {
  const [only, second] = totals.values();
  if (only === undefined) return { computed: [] };
  if (second === undefined) return only;
  if ([...totals.keys()].every(onlyMeasures)) return { computed: [] };

  let errors = 0;
  let contexts = 0;
  const atLeast = new Set<'leaks' | 'errors'>();
  let leaks: LeakTotals | undefined = only.leaks;
  for (const { leaks: ofImage } of [...totals.values()].slice(1)) {
    leaks = leaks === undefined || ofImage === undefined ? undefined : combine(leaks, ofImage);
  }
  const listed = new Map([...totals.keys()].map((image) => [image, new Set<LeakKind>()]));
  for (const [finding, sightings] of settled.sightings) {
    const kind = leakKindOf(finding.first.kind);
    for (const sighting of sightings) {
      if (!totals.has(sighting.image)) continue;
      const counts = failing(finding.first.kind, sighting.image);
      if (!sighting.inherited && counts) {
        errors += sighting.count;
        contexts += sighting.contexts;
      }
      if (mayBeInherited(sighting)) {
        if (counts) atLeast.add('errors');
        if (kind !== undefined) atLeast.add('leaks');
      }
      if (kind === undefined) continue;
      listed.get(sighting.image)?.add(kind);
      if (leaks !== undefined && sighting.inheritedLeak !== undefined) {
        const { directBytes, blocks } = sighting.inheritedLeak;
        leaks = less(leaks, kind, { bytes: directBytes, blocks });
      }
    }
  }
  const listedOnly = leaks;
  if (leaks !== undefined) leaks = withoutUnlisted(leaks, totals, listed, parentOf);
  if (leaks !== listedOnly) atLeast.add('leaks');
  if (leaks === undefined) atLeast.delete('leaks');
  return {
    ...(leaks && { leaks }),
    errors: { errors, contexts },
    computed: leaks === undefined ? ['errors'] : ['leaks', 'errors'],
    ...(atLeast.size > 0 && { atLeast: (['leaks', 'errors'] as const).filter((part) => atLeast.has(part)) }),
  };
}

/**
 * A text log sums up kinds of leak that it does not list. What a forked child has of such a kind, its parent had too,
 * up to what the parent has of it; or may have, as with those that are listed.
 */
function withoutUnlisted(
  leaks: LeakTotals,
  totals: ReadonlyMap<ImageDraft, ReportTotals>,
  listed: ReadonlyMap<ImageDraft, ReadonlySet<LeakKind>>,
  parentOf: ParentOf,
): LeakTotals {
  let rest = leaks;
  for (const [image, { leaks: own }] of totals) {
    const parent = image.process.forked ? parentOf(image) : undefined;
    const before = parent === undefined ? undefined : totals.get(parent)?.leaks;
    if (own === undefined || before === undefined) continue;
    for (const kind of allLeakKinds) {
      const [mine, ofParent] = [own[kind], before[kind]];
      if (mine === undefined || ofParent === undefined || mine.blocks === 0) continue;
      if (listed.get(image)?.has(kind) === true || mine.blocks > ofParent.blocks) continue;
      rest = less(rest, kind, mine);
    }
  }
  return rest;
}

const nothing: Amount = { bytes: 0, blocks: 0 };

const emptyLeaks: LeakTotals = {
  definite: nothing,
  indirect: nothing,
  possible: nothing,
  reachable: nothing,
  suppressed: nothing,
};

function addAmounts(a: Amount, b: Amount): Amount {
  return { bytes: a.bytes + b.bytes, blocks: a.blocks + b.blocks };
}

function less(leaks: LeakTotals, kind: LeakKind, { bytes, blocks }: Amount): LeakTotals {
  const sum = leaks[kind];
  if (sum === undefined) return leaks;
  return {
    ...leaks,
    [kind]: { bytes: Math.max(0, sum.bytes - bytes), blocks: Math.max(0, sum.blocks - blocks) },
  };
}

/** Of processes under several instruments each adds the kinds that it has. */
function combine(a: LeakTotals, b: LeakTotals): LeakTotals {
  const kinds = allLeakKinds.flatMap((kind): [LeakKind, Amount][] => {
    const [one, other] = [a[kind], b[kind]];
    if (one === undefined && other === undefined) return [];
    return [[kind, addAmounts(one ?? nothing, other ?? nothing)]];
  });
  return {
    ...Object.fromEntries(kinds),
    ...(a.suppressed && b.suppressed && { suppressed: addAmounts(a.suppressed, b.suppressed) }),
  };
}
