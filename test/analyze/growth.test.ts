// What fails a run because a program spends more than before: --max-growth.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Known } from '../../src/analyze/baseline.ts';
import { readGrowth } from '../../src/analyze/profile/growth.ts';
import { UserError } from '../../src/errors.ts';
import type { Measure } from '../../src/model/profile.ts';
import type { ParsedRecord } from '../../src/model/record.ts';
import {
  fn,
  graphProfile,
  instructions,
  knownFrom,
  misses,
  profiled,
  reported,
  timeProfile,
  treeProfile,
} from './profiles.ts';
import { finding, manifest, whole } from './records.ts';

const spent = (image: number, ...values: readonly number[]): readonly ParsedRecord[] =>
  profiled(image, graphProfile([[fn('main'), ...values]], [instructions, misses].slice(0, values.length)));

/** What a limit makes of records, against those of before. */
async function grown(
  rule: string,
  before: Known | readonly ParsedRecord[] | undefined,
  after: readonly ParsedRecord[],
) {
  const known = before === undefined || 'name' in before ? before : await knownFrom(before);
  const report = await reported(after, { known, gate: { growth: readGrowth(rule) }, manifest: manifest() });
  const { outcome, status, reasons, gate, problems } = report;
  return { outcome, status, reasons, growth: gate?.growth, problems };
}

const held = { outcome: 'clean', status: 0, reasons: [] };

describe('a limit', () => {
  test('holds up to what it allows and not a bit further, and says by how much', async () => {
    expect(await grown('Ir=5%', spent(1, 1000), spent(1, 1050))).toMatchObject(held);
    expect(await grown('Ir=5%', spent(1, 1000), spent(1, 1051))).toMatchObject({
      outcome: 'findings',
      status: 100,
      reasons: ['Ir grew from 1,000 to 1,051 (+5.1 %); --max-growth allows 5%.'],
      growth: [
        {
          measure: 'Ir',
          title: 'instructions executed',
          most: '5%',
          allowed: 1050,
          before: 1000,
          after: 1051,
          exceeded: true,
        },
      ],
    });
  });

  test('shows digits enough to tell the growth from what is allowed', async () => {
    const { reasons } = await grown('Ir=5%', spent(1, 1_000_000), spent(1, 1_050_001));
    expect(reasons).toEqual(['Ir grew from 1,000,000 to 1,050,001 (+5.0001 %); --max-growth allows 5%.']);
  });

  test('may be an amount, and nought', async () => {
    expect(await grown('Ir=10', spent(1, 100), spent(1, 110))).toMatchObject(held);
    expect(await grown('Ir=10', spent(1, 100), spent(1, 111))).toMatchObject({ status: 100 });
    expect(await grown('Ir=0', spent(1, 100), spent(1, 100))).toMatchObject(held);
    expect(await grown('Ir=0', spent(1, 100), spent(1, 101))).toMatchObject({
      reasons: ['Ir grew from 100 to 101 (+1 %); --max-growth allows 0.'],
    });
    expect(await grown('D1mr=5%', spent(1, 9, 0), spent(1, 9, 1))).toMatchObject({
      reasons: ['D1mr grew from 0 to 1; --max-growth allows 5%.'],
    });
    expect(await grown('Ir=0', spent(1, 100), spent(1, 10))).toMatchObject(held);
  });

  test('speaks of its own measure, whatever its case', async () => {
    expect(await grown('ir=0', spent(1, 100, 5), spent(1, 100, 50))).toMatchObject(held);
    expect(await grown('d1MR=1,Ir=0', spent(1, 100, 5), spent(1, 100, 50))).toMatchObject({
      reasons: ['D1mr grew from 5 to 50 (+900 %); --max-growth allows 1.'],
    });
  });

  test('of all is one for each measure that both sides have and no other names', async () => {
    const { growth } = await grown('all=1%,D1mr=20%', spent(1, 100, 10), spent(1, 102, 11));
    expect(growth?.map(({ measure, most, exceeded }) => [measure, most, exceeded])).toEqual([
      ['Ir', '1%', true],
      ['D1mr', '20%', false],
    ]);
    const one = await grown('all=1%', spent(1, 100), spent(1, 100, 7));
    expect(one.growth?.map(({ measure }) => measure)).toEqual(['Ir']);
  });

  test('of the peak is about the highest point of a time line, in bytes with units', async () => {
    const heap = (...sizes: readonly number[]) =>
      profiled(
        1,
        timeProfile(
          sizes.map((size) => [[[fn('main')], size]]),
          sizes.indexOf(Math.max(...sizes)),
        ),
      );
    expect(await grown('peak=4KiB', heap(1000, 5000, 10), heap(9096, 10))).toMatchObject(held);
    expect(await grown('peak=4KiB', heap(1000, 5000, 10), heap(9097, 10))).toMatchObject({
      reasons: [
        'The peak of bytes on the heap grew from 5,000 to 9,097 (+81.9 %); --max-growth allows 4KiB.',
      ],
      growth: [{ measure: 'peak', before: 5000, after: 9097 }],
    });
    expect(await grown('bytes=0', heap(5), heap(6))).toMatchObject({ status: 100 });
    expect(await grown('peak=0', spent(1, 5), spent(1, 5))).toMatchObject({ outcome: 'inconclusive' });
  });
});

