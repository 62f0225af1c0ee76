// Owns the text of an object of C++ that was thrown, where it can be read with certainty: nothing of the process is called.
//
// Sources: libstdc++'s <stdexcept> and bits/cow_string.h, libc++'s src/include/refstring.h, for 64-bit pointers. Both have in a
// std::runtime_error and in a std::logic_error, behind the pointer to the virtual table, one to characters; before these are their
// length, the capacity and how many objects have them in common.
import type { CodePlaces } from './code-places.ts';
import { publicBases, stringAt } from './exception-type.ts';
import type { MemoryWords } from './memory-words.ts';

/** Characters that are kept. */
const longestText = 2048;
/** No message is longer. */
const longestMessage = 2n ** 31n;

/** Classes of the standard library whose what() is that of their base, or of themselves. */
const standardClasses = new Set([
  'St13runtime_error',
  'St11range_error',
  'St14overflow_error',
  'St15underflow_error',
  'St11logic_error',
  'St16invalid_argument',
  'St12domain_error',
  'St12length_error',
  'St12out_of_range',
  'St12system_error',
]);
const messageClasses = new Set(['St13runtime_error', 'St11logic_error']);
const ownMessages = new Set(['_ZNKSt13runtime_error4whatEv', '_ZNKSt11logic_error4whatEv']);
const pointersToText = new Set(['PKc', 'Pc']);
const stringClass = 'NSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEEE';
/** Where what() is in the virtual table of a std::exception, behind two destructors. */
const whatEntry = 16n;

/**
 * @param type address of its type_info.
 * @param name of its type, mangled.
 * @param object its address.
 * @returns undefined: it has none, or it cannot be told for certain, as of a class with a what() of its own.
 */
export function textOfObject(
  code: CodePlaces,
  type: bigint,
  name: string,
  object: bigint,
): string | undefined {
  const { memory } = code;
  const pointer = memory.unsigned(object, 8);
  if (pointer === undefined) return undefined;
  if (pointersToText.has(name)) {
    const found = stringAt(memory, pointer, longestText);
    return found && textOrNothing(found.text, !found.isWhole);
  }
  if (name === stringClass) return textOfLength(memory, pointer, memory.unsigned(object + 8n, 8));
  const [base, ...others] = publicBases(memory, type).filter((each) => messageClasses.has(each.name));
  if (base === undefined || others.length > 0) return undefined;
  const part = object + base.offset;
  if (!standardClasses.has(name) && !hasOwnMessage(code, part)) return undefined;
  const characters = memory.unsigned(part + 8n, 8);
  if (characters === undefined || characters < 24n) return undefined;
  const length = memory.unsigned(characters - 24n, 8);
  const capacity = memory.unsigned(characters - 16n, 8);
  if (length === undefined || capacity === undefined || length > capacity) return undefined;
  return textOfLength(memory, characters, length);
}

/** what() of the object is that of the standard library, which returns the characters. */
function hasOwnMessage({ memory, finalTarget, places, nameOf }: CodePlaces, part: bigint): boolean {
  const table = memory.unsigned(part, 8);
  const entry = table === undefined ? undefined : memory.unsigned(table + whatEntry, 8);
  if (entry === undefined) return false;
  const target = finalTarget(entry);
  const module = places.module(target);
  const found = module && nameOf?.(module, BigInt.asUintN(64, target - module.bias));
  if (found === undefined || found.offset !== 0 || found.name === undefined) return false;
  return ownMessages.has(found.name.replace(/@.*$/s, ''));
}

/** A text with a zero behind it. */
function textOfLength(memory: MemoryWords, address: bigint, length: bigint | undefined): string | undefined {
  if (length === undefined || length > longestMessage) return undefined;
  if (memory.unsigned(address + length, 1) !== 0n) return undefined;
  const wanted = Math.min(Number(length), longestText);
  const bytes = memory.bytes(address, wanted);
  if (bytes.length < wanted) return undefined;
  const zero = bytes.indexOf(0);
  return textOrNothing(
    Buffer.from(zero === -1 ? bytes : bytes.subarray(0, zero)).toString('utf8'),
    zero === -1 && Number(length) > wanted,
  );
}

function textOrNothing(text: string, isCut: boolean): string | undefined {
  if (text === '') return undefined;
  return isCut ? `${text}…` : text;
}
