// Owns the live view of `--capture=fd`: a line for each finding as soon as the instrument has written it.
import { PassThrough } from 'node:stream';
import { type LeakKind, leakKindOf } from '../analyze/leak-policy.ts';
import { harmless } from '../report/terminal-text.ts';
import { valgrindXml } from '../tools/_shared/valgrind-xml.ts';
import { interpreterFor } from '../tools/index.ts';

export interface LiveView {
  readonly read: (bytes: Uint8Array) => void;
  readonly finish: () => Promise<void>;
}

/**
 * Reads the XML stream as it grows.
 *
 * @param say writes one line for the user.
 * @param leaks the kinds of leak to tell of: the run records them all, for its totals.
 */
export function liveView(say: (line: string) => void, leaks: readonly LeakKind[]): LiveView {
  const stream = new PassThrough();
  let images = 0;
  const reading = (async () => {
    for await (const record of valgrindXml.read(stream, {
      artifact: 'stream',
      nextImage: () => ++images,
      interpreterFor,
    })) {
      if (record.type !== 'finding') continue;
      const leak = leakKindOf(record.kind);
      if (leak !== undefined && !leaks.includes(leak)) continue;
      const frame =
        record.stacks[0]?.frames.find(({ file }) => file !== undefined) ?? record.stacks[0]?.frames[0];
      const place = frame?.file === undefined ? frame?.function : `${frame.file}:${frame.line ?? '?'}`;
      say(harmless(`${record.what}${place === undefined ? '' : ` at ${place}`}`));
    }
  })();
  return {
    // The bytes are in a buffer that is used again.
    read: (bytes) => stream.write(Buffer.from(bytes)),
    finish: async () => {
      stream.end();
      await reading;
    },
  };
}
