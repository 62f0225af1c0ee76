// Knows sources of C and C++ by their names.
import { extname } from 'node:path';

const extensions: ReadonlyMap<string, 'c' | 'c++'> = new Map([
  ['.c', 'c'],
  ['.cc', 'c++'],
  ['.cpp', 'c++'],
  ['.cxx', 'c++'],
  ['.c++', 'c++'],
  ['.C', 'c++'],
  ['.CPP', 'c++'],
]);

/** Whether a name is that of a C or C++ source. */
export function isSource(name: string): boolean {
  return extensions.has(extname(name));
}

/** Whether a name is that of a C++ source. */
export function isCxxSource(name: string): boolean {
  return extensions.get(extname(name)) === 'c++';
}
