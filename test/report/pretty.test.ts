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
import { clip, harmless, rowsOf, widthOf } from '../../src/report/terminal-text.ts';
import {
  counts,
  end,
  finding,
  leakOf,
  lost,
  malloc,
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

const used = (name: string, count: number): ParsedRecord => ({
  type: 'suppression-use',
  image: 1,
  name,
  count,
});

test('a suppressed leak is never "0 bytes, of every kind" and no more: how much was hidden is not known', async () => {
  const made = await analyze(whole(1, [counts(1, {}), used('known leak', 1)]), { vgrun: '0.1.0' });
  const text = await pretty(made);
  expect(text).toMatch(/^LEAK SUMMARY .*; suppressed: not known/m);
  expect(text).toMatch(/^SUPPRESSIONS {3}known leak \(1 time\)$/m);
  const none = await analyze(whole(1, [counts(1, {})]), { vgrun: '0.1.0' });
  expect(await pretty(none)).not.toMatch(/not known|SUPPRESSIONS/);
});

test('many suppressions take one row, the most used first, and --all lists each', async () => {
  const records = Array.from({ length: 9 }, (_, index) => used(`rule${index}`, index + 1));
  const made = await analyze(whole(1, [counts(1, {}), ...records]), { vgrun: '0.1.0' });
  const text = await pretty(made, { columns: 100 });
  expect(text).toContain('SUPPRESSIONS   rule8 (9 times); rule7 (8 times); rule6 (7 times); 6 more');
  const all = await pretty(made, { all: true });
  for (let index = 0; index < 9; index++) expect(all).toContain(`rule${index} (`);
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
  const lines = (await pretty(report, { rows: 24 })).trimEnd().split('\n');
  expect(lines.filter((line) => line.includes('InvalidRead happened'))).toHaveLength(100);
  expect(lines.filter((line) => line.includes('in f'))).toHaveLength(100);
  expect(lines.slice(0, 200).filter((line) => line.trim() === '')).toEqual([]);
});

test('what a kind means is said once', async () => {
  const two = ['f', 'g'].map((name) =>
    finding(1, 'InvalidRead', { stacks: [stack('at', [mine(name), mine('main')])] }),
  );
  const text = await pretty(await analyze(whole(1, two), { vgrun: '0.1.0' }));
  expect(text.match(/→/g)).toHaveLength(1);
  expect(text.match(/bytes outside every live block/g)).toHaveLength(1);
});

const rowsAt = (text: string, columns: number): number =>
  rowsOf(text.replace(/\n$/, '').split('\n'), columns);

/** A run with so much of everything, some of it wide. */
async function crowded(sizes: {
  readonly findings: number;
  readonly processes: number;
  readonly messages: number;
  readonly problems: number;
  readonly width: number;
}): Promise<Report> {
  const long = (word: string) => `${word} ${'wide '.repeat(sizes.width)}`.trim();
  const many = <T>(count: number, make: (index: number) => T): T[] =>
    Array.from({ length: count }, (_, index) => make(index));
  return analyze(
    [
      process(1),
      ...many(sizes.findings, (i) =>
        finding(1, 'InvalidRead', {
          what: long(`Invalid read ${i}`),
          details: [long('Address 0x1 is on thread 1 stack')],
          stacks: [
            stack('at', [mine(long(`f${i}`)), mine('g'), mine('main')]),
            stack('freed at', [mine('h')]),
          ],
        }),
      ),
      lost(1, leakOf(10), {}, 'Leak_StillReachable'),
      lost(1, leakOf(10), {}, 'Leak_IndirectlyLost'),
      ...many(
        sizes.messages,
        (i) => ({ type: 'message', image: 1, source: 'client', text: long(`${i}`) }) as const,
      ),
      ...many(sizes.problems, (i) => {
        const level = (['warning', 'incomplete', 'note'] as const)[i % 3] ?? 'note';
        const problem = { code: 'odd', level, message: long(`Trouble ${i}`), hint: long('do') };
        return { type: 'problem', problem } as const;
      }),
      {
        type: 'totals',
        image: 1,
        heap: { inUse: { bytes: 1e9, blocks: 1e6 }, allocations: 1e9, frees: 1e9 },
      },
      counts(1, {}),
      end(1),
      ...many(sizes.processes, (i) => whole(i + 2, [], { ppid: 101 })).flat(),
    ],
    { vgrun: '0.1.0', manifest: manifest(), runDirectory: '/home/ann/list/.vgrun/runs/20260801-120000-list' },
  );
}

const sizes = fc.record({
  findings: fc.nat(10),
  processes: fc.nat(40),
  messages: fc.nat(10),
  problems: fc.nat(20),
  width: fc.nat(4),
});

test('ten findings fit a screen of 50 rows, whatever else there is to say', async () => {
  await fc.assert(
    fc.asyncProperty(sizes, fc.constantFrom(80, 100, 200), async (size, columns) => {
      const text = await pretty(await crowded(size), { rows: 50, columns });
      expect(rowsAt(text, columns)).toBeLessThanOrEqual(50);
      expect(text.match(/Invalid read \d/g) ?? []).toHaveLength(size.findings);
    }),
    { numRuns: 60 },
  );
});

test('on 24 rows a finding takes two at most, and totals and outcome are on the screen', async () => {
  await fc.assert(
    fc.asyncProperty(sizes, async (size) => {
      const text = await pretty(await crowded({ ...size, findings: 10 }), { rows: 24, columns: 80 });
      const foot = text.indexOf('\n\n');
      expect(rowsAt(text.slice(0, foot), 80)).toBeLessThanOrEqual(20);
      // What is not on the screen any more are findings only.
      expect(rowsAt(text.slice(foot + 2), 80)).toBeLessThanOrEqual(24);
      expect(text.slice(foot)).toMatch(/LEAK SUMMARY[\s\S]*ERROR SUMMARY[\s\S]*10 findings count as errors/);
    }),
    { numRuns: 60 },
  );
});

test('with room, everything is told in full', async () => {
  const size = { findings: 10, processes: 14, messages: 3, problems: 5, width: 1 };
  const text = await pretty(await crowded(size), { rows: 500 });
  expect(text).not.toContain('--all lists them.\n… ');
  expect(text.match(/: (?:finished|exited)/g)).toHaveLength(15);
  expect(text.match(/Trouble \d/g)?.length).toBeGreaterThanOrEqual(5);
});

test('a clipped line keeps its colours closed and its width', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.string(), fc.constantFrom('\x1b[1m', '\x1b[22m', '')), { maxLength: 6 }),
      fc.nat(40),
      (parts, width) => {
        const line = parts.map(([text, style]) => `${harmless(text)}${style}`).join('');
        const clipped = clip(line, width + 1);
        expect(widthOf(clipped)).toBe(Math.min(widthOf(line), width + 1));
        expect(clipped.match(/\x1b\[\d+m/g)).toEqual(line.match(/\x1b\[\d+m/g));
      },
    ),
  );
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

