// `vgrun explain`: finds a kind by name, rule or the tool's own sentence, and lays out what is known of it.
import { distance } from '../model/spelling.ts';
import { onlyLooks } from './instruments.ts';
import type { Kind } from './kind.ts';
import { kinds } from './kinds-all.ts';

/** One headed paragraph or list. */
export interface ExplainSection {
  readonly heading: string;
  readonly items: readonly string[];
}

/** What to print about one kind. */
export interface Explanation {
  /** `memcheck/InvalidRead`. */
  readonly rule: string;
  readonly title: string;
  readonly severity: Kind['severity'];
  readonly meaning: string;
  readonly advice: string;
  /** In order, empty ones left out. */
  readonly sections: readonly ExplainSection[];
}

/**
 * Found: one explanation for each tool that has the kind, or, asked for a `tool`, one for each of its kinds. Not found: the nearest rules, best first, at most three.
 */
export type ExplainAnswer =
  | { readonly found: true; readonly tool?: string; readonly explanations: readonly Explanation[] }
  | { readonly found: false; readonly suggestions: readonly string[] };

/**
 * Explains a kind. `query` is a kind (`InvalidRead`), a rule (`memcheck/InvalidRead`), a tool (`asan`), or a line of a
 * log (`==12== Invalid read of size 4`); upper and lower case are the same. Pure, never throws.
 */
export function explain(query: string): ExplainAnswer {
  const wanted = query
    .trim()
    .toLowerCase()
    // `==12345== Invalid read of size 4`, `==list==12345==ERROR: AddressSanitizer: heap-use-after-free on address 0x602`
    .replace(/^==(?:[^=]*==)?\d+==\s*/, '');
  const named = kinds.filter(
    (entry) => entry.kind.toLowerCase() === wanted || ruleOf(entry).toLowerCase() === wanted,
  );
  if (named.length > 0) return { found: true, explanations: named.map(explanationOf) };
  const ofTool = kinds.filter(({ tool }) => tool === wanted);
  if (ofTool.length > 0) return { found: true, tool: wanted, explanations: ofTool.map(explanationOf) };
  // Fd kinds belong to valgrind's core and are asked for under the tool that printed them.
  const [tool, kind] = wanted.split('/');
  const core =
    kind !== undefined && ['memcheck', 'helgrind', 'drd', 'none'].includes(tool ?? '')
      ? kinds.find((entry) => entry.tool === 'core' && entry.kind.toLowerCase() === kind)
      : undefined;
  if (core !== undefined) return { found: true, explanations: [explanationOf(core)] };
  const stop = onlyLooks(tool)
    ? kinds.find((entry) => entry.tool === 'gdb' && entry.kind.toLowerCase() === kind)
    : undefined;
  if (stop !== undefined) return { found: true, explanations: [explanationOf(stop)] };
  // The longest headline is the most telling: `the object at address … is not a mutex` fits two kinds.
  const spoken = kinds
    .map((entry) => ({
      entry,
      fit: Math.max(0, ...entry.headlines.map((h) => (wanted.includes(h) ? h.length : 0))),
    }))
    .filter(({ fit }) => fit > 0)
    .sort((a, b) => b.fit - a.fit)[0];
  if (spoken !== undefined) return { found: true, explanations: [explanationOf(spoken.entry)] };
  return { found: false, suggestions: nearest(wanted) };
}

function ruleOf(entry: Kind): string {
  return `${entry.tool}/${entry.kind}`;
}

function explanationOf(entry: Kind): Explanation {
  const sections: ExplainSection[] = [
    { heading: 'Usual causes', items: entry.causes },
    { heading: 'How to fix it', items: entry.fixes },
    { heading: 'Known false positives', items: entry.falsePositives },
    { heading: 'Options that find the origin', items: entry.options },
    { heading: 'Suppression', items: entry.suppression === undefined ? [] : [entry.suppression] },
  ];
  return {
    rule: ruleOf(entry),
    title: entry.title,
    severity: entry.severity,
    meaning: entry.meaning,
    advice: entry.advice,
    sections: sections.filter((section) => section.items.length > 0),
  };
}

function nearest(wanted: string): readonly string[] {
  const short = wanted.slice(0, 80);
  return kinds
    .map((entry) => {
      const kind = entry.kind.toLowerCase();
      const within = short.length >= 4 && kind.includes(short);
      const far = Math.min(distance(short, kind), distance(short, ruleOf(entry).toLowerCase()));
      return { rule: ruleOf(entry), far: within ? 0 : far };
    })
    .filter(({ far }) => far <= Math.max(2, Math.floor(short.length / 3)))
    .sort((a, b) => a.far - b.far || (a.rule < b.rule ? -1 : 1))
    .slice(0, 3)
    .map(({ rule }) => rule);
}
