// Owns how bytes of a program or a capture are quoted in a sentence. Pure.

const longestQuote = 40;

/** `'text…'` of bytes as latin1: on one line, short, without what would move a terminal's cursor. */
export function quoted(text: string): string {
  const short = text.length > longestQuote ? `${text.slice(0, longestQuote)}…` : text;
  return `'${short.replace(/[^\x20-\x7e…]/g, '?')}'`;
}
