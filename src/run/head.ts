// Owns the look at the first bytes of a file.
import { open } from 'node:fs/promises';

/** Up to so many bytes from the start of a file. @throws what opening and reading it throws. */
export async function readHead(path: string, length: number): Promise<Uint8Array> {
  const file = await open(path, 'r');
  try {
    const bytes = Buffer.alloc(length);
    const { bytesRead } = await file.read(bytes, 0, length, 0);
    return bytes.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}
