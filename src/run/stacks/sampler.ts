// Owns the start of the sampler, which holds a process while it copies registers and stacks, and what it answers.
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError } from '../../errors.ts';
import { debug } from '../../log.ts';
import { safeGdbWords, shippedScript } from '../gdb/batch.ts';
import { findProgramOnPath } from '../instrument.ts';

export interface SamplerRequest {
  readonly pid: number;
  /** Absolute path of the run directory: the cores go there. */
  readonly directory: string;
  readonly samples: number;
  /** ms from the start of one sample to that of the next. */
  readonly intervalMs: number;
  /** ms for which the process may be held. */
  readonly maxPauseMs: number;
}

/** What /proc said of a thread just before it was held. */
export interface ThreadFacts {
  readonly lwp: number;
  /** Its number in its own namespace, where that is another one: mutexes speak of that. */
  readonly inner?: number;
  readonly name?: string;
  /** `R`, `S`, `D`… */
  readonly state?: string;
  /** ms of processor time. */
  readonly cpuMs?: number;
  /** Context switches. */
  readonly voluntary?: number;
  readonly involuntary?: number;
  /** Of one in state D: the number of its system call, the function of the kernel that it waits in, pids that it started. */
  readonly systemCall?: number;
  readonly waitChannel?: string;
  readonly children?: readonly number[];
}

export interface Sample {
  /** From 1. */
  readonly number: number;
  /** ms after the first one was begun. */
  readonly ms: number;
  /** From before the first thread was told to stop to after the last one was let go; 0: none stopped. */
  readonly pausedMs: number;
  readonly threads: readonly ThreadFacts[];
  /** `SIGSTOP`…: the process was stopped by it before it was looked at, and is so afterwards. */
  readonly stopSignal?: string;
  /** lwps that did not stop in time: they are in the middle of a call of the kernel that cannot be interrupted. */
  readonly notStopped?: readonly number[];
  /** lwps that the kernel did not let go to vgrun: another tracer has them. */
  readonly refused?: readonly number[];
  /** lwps whose stacks were not copied, because the time was up. */
  readonly notCopied?: readonly number[];
  /** File in the run directory; missing: no thread stopped. */
  readonly core?: string;
}

export interface Samples {
  readonly samples: readonly Sample[];
  /** errno of what ended it before all samples were taken. */
  readonly errno?: number;
  /** What ran the sampler: `python3` or `gdb`. */
  readonly interpreter: string;
}

/** Of the system, by its place: one on PATH may be anything, a script that takes long to start, or a Python of 1999. */
const systemPython = '/usr/bin/python3';

/** What each look may take besides the pause: /proc is read and a core is written. */
const lookMs = 5000;

/**
 * Takes the samples. When this process is killed, the kernel ends the sampler, and the process that it held goes on.
 *
 * @param interpreter `gdb`: only its Python is tried.
 * @throws UserError (125) when there is neither a Python nor a gdb that can run it.
 */
export async function runSampler(
  request: SamplerRequest,
  searchPath: string,
  interpreter?: 'gdb',
): Promise<Samples> {
  const script = shippedScript('sample.py');
  const configuration = join(request.directory, 'stacks.json');
  await writeFile(configuration, JSON.stringify({ ...request, parent: process.pid }), { mode: 0o600 });
  let said = '';
  for (const [name, command] of await commandsFor(script, searchPath, interpreter)) {
    const ended = await run(command, configuration, request);
    said = ended.said;
    const samples = await readSamples(request.directory, name);
    if (samples !== undefined) return samples;
    // Somebody ended it: another one is not what they want.
    if (ended.isKilled) return { samples: [], interpreter: name };
    debug('sampler', { name, said });
  }
  throw new UserError(
    said === ''
      ? 'stacks are read with Python, and there is neither python3 nor gdb'
      : `the stacks could not be read: ${said}`,
    'install gdb: apt-get install gdb (Debian, Ubuntu), dnf install gdb (Fedora)',
  );
}

/** Argument arrays, the quickest first: gdb takes a tenth of a second to start. */
async function commandsFor(
  script: string,
  searchPath: string,
  interpreter: 'gdb' | undefined,
): Promise<readonly (readonly [name: string, command: readonly [string, ...string[]]])[]> {
  const commands: [string, [string, ...string[]]][] = [];
  if (interpreter === undefined) commands.push(['python3', [systemPython, '-I', '-S', script]]);
  const gdb = await findProgramOnPath(searchPath, 'gdb');
  if (gdb !== undefined) {
    commands.push(['gdb', [gdb, '-batch', ...safeGdbWords(), '-x', script]]);
  }
  return commands;
}

/** @returns the last line that it said on stderr, empty when it said nothing or is not there; and whether a signal ended it. */
async function run(
  [file, ...words]: readonly [string, ...string[]],
  configuration: string,
  { samples, intervalMs, maxPauseMs, directory }: SamplerRequest,
): Promise<{ readonly said: string; readonly isKilled: boolean }> {
  const { spawn } = await import('node:child_process');
  return new Promise((done) => {
    const child = spawn(file, words, {
      cwd: directory,
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { PATH: process.env.PATH, LC_ALL: 'C.UTF-8', VGRUN_GDB: configuration },
    });
    let said = '';
    child.stderr.on('data', (bytes: Buffer) => {
      said = (said + bytes.toString()).slice(-4096);
    });
    // SIGKILL: nothing is lost by it, the process goes on.
    const timer = setTimeout(() => child.kill('SIGKILL'), samples * (intervalMs + maxPauseMs + lookMs));
    const end = (): void => {
      clearTimeout(timer);
      done({ said: said.trim().split('\n').at(-1) ?? '', isKilled: child.signalCode !== null });
    };
    child.once('error', end);
    child.once('close', end);
  });
}

/** undefined: it was not even begun. */
async function readSamples(directory: string, interpreter: string): Promise<Samples | undefined> {
  const text = await readFile(join(directory, 'samples.jsonl'), 'utf8').catch(() => '');
  const samples: Sample[] = [];
  let errno: number | undefined;
  let isBegun = false;
  for (const line of text.split('\n')) {
    const value = parsed(line);
    if (value === undefined) continue;
    isBegun = true;
    // The sampler of this installation wrote it: what it says of the target is text, the rest are its own numbers.
    if (value.type === 'sample') samples.push(value as unknown as Sample);
    if (value.type === 'error') errno = Number(value.errno);
  }
  if (!isBegun) return undefined;
  return { samples, interpreter, ...(errno !== undefined && { errno }) };
}

function parsed(line: string): Record<string, unknown> | undefined {
  try {
    return JSON.parse(line) as Record<string, unknown>;
  } catch {
    return undefined;
  }
}
