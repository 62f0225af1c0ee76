// Owns the way from the files that runtimes inside the programs wrote (sanitizers, mtrace, memwatch) to records: also of the
// processes that had nothing to say.
import { open } from 'node:fs/promises';
import { basename } from 'node:path';
import type { Problem } from '../model/problem.ts';
import type { ParsedRecord, ProcessRecord } from '../model/record.ts';
import type { RunManifest } from '../model/run.ts';
import { interpreterFor, toolNamed } from '../tools/index.ts';
import { readerFor } from '../tools/readers.ts';
import type { ReadContext, Symbols } from '../tools/tool.ts';
import { readCopies } from './copies.ts';
import { pidOfReport } from './directory.ts';

/** Enough for every reader to recognise its format. */
const headBytes = 64 * 1024;

export interface ReportSources {
  readonly manifest: RunManifest;
  /** Absolute paths of the reports. */
  readonly files: readonly string[];
  /** What the addresses in them mean. */
  readonly symbols?: Symbols | undefined;
  readonly nextImage: () => number;
}

/** Reads all reports of a run. The first process has an image in any case: that it left no file says something, too. */
export async function* readReports(sources: ReportSources): AsyncGenerator<ParsedRecord> {
  const { manifest, files, symbols, nextImage } = sources;
  const told = new Set<number>();
  for (const path of files) {
    const artifact = basename(path);
    const reader = readerFor(await headOf(path));
    if (reader === undefined) {
      yield {
        type: 'problem',
        problem: {
          code: 'no-log',
          level: 'incomplete',
          message: `${artifact} is no report that vgrun can read`,
          artifact,
        },
      };
      continue;
    }
    const pid = pidOfReport(artifact) ?? manifest.pid;
    const context: ReadContext = {
      artifact,
      nextImage,
      interpreterFor,
      fromInstrument: true,
      ...(symbols && { symbols }),
      ...(pid !== undefined && { process: { pid, ...wordsOf(pid, manifest) } }),
    };
    for await (const record of reader.read(readCopies([path]), context)) {
      if (record.type === 'process') {
        told.add(record.pid);
        yield known(record, manifest);
      } else yield record;
    }
  }
  const { pid } = manifest;
  const mustTell = toolNamed(manifest.tool.name)?.everyProcessReports === true;
  if (mustTell) {
    for (const each of manifest.executables ?? []) {
      // A forked child writes only when something happens in it.
      if (each.pid === pid || each.forked === true || told.has(each.pid)) continue;
      yield { type: 'problem', problem: unseen(each.pid, each.path, manifest) };
    }
  }
  if (pid === undefined || told.has(pid)) return;
  if (mustTell) yield { type: 'problem', problem: unseen(pid, manifest.command[0] ?? '', manifest) };
  const image = nextImage();
  yield known(
    { type: 'process', image, pid, argv: [], instrumentArgv: [], forked: false, artifact: '' },
    manifest,
  );
  const ended = manifest.exit?.how === 'exited' && !mustTell;
  yield { type: 'process-end', image, complete: ended, finished: ended };
}

/** Of a child it is no loss to the answer about the program itself. */
function unseen(pid: number, path: string, { tool, pid: first }: RunManifest): Problem {
  return {
    code: 'no-report',
    level: pid === first ? 'incomplete' : 'warning',
    message: `process ${pid} (${path}) left nothing for ${tool.name}: it never began, is statically linked, changed its rights, or lost the variables of the environment`,
    ...(tool.name === 'mtrace' && {
      hint: 'a program that calls mtrace() itself is traced from there on, and one that never comes to it not at all',
    }),
    pid,
  };
}

/** What was seen of the process from outside: no runtime tells its program's words, nor who started it. */
function known(record: ProcessRecord, manifest: RunManifest): ProcessRecord {
  const seen = manifest.executables?.find(({ pid }) => pid === record.pid);
  const { argv } = wordsOf(record.pid, manifest);
  return {
    ...record,
    tool: record.tool ?? manifest.tool.name,
    ...(record.argv.length === 0 && argv !== undefined && { argv }),
    ...(record.ppid === undefined && seen?.ppid !== undefined && { ppid: seen.ppid }),
    forked: record.forked || seen?.forked === true,
  };
}

/** A forked child has the words of the process it was forked from. */
function wordsOf(pid: number, manifest: RunManifest): { readonly argv?: readonly string[] } {
  if (pid === manifest.pid) return { argv: manifest.command };
  const seen = manifest.executables?.find((each) => each.pid === pid);
  if (seen === undefined) return {};
  return { argv: seen.forked === true && seen.path === manifest.program ? manifest.command : [seen.path] };
}

async function headOf(path: string): Promise<Uint8Array> {
  const file = await open(path, 'r');
  try {
    const bytes = Buffer.alloc(headBytes);
    const { bytesRead } = await file.read(bytes, 0, headBytes, 0);
    return bytes.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}
