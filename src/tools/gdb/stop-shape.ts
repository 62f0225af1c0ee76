// What a line of a stop log must be: each field of model/stop.ts, with its bounds.
import type {
  Deadlock,
  Disassembly,
  Fault,
  Instruction,
  Module,
  ModuleFile,
  ProbeHit,
  Register,
  SignalSender,
  Stop,
  StopFrame,
  StopSignal,
  StopThread,
  SystemCall,
  ThreadActivity,
  ThrownException,
  Variable,
  Wait,
} from '../../model/stop.ts';
import { address, amount, flag, list, shape, type Take, text, whole, word } from './json-fields.ts';

const name = text(1024);
/** C++ names of templates are long. */
const symbol = text(16 * 1024);
/** Some tables have the version of an exported name behind it: `clock_nanosleep@@GLIBC_2.17`; `puts@plt` is another function. */
const functionName: Take<string> = (value, place) =>
  symbol(value, place)?.replace(/(?<=.)@{1,2}[A-Z][\w.]*$/, '');
const path = text(4096);
const sentence = text(2048);
/** Bytes of UTF-8 become fewer UTF-16 units, never more. */
const printed = text(4096);

const variable = shape<Variable>(['name', 'value'], {
  name,
  value: printed,
  type: name,
  isArgument: flag,
});

const frame = shape<StopFrame>(['found', 'trust'], {
  ip: address,
  object: path,
  function: functionName,
  directory: path,
  file: path,
  line: whole(1),
  column: whole(1),
  offset: address,
  found: word('innermost', 'unwound', 'frame pointer', 'scanned'),
  trust: word('sure', 'likely', 'doubtful'),
  doubt: sentence,
  named: word('debug information', 'symbol table', 'exported symbol', 'range'),
  functionOffset: whole(),
  isInlined: flag,
  isSignalHandler: flag,
  variables: list(256, variable),
});

const register = shape<Register>(['name', 'value'], { name: text(32), value: text(256), pointsTo: sentence });

const wait = shape<Wait>(['kind', 'address'], {
  kind: word('mutex', 'rwlock', 'condition', 'thread', 'semaphore', 'futex'),
  // Of a thread to be joined its lwp.
  address: text(32),
  name,
  owner: whole(),
  isOwnerGone: flag,
  readers: whole(1),
  timeout: word('set', 'unknown'),
  isParked: flag,
  evidence: sentence,
});

const thread = shape<StopThread>(['number', 'lwp', 'frames', 'end'], {
  number: whole(),
  lwp: whole(),
  name: text(256),
  isCurrent: flag,
  frames: list(1024, frame),
  end: word('whole', 'limit', 'damaged', 'unreadable', 'unknown'),
  omitted: shape<NonNullable<StopThread['omitted']>>(['after', 'count'], { after: whole(), count: whole() }),
  registers: list(256, register),
  waits: wait,
  activity: shape<ThreadActivity>([], {
    state: text(8),
    systemCall: text(32),
    waitChannel: text(128),
    cpuMs: amount,
    sleeps: whole(),
  }),
});

const signal = shape<StopSignal>(['number', 'name'], {
  number: whole(0, 128),
  name: text(32),
  code: whole(-(2 ** 31), 2 ** 31 - 1),
  codeName: text(64),
  address,
  sender: shape<SignalSender>(['pid'], { pid: whole(), uid: whole(), who: name }),
  systemCall: shape<SystemCall>(['number', 'architecture'], {
    number: whole(-(2 ** 31), 2 ** 31 - 1),
    architecture: whole(0, 2 ** 32 - 1),
  }),
});

const fault = shape<Fault>(['pointer', 'text'], {
  operation: word('read', 'write', 'jump'),
  size: whole(1, 4096),
  address,
  pointer: word(
    'null',
    'near null',
    'freed',
    'heap',
    'stack',
    'stack guard',
    'no access',
    'read-only',
    'not executable',
    'code',
    'data',
    'not mapped',
    'not canonical',
    'unaligned',
    'beyond the file',
    'privileged',
  ),
  text: sentence,
  doubt: sentence,
});

