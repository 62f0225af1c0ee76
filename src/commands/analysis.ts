// Owns what all commands that read runs share: the options that say how to read them, and the wishes made of them.
import { existsSync } from 'node:fs';
import { isAbsolute, relative } from 'node:path';
import type { Known } from '../analyze/baseline.ts';
import type { GateRules } from '../analyze/gate.ts';
import { UserError } from '../errors.ts';
import type { Report } from '../model/report.ts';
import type { AnalyzeWishes } from '../pipeline.ts';

/** What a command line says about reading a run, in the words of `vgrun program` and of the sub-commands alike. */
export interface AnalysisSettings {
  readonly baseline?: string | undefined;
  readonly failOn?: string | undefined;
  readonly max?: string | undefined;
  readonly maxGrowth?: string | undefined;
  readonly onlyMine?: boolean | undefined;
  readonly mine?: readonly string[] | undefined;
  readonly library?: readonly string[] | undefined;
  readonly system?: readonly string[] | undefined;
  readonly confidential?: boolean | undefined;
  readonly showSecrets?: boolean | undefined;
  readonly projectRoot?: string | undefined;
  readonly followInterpreter?: boolean | undefined;
  readonly errorExitcode?: number | undefined;
  /** The caller knows by itself what to compare with, without a baseline. */
  readonly compares?: boolean | undefined;
}

/** The same options for yargs. */
export const analysisOptions = {
  'fail-on': { type: 'string', describe: 'what fails: definite, invalid, uninit, race, all, …' },
  max: { type: 'string', describe: 'how much is allowed: possible=4KiB,race=2' },
  'only-mine': {
    type: 'boolean',
    default: false,
    describe: 'only findings that my code takes part in are shown and fail',
  },
  mine: {
    type: 'string',
    array: true,
    nargs: 1,
    describe: 'sources, or obj:FILES, that are mine; repeatable',
  },
  library: { type: 'string', array: true, nargs: 1, describe: 'those that are libraries; repeatable' },
  system: { type: 'string', array: true, nargs: 1, describe: 'those that are the system; repeatable' },
  'project-root': { type: 'string', describe: 'directory whose sources count as mine' },
  'follow-interpreter': {
    type: 'boolean',
    default: false,
    describe: "take in a script interpreter's own findings",
  },
  confidential: {
    type: 'boolean',
    default: false,
    describe: 'keep command lines, source text and quotes of logs out of reports',
  },
} as const;

/** For commands whose reports may show values of variables, for yargs. */
export const secretsOption = {
  'show-secrets': {
    type: 'boolean',
    default: false,
    describe: 'show values of variables that look like secrets',
  },
} as const;

/** How growth is limited, for yargs: only for commands that compare. */
export const growthOption = {
  'max-growth': { type: 'string', describe: 'how much a profile may grow: Ir=5%,bytes=4KiB' },
} as const;

/**
 * Reads the settings, so that what is wrong with them is said before a long run.
 *
 * @param raw whether a report is written that shows raw excerpts.
 * @throws UserError (125) for a word that means nothing, and for a baseline that is broken.
 */
export async function readAnalysis(settings: AnalysisSettings, raw: boolean): Promise<AnalyzeWishes> {
  const { projectRoot, followInterpreter, errorExitcode, confidential, showSecrets, baseline } = settings;
  const { mine, library, system } = settings;
  if (projectRoot !== undefined && !existsSync(projectRoot)) {
    throw new UserError(
      `--project-root: ${projectRoot} does not exist`,
      'name the directory of your sources',
    );
  }
  const gate = await readGate(settings);
  if (settings.maxGrowth !== undefined && baseline === undefined && settings.compares !== true) {
    throw new UserError('--max-growth compares: name what with --baseline=RUN', nameARun);
  }
  const plain: AnalyzeWishes = {
    ...(projectRoot === undefined ? {} : { projectRoot }),
    ...(followInterpreter === undefined ? {} : { followInterpreter }),
    ...(errorExitcode === undefined ? {} : { errorExitcode }),
    ...(confidential === undefined ? {} : { confidential }),
    ...(showSecrets === undefined ? {} : { showSecrets }),
    ...(gate === undefined ? {} : { gate }),
    ownership: checkedPatterns({ mine, library, system }),
    raw,
  };
  if (baseline === undefined) return plain;
  // The first run of a project that is set up for one: everything is new, so nothing slips through.
  if (!existsSync(baseline)) {
    return { ...plain, known: { name: shortPath(baseline), entries: [], whole: true, missing: true } };
  }
  const { readKnown } = await import('../pipeline.ts');
  const known: Known = { ...(await readKnown(baseline, plain)), name: shortPath(baseline) };
  if (settings.maxGrowth !== undefined) mustHoldProfiles(known);
  return { ...plain, known };
}

const nameARun = 'RUN is a run directory (.vgrun/runs/…), a directory of runs, or a profile';

/**
 * A baseline file holds findings, so a profile that is compared with it would never be found to have grown.
 *
 * @throws UserError (125) for such a file.
 */
export function mustHoldProfiles({ name, profiles, missing }: Known): void {
  if (profiles !== undefined || missing === true) return;
  throw new UserError(
    `${name} is a baseline file, which holds findings only: a profile cannot be compared with it`,
    `name a run instead of it; ${nameARun}`,
  );
}

/**
 * The same, for a report that is about nothing but profiles.
 *
 * @throws UserError (125) when it could not be compared.
 */
export function mustBeComparable(
  { profiles = [], processes, findings }: Report,
  known: Known | undefined,
): void {
  if (known === undefined || profiles.length === 0 || findings.length > 0) return;
  const images = new Set(profiles.flatMap((profile) => profile.images));
  const pids = new Set(profiles.map(({ pid }) => pid));
  if (processes.every(({ image, pid }) => images.has(image) || (pid > 0 && pids.has(pid)))) {
    mustHoldProfiles(known);
  }
}

/** A path as the user would type it here: those of a config are absolute. */
export function shortPath(path: string): string {
  const way = relative(process.cwd(), path);
  return isAbsolute(path) && way !== '' && !way.startsWith('..') ? way : path;
}

async function readGate(settings: AnalysisSettings): Promise<GateRules | undefined> {
  const { failOn, max, maxGrowth, onlyMine } = settings;
  if ([failOn, max, maxGrowth].every((text) => text === undefined) && onlyMine !== true) return undefined;
  const { readFailOn, readMost } = await import('../analyze/gate.ts');
  const { readGrowth } = await import('../analyze/profile/growth.ts');
  return {
    ...(maxGrowth === undefined ? {} : { growth: readGrowth(maxGrowth) }),
    ...(failOn === undefined ? {} : { failOn: readFailOn(failOn) }),
    ...(max === undefined ? {} : { most: readMost(max) }),
    onlyMine: onlyMine === true,
  };
}

/** picomatch refuses longer patterns, and nobody writes them. */
const longestPattern = 1000;

function checkedPatterns<T extends Readonly<Record<string, readonly string[] | undefined>>>(patterns: T): T {
  for (const [owner, list] of Object.entries(patterns)) {
    for (const pattern of list ?? []) {
      const bare = pattern.replace(/^obj:/, '');
      // A pattern that says what it is not would take in everything else.
      if (bare !== '' && !bare.startsWith('!') && pattern.length <= longestPattern) continue;
      throw new UserError(
        `--${owner} cannot be "${pattern.slice(0, 60)}"`,
        `it takes a pattern of sources (src/**) or of objects (obj:*/libmy*.so*), of at most ${longestPattern} characters`,
      );
    }
  }
  return patterns;
}
