import { describe, expect, test } from 'vitest';
import { UserError } from '../../../src/errors.ts';
import { readGdbWish } from '../../../src/tools/gdb/probes.ts';

function refusal(...options: readonly string[]): string {
  try {
    readGdbWish(options);
  } catch (error) {
    if (error instanceof UserError) return `${error.message}\n${error.hint}`;
    throw error;
  }
  return '';
}

describe('probes', () => {
  test('a place, a condition, and what belongs to it', () => {
    const { probes } = readGdbWish([
      '--break=file.c:12 if x > 3',
      '--print=x',
      '--print=y->z',
      '--set=a=100',
      '--backtrace',
      '--break=main',
    ]);
    expect(probes).toEqual([
      {
        text: 'file.c:12 if x > 3',
        place: 'file.c:12',
        condition: 'x > 3',
        prints: ['x', 'y->z'],
        sets: [{ variable: 'a', value: '100' }],
        backtrace: true,
        child: false,
        maxHits: 100,
      },
      { text: 'main', place: 'main', prints: [], sets: [], backtrace: false, child: false, maxHits: 100 },
    ]);
  });

  test('what stands before the first --break belongs to all of them', () => {
    const { probes } = readGdbWish([
      '--print=x',
      '--thread=worker',
      '--break=f',
      '--break=g',
      '--thread=2',
      '--max-hits=3',
    ]);
    expect(probes.map(({ prints, thread, maxHits }) => [prints, thread, maxHits])).toEqual([
      [['x'], 'worker', 3],
      [['x'], '2', 3],
    ]);
  });

  test.each(['b = 0', 'a == 1 && b=0', 'p->n=3', 'b += 1', 'x <<= 1', "c = '='"])(
    'an assignment as a condition is refused and == is named: %s',
    (condition) => {
      expect(refusal(`--break=f if ${condition}`)).toMatch(/assignment.*\n.*==/);
    },
  );

  test.each(['b == 0', 'a <= 1', 'a >= 1', 'a != 1', "s[0] == '='", '$_streq(s, "a=b")', 'if_count > 2'])(
    'a comparison is a condition: %s',
    (condition) => {
      expect(readGdbWish([`--break=f if ${condition}`]).probes[0]?.condition).toBe(condition);
    },
  );

  test('a name that begins with if is a place', () => {
    expect(readGdbWish(['--break=iffy']).probes[0]).toMatchObject({ place: 'iffy' });
  });

  test('what is set may hold comparisons and the names of members', () => {
    const { probes } = readGdbWish(['--break=f', '--set=p->n=a == b', '--set=v[i <= 1]=2']);
    expect(probes[0]?.sets).toEqual([
      { variable: 'p->n', value: 'a == b' },
      { variable: 'v[i <= 1]', value: '2' },
    ]);
  });

  test('a comma may stand in a call, an index, a list or a string', () => {
    const prints = ['f(x, y)', 'v[g(1, 2)]', '(a, b)', '$_streq(s, "a,b")', "c == ','", '{1, 2}'];
    expect(readGdbWish(['--break=f', ...prints.map((each) => `--print=${each}`)]).probes[0]?.prints).toEqual(
      prints,
    );
    expect(readGdbWish(['--break=f', '--set=a=f(1, 2)']).probes[0]?.sets[0]?.value).toBe('f(1, 2)');
  });

  test.each([
    [['--break='], 'names no place'],
    [['--break=if x > 3'], 'names no place'],
    [['--break=f if '], 'no condition'],
    [['--break=-source f.c'], 'a place is'],
    [['--break=f thread 2'], '--thread'],
    [['--break=f', '--thread=-1'], '--thread=-1 names no thread'],
    [['--break=f', '--thread=0'], 'the first one is 1'],
    [['--thread=', '--break=f'], 'names no thread'],
    [['--print=x'], 'none is named'],
    [['--break=f', '--set=a'], 'no VARIABLE=VALUE'],
    [['--break=f', '--print= '], 'needs an expression'],
    [['--break=f', '--set=a=1,i=2'], '--set a=1 --set i=2'],
    [['--break=f', '--set=a,i=2'], 'more than one expression'],
    [['--break=f', '--print=x, y'], '--print x --print y'],
    [['--break=f\nshell id'], 'control character'],
    [['--break=f', '--print=x\nshell id'], 'control character'],
    [['--break=f', '--child', '--follow=parent'], '--child needs the children'],
  ])('refuses %j', (options, words) => {
    expect(refusal(...options)).toContain(words);
  });
});
