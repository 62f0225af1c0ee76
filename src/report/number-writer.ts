// Writes the numbers of the HTML report's blocks; html-page/payload.ts reads them.

/** Grows by what is written to it. */
export interface NumberWriter {
  /** A whole number from 0 up, 7 bits a byte. */
  readonly put: (number: number) => void;
  /** Any number, as 8 bytes. */
  readonly putFloat: (number: number) => void;
  /** What was written so far; lent until the next call. */
  readonly bytes: () => Uint8Array;
}

/** An empty writer. @param room bytes to begin with. */
export function numberWriter(room: number): NumberWriter {
  let bytes = new Uint8Array(Math.max(16, room));
  let length = 0;
  const makeRoom = (): void => {
    if (length + 10 <= bytes.length) return;
    const larger = new Uint8Array(bytes.length * 2);
    larger.set(bytes);
    bytes = larger;
  };
  return {
    put: (number) => {
      makeRoom();
      let value = number;
      // Bits are the fast way, but only for what has 31 of them.
      while (value > 0x7fffffff) {
        bytes[length++] = (value % 128) + 128;
        value = Math.floor(value / 128);
      }
      while (value > 127) {
        bytes[length++] = (value & 127) | 128;
        value >>>= 7;
      }
      bytes[length++] = value;
    },
    putFloat: (number) => {
      makeRoom();
      new DataView(bytes.buffer).setFloat64(length, number, true);
      length += 8;
    },
    bytes: () => bytes.subarray(0, length),
  };
}
