// Owns the way from an opened core to a stop: stacks with names and lines, the instruction, the modules.
import { tmpdir } from 'node:os';
import type { Frame } from '../../model/finding.ts';
import type {
  Disassembly,
  Stop,
  StopFrame,
  StopSignal,
  StopThread,
  ThrownException,
  Wait,
} from '../../model/stop.ts';
import { abortMessage } from '../../tools/core/abort-message.ts';
import { describedRegisters } from '../../tools/core/address-place.ts';
import { type CodePlaces, codePlaces, type NameOf } from '../../tools/core/code-places.ts';
import { waitsOf } from '../../tools/core/deadlock.ts';
import { faultOf } from '../../tools/core/fault.ts';
import { glibcHeap } from '../../tools/core/glibc-heap.ts';
import { type InterruptedFault, interruptedFault } from '../../tools/core/interrupted-fault.ts';
import type { ImageThread, LoadedModule } from '../../tools/core/process-image.ts';
import { systemCallSentence } from '../../tools/core/signals.ts';
import { terminateReason } from '../../tools/core/terminate-exception.ts';
import { thrownException } from '../../tools/core/thrown-exception.ts';
import { type UnwoundStack, unwindThread } from '../../tools/core/unwind.ts';
import { demangleNames, demangleType } from './demangled-names.ts';
import { disassemble } from './disassembly.ts';
import { type AskedPlace, findLines } from './lines.ts';
import type { OpenedCore } from './open-core.ts';

export interface DescribeCoreOptions {
  /** Absolute path of a folder for files that are removed again; default: the system's. */
  readonly folder?: string;
  /** false: no instructions around that of the first thread. Default: of a crash. */
  readonly disassembles?: boolean;
  /** Why the process stood still, where the core does not tell. */
  readonly signal?: StopSignal | undefined;
  /** The frames of all threads are known, by the names that symbol tables have for them; names, lines and values follow. */
  readonly onUnwound?: (threads: readonly StopThread[]) => void;
  /** The image has all threads of the process, as they were at one moment. Default: when the core is whole. */
  readonly hasAllThreads?: boolean;
  /** Number of the main thread where locks know it by another one than that of the process. */
  readonly mainThread?: number | undefined;
  /** lwps of the threads whose frames get lines and names as the source has them. Default: all. */
  readonly named?: ReadonlySet<number>;
}

/**
 * Describes the moment that a core shows. Never throws for what is in it.
 *
 * @returns a stop with number 1; `cause` is `signal` for a crash, else `core`.
 */
export async function describeCore(opened: OpenedCore, options: DescribeCoreOptions = {}): Promise<Stop> {
  const { image, facts, modules } = opened;
  const indexes = new Map(image.modules.map(({ start }, index) => [start, index]));
  const code = codePlaces(image, namesIn(opened, indexes));
  const heap = glibcHeap(code);
  // valgrind only keeps the registers up to date that unwinding needs, unless it is told otherwise (its manual, 2.6.6,
  // --vex-iropt-register-updates).
  const hasAllRegisters = facts.writer !== 'valgrind';
  const stacks = image.threads.map((thread) => ({ thread, ...unwindThread(code, thread) }));
  const { waits, deadlocks } = waitsOf(code, stacks, {
    hasAllThreads: options.hasAllThreads ?? facts.isWhole,
    mainThread: options.mainThread ?? image.pid,
  });
  const unwound = stacks.map(({ thread, ...stack }, index): StopThread => {
    const isCurrent = index === 0;
    return {
      number: index + 1,
      ...threadOf(thread, stack, waits.get(thread.lwp)),
      ...(isCurrent && { isCurrent }),
      ...(isCurrent && hasAllRegisters && { registers: describedRegisters(code, heap, thread) }),
    };
  });
  options.onUnwound?.(unwound);
  const [first] = image.threads;
  const { signal = facts.isCrash ? facts.signal : undefined } = options;
  const fault =
    first !== undefined && signal !== undefined && hasAllRegisters
      ? faultOf(code, heap, first, signal)
      : undefined;
  const isAbort = signal?.name === 'SIGABRT';
  const said = isAbort ? messageOf(opened, code) : undefined;
  const [stack] = stacks;
  const before =
    first !== undefined && stack !== undefined && signal !== undefined && hasAllRegisters
      ? interruptedFault(code, heap, first, stack)
      : undefined;
  const thrown = isAbort && first !== undefined ? exceptionOf(code, first, stack?.frames ?? []) : undefined;
  const { named } = options;
  // The place of the first fault is said in words.
  const wanted =
    named !== undefined && first !== undefined && before !== undefined
      ? new Set([...named, first.lwp])
      : named;
  const { disassembles = signal !== undefined, folder = tmpdir() } = options;
  const [[threads = unwound], exception, disassembly] = await Promise.all([
    nameFrames([{ modules: image.modules, threads: unwound, wanted }]),
    thrown,
    disassembles ? disassemblyOf(code, folder) : undefined,
  ]);
  const systemCall = signal === undefined ? undefined : facts.signal?.systemCall;
  const sentences = [
    ...(said === undefined ? [] : [said]),
    ...(before === undefined ? [] : [firstFaultSentence(before, unwound[0], threads[0])]),
    ...(systemCall === undefined ? [] : [systemCallSentence(systemCall)]),
  ];
  return {
    number: 1,
    cause: signal === undefined ? 'core' : 'signal',
    pid: image.pid,
    ...(signal !== undefined && { signal }),
    ...(fault !== undefined && { fault }),
    ...(exception !== undefined && { exception }),
    ...(sentences.length > 0 && { what: sentences.join(' ') }),
    ...(disassembly !== undefined && { disassembly }),
    threads,
    modules,
    ...(deadlocks.length > 0 && { deadlocks }),
    core: opened.path,
  };
}

