// Whether an address that cannot be used lies below a stack, which had no room for what was to be there.
import type { AddressPlace } from './address-place.ts';
import type { CodePlaces } from './code-places.ts';
import type { ImageThread, Mapping } from './process-image.ts';

/** How far the stack pointer may be from an access to the stack that did not fit, and the access from the stack. */
const largestStep = 1n << 20n;
const largestOverflow = 1n << 26n;

/** The lower end of a stack. */
export interface StackEdge {
  /** Its lowest address that may be used, as it is mapped now. */
  readonly start: bigint;
  /** Below it is a mapping that nobody may use. */
  readonly hasGuard: boolean;
  /** The address lies in that. */
  readonly isInGuard: boolean;
}

/** Of x86-64; a larger one only makes the sentence about a full stack more careful. */
export const pageSize = 4096n;

/** @returns the stack that ends just above an address that cannot be used, with the stack pointer near it. */
export function stackBelow(
  code: CodePlaces,
  thread: ImageThread,
  address: bigint,
  place: AddressPlace,
): StackEdge | undefined {
  const sp = thread.registers.get(code.registers.names[code.registers.stackPointer] ?? '');
  const isClosed = ({ access }: Mapping): boolean => access !== undefined && !access.read && !access.write;
  const own = code.places.mapping(address);
  if (sp === undefined || (place.kind !== 'not mapped' && (own === undefined || !isClosed(own)))) {
    return undefined;
  }
  const above = code.image.mappings.find(({ start, access }) => start > address && access?.write !== false);
  if (above === undefined || above.start - address > largestOverflow) return undefined;
  const distance = address > sp ? address - sp : sp - address;
  if (distance > largestStep || sp >= above.start + largestStep || sp >= above.end) return undefined;
  const guard = code.places.mapping(above.start - 1n);
  const hasGuard = guard !== undefined && isClosed(guard);
  return { start: above.start, hasGuard, isInGuard: hasGuard && address >= guard.start };
}