describe('several processes', () => {
  const of = (image: number, program: string, value: number) =>
    profiled(image, graphProfile([[fn('main'), value]]), { argv: [program] });

  test('of the programs that both sides have are added up', async () => {
    const before = [...of(1, './list', 100), ...of(2, './sort', 100), ...of(3, './gone', 5)];
    expect(await grown('Ir=0', before, [...of(1, './list', 90), ...of(2, './sort', 110)])).toMatchObject(
      held,
    );
    expect(await grown('Ir=0', before, [...of(1, './list', 90), ...of(2, './sort', 111)])).toMatchObject({
      growth: [{ before: 200, after: 201 }],
    });
  });

  test('more than before of one program have grown from nothing', async () => {
    expect(
      await grown('Ir=5%', of(1, './list', 100), [...of(1, './list', 100), ...of(2, './list', 100)]),
    ).toMatchObject({ status: 100, growth: [{ before: 100, after: 200 }] });
  });

  test('fewer than before do not hide what the others grew by', async () => {
    const before = [...of(1, './list', 100), ...of(2, './list', 100)];
    expect(await grown('Ir=5%', before, of(1, './list', 120))).toMatchObject({
      status: 100,
      growth: [{ before: 100, after: 120 }],
    });
  });

  test('of a program that was not there are no growth, but a warning', async () => {
    const { outcome, problems } = await grown('Ir=0', of(1, './list', 5), [
      ...of(1, './list', 5),
      ...of(2, './new', 9),
    ]);
    expect(outcome).toBe('clean');
    expect(problems.map(({ level, code }) => `${level} ${code}`)).toEqual([
      'warning profile-without-counterpart',
    ]);
  });
});