/** Names by module and link-time address; ranges of functions by call frame information are the unwinder's own. */
function namesIn(opened: OpenedCore, indexes: ReadonlyMap<bigint, number>): NameOf {
  return (module, address) => {
    const index = indexes.get(module.start);
    return index === undefined ? undefined : opened.functions(index)?.at(address);
  };
}

/** What the C library said before it called abort(); of a static program it is in the program itself. */
function messageOf({ image, functions }: OpenedCore, code: CodePlaces): string | undefined {
  for (const [index, { path, bias }] of image.modules.entries()) {
    if (index > 0 && !/(^|\/)libc[.-][^/]*$/.test(path)) continue;
    const pointer = functions(index)?.addressOf('__abort_msg');
    const message = pointer === undefined ? undefined : abortMessage(code, pointer + bias);
    if (message !== undefined) return message;
  }
  return undefined;
}

/** @param named the same thread, with lines and the calls that were inlined */
function firstFaultSentence(
  { frame, signal, fault }: InterruptedFault,
  unwound: StopThread | undefined,
  named: StopThread | undefined,
): string {
  const ip = unwound?.frames[frame]?.ip;
  const handlers = (named?.frames ?? []).flatMap(({ isSignalHandler }, index) =>
    isSignalHandler === true ? [index] : [],
  );
  const at = handlers.map((index) => named?.frames[index + 1]).find((each) => each?.ip === ip);
  const { function: name, file, line } = at ?? {};
  const place = [
    name === undefined ? `${ip ?? 'an address that is not known'}` : `${name.replace(/\(.*$/s, '')}()`,
    ...(file === undefined || line === undefined ? [] : [`${file}:${line}`]),
  ].join(', ');
  const what = `the first fault${signal === undefined ? '' : ` (${signal})`}`;
  const text = fault === undefined ? '' : ` ${fault.text}`;
  return `It came to this in a signal handler: ${what} was at ${place}.${text}`;
}

/** The exception of C++ that ended the process by std::terminate. */
async function exceptionOf(
  code: CodePlaces,
  thread: ImageThread,
  frames: readonly StopFrame[],
): Promise<ThrownException | undefined> {
  const reason = terminateReason(frames);
  const thrown = reason === undefined ? undefined : thrownException(code, thread);
  if (thrown === undefined) return undefined;
  const { mangledType, text } = thrown;
  const type = await demangleType(mangledType);
  return {
    type,
    ...(text !== undefined && { text }),
    ...(reason === 'other' && { isHandled: true as const }),
  };
}

function threadOf(
  { lwp, name }: ImageThread,
  { frames, end, omitted }: UnwoundStack,
  waits: Wait | undefined,
): Omit<StopThread, 'number'> {
  return {
    lwp,
    ...(name !== undefined && { name }),
    frames,
    end,
    ...(omitted !== undefined && { omitted }),
    ...(waits !== undefined && { waits }),
  };
}

/** What is to be named of one moment. */
export interface NamelessMoment {
  /** Those of its image. */
  readonly modules: readonly LoadedModule[];
  readonly threads: readonly StopThread[];
  /** lwps of the threads that are named. Default: all. */
  readonly wanted?: ReadonlySet<number> | undefined;
}

