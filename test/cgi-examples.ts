// The example programs for CGI and FastCGI: where they and their captures are, and what the comment at the top of each says.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Outcome } from '../src/model/report.ts';
import { examplesDirectory } from './examples.ts';

export const cgiExamplesDirectory: string = join(examplesDirectory, 'cgi');

/** One `// expect TOOL:` line. Bytes and blocks are those of all passes together. */
export interface ExpectedAnswer {
  readonly kind: string;
  /** The function that is to be blamed; the line in it ends with `// <- KIND`. */
  readonly function: string;
  readonly bytes?: number;
  readonly blocks?: number;
  /** `ReplayedRequest.number` of those that it comes from, ascending. */
  readonly requests: readonly number[];
}

/** One `// replay TOOL:` block: what is sent to the program, and what must come of it. */
export interface ExpectedReplay {
  readonly tool: string;
  /** Captures, as absolute paths, and options of `vgrun cgi`. */
  readonly words: readonly string[];
  readonly findings: readonly ExpectedAnswer[];
  readonly outcome: Outcome;
  /** Missing where it depends on how the program ended. */
  readonly status?: number;
}

export interface CgiExample {
  readonly name: string;
  /** Absolute path of the source. */
  readonly source: string;
  /** Absolute path of the compiled program. */
  readonly program: string;
  readonly replays: readonly ExpectedReplay[];
}

/** Absolute path of a compiled example, e.g. `cgiExamplePath('query-leak')`. */
export function cgiExamplePath(name: string): string {
  return join(examplesDirectory, 'build', 'cgi', name);
}

/** Absolute path of a capture, e.g. `capturePath('article.txt')`. */
export function capturePath(name: string): string {
  return join(cgiExamplesDirectory, 'captures', name);
}

/** Whether an example was built: those with libfcgi are left out where it is missing. In CI they must be there. */
export function isBuilt(name: string): boolean {
  return process.env.CI === 'true' || existsSync(cgiExamplePath(name));
}

/** All examples in the order of their names. Throws when a comment cannot be read. */
export function readCgiExamples(): readonly CgiExample[] {
  return readdirSync(cgiExamplesDirectory)
    .filter((file) => file.endsWith('.c'))
    .sort()
    .map((file) => {
      const name = file.replace(/\.c$/, '');
      const source = join(cgiExamplesDirectory, file);
      const replays = readReplays(readFileSync(source, 'utf8'));
      return { name, source, program: cgiExamplePath(name), replays };
    });
}

// `Leak_DefinitelyLost at lose_query, 100 bytes in 1 blocks, request 2`, `Race at count_found, requests 1 2 3`
const expectLine = /^(\w+) at (\w+)(?:, (\d+) bytes in (\d+) blocks)?, requests? (\d+(?: \d+)*)$/;
// `findings, status 100`
const outcomeLine = /^(clean|findings|failed|inconclusive)(?:, status (\d+))?$/;

function readReplays(text: string): readonly ExpectedReplay[] {
  const top = text.slice(0, text.search(/^(?!\/\/)/m)).split('\n');
  const replays: ExpectedReplay[] = [];
  let words: readonly string[] = [];
  let findings: ExpectedAnswer[] = [];
  for (const line of top) {
    // `// replay memcheck: paths.txt --repeat 10`; lines without such a word explain.
    const [, key, tool = '', value = ''] = /^\/\/ (replay|expect|outcome) (\w+): (.+)$/.exec(line) ?? [];
    if (key === 'replay') {
      words = value.split(' ').map((word) => (existsSync(capturePath(word)) ? capturePath(word) : word));
      findings = [];
    } else if (key === 'expect') {
      const [, kind, name, bytes, blocks, requests] = expectLine.exec(value) ?? [];
      if (kind === undefined || name === undefined || requests === undefined) {
        throw new Error(`cannot read: ${line}`);
      }
      const leak = bytes === undefined ? {} : { bytes: Number(bytes), blocks: Number(blocks) };
      findings.push({ kind, function: name, ...leak, requests: requests.split(' ').map(Number) });
    } else if (key === 'outcome') {
      const [, outcome, status] = outcomeLine.exec(value) ?? [];
      if (outcome === undefined) throw new Error(`cannot read: ${line}`);
      const ended = status === undefined ? {} : { status: Number(status) };
      replays.push({ tool, words, findings, outcome: outcome as Outcome, ...ended });
    }
  }
  return replays;
}
