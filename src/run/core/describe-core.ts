// Owns the way from an opened core to a stop: stacks, what threads wait for, what the instruction touched, names and lines.
import { tmpdir } from 'node:os';
import type { Deadlock, Disassembly, Fault, Stop, StopFrame, StopThread } from '../../model/stop.ts';
import { codePlaces, type NameOf } from '../../tools/core/code-places.ts';
import { deadlocksOf, waitsOf } from '../../tools/core/deadlock.ts';
import { describeFault, describeRegisters } from '../../tools/core/fault.ts';
import type { ImageThread } from '../../tools/core/process-image.ts';
import { unwindThread } from '../../tools/core/unwind.ts';
import { disassemble } from './disassembly.ts';
import { nameFrames } from './lines.ts';
import type { OpenedCore } from './open-core.ts';

/** Threads whose registers are told. */
const mostRegisters = 64;

export interface DescribeCoreOptions {
  /** Absolute path of a folder for files that are removed again; default: the system's. */
  readonly folder?: string;
}

/**
 * Describes the moment that a core shows. Never throws for what is in it.
 *
 * @returns a stop with number 1; `cause` is `signal` for a crash, else `core`.
 */
export async function describeCore(opened: OpenedCore, options: DescribeCoreOptions = {}): Promise<Stop> {
  const { image, facts, modules } = opened;
  const indexes = new Map(image.modules.map((module, index) => [module.start, index]));
  const code = codePlaces(image, nameOf(opened, indexes));
