// Owns the answers of a replay: each is written to a file, checked, and kept when it is the first of its request, or wrong.
import {
  closeSync,
  createReadStream,
  createWriteStream,
  openSync,
  rmSync,
  statfsSync,
  writeSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import type { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { maskAnswer, readAnswer } from '../../drive/gateway/answer.ts';
import { unmetBy } from '../../drive/gateway/expect.ts';
import type { Problem } from '../../model/problem.ts';
import type { CapturedRequest } from '../../model/request.ts';
import type { Pass, ReplayEvents, ReplayPlan } from './plan.ts';
import type { PassResult } from './tally.ts';

type ReadPass = Pick<PassResult, 'answer' | 'faults' | 'unmet' | 'unknown'>;

export interface OpenAnswer {
  /** To be written to; it may also be given to a program. */
  readonly descriptor: () => number;
  readonly write: (bytes: Uint8Array) => void;
  /** Nothing more comes: reads what came, and masks what is secret in it. */
  readonly finish: () => Promise<ReadPass>;
  /** Nothing came, and the request is sent once more: as if it had not been opened. Instead of `finish`. */
  readonly discard: () => void;
  /** Also after `finish` or `discard`. */
  readonly close: () => void;
}

export interface Answers {
  /** What is wrong with all of them. */
  readonly problems: () => readonly Problem[];
  readonly open: (pass: Pass) => OpenAnswer;
  /** Writes the requests as they were captured, secrets and all. */
  readonly keepRequests: () => Promise<void>;
}

/** Bytes of one answer: what goes on for ever ends here. */
export const longestAnswer = 1024 ** 3;

/** Bytes of an answer that is compared with the one before in memory. */
const longestKnown = 64 * 1024;
/** Of all of them together. */
const mostKnown = 64 * 1024 ** 2;

/** Wrong answers of one request that are kept beside its first. */
const mostWrong = 5;

/** @param directory absolute path of the run directory. */
export function keepAnswers(
  { requests, run, expectations }: ReplayPlan,
  directory: string,
  onAnswer: ReplayEvents['onAnswer'],
): Answers {
  const first = new Set<number>();
  const wrong = new Map<number, number>();
  let isFull = false;
  /** The last answer to a request that was right, and what was read in it. */
  const known = new Map<number, { readonly text: Buffer; readonly result: ReadPass }>();
  let knownBytes = 0;
  // One after the other: answers that are shown at once would be mixed.
  let shown: Promise<void> | undefined;
  const show = (request: CapturedRequest, path: string): Promise<void> => {
    shown = (shown ?? Promise.resolve()).then(() => onAnswer?.(request, path));
    return shown;
  };
  return {
    open: ({ index, pass }) => {
      const request = requests[index] as CapturedRequest;
      const name = first.has(index) ? `answer-${index + 1}.pass-${pass}.http` : `answer-${index + 1}.http`;
      const isFirst = !first.has(index);
      first.add(index);
      const path = join(directory, name);
      let descriptor: number | undefined;
      /** While it is short, and no file: most answers are those that came before. */
      const held: Uint8Array[] = [];
      let size = 0;
      const openFile = (): number => {
        descriptor ??= openSync(path, 'wx+', 0o600);
        for (const bytes of held.splice(0)) writeAll(descriptor, bytes);
        return descriptor;
      };
      const close = (): void => {
        if (descriptor !== undefined) closeSync(descriptor);
        descriptor = undefined;
      };
      return {
        descriptor: openFile,
        write: (bytes) => {
          size += bytes.length;
          if (descriptor === undefined && size <= longestKnown) held.push(Uint8Array.from(bytes));
          else writeAll(openFile(), bytes);
        },
        finish: async () => {
          const text = descriptor === undefined ? Buffer.concat(held) : undefined;
          const before = known.get(index);
          if (text !== undefined && onAnswer === undefined && before?.text.equals(text)) return before.result;
          openFile();
          isFull ||= isDiskFull(directory);
          const read = await readAnswer(path, { program: basename(run.target.path), method: request.method });
          const { unmet, unknown } = await unmetBy(expectations, request, read, path);
          if (onAnswer !== undefined) await show(request, path);
          const isWrong = read.faults.length > 0 || unmet.length > 0;
          const wrongBefore = wrong.get(index) ?? 0;
          if (isWrong) wrong.set(index, wrongBefore + 1);
          const isKept = isFirst || (isWrong && wrongBefore < mostWrong);
          if (isKept) await maskAnswer(path);
          else rmSync(path, { force: true });
          const result = {
            ...(read.answer && { answer: { ...read.answer, ...(isKept && { artifact: name }) } }),
            faults: read.faults,
            unmet,
            unknown,
          };
          if (text !== undefined && !isWrong && knownBytes + text.length <= mostKnown) {
            knownBytes += text.length - (before?.text.length ?? 0);
            known.set(index, { text, result });
          }
          return result;
        },
        discard: () => {
          close();
          rmSync(path, { force: true });
          if (isFirst) first.delete(index);
        },
        close,
      };
    },
    problems: () => (isFull ? [diskFull] : []),
    keepRequests: async () => {
      for (const [index, request] of requests.entries()) {
        const path = join(directory, `request-${index + 1}.http`);
        await pipeline(bytesOf(request), createWriteStream(path, { flags: 'wx', mode: 0o600 }));
      }
    },
  };
}

function writeAll(descriptor: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(descriptor, bytes, at);
}

/** Less than the smallest write of an instrument or a program. */
const nothingLeft = 64 * 1024;

function isDiskFull(directory: string): boolean {
  const { bavail, bsize } = statfsSync(directory);
  return bavail * bsize < nothingLeft;
}

const diskFull: Problem = {
  code: 'disk-full',
  level: 'incomplete',
  message:
    'the disk with the run directory is full: answers and logs may be cut, and a program that could not write may have failed for that',
  hint: 'make room, or run it in a folder on another disk',
};

/** As it is sent over HTTP/1.1, the length of the body put right: it can be replayed again. */
async function* bytesOf({ method, target, headers, body }: CapturedRequest): AsyncGenerator<Uint8Array> {
  const fields = headers.filter(([name]) => !/^content-length$/i.test(name));
  const length = body === undefined ? [] : [['Content-Length', String(body.length)] as const];
  const lines = [...fields, ...length].map(([name, value]) => `${name}: ${value}\r\n`);
  yield Buffer.from(`${method} ${target} HTTP/1.1\r\n${lines.join('')}\r\n`, 'latin1');
  if (body !== undefined) yield* body.open();
}

/** The bytes of an answer to whoever wants to see it; one that has seen enough (`| head`) gets no more. */
export async function copyAnswer(file: string, to: Writable): Promise<void> {
  for await (const bytes of createReadStream(file)) {
    if (!to.writable) return;
    if (to.write(bytes)) continue;
    await new Promise<void>((resolve) => {
      const go = () => {
        for (const event of ['drain', 'close', 'error']) to.off(event, go);
        resolve();
      };
      for (const event of ['drain', 'close', 'error']) to.on(event, go);
    });
  }
}
