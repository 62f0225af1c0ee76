// Owns the logs of tools that say all they have to say in words of their own: lackey, exp-bbv, tools that users wrote.
// Their words are shown as they are, and not understood.
import type { ParsedRecord } from '../model/record.ts';
import { createLineSplitter } from '../tools/_shared/log-lines.ts';
import { valgrindText } from '../tools/_shared/valgrind-text.ts';
import { interpreterFor } from '../tools/index.ts';
import { readCopies } from './copies.ts';

/** Lines that are shown of a log: its beginning and its end, where tools sum up. */
const headLines = 40;
const tailLines = 60;

/** Reads one log: the process that it is of, how a signal ended it, and its words as one message. */
export async function* readPlainLog(log: {
  readonly path: string;
  readonly artifact: string;
  readonly nextImage: () => number;
}): AsyncGenerator<ParsedRecord> {
  const { path, artifact, nextImage } = log;
  const words = await wordsOf(path);
  let image: number | undefined;
  const context = { artifact, nextImage, interpreterFor, fromInstrument: true };
  for await (const record of valgrindText.read(readCopies([path]), context)) {
    switch (record.type) {
      case 'process':
        image = record.image;
        yield record;
        if (words !== '') yield { type: 'message', image, source: 'tool', text: words };
        break;
      case 'fatal-signal':
        yield record;
        break;
      // Nothing in such a log says that it is whole; how the program ended, RUN has seen.
      case 'process-end':
        yield { ...record, complete: true, finished: true };
        break;
      case 'problem':
        if (record.problem.code.startsWith('instrument-')) yield record;
    }
  }
}

// `==1234== Lackey, an example Valgrind tool`, `--1234-- …`, with `--time-stamp=yes` `==00:00:00:01.234 1234== …`
const mark = /^(?:==|--|\*\*)(?:[\d:.]+ )?\d+(?:==|--|\*\*) ?/;
const preamble = /^(?:Copyright |Using Valgrind-|Command: |Parent PID: )/;

async function wordsOf(path: string): Promise<string> {
  const head: string[] = [];
  const tail: string[] = [];
  let left = 0;
  const splitter = createLineSplitter();
  const take = (text: string): void => {
    const line = text.replace(mark, '');
    if (preamble.test(line) || (line.trim() === '' && (tail.at(-1) ?? head.at(-1) ?? '') === '')) return;
    if (head.length < headLines) head.push(line);
    else {
      tail.push(line);
      if (tail.length > tailLines) {
        tail.shift();
        left++;
      }
    }
  };
  for await (const chunk of readCopies([path])) for (const { text } of splitter.push(chunk)) take(text);
  for (const { text } of splitter.end()) take(text);
  const gap = left === 0 ? [] : [`… ${left} more lines are in the log`];
  return [...head, ...gap, ...tail].join('\n').trim();
}
