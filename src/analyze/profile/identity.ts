// When two places of two profiles are the same function, though it was built elsewhere, of another version, or edited.
import { posix } from 'node:path';
import type { ProfileFrame } from '../../model/profile.ts';
import { plainFunction, plainObject } from '../fingerprint.ts';

/*
 * The rule (docs/identity.md tells it to users):
 *
 * 1. A function is its name without clone suffix and symbol version, the base name of its object without version, and
 *    the base name of its source file. Lines, addresses and directories do not count. What callgrind numbers for its
 *    depth of recursion (`walk'2`) is a function of its own. Without a name, or with
 *    an address for one, it is its object; without that, its address.
 * 2. What is left on both sides is the same function when it has the same name, and that name is left once on each side:
 *    it moved to another file, the program was renamed, or one side has no debug information.
 */

/** Numbers of functions: rows with one number are the same function. */
export interface FunctionNumbers {
  readonly after: readonly (readonly number[])[];
  readonly before: readonly (readonly number[])[];
  /** Numbers are below this. */
  readonly count: number;
}

/** Numbers the frames of several tables on both sides. */
export function numberFunctions(
  after: readonly (readonly ProfileFrame[])[],
  before: readonly (readonly ProfileFrame[])[],
): FunctionNumbers {
  const numbers = new Map<string, number>();
  const names: (string | undefined)[] = [];
  const plain: PlainNames = { objects: new Map(), files: new Map() };
  const numberOf = (frame: ProfileFrame): number => {
    const name = nameOf(frame);
    const key = keyOf(frame, name, plain);
    let number = numbers.get(key);
    if (number === undefined) {
      number = numbers.size;
      numbers.set(key, number);
      names.push(name);
    }
    return number;
  };
  const ofAfter = after.map((table) => table.map(numberOf));
  const ofBefore = before.map((table) => table.map(numberOf));
  const renamed = renamedOf(names, new Set(ofAfter.flat()), new Set(ofBefore.flat()));
  return {
    after: ofAfter,
    before: ofBefore.map((table) => table.map((number) => renamed.get(number) ?? number)),
    count: numbers.size,
  };
}

/** Of what only one side has: the number before → the number after, where a name is left once on each side. */
function renamedOf(
  names: readonly (string | undefined)[],
  after: ReadonlySet<number>,
  before: ReadonlySet<number>,
): ReadonlyMap<number, number> {
  const lost = new Map<string, number[]>();
  const fresh = new Map<string, number[]>();
  for (const [number, name] of names.entries()) {
    if (name === undefined || (after.has(number) && before.has(number))) continue;
    const side = before.has(number) ? lost : fresh;
    const known = side.get(name);
    if (known === undefined) side.set(name, [number]);
    else known.push(number);
  }
  const renamed = new Map<number, number>();
  for (const [name, [number, ...more]] of lost) {
    const now = fresh.get(name) ?? [];
    if (number !== undefined && more.length === 0 && now.length === 1) renamed.set(number, now[0] as number);
  }
  return renamed;
}

/** Plain names of what many frames share: objects and files. */
interface PlainNames {
  readonly objects: Map<string, string>;
  readonly files: Map<string, string>;
}

function keyOf(frame: ProfileFrame, name: string | undefined, { objects, files }: PlainNames): string {
  const { object, file, ip, sum } = frame;
  // `in 3 places, all below massif's threshold (1.00%)`
  if (sum !== undefined) return `sum\0${sum.replace(/\d+(?:\.\d+)?/g, '#')}`;
  const where = object === undefined ? '' : remembered(objects, object, plainObject);
  if (name === undefined)
    return where === '' ? `ip\0${frame.function ?? ''}\0${ip ?? ''}` : `object\0${where}`;
  return `${name}\0${where}\0${file === undefined ? '' : remembered(files, file, posix.basename)}`;
}

function remembered(known: Map<string, string>, text: string, make: (text: string) => string): string {
  let made = known.get(text);
  if (made === undefined) {
    made = make(text);
    known.set(text, made);
  }
  return made;
}

// `0x000000000010927c`, which callgrind writes for code without a symbol
const address = /^0x[0-9a-f]+$/i;

// `walk'2`
const recursion = /'\d+$/;

// `sort.isra.0`, `f(int) [clone .cold]`, `memcpy@@GLIBC_2.14`, `walk'2`, `core::fmt::write::h0123456789abcdef`
const decorated = /[.@\]']|::h[0-9a-f]{16}$/;

function nameOf({ function: name }: ProfileFrame): string | undefined {
  if (name === undefined || name === '???' || address.test(name)) return undefined;
  if (!decorated.test(name)) return name;
  const depth = recursion.exec(name)?.[0] ?? '';
  return plainFunction(name.slice(0, name.length - depth.length)) + depth;
}
