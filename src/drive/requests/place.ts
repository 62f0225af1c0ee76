// Owns how a fault of a capture is said: which capture, which of its requests, at which byte.
import { UserError } from '../../errors.ts';
import type { CaptureSource } from '../../model/request.ts';

/** Where in a capture something is read. */
export type Place = CaptureSource;

/** `login.txt, entry 2, byte 812`: for the start of a sentence. */
export function spellPlace({ name, entry, offset }: Place): string {
  const capture = name === '-' ? 'standard input' : printable(name, 4096);
  return `${capture}, entry ${entry}${offset === undefined ? '' : `, byte ${offset}`}`;
}

/** The same request at another byte; what has no bytes to count keeps none. */
export function placeAt(place: Place, offset: number): Place {
  return place.offset === undefined ? place : { ...place, offset };
}

/** The error for what a strict server would refuse. */
export function refusal(place: Place, what: string, hint?: string): UserError {
  return new UserError(
    `${spellPlace(place)}: ${what}`,
    hint ?? 'a strict server refuses such a request: capture it again, or put this place right by hand',
  );
}

/** Text of a capture for a message: short, and without what a terminal would obey. */
export function quoted(text: string): string {
  return `"${printable(text)}"`;
}

function printable(text: string, longest = 80): string {
  const shown = text.replace(/[^\x20-\x7e]/g, (character) => {
    const code = character.charCodeAt(0);
    return code > 0xff ? character : `\\x${code.toString(16).padStart(2, '0')}`;
  });
  return shown.length > longest ? `${shown.slice(0, longest - 3)}...` : shown;
}
