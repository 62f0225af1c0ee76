// Owns the question what a FastCGI program can do: FCGI_GET_VALUES, section 4.1 of the specification.
import type { Channel } from '../channel.ts';
import type { GatewayOptions } from '../exchange.ts';
import { decodePairs, encodePairs, encodeRecord, RecordType, readRecords } from './records.ts';

/** Longest wait for the answer, in ms: a program that does not know the question may wait for a request for ever. */
const patience = 5000;

/** What the program says of itself. */
export interface Capabilities {
  /** It takes several requests over one connection at once. */
  readonly multiplexes: boolean;
}

/** Asks over a connection of its own. A program that does not answer, or answers anything else, can do nothing special. */
export async function askForValues(
  connect: () => Promise<{ readonly channel: Channel } | { readonly failed: string }>,
  options: GatewayOptions,
): Promise<Capabilities> {
  const made = await connect();
  if ('failed' in made) return { multiplexes: false };
  const { channel } = made;
  const timer = setTimeout(channel.destroy, Math.min(patience, options.firstByteMs));
  try {
    const names = ['FCGI_MAX_CONNS', 'FCGI_MAX_REQS', 'FCGI_MPXS_CONNS'];
    const question = encodePairs(names.map((name) => [name, ''] as const));
    await channel.write(encodeRecord(RecordType.getValues, 0, question));
    const reader = readRecords();
    for await (const bytes of channel.chunks()) {
      for (const { type, content } of reader.read(bytes)) {
        if (type !== RecordType.getValuesResult) return { multiplexes: false };
        return { multiplexes: new Map(decodePairs(content).pairs).get('FCGI_MPXS_CONNS') === '1' };
      }
      if (reader.fault() !== undefined) break;
    }
    return { multiplexes: false };
  } finally {
    clearTimeout(timer);
    channel.destroy();
  }
}
