// Text from outside in Markdown: as a code span or block, in which GitHub and GitLab see neither markup nor mentions.
import { cut, harmless, withoutCommands } from './terminal-text.ts';

/** Longest run of backticks in a text. */
function longestFence(text: string): number {
  return (text.match(/`+/g) ?? []).reduce((most, run) => Math.max(most, run.length), 0);
}

/** A code span on one line. Inside lists and paragraphs only: in a table, `|` would end the cell. */
export function code(text: string, most = 300): string {
  const content = withoutCommands(cut(harmless(text), most));
  if (content.trim() === '') return '` `';
  const fence = '`'.repeat(longestFence(content) + 1);
  // One space on both sides is taken off again, unless the text is nothing but spaces.
  const pad = /^[` ]|[` ]$/.test(content) ? ' ' : '';
  return `${fence}${pad}${content}${pad}${fence}`;
}

/** A fenced block; lines are made harmless one by one. */
export function codeBlock(lines: readonly string[]): string {
  const content = lines.map((line) => withoutCommands(cut(harmless(line), 300)));
  const fence = '`'.repeat(Math.max(3, longestFence(content.join('\n')) + 1));
  return [fence, ...content, fence].join('\n');
}

// Words of a plain sentence: `findings`, `program's`, `so-called`, `1,024`, `(computed)`; no word of hex digits alone,
// which can be taken for a commit.
const plain = /^(?!.*\b[\da-f]{7,}\b)\(?(?:[A-Za-z]+(?:['-][a-z]+)*|\d{1,3}(?:,\d{3})+|\d{1,6})\)?[,.:;]?$/;

/**
 * A sentence whose words stay as they are when they are letters or a number, and are code spans otherwise: nobody can
 * tell which of them is the name of a program, and a word of letters is harmless whoever chose it.
 */
export function prose(text: string): string {
  const parts: string[] = [];
  let coded: string[] = [];
  const flush = (): void => {
    // The comma after a word is the sentence's: `+1`, and not `+1,`.
    const [, words = '', mark = ''] = /^(.*?)([,.:;]?)$/s.exec(coded.join(' ')) ?? [];
    if (coded.length > 0) parts.push(words === '' ? code(mark) : `${code(words, longestCode)}${mark}`);
    coded = [];
  };
  for (const word of cut(text, longestProse).split(' ')) {
    // At the start of a line, `1.` begins a list.
    const first = parts.length === 0 && coded.length === 0;
    if (plain.test(word) && !(first && /^\d+[.)]/.test(word))) {
      flush();
      parts.push(word);
    } else coded.push(word);
  }
  flush();
  return parts.join(' ');
}

const longestProse = 1000;
/** What is coded is not cut again: it is a part of the sentence. */
const longestCode = 8 * longestProse;
