// Owns how a FastCGI program is woken that waits for a request, so that it looks at the signal it got.
import { connectTo } from '../channel.ts';
import type { Address } from './address.ts';
import { encodeHead } from './request-writer.ts';

/** How long a connection may take, and how long the program gets for a request nobody reads, in ms. */
const patience = 1000;

/**
 * What wakes the program, for `stopServed`. The first time it is a connection that is closed again, which makes accept()
 * return and runs nothing of the program; after that it is a request for nothing in particular, because libfcgi goes
 * back to accept() by itself after an empty connection.
 */
export function wakeUp(address: Address): () => Promise<void> {
  let calls = 0;
  return async () => {
    calls += 1;
    const made = await connectTo(address, patience);
    if ('failed' in made) return;
    const { channel } = made;
    if (calls > 1) {
      const variables = new Map([
        ['GATEWAY_INTERFACE', 'CGI/1.1'],
        ['REQUEST_METHOD', 'GET'],
        ['QUERY_STRING', ''],
      ]);
      for (const bytes of encodeHead(1, variables, false, true)) await channel.write(bytes);
      const timer = setTimeout(channel.destroy, patience);
      // Read and thrown away, until the program closes.
      for await (const _ of channel.chunks());
      clearTimeout(timer);
    }
    channel.destroy();
  };
}
