// Code of a process as the unwinder asks for it: bytes, functions, call frame information, by addresses of the process.

import { type FrameEntry, frameEntry } from './call-frame-information.ts';
import { type FrameRules, frameRules } from './call-frame-rules.ts';
import { behindStubs, type CallSite, callSiteBefore, type ReadCode } from './call-sites.ts';
import { type MemoryWords, memoryWords } from './memory-words.ts';
import type { LoadedModule, ProcessImage } from './process-image.ts';
import { type ProcessPlaces, processPlaces } from './process-places.ts';
import { type MachineRegisters, machineRegisters } from './register-numbers.ts';
import type { FoundFunction } from './symbols.ts';

/** Name of what is at a link-time address of a module. */
export type NameOf = (module: LoadedModule, linkAddress: bigint) => FoundFunction | undefined;

/** What call frame information says of one address. */
export interface DescribedPlace {
  readonly rules: FrameRules;
  readonly entry: FrameEntry;
}

export interface CodePlaces {
  readonly image: ProcessImage;
  readonly places: ProcessPlaces;
  readonly memory: MemoryWords;
  readonly registers: MachineRegisters;
  readonly readCode: ReadCode;
  readonly nameOf: NameOf | undefined;
  readonly described: (address: bigint) => DescribedPlace | undefined;
  /** Where the function begins that has the code at `address`; undefined: not known. */
  readonly functionStart: (address: bigint) => bigint | undefined;
  /** `end` is missing when only a symbol without a size tells. */
  readonly functionRange: (address: bigint) => { readonly start: bigint; readonly end?: bigint } | undefined;
  readonly callBefore: (address: bigint) => CallSite;
  /** Behind stubs of the procedure linkage table. */
  readonly finalTarget: (target: bigint) => bigint;
}

/** Bytes of call frame information that are run for one process: honest ones need some hundred for each place. */
const instructionBytes = 64 * 1024 * 1024;
/** Deep recursion asks for the same few places again and again. */
const keptPlaces = 20_000;

export function codePlaces(image: ProcessImage, nameOf?: NameOf): CodePlaces {
  const places = processPlaces(image);
  const memory = memoryWords(image.memory);
  const registers = machineRegisters(image.machine);

  function readCode(address: bigint, length: number): Uint8Array {
    const bytes = memory.bytes(address, length);
    if (bytes.length >= length) return bytes;
    const module = places.module(address);
    const fromFile = module?.object?.at(address - module.bias, length);
    return fromFile !== undefined && fromFile.length > bytes.length ? fromFile : bytes;
  }

  let bytesLeft = instructionBytes;
  const described = kept((address: bigint): DescribedPlace | undefined => {
    const module = places.module(address);
    if (module === undefined) return undefined;
    const linked = BigInt.asUintN(64, address - module.bias);
    for (const object of [module.object, module.debug]) {
      const entry = object && frameEntry(object, linked, registers.wordSize);
      bytesLeft -= entry?.instructions.length ?? 0;
      const rules = entry !== undefined && bytesLeft > 0 ? frameRules(entry, linked) : undefined;
      if (rules !== undefined && entry !== undefined) return { rules, entry };
    }
    return undefined;
  });

  const functionRange = kept((address: bigint): { start: bigint; end?: bigint } | undefined => {
    const module = places.module(address);
    if (module === undefined) return undefined;
    const linked = BigInt.asUintN(64, address - module.bias);
    for (const object of [module.object, module.debug]) {
      const entry = object && frameEntry(object, linked, registers.wordSize);
      if (entry !== undefined) return { start: entry.start + module.bias, end: entry.end + module.bias };
    }
    const named = nameOf?.(module, linked);
    if (named === undefined || !named.isInside) return undefined;
    const start = named.start + module.bias;
    return named.size === undefined ? { start } : { start, end: start + BigInt(named.size) };
  });

  return {
    image,
    places,
    memory,
    registers,
    readCode,
    nameOf,
    described,
    functionRange,
    functionStart: (address) => functionRange(address)?.start,
    callBefore: kept((address: bigint) => callSiteBefore(address, image.machine, readCode)),
    finalTarget: kept((target: bigint) => behindStubs(target, image.machine, readCode, memory)),
  };
}

function kept<Value>(compute: (address: bigint) => Value): (address: bigint) => Value {
  const values = new Map<bigint, Value>();
  return (address) => {
    const old = values.get(address);
    if (old !== undefined || values.has(address)) return old as Value;
    const value = compute(address);
    if (values.size >= keptPlaces) values.clear();
    values.set(address, value);
    return value;
  };
}
