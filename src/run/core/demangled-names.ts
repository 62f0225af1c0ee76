// Owns the names of C++ and Rust functions as their source has them: one c++filt is asked for all of a core.
import { findProgramOnPath } from '../instrument.ts';

const longestWait = 20_000;
const mostBytes = 100_000_000;
/** `_ZN3foo3barEv`, `__ZN…`, `_RNv…`; what linkers and compilers add stands behind: `@plt`, `.cold`. */
const mangled = /^_{1,3}[ZR][\w$.]+(?:@plt)?$/;

/** Names by mangled name; those that are none, or that nobody can read, are missing. */
export async function demangleNames(names: Iterable<string>): Promise<ReadonlyMap<string, string>> {
  const asked = [...new Set(names)].filter((name) => mangled.test(name));
  const found = new Map<string, string>();
  if (asked.length === 0) return found;
  const searchPath = process.env.PATH ?? '';
  const program =
    (await findProgramOnPath(searchPath, 'c++filt')) ?? (await findProgramOnPath(searchPath, 'llvm-cxxfilt'));
  if (program === undefined) return found;
  const { execa } = await import('execa');
  const { stdout } = await execa(program, [], {
    input: asked.map((name) => `${name}\n`).join(''),
    reject: false,
    stderr: 'ignore',
    timeout: longestWait,
    maxBuffer: mostBytes,
    env: { LC_ALL: 'C' },
  });
  for (const [index, line] of stdout.split('\n').entries()) {
    const name = asked[index];
    if (name !== undefined && line !== '' && line !== name) found.set(name, line);
  }
  return found;
}

/** What c++filt says of the string that a type_info points to, `_ZTS` and the name (Itanium C++ ABI, 5.1.4). */
const typeWords = 'typeinfo name for ';

/** The name of a type, which a type_info has mangled: `St13runtime_error`. It stays so when nobody can read it. */
export async function demangleType(mangledType: string): Promise<string> {
  const name = `_ZTS${mangledType}`;
  const found = (await demangleNames([name])).get(name);
  return found?.startsWith(typeWords) ? found.slice(typeWords.length) : mangledType;
}
