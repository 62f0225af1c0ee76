// How a program ended, in a sentence, when that is no success.
import type { Exit } from '../model/run.ts';

/** `The program exited with status 3.`; undefined for a success, and for an end that nobody knows. */
export function endSentence(exit: Exit | undefined): string | undefined {
  if (exit?.how === 'exited' && exit.code !== 0) return `The program exited with status ${exit.code}.`;
  if (exit?.how === 'unknown' && exit.why === 'instrument') {
    return "The program's own status is not known: the sanitizer ended it, or put its own status in that place.";
  }
  return exit?.how === 'signaled' ? `The program was killed by ${exit.signal}.` : undefined;
}