test('what is not listed is counted kind by kind', async () => {
  const hidden = ['f', 'g', 'h'].map((name) =>
    lost(
      1,
      leakOf(10),
      { stacks: [stack('at', [malloc, mine(name)])] },
      name === 'f' ? 'Leak_IndirectlyLost' : 'Leak_StillReachable',
    ),
  );
  const text = await pretty(await analyze(whole(1, hidden), { vgrun: '0.1.0', manifest: manifest() }));
  expect(text.replace(/\s+/g, ' ')).toMatch(
    /Not listed: 1 × Memory lost with its owner, 2 × Memory still reachable at exit \(30 bytes\); --all lists them\./,
  );
});

test("the tool's own frames take no room, --full-stacks shows them", async () => {
  const object = '/usr/libexec/valgrind/vgpreload_helgrind-amd64-linux.so';
  const nameless: Frame = { ip: '0x484976E', object };
  const start: Frame = { object: '/usr/lib/libc.so.6', function: 'start_thread' };
  const stacks = [
    stack('at', [mine('pop'), nameless, start]),
    stack('allocated at', [{ ...malloc, object }, mine('push')], "A block was alloc'd"),
    stack('thread created at', [nameless, mine('main')]),
  ];
  const report = await analyze(whole(1, [finding(1, 'InvalidRead', { stacks })]), { vgrun: '0.1.0' });
  const text = await pretty(report);
  expect(text).toContain("A block was alloc'd:\n    malloc()\n    push()");
  expect(text).not.toMatch(/\?\?\?|vgpreload/);
  expect((await pretty(report, { fullStacks: true })).match(/vgpreload/g)).toHaveLength(3);
});

test('without a frame of mine, the first that is not the tool’s is shown', async () => {
  const library: Frame = { object: '/usr/lib/libglib-2.0.so.0', function: 'g_malloc' };
  const report = await analyze(whole(1, [lost(1, leakOf(8), { stacks: [stack('at', [malloc, library])] })]), {
    vgrun: '0.1.0',
  });
  expect(await pretty(report)).toContain(
    '  g_malloc() in /usr/lib/libglib-2.0.so.0 (no frame is in your code)',
  );
});