const exception = shape<ThrownException>(['type'], { type: symbol, text: printed, isHandled: flag });

const disassembly = shape<Disassembly>(['lines', 'current', 'from'], {
  lines: list(64, shape<Instruction>(['address', 'text'], { address, text: text(256) })),
  current: whole(0, 63),
  from: word('memory', 'file'),
});

const module = shape<Module>(['path', 'start', 'end'], {
  path,
  start: address,
  end: address,
  buildId: text(128),
  file: shape<ModuleFile>(['path', 'matches', 'symbols'], {
    path,
    matches: word('yes', 'no', 'unknown'),
    symbols: word('debug information', 'symbol table', 'exported symbols', 'none'),
  }),
});

const deadlock = shape<Deadlock>(['cycle'], {
  cycle: list(1024, shape<Deadlock['cycle'][number]>(['lwp', 'waits'], { lwp: whole(), waits: wait })),
});

const probe = shape<ProbeHit>(['probe', 'place', 'hit', 'values'], {
  probe: whole(1),
  place: printed,
  hit: whole(1),
  values: list(
    256,
    shape<ProbeHit['values'][number]>(['expression'], {
      expression: printed,
      value: printed,
      error: sentence,
    }),
  ),
  changes: list(
    256,
    shape<NonNullable<ProbeHit['changes']>[number]>(['expression', 'value'], {
      expression: printed,
      value: printed,
      error: sentence,
    }),
  ),
});

/** `{"type":"stop", …}` */
export const takeStop: Take<Stop> = shape<Stop>(['number', 'cause', 'pid', 'threads'], {
  number: whole(1),
  cause: word('signal', 'probe', 'error', 'sample', 'core'),
  pid: whole(0),
  ms: amount,
  signal,
  fault,
  exception,
  disassembly,
  threads: list(4096, thread),
  modules: list(16_384, module),
  deadlocks: list(256, deadlock),
  probe,
  pausedMs: amount,
  core: path,
  what: sentence,
});

/** `{"type":"log", …}`, the first line. */
export interface LogLine {
  readonly format: 'vgrun-stops';
  readonly version: number;
  readonly tool: string;
  readonly toolVersion?: string;
}

export const takeLog: Take<LogLine> = shape<LogLine>(['format', 'version', 'tool'], {
  format: word('vgrun-stops'),
  version: whole(1),
  tool: word('gdb', 'core', 'stacks', 'vgdb'),
  toolVersion: text(128),
});

/** `{"type":"process", …}` */
export interface ProcessLine {
  readonly pid: number;
  readonly ppid?: number;
  readonly argv?: readonly string[];
  readonly program?: string;
  readonly how?: 'start' | 'fork' | 'exec' | 'attach' | 'core';
}

export const takeProcess: Take<ProcessLine> = shape<ProcessLine>(['pid'], {
  pid: whole(0),
  ppid: whole(0),
  argv: list(65_536, text(128 * 1024)),
  program: path,
  how: word('start', 'fork', 'exec', 'attach', 'core'),
});

/** `{"type":"exit", …}` */
export interface ExitLine {
  readonly pid: number;
  readonly code?: number;
  readonly signal?: number;
  readonly name?: string;
  readonly detached?: true;
}

export const takeExit: Take<ExitLine> = shape<ExitLine>(['pid'], {
  pid: whole(0),
  code: whole(0, 255),
  signal: whole(1, 128),
  name: text(32),
  detached: flag,
});

/** `{"type":"problem", …}` */
export interface ProblemLine {
  readonly code: string;
  readonly level: 'incomplete' | 'warning' | 'note';
  readonly message: string;
  readonly hint?: string;
  readonly pid?: number;
}

export const takeProblem: Take<ProblemLine> = shape<ProblemLine>(['code', 'level', 'message'], {
  code: text(64),
  level: word('incomplete', 'warning', 'note'),
  message: sentence,
  hint: sentence,
  pid: whole(0),
});
