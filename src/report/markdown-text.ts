// Text from outside in Markdown: as a code span or block, in which GitHub and GitLab see neither markup nor mentions.
import { harmless } from './terminal-text.ts';

/** Longest run of backticks in a text. */
function longestFence(text: string): number {
  return (text.match(/`+/g) ?? []).reduce((most, run) => Math.max(most, run.length), 0);
}

/** Text cut to a number of UTF-16 units, with `…`; never within a surrogate pair. */
export function cut(text: string, most: number): string {
  if (text.length <= most) return text;
  return `${text.slice(0, most - 1).replace(/[\ud800-\udbff]$/, '')}…`;
}

/** A code span on one line. Inside lists and paragraphs only: in a table, `|` would end the cell. */
export function code(text: string, most = 300): string {
  const content = cut(harmless(text), most);
  if (content.trim() === '') return '` `';
  const fence = '`'.repeat(longestFence(content) + 1);
  // One space on both sides is taken off again, unless the text is nothing but spaces.
  const pad = /^[` ]|[` ]$/.test(content) ? ' ' : '';
  return `${fence}${pad}${content}${pad}${fence}`;
}

/** A fenced block; lines are made harmless one by one. */
export function codeBlock(lines: readonly string[]): string {
  const content = lines.map((line) => cut(harmless(line), 300));
  const fence = '`'.repeat(Math.max(3, longestFence(content.join('\n')) + 1));
  return [fence, ...content, fence].join('\n');
}

// Words of a plain sentence: `findings`, `program's`, `so-called`, `1,024`, `(computed)`; no word of hex digits alone,
// which can be taken for a commit.
const plain =
  /^(?=[A-Za-z]|\d[\d,]* [a-z])(?:(?![\da-f]{7,}\b)\(?(?:[A-Za-z]+(?:['-][a-z]+)*|\d{1,3}(?:,\d{3})+|\d{1,6})\)?[,.:;]?(?: |$))+$/;

/**
 * A sentence as it is when it holds nothing but words and numbers, and as a code span otherwise: nobody can tell which
 * part of a sentence is the name of a program.
 */
export function prose(text: string): string {
  return text.length <= 1000 && plain.test(text) ? text : code(text, 1000);
}
