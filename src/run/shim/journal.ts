// Owns the journal of a shim: what is written into it, and whether who wrote it is still at work.
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { UserError } from '../../errors.ts';
import { readProc } from '../processes.ts';
import type { ShimFiles, ShimState } from './files.ts';

/** For people who find it, and for `status`; only who wrote it is looked at again. */
export function journalText(files: ShimFiles, options: readonly string[]): string {
  const journal = {
    format: 'vgrun-shim',
    version: 1,
    installedAt: new Date().toISOString(),
    pid: process.pid,
    started: startOf(process.pid),
    program: basename(files.program),
    real: basename(files.real),
    options,
    restore: 'vgrun shim restore',
  };
  return `${JSON.stringify(journal, null, 2)}\n`;
}

/** When a process was started, in clock ticks since the machine was: with it a pid is of one process only (proc_pid_stat(5)). */
function startOf(pid: number): string | undefined {
  const text = readProc(`${pid}/stat`);
  return text?.slice(text.lastIndexOf(')') + 2).split(' ')[19];
}

/** ms in which a journal that is there is also written. */
const writtenWithin = 200;

/**
 * Makes sure that no other process is installing at this moment. What it has done already is left alone: it will be done soon, or undone.
 *
 * @throws UserError (125) when one is.
 */
export async function mustBeAlone(files: ShimFiles, state: ShimState): Promise<void> {
  const isInstalled = state.program === 'shim' && state.real === 'program';
  if (!state.hasJournal || isInstalled) return;
  let writer = await writerOf(files.journal);
  if (writer === undefined) {
    await sleep(writtenWithin);
    writer = await writerOf(files.journal);
  }
  if (writer === undefined || writer.pid === process.pid || startOf(writer.pid) !== writer.started) return;
  throw new UserError(
    `another vgrun (pid ${writer.pid}) is installing a shim for ${files.program} at this moment`,
    'wait until it has ended, then look with vgrun shim status',
  );
}

/** Undefined for one that is cut, or of another's making. */
async function writerOf(
  journal: string,
): Promise<{ readonly pid: number; readonly started: string } | undefined> {
  try {
    const { pid, started } = JSON.parse(await readFile(journal, 'utf8')) as Record<string, unknown>;
    return Number.isSafeInteger(pid) && typeof started === 'string'
      ? { pid: pid as number, started }
      : undefined;
  } catch {
    return undefined;
  }
}
