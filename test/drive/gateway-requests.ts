// Requests for tests of the gateway, made from few words.
import type { Body, CapturedRequest, Header } from '../../src/model/request.ts';

export interface RequestWords {
  readonly method?: string;
  readonly target?: string;
  readonly scheme?: 'http' | 'https';
  readonly host?: string;
  readonly port?: number;
  readonly headers?: readonly Header[];
  readonly body?: string;
}

/** A body of bytes in latin1. */
export function bodyOf(text: string): Body {
  const bytes = Buffer.from(text, 'latin1');
  return {
    length: bytes.length,
    open: async function* () {
      yield bytes;
    },
  };
}

export function requestOf({ body, host, ...words }: RequestWords = {}): CapturedRequest {
  return {
    source: { name: 'requests.http', entry: 1 },
    method: 'GET',
    target: '/cgi-bin/app.cgi',
    scheme: 'http',
    port: 80,
    protocol: 'HTTP/1.1',
    headers: [],
    notes: [],
    ...words,
    ...(host === undefined ? {} : { host }),
    ...(body === undefined ? {} : { body: bodyOf(body) }),
  };
}
