// Owns how long and how much an answer may be.
import type { GatewayOptions } from './exchange.ts';

/** The limits of one exchange, counted from when they are watched. */
export interface Limits {
  /** Counts bytes that came; false: they are too many. `answer`: of the answer, and not of the error stream. */
  readonly count: (bytes: number, answer: boolean) => boolean;
  /** The program took some of the request: the first byte of the answer may take as long again. */
  readonly progress: () => void;
  readonly answerBytes: () => number;
  readonly stop: () => void;
}

/** @param exceeded is told once, in a sentence. */
export function watchLimits(
  options: Pick<GatewayOptions, 'firstByteMs' | 'wholeMs' | 'maxBytes'>,
  exceeded: (why: string) => void,
): Limits {
  let answerBytes = 0;
  let allBytes = 0;
  let stopped = false;
  const first = setTimeout(() => {
    exceeded(`no byte of an answer came within ${seconds(options.firstByteMs)}`);
  }, options.firstByteMs);
  const whole = setTimeout(() => {
    exceeded(`its answer was not whole after ${seconds(options.wholeMs)}`);
  }, options.wholeMs);
  return {
    count: (bytes, answer) => {
      clearTimeout(first);
      allBytes += bytes;
      if (allBytes > options.maxBytes) {
        exceeded(`its answer is longer than ${options.maxBytes} bytes`);
        return false;
      }
      if (answer) answerBytes += bytes;
      return true;
    },
    progress: () => {
      // refresh() would start a timer again that was cleared.
      if (allBytes === 0 && !stopped) first.refresh();
    },
    answerBytes: () => answerBytes,
    stop: () => {
      stopped = true;
      clearTimeout(first);
      clearTimeout(whole);
    },
  };
}

function seconds(ms: number): string {
  return ms % 1000 === 0 ? `${ms / 1000} s` : `${ms} ms`;
}
