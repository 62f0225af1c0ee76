// What the readers of profile formats share: one file is one or more processes, each with one profile.

import type { FindingRecord } from '../../model/finding.ts';
import type { Problem } from '../../model/problem.ts';
import type { Profile } from '../../model/profile.ts';
import type { ProcessRecord } from '../../model/record.ts';
import type { ReadContext, Reader } from '../tool.ts';
import { createProblemTally, type ProblemTally } from './problem-tally.ts';

/** Takes the bytes of one file, in order, in chunks of any size. Never throws on them. */
export interface ProfileParser {
  readonly push: (chunk: Uint8Array) => void;
  /** What was understood; the parser is used up. */
  readonly end: () => ProfileFile;
}

/** What one file of a profile format says. */
export interface ProfileFile {
  /** One for each process that it tells of; of one with nothing in it, none is needed. */
  readonly processes: readonly ProfiledProcess[];
  /** The file says that it is whole, or its format cannot tell and nothing in it looks cut. */
  readonly complete: boolean;
}

/** A process as the file knows it. What is missing is taken from the run or the name of the file. */
export interface ProfiledProcess
  extends Partial<Pick<ProcessRecord, 'pid' | 'ppid' | 'argv' | 'version' | 'instrumentArgv'>> {
  readonly profile: Profile;
  /** What the values say is wrong. */
  readonly findings?: readonly Omit<FindingRecord, 'type' | 'image' | 'tool'>[];
}

/**
 * Makes a Reader of a parser.
 *
 * @param format name of the reader.
 * @param tool name of the instrument whose words these are, e.g. `massif`.
 * @param recognizes looks at the first bytes of a file.
 * @param start a new parser; what it cannot read goes to the tally, quoted.
 */
export function profileReader(
  format: string,
  tool: string,
  recognizes: (head: Uint8Array) => boolean,
  start: (problems: ProblemTally, context: ReadContext) => ProfileParser,
): Reader {
  return {
    name: format,
    isProfile: true,
    recognizes,
    read: async function* (source, context) {
      const problems = createProblemTally(context.artifact);
      const parser = start(problems, context);
      for await (const chunk of source) parser.push(chunk);
      const { processes, complete } = parser.end();
      const known = context.process;
      const isSaid = problems.list().some(({ level }) => level === 'incomplete');
      if (processes.length === 0 && !isSaid) problems.add(nothingIn(tool, complete));
      for (const { profile, findings = [], ...process } of processes) {
        const image = context.nextImage();
        const version = process.version ?? known?.version;
        yield {
          type: 'process',
          image,
          pid: process.pid ?? known?.pid ?? 0,
          ...(process.ppid !== undefined && { ppid: process.ppid }),
          tool,
          ...(version !== undefined && { version }),
          argv: process.argv ?? known?.argv ?? [],
          instrumentArgv: process.instrumentArgv ?? [],
          forked: false,
          artifact: context.artifact,
        };
        yield { type: 'profile', image, profile };
        for (const finding of findings) yield { type: 'finding', image, tool, ...finding };
        yield { type: 'process-end', image, complete, finished: complete };
      }
      for (const problem of problems.list()) yield { type: 'problem', problem };
    },
  };
}

/** Nothing was measured, which is no answer. */
function nothingIn(tool: string, complete: boolean): Omit<Problem, 'artifact'> {
  const message = complete
    ? `${tool} has not a single sample or place: the program ended, or slept, before the first`
    : `the file of ${tool} was cut before the first sample or place`;
  return {
    code: 'empty-profile',
    level: 'incomplete',
    message,
    ...(complete && { hint: 'let it do more, sample more often, or count instead: --tool=callgrind' }),
  };
}
