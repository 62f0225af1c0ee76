// Which lines of a mixed log are valgrind's: the mark before each of them, and what proves that it is no lookalike.
import { isFrameLine } from './text-frames.ts';
import * as say from './text-grammar.ts';

/** Whether a line shows that valgrind wrote for its pid. */
export function proves(text: string, afterHeadline: boolean): boolean {
  return say.banner.test(text) || say.evidence.test(text) || (afterHeadline && isFrameLine(text));
}

export function plain(text: string): string {
  const bare = text.includes('\x1b') ? text.replace(say.colours, '') : text;
  // Web pages turn the spaces of a log into no-break ones.
  return bare.includes('\u00A0') ? bare.replaceAll('\u00A0', ' ') : bare;
}

/** The mark of a line: at its start, after what a CI prints, or, for a pid that is known, after half a line of output. */
export function findMark(
  text: string,
  isKnown: (pid: number) => boolean,
): { mark: string; pid: number; text: string } | undefined {
  let match = say.markAtStart.exec(text);
  if (match === null && /==|--|\*\*/.test(text)) {
    match = say.markAnywhere.exec(text);
    if (match !== null && !isKnown(Number(match[2])) && !isLeader(text.slice(0, match.index)))
      return undefined;
  }
  if (match === null) return undefined;
  return {
    mark: match[1] ?? '==',
    pid: Number(match[2]),
    text: text.slice(match.index + match[0].length).trimEnd(),
  };
}

export function isLeader(text: string): boolean {
  if (text.length > 120) return false;
  let at = 0;
  while (at < text.length) {
    say.leaderPiece.lastIndex = at;
    if (!say.leaderPiece.test(text)) return false;
    at = say.leaderPiece.lastIndex;
  }
  return true;
}
