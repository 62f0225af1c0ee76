// Builders for records, in the shape in which the readers give them.
import type { FindingRecord, Frame, Leak, Stack, StackLabel } from '../../src/model/finding.ts';
import type { CountsRecord, ParsedRecord, ProcessEndRecord, ProcessRecord } from '../../src/model/record.ts';
import type { RunManifest } from '../../src/model/run.ts';

/** Frames of a program under `/home/ann/list`, and of what it stands on. */
export function mine(name: string, file = 'list.c', line = 10, ip?: string): Frame {
  return {
    ip: ip ?? `0x10${(9000 + line * 16).toString(16).toUpperCase()}`,
    object: '/home/ann/list/list',
    function: name,
    directory: '/home/ann/list/src',
    file,
    line,
  };
}

export const malloc: Frame = {
  ip: '0x48417B4',
  object: '/usr/libexec/valgrind/vgpreload_memcheck-amd64-linux.so',
  function: 'malloc',
};

export const libcStart: Frame = {
  ip: '0x48EE1C9',
  object: '/usr/lib/x86_64-linux-gnu/libc.so.6',
  function: '(below main)',
};

export function stack(label: StackLabel, frames: readonly Frame[], text?: string): Stack {
  return { label, frames, ...(text !== undefined && { text }) };
}

export function process(image: number, more: Partial<ProcessRecord> = {}): ProcessRecord {
  return {
    type: 'process',
    image,
    pid: 100 + image,
    tool: 'memcheck',
    version: '3.19.0',
    protocol: 4,
    argv: ['./list'],
    instrumentArgv: ['/usr/bin/valgrind.bin', '--xml=yes', '--show-leak-kinds=all', '--trace-children=yes'],
    forked: false,
    artifact: `valgrind.${100 + image}.xml`,
    ...more,
  };
}

/** The same as a text log shows it: no protocol, no command line of the instrument. */
export function textProcess(image: number, more: Partial<ProcessRecord> = {}): ProcessRecord {
  const { protocol, ...rest } = process(image, { artifact: 'valgrind.log', instrumentArgv: [], ...more });
  return rest;
}

export function end(image: number, more: Partial<ProcessEndRecord> = {}): ProcessEndRecord {
  return { type: 'process-end', image, complete: true, finished: true, ...more };
}

export function finding(image: number, kind: string, more: Partial<FindingRecord> = {}): FindingRecord {
  return {
    type: 'finding',
    image,
    tool: 'memcheck',
    kind,
    what: `${kind} happened`,
    details: [],
    stacks: [stack('at', [mine('pop'), mine('main', 'main.c', 5)])],
    ...more,
  };
}

export function leakOf(directBytes: number, blocks = 1, more: Partial<Leak> = {}): Leak {
  const indirectBytes = more.indirectBytes ?? 0;
  return { bytes: directBytes + indirectBytes, directBytes, indirectBytes, blocks, check: 1, ...more };
}

export function lost(
  image: number,
  leak: Leak,
  more: Partial<FindingRecord> = {},
  kind = 'Leak_DefinitelyLost',
): FindingRecord {
  const frames = [malloc, mine('push', 'list.c', 20), mine('main', 'main.c', 7)];
  return finding(image, kind, {
    what: `${leak.bytes} bytes in ${leak.blocks} blocks are definitely lost in loss record 1 of 1`,
    stacks: [stack('at', frames)],
    leak,
    ...more,
  });
}

export function counts(image: number, pairs: Readonly<Record<string, number>>): CountsRecord {
  return { type: 'counts', image, counts: new Map(Object.entries(pairs)) };
}

/** A whole image: beginning, records, counts, end. */
export function whole(image: number, records: readonly ParsedRecord[], more: Partial<ProcessRecord> = {}) {
  return [process(image, more), ...records, end(image)];
}

export function manifest(more: Partial<RunManifest> = {}): RunManifest {
  return {
    version: 1,
    id: '20260801-120000-list',
    vgrun: '0.1.0',
    tool: { name: 'memcheck', version: '3.19.0', path: '/usr/bin/valgrind' },
    command: ['./list'],
    program: '/home/ann/list/list',
    toolOptions: [],
    environmentOptions: [],
    argv: ['/usr/bin/valgrind', '--xml=yes', './list'],
    directory: '/home/ann/list',
    projectRoot: '/home/ann/list',
    capture: 'xml',
    startedAt: '2026-08-01T12:00:00.000Z',
    endedAt: '2026-08-01T12:00:01.500Z',
    durationMs: 1500,
    pid: 101,
    exit: { how: 'exited', code: 0 },
    alive: [],
    artifacts: [],
    problems: [],
    ...more,
  };
}
