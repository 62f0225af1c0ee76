// A frame as people read it: module, offset and function of an address.
import type { FrameSource, StopFrame, Trust } from '../../model/stop.ts';
import type { CodePlaces } from './code-places.ts';
import { type FrameState, lookupAddress } from './frame-step.ts';

/** A frame before it has names. */
export interface PlainFrame {
  readonly state: FrameState;
  readonly found: FrameSource;
  readonly trust: Trust;
  readonly doubt?: string;
}

/** The function at an address of the process. */
export interface FunctionPlace {
  /** Missing: only its range is known. */
  readonly function?: string;
  readonly named: NonNullable<StopFrame['named']>;
  /** Address in the process. */
  readonly start: bigint;
  /** The name is only the nearest one before the address, and nothing says where that function ends. */
  readonly isNearest: boolean;
}

export function hex(value: bigint): string {
  return `0x${value.toString(16)}`;
}

/** Names of symbol tables, where they go with what call frame information says of functions; else its ranges. */
export function functionAt(code: CodePlaces, address: bigint): FunctionPlace | undefined {
  const module = code.places.module(address);
  if (module === undefined) return undefined;
  const found = code.nameOf?.(module, BigInt.asUintN(64, address - module.bias));
  const entry = code.described(address)?.entry;
  const start = entry && entry.start + module.bias;
  if (found !== undefined) {
    const nameStart = found.start + module.bias;
    // The nearest exported name before a function without one is of another function, when a table of ranges says so.
    // And data behind the last function is of none.
    const isOwn =
      found.isInside || (code.places.isExecutable(address) && (start === undefined || start === nameStart));
    if (isOwn) {
      return {
        ...(found.name !== undefined && { function: found.name }),
        named: found.name === undefined ? 'range' : found.source,
        start: nameStart,
        isNearest: !found.isInside && start === undefined,
      };
    }
  }
  return start === undefined ? undefined : { named: 'range', start, isNearest: false };
}

/**
 * `ip` is the address as the stack has it. `offset` is for a symbolizer: of a caller it is the last byte of its call, because the
 * instruction behind it may be of another line.
 */
export function stopFrame(code: CodePlaces, { state, found, trust, doubt }: PlainFrame): StopFrame {
  // The kernel enters a trampoline at its first instruction: nothing before it is its own.
  const isSignal = isSignalTrampoline(code, state);
  const address = isSignal ? state.pc : lookupAddress(state);
  const module = code.places.module(address);
  // It is no function that anybody called, whatever symbol is there.
  const place = isSignal ? undefined : functionAt(code, address);
  const nearest = place?.isNearest ? 'Its name is the nearest one before it.' : undefined;
  const doubts = [doubt, nearest].filter((sentence) => sentence !== undefined).join(' ');
  return {
    ip: hex(state.pc),
    ...(module !== undefined && {
      object: module.path,
      offset: hex(BigInt.asUintN(64, address - module.bias)),
    }),
    ...(place?.function !== undefined && { function: place.function }),
    found,
    trust,
    ...(doubts !== '' && { doubt: doubts }),
    ...(place !== undefined && { named: place.named, functionOffset: Number(state.pc - place.start) }),
    ...(isSignal && { isSignalHandler: true }),
  };
}

function isSignalTrampoline(code: CodePlaces, state: FrameState): boolean {
  const entry = code.described(lookupAddress(state))?.entry;
  if (entry !== undefined) return entry.common.isSignalFrame;
  if (code.image.machine !== 'x86-64') return false;
  const bytes = code.readCode(state.pc, 9);
  return (
    bytes.length === 9 && [0x48, 0xc7, 0xc0, 0x0f, 0, 0, 0, 0x0f, 0x05].every((byte, i) => bytes[i] === byte)
  );
}
