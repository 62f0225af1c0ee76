// Reads captures of HTTP requests, whatever form they have, as requests to replay.

import { Readable } from 'node:stream';
import { createGunzip, createInflate } from 'node:zlib';
import { UserError } from '../../errors.ts';
import type { CapturedRequest } from '../../model/request.ts';
import { bytesOfFile, type CaptureBytes, firstBytes, spool } from './capture-bytes.ts';
import { readCurlFile, readTypedCurl } from './curl.ts';
import { filesBesideCapture, filesOfUser } from './curl-files.ts';
import { type CaptureForm, formOfCapture, seenBytes } from './form-of-capture.ts';
import type { HarOptions } from './har.ts';
import { readRaw } from './raw.ts';
import { compileSelection, type Selectable, type Selection } from './selection.ts';
import { readTrace } from './trace.ts';
import { readUrl, readUrlFile } from './url-requests.ts';

export type { Selection } from './selection.ts';

/** Where captures are, and which of their requests are wanted. */
export interface CaptureOptions {
  /** File names are relative to it; so are files that a typed curl command sends. */
  readonly workingDirectory: string;
  /** Standard input, for the word `-`. */
  readonly stdin: () => AsyncIterable<Uint8Array>;
  /** Requests of all captures; missing means all. */
  readonly select?: Selection;
  /** Told what has no request to stand at: entries that were skipped, and why. */
  readonly note?: (sentence: string) => void;
}

/**
 * Reads requests one by one; bodies stay where they are until they are opened.
 *
 * A word is a file, `-`, or a URL; `curl` and all words behind it are one curl command. A curl command that was typed
 * may send any file; one in a capture only files in or below the capture's folder.
 * @throws UserError for a capture that cannot be read, a request that a strict server would refuse, or no request at all
 */
export async function* readCaptures(
  words: readonly string[],
  options: CaptureOptions,
): AsyncGenerator<CapturedRequest> {
  const wanted = compileSelection(options.select ?? {});
  let selected = 0;
  for (const [index, word] of words.entries()) {
    let seen = 0;
    let skipped: string | undefined;
    const reading: HarOptions = {
      note: (sentence) => {
        skipped ??= sentence;
        options.note?.(sentence);
      },
      wanted: (request) => {
        seen += 1;
        return wanted(request);
      },
    };
    for await (const request of readWord(word, words.slice(index + 1), options, reading)) {
      seen += 1;
      if (!wanted(selectable(request))) continue;
      selected += 1;
      yield request;
    }
    if (seen === 0) {
      throw new UserError(
        `${word === '-' ? 'standard input' : word} holds no HTTP request`,
        skipped ?? 'capture it again: answers alone cannot be replayed',
      );
    }
    if (word === 'curl') break;
  }
  if (selected > 0) return;
  throw options.select === undefined
    ? new UserError(
        'the captures hold no request that a program can be asked',
        'capture plain HTTP: websockets are none',
      )
    : new UserError(
        'no request of the captures is selected',
        'widen the selection, or leave it out to see all',
      );
}

function readWord(
  word: string,
  behind: readonly string[],
  options: CaptureOptions,
  reading: HarOptions,
): AsyncIterable<CapturedRequest> {
  const { workingDirectory, stdin } = options;
  if (word === 'curl') return readTypedCurl(behind, filesOfUser(workingDirectory, stdin));
  if (/^https?:\/\//i.test(word)) return readUrl(word);
  return readCapture(word, options, reading);
}

async function* readCapture(
  name: string,
  options: CaptureOptions,
  reading: HarOptions,
): AsyncGenerator<CapturedRequest> {
  let bytes = await (name === '-'
    ? spool('-', options.stdin())
    : bytesOfFile(name, options.workingDirectory));
  let form = formOfCapture(await firstBytes(bytes, seenBytes), name);
  if (form === 'gzip' || form === 'zlib') {
    bytes = await unpack(bytes, form);
    form = formOfCapture(await firstBytes(bytes, seenBytes), name);
  }
  yield* await readForm(form, bytes, options.workingDirectory, reading);
}

async function readForm(
  form: CaptureForm,
  bytes: CaptureBytes,
  workingDirectory: string,
  reading: HarOptions,
): Promise<AsyncIterable<CapturedRequest>> {
  switch (form) {
    case 'har': {
      const { readHar } = await import('./har.ts');
      return readHar(bytes, reading);
    }
    case 'mitmproxy': {
      const { readMitmproxy } = await import('./mitmproxy.ts');
      return readMitmproxy(bytes, reading);
    }
    case 'curl':
      return readCurlFile(bytes, filesBesideCapture(bytes.name, workingDirectory));
    case 'trace':
      return readTrace(bytes, reading);
    case 'raw':
      return readRaw(bytes, reading);
    case 'urls':
      return readUrlFile(bytes);
    default:
      throw new UserError(`${bytes.name} is packed twice`, 'unpack it yourself and name the result');
  }
}

/** A packed capture may be a bomb. */
const unpackedLimit = 1024 * 1024 * 1024;

async function unpack(bytes: CaptureBytes, form: 'gzip' | 'zlib'): Promise<CaptureBytes> {
  const unpacker = form === 'gzip' ? createGunzip() : createInflate();
  const source = Readable.from(bytes.stream(0, bytes.size));
  source.on('error', (error) => unpacker.destroy(error));
  try {
    return await spool(bytes.name, source.pipe(unpacker), unpackedLimit);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && String(error.code).startsWith('Z_'))) throw error;
    throw new UserError(`${bytes.name} is ${form} data that is cut or damaged`, 'save the capture again');
  }
}

function selectable({ source, method, scheme, host, port, target, answer }: CapturedRequest): Selectable {
  const usual = port === (scheme === 'https' ? 443 : 80);
  return {
    entry: source.entry,
    method,
    url: `${scheme}://${host ?? ''}${usual ? '' : `:${port}`}${target}`,
    ...(answer === undefined ? {} : { status: answer.status }),
  };
}