test('one reason stands with the outcome, several are a list of sentences', async () => {
  const because = (...messages: string[]) =>
    analyze(
      [
        ...whole(1, [finding(1, 'InvalidRead')]),
        ...messages.map((message): ParsedRecord => {
          return { type: 'problem', problem: { code: 'odd', level: 'incomplete', message } };
        }),
      ],
      { vgrun: '0.1.0' },
    );
  expect(await pretty(await because('valgrind itself died'))).toContain(
    '\ninconclusive: Valgrind itself died. 1 finding counts as an error. Exit status 101.\n',
  );
  const long = 'valgrind.1.xml ends in the middle of an element, and nobody knows why it should';
  expect(await pretty(await because('a process could not be followed', long))).toContain(
    `\ninconclusive, exit status 101:\n  - A process could not be followed.\n  - ${long}.\n  - 1 finding counts as an error.\n`,
  );
});

test('a few reasons are all told, also where there is little room', async () => {
  const records = (count: number): readonly ParsedRecord[] => [
    ...whole(1, [finding(1, 'InvalidRead')]),
    ...Array.from({ length: count }, (_, number): ParsedRecord => {
      const message = `Reason ${number} is told in as many words as it takes to fill a line of the screen`;
      return { type: 'problem', problem: { code: `odd-${number}`, level: 'incomplete', message } };
    }),
  ];
  const three = await pretty(await analyze(records(3), { vgrun: '0.1.0' }), { rows: 12 });
  expect(three).toContain('Reason 2');
  expect(three).not.toContain('--all lists them.');
  const nine = await pretty(await analyze(records(9), { vgrun: '0.1.0' }), { rows: 12 });
  expect(nine).toContain('more reasons; --all lists them.');
});

test('a process and a request count the same findings, those that are listed', async () => {
  const report = await analyze(
    [
      ...whole(1, [finding(1, 'InvalidRead'), lost(1, leakOf(100), {}, 'Leak_StillReachable')]),
      ...whole(2, [], { pid: 102, ppid: 101 }),
    ],
    { vgrun: '0.1.0', manifest: manifest() },
  );
  expect(await pretty(report)).toMatch(/ 101 .*, 1 finding\n/);
  expect(report.processes[0]?.findings).toBe(2);
});

test('a note takes one line', async () => {
  const note = (message: string, hint: string): ParsedRecord => ({
    type: 'problem',
    problem: { code: 'odd', level: 'note', message, hint },
  });
  const wide = `the ${'so many words '.repeat(20).trim()}`;
  const report = await analyze([...whole(1, []), note('it is old', 'use a new one'), note(wide, 'read it')], {
    vgrun: '0.1.0',
  });
  const notes = (await pretty(report, { columns: 80 })).split('\n').filter((line) => line.includes('note: '));
  expect(notes[0]).toBe('note: It is old. Use a new one.');
  expect(notes[1]).toMatch(/^note: The so many .*…$/);
  expect(notes[1]).toHaveLength(80);
  expect((await pretty(report, { all: true })).replace(/\s+/g, ' ')).toContain('so many words. Read it.');
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
  await expect(report && render(report, 'yaml').next()).rejects.toMatchObject({
    hint: `the formats are ${reporterNames.join(', ')}`,
  });
  expect(reporterNames.slice(0, 2)).toEqual(['pretty', 'json']);
});

test('the name of a file keeps its small letter at the start of a sentence', async () => {
  const problem = {
    code: 'no-log',
    level: 'incomplete',
    message: 'passwd is no log that vgrun can read',
  } as const;
  const report = await analyze([{ type: 'problem', problem }], { vgrun: '0.1.0' });
  expect(await pretty(report)).toContain('passwd is no log that vgrun can read.');
  expect(await pretty(report)).not.toContain('Passwd');
});

test('a message of several lines is shown as lines', async () => {
  const message: ParsedRecord = {
    type: 'message',
    image: 1,
    source: 'client',
    text: 'one\ntwo\n\x1b[2J\nfour\nfive',
  };
  const report = await analyze(whole(1, [message]), { vgrun: '0.1.0' });
  expect(await pretty(report)).toContain(
    '101: one\n     two\n     \\x1b[2J\n     … 2 more lines; --all shows them\n',
  );
  expect(await pretty(report, { all: true })).toContain('     four\n     five\n');
});

