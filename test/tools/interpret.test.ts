// What an error's sentences mean, in the words of the XML and in those of the text log.
import { describe, expect, test } from 'vitest';
import { interpretAny } from '../../src/tools/_shared/interpret.ts';
import type { StackContainer, ValgrindError } from '../../src/tools/_shared/valgrind-error.ts';
import { interpretDrd } from '../../src/tools/drd/parse.ts';
import { interpretHelgrind } from '../../src/tools/helgrind/parse.ts';
import { interpretMemcheck } from '../../src/tools/memcheck/parse.ts';
import { corpusXml, only, readXml, stackLines } from './xml-reading.ts';

type Part = string | { stack: string; in?: StackContainer; text?: string; address?: string };

/** `parts`: a string is a line of text, an object a stack of one function ('' for none). */
function anError(
  kind: string,
  what: string,
  parts: readonly Part[],
  more: Partial<ValgrindError> = {},
): ValgrindError {
  return {
    image: 1,
    kind,
    what,
    threads: [],
    leakCheck: 1,
    parts: parts.map((part) =>
      typeof part === 'string'
        ? { type: 'text', text: part }
        : {
            type: 'stack',
            frames: part.stack === '' ? [] : [{ function: part.stack }],
            ...(part.in && { container: part.in }),
            ...(part.text && { text: part.text }),
            ...(part.address && { address: part.address }),
          },
    ),
    ...more,
  };
}

const main = { stack: 'main' };

describe('memcheck', () => {
  test.each([
    ["Address 0x4a4004a is 0 bytes after a block of size 10 alloc'd", 'allocated at'],
    ["Address 0x4a4004a is 1,996 bytes inside a block of size 2,000 free'd", 'freed at'],
    ["Address 0x4a4004a is 8 bytes inside a recently re-allocated block of size 9 alloc'd", 'allocated at'],
    ['Address 0x4a4004a is 0 bytes inside a block of size 10 client-defined', 'created at'],
    ["Block was alloc'd at", 'allocated at'],
    ['Uninitialised value was created by a heap allocation', 'created at'],
    ['Uninitialised value was created by a stack allocation', 'created at'],
    ['Uninitialised value was created by a client request', 'created at'],
    ['Previously closed', 'closed at'],
    ['Originally opened', 'opened at'],
    ['Something that no valgrind wrote yet', 'related'],
  ])('"%s" stands before the stack "%s"', (text, label) => {
    const { stacks, details } = interpretMemcheck(anError('InvalidRead', 'w', [main, text, { stack: 'f' }]));
    expect(stacks[1]).toEqual({ label, text, frames: [{ function: 'f' }] });
    expect(details).toEqual([]);
  });

  test.each([
    "Address 0x8 is not stack'd, malloc'd or (recently) free'd",
    "Address 0x1ffeffff is on thread 1's stack",
    'Address 0x40040a0 is 0 bytes inside data symbol "A"',
  ])('"%s" announces no stack', (text) => {
    const { stacks, details } = interpretMemcheck(
      anError('InvalidRead', 'w', [
        main,
        text,
        'Uninitialised value was created by a heap allocation',
        { stack: 'f' },
      ]),
    );
    expect(stacks.map(({ label }) => label)).toEqual(['at', 'created at']);
    expect(details).toEqual([text]);
  });

  test('a leak tells direct and indirect bytes, whatever the element says', () => {
    const what = '64 (32 direct, 32 indirect) bytes in 1 blocks are definitely lost in loss record 2 of 9';
    expect(interpretMemcheck(anError('Leak_DefinitelyLost', what, [main], { leakedBytes: 64 })).leak).toEqual(
      {
        bytes: 64,
        directBytes: 32,
        indirectBytes: 32,
        blocks: 1,
        record: [2, 9],
        check: 1,
      },
    );
  });

  test('a later leak check tells its differences', () => {
    const leak = (what: string) =>
      interpretMemcheck(anError('Leak_PossiblyLost', what, [], { leakCheck: 2 })).leak;
    expect(
      leak('1,600 (+200) bytes in 16 (+2) blocks are possibly lost in new loss record 1,002 of 1,009'),
    ).toEqual({
      bytes: 1600,
      directBytes: 1600,
      indirectBytes: 0,
      blocks: 16,
      bytesDelta: 200,
      blocksDelta: 2,
      record: [1002, 1009],
      check: 2,
    });
    expect(
      leak(
        '48 (-24) (16 (+8) direct, 32 (-32) indirect) bytes in 2 (-1) blocks are definitely lost in loss record 3 of 3',
      ),
    ).toMatchObject({
      bytes: 48,
      directBytes: 16,
      indirectBytes: 32,
      blocks: 2,
      bytesDelta: -24,
      blocksDelta: -1,
    });
  });

  test('a leak whose sentence is unknown still has its size', () => {
    const error = anError('Leak_StillReachable', '?', [], { leakedBytes: 7, leakedBlocks: 2 });
    expect(interpretMemcheck(error).leak).toMatchObject({ bytes: 7, directBytes: 7, blocks: 2 });
  });

  test.each([
    ['InvalidRead', 'Invalid read of size 4', { operation: 'read', size: 4, address: '0x4A' }],
    ['InvalidWrite', 'Invalid write of size 32', { operation: 'write', size: 32, address: '0x4A' }],
    [
      'InvalidJump',
      'Jump to the invalid address stated on the next line',
      { operation: 'jump', address: '0x4A' },
    ],
    ['InvalidFree', 'Invalid free() / delete / delete[] / realloc()', { operation: 'free', address: '0x4A' }],
    ['UninitValue', 'Use of uninitialised value of size 8', { operation: 'use', size: 8, address: '0x4A' }],
    ['Overlap', 'Source and destination overlap in strcpy(0x1, 0x2)', undefined],
    ['constructor', 'a kind that is also a word of the language', undefined],
  ])('%s tells the access', (kind, what, access) => {
    expect(interpretMemcheck(anError(kind, what, [main, "Address 0x4A is not stack'd"])).access).toEqual(
      access,
    );
  });

  test('the place of a variable is a stack of its own, with a file and a line', async () => {
    const findings = only(await readXml(corpusXml('helgrind/hg-race-xml-3.19')), 'finding');
    const declared = findings.flatMap(({ stacks }) => stacks).find(({ label }) => label === 'declared at');
    expect(declared?.frames).toEqual([{ file: 'hg_race.c', line: declared?.frames[0]?.line }]);
    const fromText = interpretMemcheck(
      anError('InvalidRead', 'w', [
        main,
        'Location 0x1 is 0 bytes inside arr[1],',
        'a global variable declared at f.c:2',
      ]),
    );
    expect(fromText.stacks[1]).toEqual({
      label: 'declared at',
      text: 'Location 0x1 is 0 bytes inside arr[1], a global variable declared at f.c:2',
      frames: [{ file: 'f.c', line: 2 }],
    });
  });

  test('the error itself comes first even where 3.24 prints it last', async () => {
    const findings = only(await readXml(corpusXml('memcheck/fds-xml-3.24')), 'finding');
    expect(stackLines(findings.find(({ kind }) => kind === 'FdBadUse'))).toEqual([
      'at: read < main',
      'closed at: close < main',
      'opened at: open < main',
    ]);
  });
});

