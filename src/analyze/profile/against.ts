// Puts the profiles of a report against those that are known: the comparison, what must be said of it, and the gate.
import type { Problem } from '../../model/problem.ts';
import type { ReportProfile } from '../../model/profile-report.ts';
import type { Known } from '../baseline.ts';
import { type ComparedProfiles, compareProfiles, programOf, unlikeMeasures } from './compare.ts';
import { type Growth, type GrowthRule, nothingCompared, settleGrowth } from './growth.ts';

/** Profiles as far as they could be compared. */
export interface AgainstProfiles {
  readonly profiles: readonly ReportProfile[];
  readonly problems: readonly Problem[];
  /** Missing when nothing was asked about growth. */
  readonly growth?: Growth;
}

/** Compares, and judges growth. What is asked about growth and cannot be answered is never silently good. */
export function againstProfiles(
  profiles: readonly ReportProfile[],
  known: Known | undefined,
  rules: readonly GrowthRule[] | undefined,
): AgainstProfiles {
  const asked = rules !== undefined && rules.length > 0;
  const uncompared = (problems: readonly Problem[], reason: string): AgainstProfiles => ({
    profiles,
    problems: profiles.length > 0 ? problems : [],
    ...(asked && { growth: nothingCompared(reason) }),
  });
  if (known === undefined)
    return uncompared([], '--max-growth has nothing to compare with: --baseline names none.');
  const { name, whole, profiles: before, pairedByUser = false } = known;
  if (known.missing === true) {
    const sentence = `${name} does not exist yet: the profile is compared with nothing.`;
    return uncompared(
      [{ code: 'no-baseline', level: 'warning', message: sentence, hint: compareWithRun }],
      `${name} does not exist: --max-growth has nothing to compare with.`,
    );
  }
  if (before === undefined) {
    const sentence = `${name} holds findings only: the profile is compared with nothing.`;
    return uncompared(
      [{ code: 'baseline-without-profiles', level: 'note', message: sentence, hint: compareWithRun }],
      `${name} holds findings only: --max-growth has nothing to compare with.`,
    );
  }
  const compared = compareProfiles(profiles, { name, whole, profiles: before });
  return {
    profiles: compared.profiles,
    problems: problemsOf(compared, { name, whole }, { asked, pairedByUser }),
    ...(rules !== undefined && asked && { growth: settleGrowth(rules, compared, { name, whole }) }),
  };
}

const compareWithRun = 'profiles are compared with a run directory or a profile: --baseline=RUN';

function problemsOf(
  { matched, onlyAfter, onlyBefore }: ComparedProfiles,
  { name, whole }: { readonly name: string; readonly whole: boolean },
  { asked, pairedByUser }: { readonly asked: boolean; readonly pairedByUser: boolean },
): readonly Problem[] {
  const problems: Problem[] = [];
  const pairs = matched.flatMap((group) => group.pairs);
  if (pairs.length > 0 && (!whole || pairs.some(({ before }) => !before.complete))) {
    problems.push({
      code: 'compared-with-incomplete',
      level: 'warning',
      message: `${name} was not seen whole: it may have spent more than its profile says.`,
    });
  }
  for (const { after, before } of pairs) {
    const [now, then] = [programOf(after), programOf(before)];
    if (now === then) continue;
    problems.push({
      code: 'compared-with-another-program',
      // A baseline that was left over from another program makes a limit say nothing.
      level: asked && !pairedByUser ? 'warning' : 'note',
      message: `${now || 'a profile'} is compared with ${then || 'a profile'} of ${name}: each side has one profile.`,
    });
  }
  const unlike = new Map(
    unlikeMeasures(
      [...pairs.map(({ after }) => after), ...onlyAfter],
      [...pairs.map(({ before }) => before), ...onlyBefore],
    ).map((each) => [each.after.name, each]),
  );
  for (const { after, before } of unlike.values()) {
    problems.push({
      code: 'measures-differ',
      level: 'warning',
      message: `"${after.name}" is ${after.title} here and ${before.title} in ${name}: they are not compared.`,
      hint: 'make both profiles with the same options',
    });
  }
  const more = matched.flatMap((group) => group.more);
  if (more.length > 0) {
    problems.push(without(more, `has no counterpart in ${name}`, `have no counterpart in ${name}`, 'note'));
  }
  if (onlyAfter.length > 0 && (pairs.length > 0 || onlyBefore.length > 0)) {
    // A limit does not speak of them, and someone relies on it.
    const level = asked ? 'warning' : 'note';
    problems.push(without(onlyAfter, `is of no program in ${name}`, `are of no program in ${name}`, level));
  }
  if (onlyBefore.length > 0) {
    const [one, many] = [`in ${name} has no counterpart here`, `in ${name} have no counterpart here`];
    problems.push(without(onlyBefore, one, many, 'note'));
  }
  return problems;
}

/** How many programs a sentence names. */
const mostNamed = 5;

function without(
  profiles: readonly ReportProfile[],
  one: string,
  many: string,
  level: Problem['level'],
): Problem {
  const names = [...new Set(profiles.map((profile) => programOf(profile) || profile.format))];
  const shown = [...names.slice(0, mostNamed), ...(names.length > mostNamed ? ['…'] : [])].join(', ');
  const message =
    profiles.length === 1
      ? `1 profile (${shown}) ${one}: it is not compared.`
      : `${profiles.length} profiles (${shown}) ${many}: they are not compared.`;
  return { code: 'profile-without-counterpart', level, message };
}
