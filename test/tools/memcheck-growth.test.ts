// Leak checks between requests, as vgdb answered them for valgrind 3.19, and any bytes at all in their place.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { GrowthRecord, ProblemRecord } from '../../src/model/record.ts';
import { readLeakChecks } from '../../src/tools/memcheck/growth.ts';

async function read(
  content: string | Uint8Array,
  chunk = 1000,
): Promise<readonly (GrowthRecord | ProblemRecord)[]> {
  const bytes = Buffer.from(content);
  async function* source(): AsyncGenerator<Uint8Array> {
    for (let from = 0; from < bytes.length; from += chunk) yield bytes.subarray(from, from + chunk);
  }
  const records: (GrowthRecord | ProblemRecord)[] = [];
  for await (const record of readLeakChecks(source(), { artifact: 'leak-checks.jsonl', launch: 2 })) {
    records.push(record);
  }
  return records;
}

const line = (request: number, pass: number, text: string): string =>
  `${JSON.stringify({ request, pass, text })}\n`;

const empty = '==7556== All heap blocks were freed -- no leaks are possible\n==7556== \n';

function summary(...kinds: readonly (readonly [bytes: string, blocks: string])[]): string {
  const names = ['definitely lost', 'indirectly lost', 'possibly lost', 'still reachable', 'suppressed'];
  const lines = names.map((name, index) => {
    const [bytes, blocks] = kinds[index] ?? ['0 (+0)', '0 (+0)'];
    return `==7556== ${name.padStart(18)}: ${bytes} bytes in ${blocks} blocks`;
  });
  return `==7556== LEAK SUMMARY:\n${lines.join('\n')}\n==7556== \n`;
}

const none = ['0 (+0)', '0 (+0)'] as const;

function record(sentence: string, ...frames: readonly string[]): string {
  const calls = frames.map((frame, index) => `==7556==    ${index === 0 ? 'at' : 'by'} ${frame}`);
  return [`==7556== ${sentence} in loss record 1 of 1`, ...calls, '==7556== ', ''].join('\n');
}

const lose = [
  '0x48417B4: malloc (in /usr/libexec/valgrind/vgpreload_memcheck-amd64-linux.so)',
  '0x109200: lose (server.c:9)',
  '0x1094BE: main (server.c:23)',
];
const keep = [
  '0x48417B4: malloc (in /usr/libexec/valgrind/vgpreload_memcheck-amd64-linux.so)',
  '0x109282: keep (server.c:11)',
];

