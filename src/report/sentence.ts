// Makes sentences of the half sentences in which messages, reasons and hints come.
import { harmless } from './terminal-text.ts';

// The words with which vgrun's own half sentences begin. Any other first word can be the name of a file or program.
const openers = /^(?:an?|how|it|no|nothing|the|valgrind|vgrun|with)(?=[ ,])/;

/**
 * Messages come as half sentences too: `the log was cut` becomes `The log was cut.`; a name that comes first, as in
 * `passwd is no log`, stays as it is.
 */
export function sentence(text: string): string {
  const started = text.replace(openers, capitalised);
  return harmless(/[.!?…:]$/.test(started) ? started : `${started}.`);
}

/** A hint tells what to do: its first word is always vgrun's own. */
export function hintSentence(hint: string): string {
  return sentence(hint.replace(/^(?!vgrun )[a-z]+(?=[ ,])/, capitalised));
}

function capitalised(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1);
}
