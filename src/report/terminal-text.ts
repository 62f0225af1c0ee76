// Makes text from the target harmless for a terminal, and measures and breaks lines.

import { withShownBytes } from '../model/byte-marks.ts';

// C0 and C1 control characters, DEL; line and paragraph separators; marks that turn the direction of text around
// (U+202A to U+202E, U+2066 to U+2069, U+200E, U+200F, U+061C), with which a file name can look like another one;
// halves of surrogate pairs, which are no characters.
const harmful =
  /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069\u200e\u200f\u061c\ufeff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;

/** The text with what could steer a terminal made visible: ESC becomes `\x1b`, U+202E becomes `\u{202e}`, a byte that is no UTF-8 `\xff`. */
export function harmless(text: string): string {
  return text.replace(harmful, (character) => {
    const code = character.charCodeAt(0);
    if (code >= 0xdc80 && code <= 0xdcff) return withShownBytes(character);
    return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u{${code.toString(16)}}`;
  });
}

// `::error file=a.c::text` after white space, for GitHub; `##[group]`, `##vso[task.complete]` and `##teamcity[…]` anywhere
// in the line, for GitHub, Azure and TeamCity. Our own colours may stand before it.
const command = /^((?:\s|\x1b\[[\d;]*m)*):(?=:)|#(?=#(?:vso|teamcity)?\[)/gi;

/** The line with what a CI system would take for a command to it made visible: `::error::` becomes `\x3a:error::`. */
export function withoutCommands(line: string): string {
  return line.replace(command, (_, start: string | undefined) =>
    start === undefined ? '\\x23' : `${start}\\x3a`,
  );
}

// Our own colours and links, as picocolors and OSC 8 write them: `\x1b[31m`, `\x1b]8;;file:///a.c\x1b\\`
const styling = /\x1b\[[\d;]*m|\x1b\]8;;[^\x1b]*\x1b\\/g;

/** Columns that a line takes, our own colours and links not counted. Wide characters count as one. */
export function widthOf(line: string): number {
  return line.replace(styling, '').length;
}

/** The line cut to `width` columns, with `…` where something is missing; colours and links still end. */
export function clip(line: string, width: number): string {
  if (widthOf(line) <= width) return line;
  let room = Math.max(0, width - 1);
  let ended = false;
  let clipped = '';
  let from = 0;
  const take = (text: string): void => {
    const kept = wholePrefix(text, room);
    clipped += kept;
    room = kept.length < text.length ? 0 : room - kept.length;
    if (kept.length < text.length && !ended) {
      clipped += '…';
      ended = true;
    }
  };
  for (const style of line.matchAll(styling)) {
    take(line.slice(from, style.index));
    clipped += style[0];
    from = style.index + style[0].length;
  }
  take(line.slice(from));
  return clipped;
}

/** Text cut to a number of UTF-16 units, with `…` where something is missing. */
export function cut(text: string, most: number): string {
  return text.length <= most ? text : `${wholePrefix(text, most - 1)}…`;
}

/** At most so many UTF-16 units from the start, and no half of a surrogate pair at the end. */
function wholePrefix(text: string, most: number): string {
  return text.slice(0, most).replace(/[\ud800-\udbff]$/, '');
}

/** Terminal rows that lines take at a width. */
export function rowsOf(lines: readonly string[], columns: number): number {
  return lines.reduce((rows, line) => rows + Math.max(1, Math.ceil(widthOf(line) / Math.max(1, columns))), 0);
}

/** Breaks text at spaces to lines of at most `width` columns; a longer word keeps a line of its own. */
export function wrap(text: string, width: number): readonly string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = '';
    }
    line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line];
}

/** `block` for one, `blocks` for any other number. */
export function plural(count: number, word: string): string {
  return count === 1 ? word : `${word}s`;
}

/** `1234567` → `1,234,567`, as valgrind writes numbers. */
export function grouped(number: number): string {
  return String(number).replace(/\B(?=(?:\d{3})+(?!\d))/g, ',');
}
