// Owns what is counted of a replay: from single passes to what is known of each request.
import { type Exit, worstExit } from '../../model/exit.ts';
import type { Answer, CapturedRequest, ReplayedRequest } from '../../model/request.ts';

/** What became of one pass of a request. */
export interface PassResult {
  /** Not counted: it warms the program up. What went wrong counts all the same. */
  readonly warmUp: boolean;
  readonly durationMs: number;
  readonly answer?: Answer;
  readonly faults: readonly string[];
  readonly unmet: readonly string[];
  /** What could not be compared, one sentence each. */
  readonly unknown?: readonly string[];
  /** Why there is no whole answer. */
  readonly lost?: string;
  /** Of the process that was there for this pass alone. */
  readonly exit?: Exit;
  /** The process that served it ended over it. */
  readonly ended?: Exit;
}

export interface Tally {
  readonly add: (index: number, result: PassResult) => void;
  /** The process ended behind the answer to this request, before it took another. */
  readonly endedBehind: (index: number, exit: Exit) => void;
  /** What could not be compared, by request, as `add` was told. */
  readonly unknown: () => readonly (readonly [number: number, sentences: readonly string[]])[];
  readonly requests: () => readonly ReplayedRequest[];
}

const mostSentences = 5;

interface Counted {
  sent: number;
  answered: number;
  readonly statuses: Map<number, number>;
  answer: Answer | undefined;
  readonly faults: Set<string>;
  readonly unmet: Set<string>;
  readonly unknown: Set<string>;
  readonly lost: Set<string>;
  exit: Exit | undefined;
  ended: Exit | undefined;
  durationMs: number;
  slowestMs: number;
}

/** @param masked the target of a request as it may be shown. */
export function createTally(requests: readonly CapturedRequest[], masked: (target: string) => string): Tally {
  const counts = requests.map(
    (): Counted => ({
      sent: 0,
      answered: 0,
      statuses: new Map(),
      answer: undefined,
      faults: new Set(),
      unmet: new Set(),
      unknown: new Set(),
      lost: new Set(),
      exit: undefined,
      ended: undefined,
      durationMs: 0,
      slowestMs: 0,
    }),
  );
  return {
    add: (index, result) => {
      const counted = counts[index] as Counted;
      for (const sentence of result.faults) keep(counted.faults, sentence);
      for (const sentence of result.unmet) keep(counted.unmet, sentence);
      for (const sentence of result.unknown ?? []) keep(counted.unknown, sentence);
      if (result.lost !== undefined) keep(counted.lost, result.lost);
      counted.exit = worstExit([counted.exit, result.exit]);
      counted.ended ??= result.ended;
      counted.answer ??= result.answer;
      if (result.warmUp) return;
      counted.sent++;
      counted.durationMs += result.durationMs;
      counted.slowestMs = Math.max(counted.slowestMs, result.durationMs);
      if (result.answer === undefined) return;
      counted.answered++;
      const { status } = result.answer;
      counted.statuses.set(status, (counted.statuses.get(status) ?? 0) + 1);
    },
    endedBehind: (index, exit) => {
      (counts[index] as Counted).ended ??= exit;
    },
    unknown: () => counts.map(({ unknown }, index) => [index + 1, [...unknown]] as const),
    requests: () =>
      counts.map(
        (
          { statuses, faults, unmet, unknown: _, lost, answer, exit, ended, ...rest },
          index,
        ): ReplayedRequest => {
          const { source, method, target } = requests[index] as CapturedRequest;
          return {
            number: index + 1,
            source,
            method,
            target: masked(target),
            ...rest,
            statuses: [...statuses].sort(([, a], [, b]) => b - a),
            ...(answer && { answer }),
            faults: [...faults],
            unmet: [...unmet],
            lost: [...lost],
            ...(exit && { exit }),
            ...(ended && { ended }),
          };
        },
      ),
  };
}

function keep(sentences: Set<string>, sentence: string): void {
  if (sentences.size < mostSentences) sentences.add(sentence);
}
