// The example programs that serve requests: compiled, started on a listening socket, ended after each test.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach } from 'vitest';
import type { Exchange, ExchangeResult, Gateway, GatewayOptions } from '../../src/drive/exchange.ts';
import type { Address } from '../../src/drive/fastcgi/address.ts';
import { openGateway } from '../../src/drive/fastcgi/client.ts';
import { openListeningSocket } from '../../src/drive/fastcgi/listening-socket.ts';
import type { Body } from '../../src/model/request.ts';
import { projectRoot } from '../project.ts';

export interface Served {
  readonly child: ChildProcess;
  readonly address: Address;
  /** Resolves to `[code, signal]`. */
  readonly exit: Promise<readonly unknown[]>;
  readonly gateway: (options?: Partial<GatewayOptions>) => Promise<Gateway>;
}

/** Patience that no working program exhausts, in ms. */
export const patient: GatewayOptions = {
  connectMs: 60_000,
  firstByteMs: 60_000,
  wholeMs: 100_000,
  maxBytes: 2 ** 32,
};

/** What starts programs, and ends them and all connections after each test. */
export function servedPrograms(): {
  readonly folder: string;
  readonly compile: (name: string, ...libraries: string[]) => string;
  readonly serve: (words: readonly [string, ...string[]], kind?: 'unix' | 'tcp') => Promise<Served>;
} {
  const folder = mkdtempSync(join(tmpdir(), 'vgrun-served-'));
  const cleanUps: (() => unknown)[] = [];
  afterEach(async () => {
    for (const cleanUp of cleanUps.splice(0)) await cleanUp();
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return {
    folder,
    compile: (name, ...libraries) => {
      const program = join(folder, name);
      const source = join(projectRoot, 'examples-c', 'cgi', `${name}.c`);
      execFileSync('cc', ['-gdwarf-4', '-O0', '-w', '-o', program, source, ...libraries]);
      return program;
    },
    serve: async ([program, ...words], kind = 'unix') => {
      const socket = await openListeningSocket(kind);
      const child = spawn(program, words, { stdio: [socket.descriptor, 'inherit', 'inherit'] });
      const exit = once(child, 'exit');
      socket.release();
      cleanUps.push(async () => {
        child.kill('SIGKILL');
        await exit;
        await socket.remove();
      });
      return {
        child,
        address: socket.address,
        exit,
        gateway: async (options = {}) => {
          const isAlive = () => child.exitCode === null && child.signalCode === null;
          const gateway = await openGateway(socket.address, { ...patient, isAlive, ...options });
          cleanUps.unshift(() => gateway.close());
          return gateway;
        },
      };
    },
  };
}

/** A body that is made while it is read. */
export function patternBody(length: number): Body {
  return {
    length,
    open: async function* () {
      const block = Buffer.alloc(65536, 'abcdefgh');
      for (let left = length; left > 0; left -= block.length)
        yield block.subarray(0, Math.min(left, block.length));
    },
  };
}

export interface Asked extends ExchangeResult {
  readonly stdout: string;
  readonly stderr: string;
}

/** Sends a request with the variables a responder needs. */
export async function ask(
  gateway: Gateway,
  query: string,
  body?: Body,
  more: { readonly variables?: Readonly<Record<string, string>>; readonly signal?: AbortSignal } = {},
): Promise<Asked> {
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  const exchange: Exchange = {
    variables: new Map(
      Object.entries({
        GATEWAY_INTERFACE: 'CGI/1.1',
        REQUEST_METHOD: body === undefined ? 'GET' : 'POST',
        QUERY_STRING: query,
        ...(body !== undefined && { CONTENT_LENGTH: String(body.length) }),
        ...more.variables,
      }),
    ),
    ...(body !== undefined && { body }),
    ...(more.signal !== undefined && { signal: more.signal }),
    onStdout: (bytes) => {
      stdout.push(Buffer.from(bytes));
    },
    onStderr: (bytes) => {
      stderr.push(Buffer.from(bytes));
    },
  };
  const result = await gateway.send(exchange);
  return {
    ...result,
    stdout: Buffer.concat(stdout).toString('latin1'),
    stderr: Buffer.concat(stderr).toString('latin1'),
  };
}