describe('growth', () => {
  test('is what a check has more than the one before', async () => {
    const records = await read(
      line(0, 0, empty) +
        line(
          1,
          1,
          record('240 (+240) bytes in 1 (+1) blocks are definitely lost', ...lose) +
            summary(['240 (+240)', '1 (+1)']),
        ) +
        line(2, 1, summary(['240 (+0)', '1 (+0)'])) +
        line(
          1,
          2,
          record('1,480 (+1,240) bytes in 2 (+1) blocks are definitely lost', ...lose) +
            summary(['1,480 (+1,240)', '2 (+1)']),
        ),
    );
    expect(records).toMatchObject([
      { type: 'growth', launch: 2, request: 0, bytes: 0, stacks: [] },
      {
        request: 1,
        pass: 1,
        bytes: 240,
        blocks: 1,
        stacks: [
          {
            bytes: 240,
            blocks: 1,
            frames: [{ ip: '0x48417B4' }, { ip: '0x109200', function: 'lose', line: 9 }, {}],
          },
        ],
      },
      { request: 2, pass: 1, bytes: 0, blocks: 0, stacks: [] },
      { request: 1, pass: 2, bytes: 1240, blocks: 1, stacks: [{ bytes: 1240, blocks: 1 }] },
    ]);
  });

  test('counts the bytes of indirect blocks where these were allocated', async () => {
    const [, growth] = await read(
      line(0, 0, empty) +
        line(
          1,
          1,
          record('50 (+50) bytes in 1 (+1) blocks are indirectly lost', ...keep) +
            record(
              '66 (+66) (16 (+16) direct, 50 (+50) indirect) bytes in 1 (+1) blocks are definitely lost',
              ...lose,
            ) +
            summary(['16 (+16)', '1 (+1)'], ['50 (+50)', '1 (+1)']),
        ),
    );
    expect(growth).toMatchObject({ bytes: 66, blocks: 2, stacks: [{ bytes: 50 }, { bytes: 16 }] });
  });

  test('is nothing where a block only changes its kind', async () => {
    const records = await read(
      line(
        0,
        0,
        record('77 (+77) bytes in 1 (+1) blocks are possibly lost', ...keep) +
          summary(none, none, ['77 (+77)', '1 (+1)']),
      ) +
        line(
          1,
          1,
          record('0 (-77) bytes in 0 (-1) blocks are possibly lost', ...keep) +
            record('77 (+77) bytes in 1 (+1) blocks are definitely lost', ...keep) +
            summary(['77 (+77)', '1 (+1)'], none, ['0 (-77)', '0 (-1)']),
        ),
    );
    expect(records).toMatchObject([
      { request: 0, bytes: 77, stacks: [{ bytes: 77 }] },
      { request: 1, bytes: 0, blocks: 0, stacks: [] },
    ]);
  });

  test('is negative when blocks are given back, also when none is left', async () => {
    const held = record('100 (+100) bytes in 1 (+1) blocks are still reachable', ...keep);
    const records = await read(
      line(0, 0, held + summary(none, none, none, ['100 (+100)', '1 (+1)'])) +
        line(1, 1, empty) +
        // Against an older check, as valgrind has it then.
        line(2, 1, held + summary(none, none, none, ['100 (+0)', '1 (+0)'])),
    );
    expect(records.slice(1)).toMatchObject([
      { request: 1, bytes: -100, blocks: -1, stacks: [{ bytes: -100, blocks: -1 }] },
      { request: 2, bytes: 100, blocks: 1, stacks: [{ bytes: 100, blocks: 1 }] },
    ]);
  });

  test('has blocks that a suppression hides, but no stack for them', async () => {
    const [, growth] = await read(
      line(0, 0, summary()) + line(1, 1, summary(none, none, none, none, ['33 (+33)', '1 (+1)'])),
    );
    expect(growth).toMatchObject({ bytes: 33, blocks: 1, stacks: [] });
  });

  test('is not known after an answer that cannot be read, until the next that can', async () => {
    const records = await read(
      line(0, 0, summary()) +
        line(1, 1, 'syscall failed: no such process') +
        line(2, 1, summary(['10 (+10)', '1 (+1)'])) +
        line(1, 2, summary(['30 (+20)', '2 (+1)'])),
    );
    expect(records).toMatchObject([
      { request: 0 },
      { request: 1, pass: 2, bytes: 20 },
      {
        type: 'problem',
        problem: { code: 'leak-check-not-read', level: 'warning', artifact: 'leak-checks.jsonl' },
      },
    ]);
    expect(records).toHaveLength(3);
  });

  test('is not known from half an answer', async () => {
    const half = summary(['30 (+20)', '2 (+1)']).split('\n').slice(0, 4).join('\n');
    const records = await read(line(0, 0, summary()) + line(1, 1, half));
    expect(records.map(({ type }) => type)).toEqual(['growth', 'problem']);
  });
});

describe('whatever stands in the file', () => {
  const mustBeSound = async (content: string | Uint8Array, chunk: number): Promise<void> => {
    for (const each of await read(content, chunk)) {
      if (each.type === 'problem') continue;
      const numbers = [
        each.bytes,
        each.blocks,
        ...each.stacks.flatMap(({ bytes, blocks }) => [bytes, blocks]),
      ];
      expect(numbers.every(Number.isFinite)).toBe(true);
      expect(each.request).toBeGreaterThanOrEqual(0);
    }
  };

  test('any bytes are read to their end', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), fc.integer({ min: 1, max: 50 }), mustBeSound),
    );
  });

  test('any text in the place of an answer is', async () => {
    const piece = fc.oneof(
      fc.string(),
      fc.constantFrom(
        empty,
        summary(['1,0,0 (+9,,9)', '99999999999999999999 (+1)']),
        record('5 (-5) bytes in 0 (-1) blocks are still reachable', ...keep),
        record(
          '9,999,999,999,999,999,999 (+9,999,999,999,999,999,999) bytes in 1 blocks are definitely lost',
          ...lose,
        ),
        '==1== LEAK SUMMARY:\n',
        '   at 0x1: f (a.c:1)\n',
      ),
    );
    const check = fc.record({
      request: fc.oneof(fc.nat(3), fc.constantFrom(-1, 1.5, null)),
      pass: fc.oneof(fc.nat(3), fc.string()),
      text: fc.array(piece, { maxLength: 5 }).map((parts) => parts.join('')),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(check, { maxLength: 6 }), fc.integer({ min: 1, max: 90 }), (checks, chunk) =>
        mustBeSound(checks.map((each) => `${JSON.stringify(each)}\n`).join(''), chunk),
      ),
    );
  });
});
