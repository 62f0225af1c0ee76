// Turns text of files and commands into the bytes that go over the wire, written as latin1 as the model has them.

/** UTF-8 bytes of a text, one character for each. */
export function bytesAsLatin1(text: string): string {
  return /^[\x00-\x7f]*$/.test(text) ? text : Buffer.from(text, 'utf8').toString('latin1');
}
