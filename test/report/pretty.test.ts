// The terminal report: harmless, complete, sized to the screen.
import { Ajv2020 } from 'ajv/dist/2020.js';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { analyze } from '../../src/analyze/index.ts';
import type { Frame, StackLabel } from '../../src/model/finding.ts';
import type { ParsedRecord } from '../../src/model/record.ts';
import type { Report } from '../../src/model/report.ts';
import { type RenderOptions, render, reporterNames } from '../../src/report/index.ts';
import schema from '../../src/report/report.schema.json' with { type: 'json' };
import {
  counts,
  end,
  finding,
  leakOf,
  lost,
  manifest,
  mine,
  process,
  stack,
  whole,
} from '../analyze/records.ts';
import { scenarios } from './scenarios.ts';

const validate = new Ajv2020({ allErrors: true }).compile(schema);

async function pretty(report: Report, options: RenderOptions = {}): Promise<string> {
  let all = '';
  for await (const piece of render(report, 'pretty', options)) all += piece;
  return all;
}

const hostile = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string({
    unit: fc.constantFrom(
      '\x1b',
      '[',
      '2',
      'J',
      ']',
      '8',
      ';',
      '\x07',
      '\n',
      '\r',
      '\x9b',
      '\u202e',
      '\u2066',
      '\ud800',
      'a',
      '\t',
    ),
  }),
);
const anyFrame: fc.Arbitrary<Frame> = fc.record(
  { ip: hostile, object: hostile, function: hostile, directory: hostile, file: hostile, line: fc.nat() },
  { requiredKeys: [] },
);
const anyStack = fc.record({
  label: fc.constantFrom<StackLabel>('at', 'allocated at', 'thread created at'),
  text: hostile,
  frames: fc.array(anyFrame, { maxLength: 4 }),
});
const anyRecords: fc.Arbitrary<ParsedRecord[]> = fc
  .record({
    argv: fc.array(hostile, { maxLength: 2 }),
    kind: hostile,
    what: hostile,
    details: fc.array(hostile, { maxLength: 2 }),
    stacks: fc.array(anyStack, { maxLength: 3 }),
    message: hostile,
    whole: fc.boolean(),
  })
  .map(({ argv, kind, what, details, stacks, message, whole: complete }): ParsedRecord[] => [
    process(1, { argv }),
    process(2, { argv, ppid: 101, tool: kind }),
    finding(1, kind, { what, details, stacks, tool: kind }),
    { type: 'message', image: 1, source: 'client', text: message },
    { type: 'fatal-signal', image: 1, number: 11, name: message, event: what, address: kind },
    { type: 'suppression-use', image: 1, name: message, count: 2 },
    { type: 'problem', problem: { code: kind, level: 'warning', message, hint: what, quote: kind } },
    { type: 'problem', problem: { code: kind, level: 'incomplete', message: what, hint: message } },
    end(1, { complete }),
    end(2),
  ]);

// What may not reach a terminal: control characters but newline, and marks that turn text around.
const dangerous =
  /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069\u200e\u200f\u061c]|[\ud800-\udbff](?![\udc00-\udfff])/;

test('nothing that a target says can steer the terminal', async () => {
  await fc.assert(
    fc.asyncProperty(anyRecords, fc.boolean(), hostile, async (records, fullStacks, directory) => {
      const report = await analyze(records, {
        vgrun: '0.1.0',
        manifest: manifest({ projectRoot: directory }),
        runDirectory: directory,
      });
      const excerpted = {
        ...report,
        findings: report.findings.map((each) => ({ ...each, excerpt: { firstLine: 1, lines: [directory] } })),
      };
      const plain = await pretty(excerpted, { fullStacks, all: true });
      expect(plain.match(dangerous)).toBeNull();
      // With colours and links, our own sequences are the only ones.
      const styled = await pretty(excerpted, { fullStacks, all: true, color: true, hyperlinks: true });
      const unstyled = styled.replace(/\x1b\[\d+m|\x1b\]8;;[\x21-\x7e]*\x1b\\/g, '');
      expect(unstyled.replace(/[ \t]+$/gm, '')).toBe(plain);
    }),
    { numRuns: 300 },
  );
});

test('JSON holds no character that could steer a terminal either, keeps to the schema, and reads back the same', async () => {
  await fc.assert(
    fc.asyncProperty(anyRecords, async (records) => {
      const report = await analyze(records, { vgrun: '0.1.0' });
      let json = '';
      for await (const piece of render(report, 'json')) json += piece;
      expect(json.match(dangerous)).toBeNull();
      validate(JSON.parse(json));
      expect(validate.errors ?? []).toEqual([]);
      expect(JSON.parse(json)).toEqual(report);
    }),
  );
});

