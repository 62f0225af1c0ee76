// The user's own rules of whose code is whose, and the reason that every frame brings along.
import { describe, expect, test } from 'vitest';
import { analyze } from '../../src/analyze/index.ts';
import { type OwnershipRules, ownershipDecider } from '../../src/analyze/ownership-rules.ts';
import type { Frame } from '../../src/model/finding.ts';
import { finding, malloc, manifest, mine, stack, whole } from './records.ts';

const root = '/home/ann/list';
const at = (directory: string, file: string, object = `${root}/list`): Frame => ({ directory, file, object });

const decided = async (rules: OwnershipRules, frame: Frame): Promise<string | undefined> =>
  (await ownershipDecider(rules, root))?.(frame)?.reason;

describe('a pattern', () => {
  test.each<readonly [string, OwnershipRules, Frame, string | undefined]>([
    [
      'is relative to the project',
      { library: ['vendor/**'] },
      at(`${root}/vendor`, 'z.c'),
      'library=vendor/**',
    ],
    ['may be absolute', { mine: ['/opt/our/**'] }, at('/opt/our/x', 'z.c'), 'mine=/opt/our/**'],
    [
      'without a slash is about base names',
      { library: ['*.pb.cc'] },
      at(`${root}/src`, 'a.pb.cc'),
      'library=*.pb.cc',
    ],
    [
      'that ends in a slash is about all below',
      { library: ['vendor/'] },
      at(`${root}/vendor/a/b`, 'z.c'),
      'library=vendor/',
    ],
    [
      'with obj: is about objects',
      { mine: ['obj:*/libmy*.so*'] },
      { object: '/usr/lib/libmy.so.1' },
      undefined,
    ],
    [
      'with obj: and ** too',
      { mine: ['obj:**/libmy*.so*'] },
      { object: '/usr/lib/libmy.so.1' },
      'mine=obj:**/libmy*.so*',
    ],
    [
      'with obj: and no slash is about base names',
      { mine: ['obj:libmy*'] },
      { object: '/usr/lib/libmy.so.1' },
      'mine=obj:libmy*',
    ],
    [
      'of objects says nothing of sources',
      { mine: ['obj:list'] },
      at('/x', 'list', '/usr/lib/y.so'),
      undefined,
    ],
    ['that does not fit decides nothing', { library: ['vendor/**'] }, at(`${root}/src`, 'z.c'), undefined],
    [
      'that is longer wins, whatever the order',
      { library: ['vendor/**'], mine: ['vendor/ours/**'] },
      at(`${root}/vendor/ours`, 'z.c'),
      'mine=vendor/ours/**',
    ],
    ['of mine wins among equals', { library: ['a/**'], mine: ['**/b'] }, at(`${root}/a`, 'b'), 'mine=**/b'],
  ])('%s', async (_, rules, frame, reason) => {
    expect(await decided(rules, frame)).toBe(reason);
  });
});

test('no rules are no function: nothing is to be asked', async () => {
  expect(await ownershipDecider({ mine: [] }, root)).toBeUndefined();
});

test('the rules decide who is blamed, and each frame says why it is whose', async () => {
  const records = whole(1, [
    finding(1, 'InvalidRead', {
      stacks: [stack('at', [malloc, mine('inflate', '../vendor/z.c', 3), mine('main', 'main.c', 5)])],
    }),
  ]);
  const report = await analyze(records, {
    vgrun: '0.1.0',
    manifest: manifest(),
    ownership: { library: ['vendor/**'] },
  });
  const [{ blamed, stacks } = { blamed: undefined, stacks: [] }] = report.findings;
  expect(blamed).toEqual({ stack: 0, frame: 2 });
  expect(stacks[0]?.frames.map(({ owner, ownerReason }) => [owner, ownerReason])).toEqual([
    ['tool', 'instrument'],
    ['library', 'library=vendor/**'],
    ['mine', 'source-in-project'],
  ]);
});
