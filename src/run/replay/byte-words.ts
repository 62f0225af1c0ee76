// Owns the words and variables of a request as a run takes them. The request has bytes as latin1.
import { textOfBytes } from '../../model/byte-text.ts';

/** @param bytes as latin1. @returns the text that it is, bytes that are no UTF-8 as in byte-text.ts. */
export function wordOf(bytes: string): string {
  return textOfBytes(Buffer.from(bytes, 'latin1'));
}

/** @param variables names and values are bytes as latin1. */
export function variablesOf(variables: ReadonlyMap<string, string>): Record<string, string> {
  return Object.fromEntries([...variables].map(([name, value]) => [wordOf(name), wordOf(value)]));
}