describe('what cannot be judged is never green', () => {
  const unjudged = (reason: string) => ({ outcome: 'inconclusive', status: 101, reasons: [reason] });

  test('a measure that there is not, with those that there are', async () => {
    expect(await grown('Irr=5%', spent(1, 5, 5), spent(1, 5, 5))).toMatchObject(
      unjudged('There is no "Irr" here: --max-growth can compare Ir, D1mr (did you mean Ir?).'),
    );
    expect(await grown('D1mr=5%', spent(1, 5, 5), spent(1, 5))).toMatchObject(
      unjudged('This run has no "D1mr": --max-growth can compare Ir.'),
    );
    expect(await grown('D1mr=5%', spent(1, 5), spent(1, 5, 5))).toMatchObject(
      unjudged('old has no "D1mr": --max-growth can compare Ir.'),
    );
  });

  test('bytes of what is not counted in bytes', async () => {
    expect(await grown('Ir=4KiB', spent(1, 5), spent(1, 5))).toMatchObject(
      unjudged('Ir counts instructions, not bytes: --max-growth=Ir=4KiB says nothing.'),
    );
  });

  test('a profile of before that was not seen whole, and one of now', async () => {
    const cut = profiled(1, graphProfile([[fn('main'), 5]]), {}, false);
    expect(await grown('Ir=5%', cut, spent(1, 5))).toMatchObject(
      unjudged('old was not seen whole: growth against it cannot be judged.'),
    );
    expect(await grown('Ir=5%', spent(1, 5), cut)).toMatchObject({ outcome: 'inconclusive', status: 101 });
    const both = await grown('Ir=5%', cut, spent(1, 50));
    expect(both.status).toBe(101);
    expect(both.reasons).toContain('Ir grew from 5 to 50 (+900 %); --max-growth allows 5%.');
  });

  test('a profile in which nothing was counted, though everything shrank by that', async () => {
    const nothing = 'callgrind counted nothing of list: collection was never on.';
    const { outcome, status, reasons, problems } = await grown('Ir=5%', spent(1, 100), spent(1, 0));
    expect([outcome, status]).toEqual(['inconclusive', 101]);
    expect(reasons).toEqual([
      nothing,
      'Ir is 0 in this run and 100 in old: one of them was not measured, so --max-growth cannot compare them.',
    ]);
    expect(problems).toMatchObject([
      { code: 'nothing-counted', level: 'incomplete', hint: expect.stringContaining('--toggle-collect') },
    ]);
    expect((await grown('Ir=1000', spent(1, 0), spent(1, 900))).status).toBe(101);
    // Without a limit as well.
    expect(await reported(spent(1, 0))).toMatchObject({ outcome: 'inconclusive', reasons: [nothing] });
  });

  test('time of a program that was too short for a sample', async () => {
    const time: Measure = { name: 'time', title: 'time', unit: 'ms' };
    const calls: Measure = { name: 'calls', title: 'calls', unit: 'calls' };
    const gprof = (measure: Measure, value: number) =>
      profiled(1, graphProfile([[fn('main'), value]], [measure], { format: 'gprof' }));
    expect((await grown('time=5%', gprof(time, 50), gprof(time, 0))).status).toBe(101);
    expect((await grown('time=5%', gprof(time, 50), gprof(calls, 3))).status).toBe(101);
    expect((await grown('time=5%', gprof(calls, 3), gprof(calls, 3))).status).toBe(101);
    expect(await grown('calls=5%', gprof(calls, 3), gprof(calls, 0))).toMatchObject(held);
  });

  test('a shell around the program may count nothing, which is a warning', async () => {
    const records = [...spent(1, 0), ...spent(2, 50)];
    const { outcome, problems } = await reported(records);
    expect(outcome).toBe('clean');
    expect(problems.map(({ code, level }) => `${code} ${level}`)).toEqual(['nothing-counted warning']);
  });

  test('threads of one process, of which one did not get there, are one profile', async () => {
    const thread = (image: number, value: number) =>
      profiled(image, graphProfile([[fn('main'), value]]), { pid: 77 });
    expect(await reported([...thread(1, 0), ...thread(2, 50)])).toMatchObject({
      outcome: 'clean',
      problems: [],
    });
  });

  test('nothing on the heap is a true answer', async () => {
    const heap = profiled(1, timeProfile([[[[fn('main')], 0]]], 0));
    expect(await reported(heap)).toMatchObject({ outcome: 'clean' });
    const before = profiled(1, timeProfile([[[[fn('main')], 9]]], 0));
    expect(await grown('peak=0', before, heap)).toMatchObject(held);
  });

  test('measures that count other things under one name', async () => {
    const of = (title: string) =>
      profiled(
        1,
        graphProfile([[fn('main'), 5, 7]], [instructions, { name: 'bytes', title, unit: 'bytes' }]),
      );
    const sentence = '"bytes" is bytes of pages here and bytes of heap in old';
    const { outcome, reasons, problems } = await grown(
      'all=0,bytes=0',
      of('bytes of heap'),
      of('bytes of pages'),
    );
    expect([outcome, reasons]).toEqual(['inconclusive', [`${sentence}: --max-growth cannot compare them.`]]);
    expect(problems).toMatchObject([{ code: 'measures-differ', level: 'warning' }]);
    expect(await grown('Ir=0', of('bytes of heap'), of('bytes of pages'))).toMatchObject(held);

    const whole = (title: string) =>
      profiled(1, {
        ...timeProfile([[[[fn('main')], 9]]], 0),
        measures: [{ name: 'bytes', title, unit: 'bytes' }],
      });
    for (const rule of ['peak=5%', 'bytes=5%', 'all=5%']) {
      expect(await grown(rule, whole('bytes of heap'), whole('bytes of pages'))).toMatchObject(
        unjudged(`${sentence}: --max-growth cannot compare them.`),
      );
    }
  });

  test('the baseline of another program is a warning, where the user did not name both sides', async () => {
    const of = (program: string) => profiled(1, graphProfile([[fn('main'), 5]]), { argv: [program] });
    const known = await knownFrom(of('./sort'));
    const said = async (more: Partial<Known>, rule?: string) => {
      const gate = rule === undefined ? {} : { gate: { growth: readGrowth(rule) } };
      const { problems } = await reported(of('./list'), { known: { ...known, ...more }, ...gate });
      return problems.map(({ level, message }) => `${level}: ${message}`);
    };
    const sentence = 'list is compared with sort of old: each side has one profile.';
    expect(await said({}, 'Ir=5%')).toEqual([`warning: ${sentence}`]);
    expect(await said({ pairedByUser: true }, 'Ir=5%')).toEqual([`note: ${sentence}`]);
    expect(await said({})).toEqual([`note: ${sentence}`]);
  });

  test('nothing to compare with', async () => {
    const nothing: Known = { name: 'old', entries: [], profiles: [], whole: true };
    expect(await grown('Ir=5%', nothing, spent(1, 5))).toMatchObject(
      unjudged('There is no profile in old: --max-growth has nothing to compare with.'),
    );
    expect(await grown('Ir=5%', { ...nothing, missing: true }, spent(1, 5))).toMatchObject(
      unjudged('old does not exist: --max-growth has nothing to compare with.'),
    );
    const { profiles: _, ...text } = nothing;
    expect(await grown('Ir=5%', text, spent(1, 5))).toMatchObject(
      unjudged('old holds findings only: --max-growth has nothing to compare with.'),
    );
    expect(await grown('Ir=5%', undefined, spent(1, 5))).toMatchObject({ outcome: 'inconclusive' });
    expect(await grown('Ir=5%', spent(1, 5), whole(1, []))).toMatchObject(
      unjudged('There is no profile: --max-growth has nothing to judge.'),
    );
    expect(await grown('Ir=5%', profiled(1, treeProfile({})), spent(1, 5))).toMatchObject(
      unjudged(
        'No profile in old is of the same program and kind: --max-growth has nothing to compare with.',
      ),
    );
  });
});

