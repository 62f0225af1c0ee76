// Asks whoever sits at the terminal one question, wherever the standard streams of the program go.
import { openSync, writeSync } from 'node:fs';
import { ReadStream } from 'node:tty';

/** How often it is looked whether the question is still of any use, in ms. */
const lookEveryMs = 300;
const longestAnswer = 1024;

/**
 * Writes the lines and the question, and waits for one line.
 *
 * @param isOver nobody needs the answer any more.
 * @returns the line without its end; undefined when there is none: the terminal has gone, it was Ctrl-D or Ctrl-C, or it is over.
 */
export function askTerminal(
  lines: readonly string[],
  question: string,
  isOver: () => boolean,
): Promise<string | undefined> {
  let descriptor: number;
  try {
    descriptor = openSync('/dev/tty', 'r+');
    writeSync(descriptor, `${lines.map((line) => `${line}\n`).join('')}${question}`);
  } catch {
    return Promise.resolve(undefined);
  }
  const stream = new ReadStream(descriptor);
  return new Promise((done) => {
    let text = '';
    const finish = (answer: string | undefined) => {
      clearInterval(timer);
      process.off('SIGINT', interrupted);
      stream.destroy();
      done(answer);
    };
    const interrupted = () => finish(undefined);
    // The program gets it too, and it is what ends it.
    process.once('SIGINT', interrupted);
    const timer = setInterval(() => {
      if (isOver()) finish(undefined);
    }, lookEveryMs);
    stream.on('data', (bytes) => {
      text = (text + bytes.toString('utf8')).slice(0, longestAnswer);
      const end = text.indexOf('\n');
      if (end !== -1) finish(text.slice(0, end));
    });
    stream.on('end', () => finish(undefined));
    stream.on('error', () => finish(undefined));
  });
}