describe('descriptors, under any tool', () => {
  const descriptor = (what: string, kind = 'FdNotClosed') =>
    interpretAny('none')(anError(kind, what, [])).descriptor;

  test('come from the elements', () => {
    const error = anError('FdNotClosed', 'Open file descriptor 4: /x', [], { fd: 4, path: '/x' });
    expect(interpretAny('none')(error)).toMatchObject({
      tool: 'none',
      descriptor: { number: 4, path: '/x' },
    });
  });

  test('come from the sentence of a text log', () => {
    expect(descriptor('Open file descriptor 4: /tmp/x<&>y.txt')).toEqual({
      number: 4,
      path: '/tmp/x<&>y.txt',
    });
    expect(descriptor('Open file descriptor 10:')).toEqual({ number: 10 });
    expect(descriptor('Open AF_INET socket 3: <unbound> <-> <unbound>')).toEqual({ number: 3 });
    expect(descriptor('File descriptor 3: /dev/null is already closed', 'FdBadClose')).toEqual({
      number: 3,
      path: '/dev/null',
    });
    expect(descriptor('File descriptor 3 was closed already', 'FdBadUse')).toEqual({ number: 3 });
    expect(descriptor('File descriptor -9 Invalid file descriptor', 'FdBadUse')).toEqual({ number: -9 });
    expect(descriptor('Open file descriptor 4: /x', 'Race')).toBeUndefined();
  });
});

