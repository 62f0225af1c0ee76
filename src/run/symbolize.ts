// Owns what the addresses of a log mean: a symbolizer is asked after the run, and what it says is kept beside the reports, so
// that a report can be made where neither the program nor a symbolizer is.
//
// A log is read twice. The first reading remembers which addresses have no name, the second one knows them.
import { open, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import type { Frame } from '../model/finding.ts';
import type { Problem } from '../model/problem.ts';
import type { RunRecord } from '../model/record.ts';
import type { RunManifest } from '../model/run.ts';
import { readElf } from '../tools/_shared/elf.ts';
import type { Symbols } from '../tools/tool.ts';
import { roleOf, symbolsName } from './directory.ts';
import { readHead } from './head.ts';
import { findProgramOnPath, findSymbolizer } from './instrument.ts';

/** Bounds against logs that name endless objects and addresses. */
const mostObjects = 500;
const mostAddresses = 50_000;
/** ms for one object: a large program has gigabytes of debug information. */
const longestWait = 120_000;
const mostBytes = 200_000_000;
/** Larger than this is no table of ours. */
const largestTable = 100_000_000;

/** Addresses by object, both as the log has them. */
export type Asked = ReadonlyMap<string, ReadonlySet<number>>;

/** What was asked, and as `Symbols` what remembers it. */
export interface Asking {
  readonly asked: Asked;
  /** Hex, by object, where the log tells it. */
  readonly builds: ReadonlyMap<string, string>;
  readonly symbols: Symbols;
}

/** Symbols that know nothing and remember what they are asked. */
export function startAsking(): Asking {
  const asked = new Map<string, Set<number>>();
  const builds = new Map<string, string>();
  let count = 0;
  return {
    asked,
    builds,
    symbols: {
      framesAt: (object, offset, buildId) => {
        if (!Number.isSafeInteger(offset) || offset < 0) return undefined;
        let offsets = asked.get(object);
        if (offsets === undefined) {
          if (asked.size >= mostObjects) return undefined;
          offsets = new Set();
          asked.set(object, offsets);
          if (buildId !== undefined && buildId !== '') builds.set(object, buildId.toLowerCase());
        }
        if (!offsets.has(offset) && count < mostAddresses) {
          count++;
          offsets.add(offset);
        }
        return undefined;
      },
    },
  };
}

/** Calls by address by object. */
type Table = ReadonlyMap<string, ReadonlyMap<number, readonly Frame[]>>;

/** What asking came to. */
export interface Symbolized {
  readonly symbols: Symbols;
  /** Addresses that were asked about, and how many of them have a name now. */
  readonly asked: number;
  readonly resolved: number;
  readonly problems: readonly Problem[];
}

/** Where objects are looked for. */
export interface ObjectPlaces {
  /** Absolute; what relative names are relative to. */
  readonly workingDirectory: string;
  /** Absolute paths of files that a log may name by their last part only, as ThreadSanitizer does. */
  readonly executables: readonly string[];
  /** Absolute path of an llvm-symbolizer or addr2line; missing: what is installed. */
  readonly symbolizer?: string | undefined;
  /** When the oldest of the logs was last written, ms since 1970: what was built later is not what ran. */
  readonly before?: number | undefined;
}

/** Reads what was written beside the reports of a run; undefined when there is nothing, or nothing of ours. */
export async function readSymbols(directory: string | undefined): Promise<Symbols | undefined> {
  if (directory === undefined) return undefined;
  const path = join(directory, symbolsName);
  const status = await stat(path).catch(() => undefined);
  if (status?.isFile() !== true || status.size > largestTable) return undefined;
  try {
    return symbolsOf(tableOf(JSON.parse(await readFile(path, 'utf8'))));
  } catch {
    // Damaged: the addresses stay what they are.
    return undefined;
  }
}

/** Reads the reports of a run, asks about all addresses in them that have no name, and keeps the answers. */
export async function symbolizeRun(
  directory: string,
  run: {
    readonly manifest: RunManifest;
    readonly workingDirectory: string;
    readonly symbolizer?: string | undefined;
  },
): Promise<readonly Problem[]> {
  const names = (await readdir(directory).catch((): string[] => [])).filter(
    (name) => roleOf(name) === 'report',
  );
  if (names.length === 0) return [];
  const { readReports } = await import('./read-reports.ts');
  const asking = startAsking();
  const { asked, symbols } = asking;
  let images = 0;
  const records = readReports({
    manifest: run.manifest,
    files: names.map((name) => join(directory, name)),
    symbols,
    nextImage: () => ++images,
  });
  await readAll(records);
  if (asked.size === 0) return [];
  const { table, problems } = await resolveAsked(asking, {
    workingDirectory: run.workingDirectory,
    executables: [run.manifest.program, ...(run.manifest.executables ?? []).map(({ path }) => path)],
    symbolizer: run.symbolizer,
  });
  if (table.size > 0) await writeFile(join(directory, symbolsName), textOf(table), { mode: 0o600 });
  return problems;
}

/**
 * Finds out what the addresses of logs mean that came from elsewhere.
 *
 * @param read reads them with the symbols given; called once.
 * @param logs absolute paths of the files that it reads.
 */
export async function symbolizeLogs(
  read: (symbols: Symbols) => AsyncIterable<RunRecord>,
  places: ObjectPlaces,
  logs: readonly string[] = [],
): Promise<Symbolized> {
  const asking = startAsking();
  const { asked, symbols } = asking;
  await readAll(read(symbols));
  const times = await Promise.all(logs.map(async (log) => (await stat(log)).mtimeMs));
  const before = times.length === 0 ? undefined : Math.min(...times);
  const { table, problems } = await resolveAsked(asking, { before, ...places });
  const count = (sizes: Iterable<{ readonly size: number }>): number =>
    [...sizes].reduce((sum, { size }) => sum + size, 0);
  return {
    symbols: symbolsOf(table),
    asked: count(asked.values()),
    resolved: count(table.values()),
    problems,
  };
}

async function readAll(records: AsyncIterable<RunRecord>): Promise<void> {
  for await (const _ of records);
}

async function resolveAsked(
  { asked, builds }: Asking,
  { workingDirectory, executables, symbolizer, before }: ObjectPlaces,
): Promise<{ readonly table: Table; readonly problems: readonly Problem[] }> {
  const searchPath = process.env.PATH ?? '';
  const program =
    symbolizer ?? (await findSymbolizer(searchPath)) ?? (await findProgramOnPath(searchPath, 'addr2line'));
  const table = new Map<string, ReadonlyMap<number, readonly Frame[]>>();
  const problems: Problem[] = [];
  for (const [object, offsets] of asked) {
    const path = await fileOf(object, workingDirectory, executables);
    if (path === undefined) continue;
    if (program === undefined) {
      problems.push({
        code: 'no-symbolizer',
        level: 'warning',
        message: 'places in the reports have no names, and no symbolizer is installed that could tell them',
        hint: 'install llvm (llvm-symbolizer) or binutils (addr2line), then run again',
      });
      break;
    }
    const { linkBase: base, buildId } = await factsOf(path);
    const build = builds.get(object);
    if (build !== undefined && buildId !== undefined && build !== buildId) {
      problems.push({
        code: 'other-build',
        level: 'warning',
        message: `${path} is another build than the one that ran: its places stay without names`,
      });
      continue;
    }
    if (build === undefined && before !== undefined && (await stat(path)).mtimeMs > before) {
      problems.push({
        code: 'newer-object',
        level: 'warning',
        message: `${path} was changed after the log was written: if it was built anew, its names and lines are wrong`,
      });
    }
    // glibc's mtrace counts from where a program begins that is loaded at a fixed place, where nothing lies below.
    const wanted = [...offsets].map((offset) => (offset < base ? offset + base : offset));
    const found = await askSymbolizer(program, path, wanted);
    const asLogged = new Map(
      [...offsets].flatMap((offset) => {
        const frames = found.get(offset < base ? offset + base : offset);
        return frames === undefined ? [] : [[offset, frames] as const];
      }),
    );
    if (asLogged.size > 0) table.set(object, asLogged);
  }
  return { table, problems };
}

/** Only a regular ELF file is given to a symbolizer: the name is out of a log. */
async function fileOf(
  object: string,
  workingDirectory: string,
  executables: readonly string[],
): Promise<string | undefined> {
  if (object.includes('\0') || object.includes('\n')) return undefined;
  const named = object.includes('/') ? undefined : executables.find((path) => basename(path) === object);
  const path = named ?? resolve(workingDirectory, object);
  const status = await stat(path).catch(() => undefined);
  if (status?.isFile() !== true) return undefined;
  const head = await readHead(path, 4).catch(() => new Uint8Array());
  return head[0] === 0x7f && head[1] === 0x45 && head[2] === 0x4c && head[3] === 0x46 ? path : undefined;
}

async function factsOf(path: string): Promise<{ readonly linkBase: number; readonly buildId?: string }> {
  const file = await open(path, 'r').catch(() => undefined);
  if (file === undefined) return { linkBase: 0 };
  try {
    const elf = await readElf(async (offset, length) => {
      const bytes = Buffer.alloc(length);
      return bytes.subarray(0, (await file.read(bytes, 0, length, offset)).bytesRead);
    });
    const { linkBase = 0, buildId } = elf ?? {};
    return { linkBase, ...(buildId !== undefined && { buildId }) };
  } catch {
    return { linkBase: 0 };
  } finally {
    await file.close();
  }
}

/**
 * Calls at link-time addresses of one object, the innermost first; those that nothing is known of are missing.
 *
 * @param program absolute path of an llvm-symbolizer or addr2line.
 * @param path absolute; a regular ELF file.
 */
export function askSymbolizer(
  program: string,
  path: string,
  offsets: readonly number[],
): Promise<ReadonlyMap<number, readonly Frame[]>> {
  return basename(program).includes('addr2line')
    ? askAddr2line(program, path, offsets)
    : askLlvm(program, path, offsets);
}

/** llvm-symbolizer answers each address with pairs of lines and an empty one: `main`, `/home/ann/a.c:3:12`. */
async function askLlvm(
  program: string,
  path: string,
  offsets: readonly number[],
): Promise<ReadonlyMap<number, readonly Frame[]>> {
  const text = await answersOf(program, [`--obj=${path}`], offsets);
  const found = new Map<number, readonly Frame[]>();
  for (const [index, answer] of text.split('\n\n').entries()) {
    const offset = offsets[index];
    if (offset === undefined) break;
    const frames = framesIn(answer.split('\n').filter((line) => line !== ''));
    if (frames.length > 0) found.set(offset, frames);
  }
  return found;
}

/** With -a addr2line begins each answer with the address: `0x00000000000011d1`, `main`, `/home/ann/a.c:3`. */
async function askAddr2line(
  program: string,
  path: string,
  offsets: readonly number[],
): Promise<ReadonlyMap<number, readonly Frame[]>> {
  const text = await answersOf(program, ['-e', path, '-a', '-f', '-C', '-i'], offsets);
  const found = new Map<number, readonly Frame[]>();
  let offset: number | undefined;
  let lines: string[] = [];
  const settle = (): void => {
    const frames = framesIn(lines);
    if (offset !== undefined && frames.length > 0) found.set(offset, frames);
  };
  for (const line of text.split('\n')) {
    if (/^0x[\da-f]{8,16}$/.test(line)) {
      settle();
      offset = Number(line);
      lines = [];
    } else if (line !== '') lines.push(line);
  }
  settle();
  return found;
}

/** Pairs of a function and a place, the innermost call first. */
function framesIn(lines: readonly string[]): readonly Frame[] {
  const frames: Frame[] = [];
  for (let index = 0; index + 1 < lines.length; index += 2) {
    const name = lines[index] as string;
    // `/home/ann/a.c:3:12`, `/home/ann/a.c:3`, `/home/ann/a.c:3 (discriminator 2)`, `??:0`, `??:?`
    const place = /^(.*?):(\d+|\?)(?::(\d+))?(?: \(discriminator \d+\))?$/.exec(lines[index + 1] as string);
    const [, file = '??', line, column] = place ?? [];
    const isPlace = file !== '??' && Number(line) > 0;
    if (name === '??' && !isPlace) continue;
    frames.push({
      ...(name !== '??' && { function: name }),
      ...(file !== '??' && { file }),
      ...(isPlace && { line: Number(line) }),
      ...(isPlace && Number(column) > 0 && { column: Number(column) }),
    });
  }
  return frames;
}

async function answersOf(
  program: string,
  words: readonly string[],
  offsets: readonly number[],
): Promise<string> {
  const { execa } = await import('execa');
  const { stdout } = await execa(program, [...words], {
    input: offsets.map((offset) => `0x${offset.toString(16)}\n`).join(''),
    reject: false,
    stderr: 'ignore',
    timeout: longestWait,
    maxBuffer: mostBytes,
    stripFinalNewline: false,
    env: { LC_ALL: 'C' },
  });
  return stdout;
}

function symbolsOf(table: Table): Symbols {
  return { framesAt: (object, offset) => table.get(object)?.get(offset) };
}

function textOf(table: Table): string {
  const objects = [...table].map(([object, frames]) => ({
    object,
    places: [...frames].map(([offset, calls]) => ({ offset: `0x${offset.toString(16)}`, calls })),
  }));
  return `${JSON.stringify({ version: 1, objects })}\n`;
}

/** Takes from the file what has the right form: a run directory may be a stranger's. */
function tableOf(value: unknown): Table {
  const table = new Map<string, ReadonlyMap<number, readonly Frame[]>>();
  for (const entry of listIn(value, 'objects')) {
    const object = textIn(entry, 'object');
    if (object === undefined) continue;
    const places = new Map<number, readonly Frame[]>();
    for (const place of listIn(entry, 'places')) {
      const offset = Number(textIn(place, 'offset'));
      if (Number.isSafeInteger(offset)) places.set(offset, listIn(place, 'calls').map(frameIn));
    }
    table.set(object, places);
  }
  return table;
}

function frameIn(value: unknown): Frame {
  const name = textIn(value, 'function');
  const file = textIn(value, 'file');
  const line = countIn(value, 'line');
  const column = countIn(value, 'column');
  return {
    ...(name !== undefined && { function: name }),
    ...(file !== undefined && { file }),
    ...(line !== undefined && { line }),
    ...(column !== undefined && { column }),
  };
}

function fieldOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined;
}

function listIn(value: unknown, name: string): readonly unknown[] {
  const field = fieldOf(value, name);
  return Array.isArray(field) ? field : [];
}

function textIn(value: unknown, name: string): string | undefined {
  const field = fieldOf(value, name);
  return typeof field === 'string' ? field : undefined;
}

function countIn(value: unknown, name: string): number | undefined {
  const field = fieldOf(value, name);
  return Number.isSafeInteger(field) && (field as number) > 0 ? (field as number) : undefined;
}
