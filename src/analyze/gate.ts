// The gate: which findings fail a run when the user asked for more than the instrument's own rule.
import { UserError } from '../errors.ts';
import { gateWords, isLeakWord, meansFinding } from '../model/gate-words.ts';
import type { Finding, Gate, Limit, Pardon } from '../model/report.ts';
import { nearest } from '../model/spelling.ts';
import { readAmount } from './amount.ts';
import { onlyLooks } from './instruments.ts';
import { kindNames } from './kind-names.ts';
import type { Growth, GrowthRule } from './profile/growth.ts';
import { facesOf } from './witnesses.ts';

/** What the user asked. Everything may be missing; then valgrind's own rule holds. */
export interface GateRules {
  /** Words of model/gate-words.ts. */
  readonly failOn?: readonly string[] | undefined;
  /** The most that the findings of a word may come to: bytes for leaks, else findings. */
  readonly most?: ReadonlyMap<string, number> | undefined;
  readonly onlyMine?: boolean | undefined;
  /** By how much measures of profiles may grow against what they are compared with. */
  readonly growth?: readonly GrowthRule[] | undefined;
}

/** Findings with `failing`, `pardon` and `hidden` settled, and the limits as they came out. */
export interface Gated {
  readonly findings: readonly Finding[];
  /** Missing when nothing was asked. */
  readonly gate?: Gate;
}

/**
 * Settles what fails. Which rule pardons a finding is told by the first of these that does: it is an interpreter's; it
 * has no frame of mine (`--only-mine`); it is of no kind that fails (`--fail-on`); it is known (`--baseline`); its kind
 * stays within a limit (`--max`). A limit takes the place of the single findings: what it speaks of fails when the
 * limit is exceeded, and only then. Known findings count towards a limit, because it is a statement about the whole;
 * what `--only-mine` leaves out does not.
 *
 * @param growth how the limits of growth came out (profile/growth.ts).
 */
export function applyGate(findings: readonly Finding[], rules: GateRules, growth?: Growth): Gated {
  const { failOn, most = new Map<string, number>(), onlyMine = false } = rules;
  const asked = failOn !== undefined || most.size > 0 || onlyMine || growth !== undefined;
  const counts = (finding: Finding): boolean =>
    finding.pardon !== 'interpreter' && (!onlyMine || finding.blamed !== undefined);
  const limits = [...most].map(([group, limit]) => limitOf(group, limit, findings.filter(counts)));
  const settled = findings.map((finding) => {
    if (finding.pardon === 'interpreter') return finding;
    const foreign = onlyMine && finding.blamed === undefined;
    const governing = limits.filter(({ group }) => means(group, finding));
    const meant =
      governing.length > 0 ||
      (failOn === undefined ? finding.error : failOn.some((word) => means(word, finding)));
    const pardon = pardonOf(finding, { foreign, meant, governing });
    const failing = meant && pardon === undefined;
    const { pardon: _, ...rest } = finding;
    return {
      ...rest,
      failing,
      ...(pardon !== undefined && { pardon }),
      hidden: foreign || (finding.hidden && !meant),
    };
  });
  if (!asked) return { findings: settled };
  const gate = { ...(failOn && { failOn }), onlyMine, limits, ...(growth && { growth: growth.limits }) };
  return { findings: settled, gate };
}

function pardonOf(
  { error, standing }: Finding,
  {
    foreign,
    meant,
    governing,
  }: { readonly foreign: boolean; readonly meant: boolean; readonly governing: readonly Limit[] },
): Pardon | undefined {
  if (!meant && !error) return undefined;
  if (foreign) return 'ownership';
  if (!meant) return 'fail-on';
  const exceeded = governing.some((limit) => limit.exceeded);
  if (standing === 'known' || standing === 'changed') return 'baseline';
  return governing.length > 0 && !exceeded ? 'limit' : undefined;
}

/** A word may name a finding by what any of its witnesses calls it. */
function means(word: string, finding: Finding): boolean {
  return facesOf(finding).some((face) => meansFinding(word, face));
}

/** Leaks come to what valgrind's LEAK SUMMARY adds up: their direct bytes. A finding with witnesses counts once. */
function limitOf(group: string, most: number, findings: readonly Finding[]): Limit {
  const meant = findings.flatMap(
    (finding) => facesOf(finding).find((face) => meansFinding(group, face)) ?? [],
  );
  const ofLeaks = isLeakWord(group);
  const actual = ofLeaks ? meant.reduce((sum, { leak }) => sum + (leak?.directBytes ?? 0), 0) : meant.length;
  return { group, unit: ofLeaks ? 'bytes' : 'findings', most, actual, exceeded: actual > most };
}

/** Whether an answer about leaks is asked for, which only a search for leaks can give. */
export function asksForLeaks({ failOn = [], most = new Map() }: GateRules): boolean {
  return [...failOn, ...most.keys()].some(isLeakWord);
}

/**
 * Reads `--fail-on`: `definite,invalid,race`.
 * @throws UserError (125) for a word that means nothing.
 */
export function readFailOn(text: string): readonly string[] {
  return text.split(',').map((word) => checkedWord('--fail-on', word.trim()));
}

/**
 * Reads `--max`: `definite=0B,possible=4KiB,race=2`. Leaks in bytes (B, kB, MB, GB, KiB, MiB, GiB; none means bytes),
 * everything else in findings.
 * @throws UserError (125) for a word that means nothing, and for a number that is none.
 */
export function readMost(text: string): ReadonlyMap<string, number> {
  const most = new Map<string, number>();
  for (const part of text.split(',')) {
    const [, name = '', value = ''] = /^([^=]*)=?(.*)$/s.exec(part.trim()) ?? [];
    const word = checkedWord('--max', name);
    const number = isLeakWord(word)
      ? readAmount(value)
      : /^\d{1,12}$/.test(value)
        ? Number(value)
        : undefined;
    if (number === undefined) {
      throw new UserError(
        `--max: ${word} cannot be "${value}"`,
        isLeakWord(word)
          ? `it takes bytes: ${word}=0B, ${word}=4KiB, ${word}=1MB`
          : `it takes a number of findings: ${word}=2`,
      );
    }
    most.set(word, number);
  }
  return most;
}

function checkedWord(option: string, word: string): string {
  if (isGateWord(word)) return word;
  const guess = nearest(word, [...gateWords, ...[...kindNames.values()].flat()]);
  throw new UserError(
    `${option} does not know "${word}"`,
    guess === undefined
      ? `it takes ${gateWords.join(', ')}, or a kind such as InvalidRead or asan/heap-use-after-free`
      : `did you mean ${guess}?`,
  );
}

/** Whether a word is one of the table, or a kind or rule that is known. */
export function isGateWord(word: string): boolean {
  return gateWords.includes(word) || isKind(word);
}

/**
 * `InvalidRead`, `memcheck/InvalidRead`; kinds of valgrind's core are reported under every tool, and those of gdb of core files and
 * samples too.
 */
function isKind(word: string): boolean {
  const [tool, kind] = word.includes('/') ? word.split('/', 2) : [undefined, word];
  return [...kindNames].some(
    ([known, names]) =>
      (tool === undefined || known === tool || known === 'core' || (known === 'gdb' && onlyLooks(tool))) &&
      names.includes(kind ?? ''),
  );
}