/**
 * Names as the source has them, lines, and the calls that were inlined, of moments of one process: what tells them is started once
 * for all, because that takes longer than the answers.
 *
 * @returns the threads of each moment.
 */
export async function nameFrames(
  moments: readonly NamelessMoment[],
): Promise<readonly (readonly StopThread[])[]> {
  const modules: LoadedModule[] = [];
  const asked = moments.map(({ threads, wanted, ...moment }) => {
    const first = modules.length;
    modules.push(...moment.modules);
    const indexes = new Map(moment.modules.map(({ path }, index) => [path, first + index]));
    const isWanted = ({ lwp }: StopThread): boolean => wanted === undefined || wanted.has(lwp);
    const placeOf = ({ object, offset }: StopFrame): AskedPlace | undefined => {
      const index = object === undefined ? undefined : indexes.get(object);
      return index === undefined || offset === undefined
        ? undefined
        : { module: index, address: BigInt(offset) };
    };
    return {
      threads,
      isWanted,
      placeOf,
      frames: threads.filter(isWanted).flatMap((thread) => thread.frames),
    };
  });
  const [lines, names] = await Promise.all([
    findLines(
      { image: { modules } },
      asked.flatMap(({ frames, placeOf }) => frames.flatMap((frame) => placeOf(frame) ?? [])),
    ),
    demangleNames(asked.flatMap(({ frames }) => frames.flatMap((frame) => frame.function ?? []))),
  ]);
  return asked.map(({ threads, isWanted, placeOf }) => {
    const named = (frame: StopFrame): readonly StopFrame[] => {
      if (frame.isSignalHandler === true) return [frame];
      const name = frame.function === undefined ? undefined : (names.get(frame.function) ?? frame.function);
      const own: StopFrame = name === undefined ? frame : { ...frame, function: name };
      const place = placeOf(frame);
      const calls = place === undefined ? undefined : lines.at(place);
      return calls === undefined
        ? [own]
        : calls.map((call, index) => withLine(own, call, index, calls.length));
    };
    return threads.map((thread) => (isWanted(thread) ? withFrames(thread, named) : thread));
  });
}

/** What was left out of a deep stack stays between the frames that it was between. */
function withFrames(thread: StopThread, named: (frame: StopFrame) => readonly StopFrame[]): StopThread {
  const { frames, omitted } = thread;
  if (omitted === undefined) return { ...thread, frames: frames.flatMap(named) };
  const before = frames.slice(0, omitted.after).flatMap(named);
  return {
    ...thread,
    frames: [...before, ...frames.slice(omitted.after).flatMap(named)],
    omitted: { ...omitted, after: before.length },
  };
}

/** The last of the calls at one address is that of the function itself, the ones before were inlined into it. */
function withLine(frame: StopFrame, call: Frame, index: number, count: number): StopFrame {
  const isOwn = index === count - 1;
  const { file, line, column } = call;
  const name = call.function ?? (isOwn ? frame.function : undefined);
  const { function: _, functionOffset, named: __, found, ...rest } = frame;
  const at = file?.lastIndexOf('/') ?? -1;
  return {
    ...rest,
    found: index === 0 ? found : 'unwound',
    ...(name !== undefined && { function: name, named: 'debug information' as const }),
    ...(isOwn && functionOffset !== undefined && { functionOffset }),
    ...(file !== undefined &&
      (at > 0 ? { directory: file.slice(0, at), file: file.slice(at + 1) } : { file })),
    ...(line !== undefined && { line }),
    ...(column !== undefined && { column }),
    ...(!isOwn && { isInlined: true as const }),
  };
}

/** Of the first thread. Where the file is not there, the core may still have the bytes. */
async function disassemblyOf(code: CodePlaces, folder: string): Promise<Disassembly | undefined> {
  const { image, registers, places, readCode } = code;
  const address = image.threads[0]?.registers.get(registers.programCounter);
  if (address === undefined || !places.isExecutable(address)) return undefined;
  const module = places.module(address);
  const functionStart = code.functionStart(address);
  const file = module?.object ?? undefined;
  return disassemble({
    machine: image.machine,
    address,
    ...(functionStart !== undefined && { functionStart }),
    ...(file !== undefined && module !== undefined && { file: { path: file.path, bias: module.bias } }),
    read: readCode,
    folder,
  });
}