describe('helgrind', () => {
  test('a race of a text log names both accesses and keeps the locks as details', () => {
    const finding = interpretHelgrind(
      anError('Race', 'Possible data race during write of size 4 at 0x404C by thread #3', [
        'Locks held: none',
        main,
        'This conflicts with a previous read of size 4 by thread #2',
        'Locks held: 1, at address 0x4A',
        { stack: 'f' },
        "Address 0x404C is 0 bytes inside a block of size 4 alloc'd",
        { stack: 'malloc' },
        "Block was alloc'd by thread #1",
      ]),
    );
    expect(stackLines(finding)).toEqual(['at: main', 'previous read: f', 'allocated at: malloc']);
    expect(finding.details).toEqual([
      'Locks held: none',
      'Locks held: 1, at address 0x4A',
      "Block was alloc'd by thread #1",
    ]);
    expect(finding.access).toEqual({ operation: 'write', size: 4, address: '0x404C' });
    expect(finding.threads).toEqual([3]);
  });

  test('a lock order of a text log has the same `at` as the XML, and both orders', () => {
    const finding = interpretHelgrind(
      anError('LockOrder', 'Thread #1: lock order "0xA before 0xB" violated', [
        'Observed (incorrect) order is: acquisition of lock at 0xB',
        { stack: 'lock B' },
        'followed by a later acquisition of lock at 0xA',
        { stack: 'lock A' },
        'Required order was established by acquisition of lock at 0xA',
        { stack: 'first A' },
        'followed by a later acquisition of lock at 0xB',
        { stack: 'then B' },
        'Lock at 0xA was first observed',
        { stack: 'init A' },
        'Address 0xA is 0 bytes inside data symbol "A"',
        'Lock at 0xB was first observed',
        { stack: 'init B' },
      ]),
    );
    expect(stackLines(finding)).toEqual([
      'at: lock A',
      'observed order first: lock B',
      'required order first: first A',
      'required order then: then B',
      'first observed at: init A',
      'first observed at: init B',
    ]);
    expect(finding.details).toEqual(['Address 0xA is 0 bytes inside data symbol "A"']);
  });

  test('a segment without a stack keeps what stands for it', () => {
    const finding = interpretHelgrind(
      anError('Race', 'w', [
        main,
        'This conflicts with a previous access by thread #1, after',
        '(the start of the thread)',
        'but before',
        { stack: 'f' },
      ]),
    );
    expect(stackLines(finding)).toEqual(['at: main', 'conflicting segment end: f']);
    expect(finding.details).toEqual([
      'This conflicts with a previous access by thread #1, after (the start of the thread)',
    ]);
  });

  test('threads come from the elements, else from the sentence', () => {
    const what = 'Thread #2 unlocked lock at 0xA currently held by thread #1';
    expect(interpretHelgrind(anError('UnlockForeign', what, [])).threads).toEqual([2, 1]);
    expect(interpretHelgrind(anError('UnlockForeign', what, [], { threads: [7] })).threads).toEqual([7]);
  });

  test('the error code of a failed call is a detail in both forms', () => {
    const code = 'with error code 22 (EINVAL: Invalid argument)';
    const fromText = interpretHelgrind(anError('PthAPIerror', 'w', [code, main]));
    expect(interpretHelgrind(anError('PthAPIerror', 'w', [main], { moreWhat: code }))).toEqual(fromText);
    expect(fromText.details).toEqual([code]);
  });
});

describe('drd', () => {
  const fromXml = interpretDrd(
    anError('ConflictingAccess', 'Conflicting load by thread 3 at 0x04004060 size 4', [
      main,
      'Address 0x4004060 is at offset 0 from 0x4004060.',
      { stack: 'malloc', in: 'allocation_context' },
      { stack: 'f', in: 'other_segment_start' },
      { stack: 'g', in: 'other_segment_end' },
    ]),
  );

  test('a conflict has the same stacks from XML and from text', () => {
    const fromText = interpretDrd(
      anError('ConflictingAccess', 'Conflicting load by thread 3 at 0x04004060 size 4', [
        main,
        'Address 0x4004060 is at offset 0 from 0x4004060. Allocation context:',
        { stack: 'malloc' },
        'Other segment start (thread 2)',
        { stack: 'f' },
        'Other segment end (thread 2)',
        { stack: 'g' },
      ]),
    );
    expect(stackLines(fromText)).toEqual(stackLines(fromXml));
    expect(stackLines(fromXml)).toEqual([
      'at: main',
      'allocated at: malloc',
      'conflicting segment start: f',
      'conflicting segment end: g',
    ]);
    expect(fromText.stacks[1]).toEqual(fromXml.stacks[1]);
    expect(fromXml.access).toEqual({ operation: 'read', size: 4, address: '0x04004060' });
  });

  test('a thread that has gone leaves a sentence and no stack', () => {
    const gone = '(thread finished, call stack no longer available)';
    const xml = interpretDrd(
      anError('ConflictingAccess', 'w', [main, { stack: '', in: 'other_segment_start' }]),
    );
    const text = interpretDrd(
      anError('ConflictingAccess', 'w', [main, 'Other segment start (thread 2)', gone]),
    );
    expect([xml.stacks.length, xml.details]).toEqual([1, [`Other segment start ${gone}`]]);
    expect([text.stacks.length, text.details]).toEqual([1, [`Other segment start (thread 2) ${gone}`]]);
  });

  test('an object is named where it was first seen', () => {
    const xml = interpretDrd(
      anError('MutexErr', 'w', [
        main,
        { stack: 'f', in: 'first_observed_at', text: 'mutex', address: '0x1f' },
      ]),
    );
    const text = interpretDrd(
      anError('MutexErr', 'w', [main, 'mutex 0x1f was first observed at:', { stack: 'f' }]),
    );
    expect(xml).toEqual(text);
    expect(xml.stacks[1]).toMatchObject({
      label: 'first observed at',
      text: 'mutex 0x1f was first observed at',
    });
  });

  test('the place of the error comes before the place of the acquisition', async () => {
    const [finding] = only(await readXml(corpusXml('drd/drd-misc9-xml-3.19')), 'finding');
    expect(finding?.stacks[0]?.label).toBe('at');
  });
});
