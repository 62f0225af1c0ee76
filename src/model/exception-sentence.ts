// Owns how an exception of C++ that ended a process is told in one sentence.
import type { ThrownException } from './stop.ts';

/** Characters of the exception's text, which stands whole with the stop. */
const longestText = 500;

/**
 * `terminate called after throwing an instance of 'std::runtime_error': no such table`, as libstdc++ says it on stderr. Blanks and ends
 * of lines in the text become single blanks.
 */
export function exceptionSentence({ type, text, isHandled }: ThrownException): string {
  const reason =
    isHandled === true
      ? `terminate called while an exception of type '${type}' was handled`
      : `terminate called after throwing an instance of '${type}'`;
  const words = (text ?? '').replace(/\s+/g, ' ').trim();
  if (words === '') return reason;
  return `${reason}: ${words.length > longestText ? `${words.slice(0, longestText)}…` : words}`;
}