test('without a limit nothing that grew fails', async () => {
  const report = await reported(spent(1, 500), { known: await knownFrom(spent(1, 5)) });
  expect(report).toMatchObject({ outcome: 'clean', status: 0 });
  expect(report.gate).toBeUndefined();
});

test('findings and growth fail side by side', async () => {
  const records = [...whole(2, [finding(2, 'InvalidRead')]), ...spent(1, 500)];
  const { reasons, status } = await grown('Ir=5%', spent(1, 5), records);
  expect(status).toBe(100);
  expect(reasons).toEqual([
    '1 new finding counts as an error.',
    'Ir grew from 5 to 500 (+9,900 %); --max-growth allows 5%.',
  ]);
});

describe('reading', () => {
  test.each([
    ['Ir=5%', [['Ir', '5%', 5000, true]]],
    [
      'Ir=0.125%, bytes=4KiB ,all=0',
      [
        ['Ir', '0.125%', 125, true],
        ['bytes', '4KiB', 4096, false],
        ['all', '0', 0, false],
      ],
    ],
    [
      'cpu/event=0x3c,umask=0x0/=5%,cycles:u=7',
      [
        ['cpu/event=0x3c,umask=0x0/', '5%', 5000, true],
        ['cycles:u', '7', 7, false],
      ],
    ],
  ])('%s', (text, rules) => {
    expect(
      readGrowth(text).map(({ measure, most, amount, percent }) => [measure, most.trim(), amount, percent]),
    ).toEqual(rules);
  });

  test.each([
    '',
    'Ir',
    'Ir=',
    '=5%',
    'Ir=-5%',
    'Ir=5%%',
    'Ir=lots',
    'Ir=5parsecs',
    'Ir=1e9',
    'Ir=lots,Dr=5%',
    '5%',
  ])('"%s" is refused with an example', (text) => {
    const read = () => readGrowth(text);
    expect(read).toThrow(UserError);
    expect(read).toThrow(/--max-growth cannot be/);
  });

  test.each(['Ir=5%,Ir=500%', 'Ir=5%,ir=1', 'all=0,Dr=1,all=5%'])(
    '"%s" is refused: one of the two would not count',
    (text) => {
      expect(() => readGrowth(text)).toThrow(UserError);
      expect(() => readGrowth(text)).toThrow(/^--max-growth names "\w+" twice$/);
    },
  );

  test('of any text gives limits or one sentence', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        try {
          expect(readGrowth(text).length).toBeGreaterThan(0);
        } catch (error) {
          expect(error).toBeInstanceOf(UserError);
        }
      }),
    );
  });
});

test('for any profile, it has not grown against itself, and any more is seen', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer({ min: 1, max: 1e12 }), { minLength: 1, maxLength: 4 }),
      fc.integer({ min: 1, max: 1e6 }),
      async (values, more) => {
        const run = (extra: number) =>
          values.flatMap((value, index) => spent(index + 1, value + (index === 0 ? extra : 0)));
        expect(await grown('all=0', run(0), run(0))).toMatchObject(held);
        expect((await grown('all=0', run(0), run(more))).status).toBe(100);
      },
    ),
    { numRuns: 100 },
  );
});
