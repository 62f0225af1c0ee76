// Owns bytes as Node can give them to a program: it takes text and makes UTF-8 of it, so bytes that are none cannot be passed on.

/** @param bytes as latin1. @returns the text whose UTF-8 they are; bytes that are no UTF-8 become U+FFFD. */
export function wordForNode(bytes: string): string {
  return Buffer.from(bytes, 'latin1').toString('utf8');
}

/** Whether the program will get these bytes, and no others. */
export function isWhole(bytes: string): boolean {
  return Buffer.from(wordForNode(bytes)).toString('latin1') === bytes;
}

/** @param variables names and values are bytes as latin1. */
export function variablesForNode(variables: ReadonlyMap<string, string>): Record<string, string> {
  return Object.fromEntries([...variables].map(([name, value]) => [wordForNode(name), wordForNode(value)]));
}