test('the report agrees with valgrind word for word in its sums', async () => {
  const report = await analyze(
    whole(1, [
      lost(1, leakOf(1200, 3)),
      counts(1, {}),
      {
        type: 'totals',
        image: 1,
        heap: { inUse: { bytes: 1200, blocks: 3 }, allocations: 10, frees: 7, allocatedBytes: 73_904 },
        errors: { errors: 1, contexts: 1, suppressed: 2, suppressedContexts: 1 },
      },
    ]),
    { vgrun: '0.1.0' },
  );
  const text = await pretty(report, { columns: 140 });
  expect(text).toContain(
    'in use at exit: 1,200 bytes in 3 blocks; total heap usage: 10 allocs, 7 frees, 73,904 bytes allocated',
  );
  expect(text).toContain('definitely lost: 1,200 bytes in 3 blocks');
  expect(text).toContain('1 errors from 1 contexts (suppressed: 2 from 1)');
});

test('one finding is shown with its source and both stacks, a hundred with two lines each', async () => {
  const one = await scenarios.get('one-leak')?.();
  expect(one && (await pretty(one))).toMatch(/> 20 │ {5}n = malloc\(100\);/);
  const many = Array.from({ length: 100 }, (_, i) =>
    finding(1, 'InvalidRead', { unique: `0x${i}`, stacks: [stack('at', [mine(`f${i}`)])] }),
  );
  const report = await analyze(whole(1, many), { vgrun: '0.1.0' });
  const lines = (await pretty(report, { rows: 24 })).split('\n');
  expect(lines.filter((line) => line.includes('InvalidRead happened'))).toHaveLength(100);
  expect(lines.length).toBeLessThan(215);
  // What the kind means is said once.
  expect(lines.filter((line) => line.includes('→'))).toHaveLength(1);
});

test('more findings than anybody reads are left to --all, and it says so', async () => {
  const many = Array.from({ length: 130 }, (_, i) =>
    finding(1, 'InvalidRead', { stacks: [stack('at', [mine(`f${i}`)])] }),
  );
  const report = await analyze(whole(1, many), { vgrun: '0.1.0' });
  expect(await pretty(report)).toContain('30 more findings are not listed; --all lists them.');
  expect((await pretty(report, { all: true })).match(/InvalidRead happened/g)).toHaveLength(130);
});

test('still reachable memory is summed up, and listed with --all', async () => {
  const report = await analyze(whole(1, [lost(1, leakOf(10), {}, 'Leak_StillReachable')]), {
    vgrun: '0.1.0',
    manifest: manifest(),
  });
  const short = await pretty(report);
  expect(short).toContain('Not listed: 1 × Memory still reachable at exit (10 bytes); --all lists them.');
  expect(short).not.toContain('list.c');
  expect(await pretty(report, { all: true })).toContain('src/list.c:20 in push()');
});

test('stacks are shortened to my code and what it called, --full-stacks shows all', async () => {
  const library = (name: string): Frame => ({ object: '/usr/lib/libfoo.so', function: name });
  const frames = [library('inner'), library('outer'), mine('pop'), library('below')];
  const report = await analyze(whole(1, [finding(1, 'InvalidRead', { stacks: [stack('at', frames)] })]), {
    vgrun: '0.1.0',
  });
  const short = await pretty(report);
  expect(short).toContain('outer()');
  expect(short).not.toMatch(/inner|below/);
  expect(await pretty(report, { fullStacks: true })).toMatch(/inner[\s\S]*outer[\s\S]*pop[\s\S]*below/);
});

test('a link leads to the file, and its text is the same as without', async () => {
  const report = await scenarios.get('one-leak')?.();
  const text = report && (await pretty(report, { hyperlinks: true }));
  expect(text).toContain(
    '\x1b]8;;file:///home/ann/list/src/list.c\x1b\\src/list.c:20\x1b]8;;\x1b\\ in push()',
  );
});

test('the command that shows more can be pasted, whatever the directory is called', async () => {
  const report = await analyze(whole(1, []), {
    vgrun: '0.1.0',
    manifest: manifest(),
    runDirectory: "/tmp/ann's $HOME/run",
  });
  expect(await pretty(report)).toContain(`vgrun report --full-stacks '/tmp/ann'\\''s $HOME/run'`);
});

test('no line is wider than the screen when words allow it', async () => {
  const report = await scenarios.get('inconclusive')?.();
  const text = report ? await pretty(report, { columns: 60 }) : '';
  const wide = text
    .split('\n')
    .filter((line) => line.length > 60 && !line.includes('/runs/') && !line.includes('F-'));
  expect(wide).toEqual([]);
});

test('an unknown format is refused with the names of those there are', async () => {
  const report = await scenarios.get('clean')?.();
  await expect(report && render(report, 'yaml').next()).rejects.toThrow('yaml');
  expect(reporterNames).toEqual(['pretty', 'json']);
});
