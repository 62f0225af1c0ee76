// What valgrind says of the error at which a process waits: from its XML, where it writes some, else from the lines of its log.
import { PassThrough } from 'node:stream';
import type { Frame } from '../../model/finding.ts';
import { valgrindXml } from '../../tools/_shared/valgrind-xml.ts';
import { interpreterFor } from '../../tools/index.ts';

export interface LastErrors {
  readonly read: (file: string, bytes: Uint8Array) => void;
  /** The last error of a process, a line each; what comes from the program is as it is. Empty: nothing is known. */
  readonly of: (pid: number) => readonly string[];
  readonly close: () => void;
}

/** Frames and lines that are shown: enough to decide, and the report has them all. */
const mostFrames = 12;
const mostLines = 40;

export function followErrors(): LastErrors {
  /** By process; 0: the stream of all of them. */
  const known = new Map<number, readonly string[]>();
  const streams = new Map<string, PassThrough>();
  const blocks = new Map<number, string[]>();
  let rest = '';

  function followXml(file: string): PassThrough {
    const stream = new PassThrough();
    const pid = Number(/^valgrind\.(\d+)/.exec(file)?.[1] ?? 0);
    let images = 0;
    const read = async () => {
      const records = valgrindXml.read(stream, { artifact: file, nextImage: () => ++images, interpreterFor });
      for await (const record of records) {
        if (record.type !== 'finding') continue;
        const frames = record.stacks[0]?.frames.slice(0, mostFrames) ?? [];
        known.set(pid, [record.what, ...frames.map(frameLine)]);
      }
    };
    void read();
    return stream;
  }

  /** `==1234== Invalid read of size 4`: an error begins behind an empty line. */
  function readLog(bytes: Uint8Array): void {
    const lines = (rest + Buffer.from(bytes).toString('latin1')).split('\n');
    rest = (lines.pop() ?? '').slice(-4096);
    for (const line of lines) {
      const [, digits, text = ''] = /^==(?:[\d:.]+ )?(\d+)== ?(.*)$/.exec(line) ?? [];
      if (digits === undefined || /^\(action |^Continuing \.\.\./.test(text)) continue;
      const pid = Number(digits);
      const block = blocks.get(pid) ?? [];
      if (text.trim() !== '') {
        if (block.length < mostLines) block.push(Buffer.from(text, 'latin1').toString());
        blocks.set(pid, block);
        continue;
      }
      // The hint how to start gdb stands between an error and the wait for it.
      if (block.length > 0 && !/^TO DEBUG THIS PROCESS|^and then give GDB|^--pid is/.test(block[0] ?? '')) {
        known.set(pid, block);
      }
      blocks.set(pid, []);
    }
  }

  return {
    of: (pid) => known.get(pid) ?? known.get(0) ?? [],
    read: (file, bytes) => {
      if (!file.endsWith('.xml')) {
        readLog(bytes);
        return;
      }
      let stream = streams.get(file);
      if (stream === undefined) {
        stream = followXml(file);
        streams.set(file, stream);
      }
      // The bytes are in a buffer that is used again.
      stream.write(Buffer.from(bytes));
    },
    close: () => {
      for (const stream of streams.values()) stream.end();
    },
  };
}

function frameLine({ function: name = '???', file, line, object }: Frame, index: number): string {
  const place = file === undefined ? (object ?? '') : `${file}${line === undefined ? '' : `:${line}`}`;
  return `   ${index === 0 ? 'at' : 'by'} ${name}${place === '' ? '' : ` (${place})`}`;
}