test('one byte is one byte, and a single occurrence needs no number', async () => {
  const cut = [process(1), finding(1, 'InvalidRead'), lost(1, leakOf(1)), end(1, { complete: false })];
  const text = await pretty(await analyze(cut, { vgrun: '0.1.0' }));
  expect(text).toContain('1 byte in 1 block ');
  expect(text).not.toContain('1 time');
});

test('a finding of several sentences says so in every size', async () => {
  const write = (size: number) =>
    finding(1, 'InvalidWrite', { unique: `0x${size}`, what: `Invalid write of size ${size}` });
  const many = Array.from({ length: 12 }, (_, i) =>
    finding(1, 'InvalidRead', { unique: `0xa${i}`, stacks: [stack('at', [mine(`f${i}`)])] }),
  );
  const records = whole(1, [write(4), write(1), ...many, counts(1, { '0x4': 1, '0x1': 1 })]);
  const report = await analyze(records, { vgrun: '0.1.0' });
  expect(await pretty(report, { rows: 500 })).toContain('also: Invalid write of size 1\n');
  for (const rows of [60, 40, 20]) {
    expect(await pretty(report, { rows })).toContain('Invalid write of size 4, 2 times in several forms');
  }
});

test('in the short form, findings at one place differ by the caller that makes the difference', async () => {
  const read = (unique: number, line: number) =>
    finding(1, 'InvalidRead', {
      unique: `0x${unique.toString(16)}`,
      stacks: [stack('at', [mine('get'), mine('wrap', 'list.c', 30), mine('main', 'main.c', line)])],
    });
  const records = whole(1, [read(1, 51), read(2, 52), read(3, 53)]);
  const report = await analyze(records, { vgrun: '0.1.0' });
  const text = await pretty(report, { rows: 17 });
  expect(text).not.toContain('at\n');
  for (const line of [51, 52, 53])
    expect(text).toContain(
      `list.c:10 in get() ← main.c:${line} in main()`.replace('main.c', '/home/ann/list/src/main.c'),
    );
});

test('suppressions are printed where there is room or all is wanted, and else counted in a line', async () => {
  const block = '{\n   <name>\n   Memcheck:Addr4\n   fun:f\n}';
  const findings = Array.from({ length: 12 }, (_, i) =>
    finding(1, 'InvalidRead', {
      unique: `0x${i}`,
      stacks: [stack('at', [mine(`f${i}`)])],
      suppression: block,
    }),
  );
  const many = await analyze(whole(1, findings), { vgrun: '0.1.0' });
  const text = await pretty(many);
  expect(text).toContain('\n12 suppressions are in the JSON report (--report=json=-)');
  expect(text).not.toContain('Memcheck:Addr4');
  expect(text.trimEnd().split('\n').length).toBeLessThanOrEqual(50);
  for (const options of [{ all: true }, { fullStacks: true }]) {
    const all = await pretty(many, options);
    expect(all.match(/ {3}Memcheck:Addr4\n/g)).toHaveLength(12);
    expect(all).not.toContain('JSON report');
  }
  const one = await analyze(whole(1, findings.slice(0, 1)), { vgrun: '0.1.0' });
  expect(await pretty(one)).toContain('\n  {\n     <name>\n     Memcheck:Addr4\n     fun:f\n  }\n');
});

test('the log of a tool that only logs is shown as far as the screen goes, and whole when asked for', async () => {
  const clean = await scenarios.get('clean')?.();
  if (clean === undefined) throw new Error('there is a clean report');
  const log = (lines: number): Report => ({
    ...clean,
    purpose: 'log',
    messages: [
      {
        image: 1,
        pid: 7,
        source: 'program',
        text: Array.from({ length: lines }, (_, index) => `counted ${index}`).join('\n'),
      } as unknown as Report['messages'][number],
    ],
  });
  const short = await pretty(log(20), { rows: 50 });
  expect(short).toContain('counted 19');
  const long = await pretty(log(500), { rows: 50 });
  expect(long.split('\n').length).toBeLessThanOrEqual(51);
  expect(long).toMatch(/… \d+ more lines; --all shows them/);
  expect(await pretty(log(500), { rows: 50, fullStacks: true })).toContain('counted 499');
});

test('a process whose program nobody knows is said to have no known name', async () => {
  const report = await scenarios.get('process-tree-with-fork')?.();
  if (report === undefined) throw new Error('there is such a report');
  const nameless = report.processes.map((process) => ({ ...process, program: '' }));
  const text = await pretty({ ...report, processes: nameless }, { all: true });
  expect(text).toMatch(/\d+ \(name not known\)/);
  expect(text).not.toMatch(/^ +\d+ :/m);
});
