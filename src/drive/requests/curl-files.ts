// Opens the files that a curl command sends, within what whoever wrote the command may read.
import { realpath } from 'node:fs/promises';
import { dirname, isAbsolute, relative, resolve } from 'node:path';
import { bytesOfFile, type CaptureBytes, spool } from './capture-bytes.ts';
import { type Place, quoted, refusal } from './place.ts';

/** Gives the bytes of a file that a command names. */
export type OpenFile = (name: string, place: Place) => Promise<CaptureBytes>;

/** For a command that the user typed: any file, `-` is standard input. */
export function filesOfUser(workingDirectory: string, stdin: () => AsyncIterable<Uint8Array>): OpenFile {
  return (name) => (name === '-' ? spool('-', stdin()) : bytesOfFile(name, workingDirectory));
}

/**
 * For a command in a capture, which anybody may have written: files below the capture's own folder alone, links
 * resolved. Else a capture could put /etc/shadow into a request.
 */
export function filesBesideCapture(capture: string, workingDirectory: string): OpenFile {
  return async (name, place) => {
    const typed = 'type the command itself behind the program instead of naming the file it is in';
    if (capture === '-' || name === '-') {
      throw refusal(
        place,
        `the command sends ${name === '-' ? 'its standard input' : `the file ${quoted(name)}`}, which a capture on its own cannot`,
        typed,
      );
    }
    const folder = await realpath(dirname(resolve(workingDirectory, capture)));
    const named = resolve(folder, name);
    const real = await realpath(named).catch(() => named);
    const inside = [named, real].every((path) => {
      const below = relative(folder, path);
      return below !== '' && below.split('/')[0] !== '..' && !isAbsolute(below);
    });
    if (!inside) {
      throw refusal(
        place,
        `the command names the file ${quoted(name)}, which is not in the folder of the capture`,
        typed,
      );
    }
    return bytesOfFile(name, folder, real);
  };
}
