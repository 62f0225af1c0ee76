// Runs the built vgrun in a folder of its own, as a user would, and reads back its JSON report.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll } from 'vitest';
import type { Report } from '../../src/model/report.ts';
import type { RunManifest } from '../../src/model/run.ts';
import { cliPath } from '../project.ts';

export interface Result {
  /** As a shell gives it: 128+n for a signal. */
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Options {
  readonly cwd: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string | Buffer;
  /** Where `vgrunReport` has its report written; default: `cwd`. */
  readonly reports?: string;
  /** Of `vgrunReport`: the sub-command that stands before all options, `cgi`. */
  readonly command?: string;
  /** Called with the process as soon as it runs. */
  readonly onStart?: (child: ChildProcess) => void;
}

/** A folder for the tests of one file, removed after them. `folder()` gives its path. */
export function testFolder(): () => string {
  let path = '';
  beforeAll(async () => {
    path = await mkdtemp(join(tmpdir(), 'vgrun-live-'));
  });
  afterAll(() => rm(path, { recursive: true, force: true }));
  return () => path;
}

/** Runs any program and collects what it says. */
export function runProgram(file: string, words: readonly string[], options: Options): Promise<Result> {
  return new Promise((done, fail) => {
    const child = spawn(file, words, { cwd: options.cwd, env: { ...process.env, ...options.env } });
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    child.stdout.on('data', (bytes: Buffer) => out.push(bytes));
    child.stderr.on('data', (bytes: Buffer) => err.push(bytes));
    child.on('error', fail);
    child.on('close', (code, signal) => {
      done({
        status: code ?? 128 + constants.signals[signal ?? 'SIGKILL'],
        stdout: Buffer.concat(out).toString('latin1'),
        stderr: Buffer.concat(err).toString(),
      });
    });
    child.stdin.on('error', () => {});
    child.stdin.end(options.input ?? '');
    options.onStart?.(child);
  });
}

/** Runs `vgrun words…`. */
export function vgrun(words: readonly string[], options: Options): Promise<Result> {
  return runProgram(process.execPath, [cliPath, ...words], options);
}

/** Runs `vgrun words…` and reads its JSON report. */
export async function vgrunReport(
  words: readonly string[],
  options: Options,
): Promise<Result & { readonly report: Report }> {
  const file = join(options.reports ?? options.cwd, `report-${Math.random().toString(36).slice(2)}.json`);
  const command = options.command === undefined ? [] : [options.command];
  const result = await vgrun([...command, `--report=json=${file}`, ...words], options);
  const text = await readFile(file, 'utf8').catch(() => {
    throw new Error(`vgrun ${words.join(' ')} wrote no report (status ${result.status}):\n${result.stderr}`);
  });
  return { ...result, report: JSON.parse(text) as Report };
}

/** Compiles a C program with lines; `path` is where the program goes. */
export function compileC(path: string, source: string): void {
  execFileSync('cc', ['-g', '-O0', '-w', '-x', 'c', '-o', path, '-'], { input: source });
}

/** Listens on a free port of this machine; `received` waits until a connection was closed, and then closes the port. */
export async function listen(): Promise<{
  readonly port: number;
  readonly received: () => Promise<string>;
}> {
  const pieces: Buffer[] = [];
  let closed = false;
  const server: Server = createServer((socket) => {
    socket.on('data', (bytes) => pieces.push(bytes));
    socket.on('close', () => {
      closed = true;
    });
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  return {
    port: (server.address() as AddressInfo).port,
    received: async () => {
      await until('a connection to be closed', () => closed);
      server.close();
      return Buffer.concat(pieces).toString('latin1');
    },
  };
}

/** What vgrun itself said while it ran, without `vgrun: `. */
export function notesOf({ stderr }: Result): readonly string[] {
  return stderr
    .split('\n')
    .filter((line) => line.startsWith('vgrun: '))
    .map((line) => line.slice('vgrun: '.length));
}

/** valgrind's text or XML with all that differs between two runs of the same program made equal. */
export function normalised(log: string): string {
  return (
    log
      // ==1234== and --1234--, with --time-stamp=yes ==00:00:00:00.123 1234==
      .replace(/^(==|--|\*\*)(?:[\d:.]+ )?\d+\1/gm, '$1PID$1')
      .replace(/\b(Parent PID: |pid[ =])\d+/g, '$1PID')
      .replace(/<(pid|ppid)>\d+</g, '<$1>PID<')
      .replace(/<time>[^<]*</g, '<time><')
      .replace(/0x[0-9A-Fa-f]+/g, '0xN')
  );
}

/** The newest run under a folder. */
export async function newestRun(cwd: string): Promise<{ path: string; manifest: RunManifest }> {
  const runs = join(cwd, '.vgrun', 'runs');
  const path = join(runs, (await readdir(runs)).sort().at(-1) ?? '');
  return { path, manifest: JSON.parse(await readFile(join(path, 'run.json'), 'utf8')) as RunManifest };
}

/** Waits until a condition holds. Throws after `patience` milliseconds, by default 30 s. */
export async function until(
  what: string,
  holds: () => boolean | Promise<boolean>,
  patience = 30_000,
): Promise<void> {
  const deadline = Date.now() + patience;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`waited ${patience / 1000} s for: ${what}`);
    await new Promise((done) => setTimeout(done, 30));
  }
}

/** Live processes whose command line holds the text. */
export async function processesWith(text: string): Promise<number[]> {
  const pids: number[] = [];
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const line = await readFile(`/proc/${name}/cmdline`, 'latin1').catch(() => '');
    if (line.includes(text)) pids.push(Number(name));
  }
  return pids;
}
