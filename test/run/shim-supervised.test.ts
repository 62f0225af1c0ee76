// What a shim's script saved is read back.
import { describe, expect, test } from 'vitest';
import { limitWords, readSupervised, signalWords } from '../../src/run/shim/supervised.ts';

describe('what the script saved', () => {
  test('is the environment, the signals and the limits of the program', () => {
    const read = readSupervised({
      A: '1',
      PATH: '/ours',
      VGRUN_SHIM_ENV_PATH: '/theirs',
      VGRUN_SHIM_ENV_NODE_OPTIONS: '',
      VGRUN_SHIM_LIMITS: ' v=500000 d=7',
      VGRUN_SHIM_SIGNALS: '0000000000000200 0000000180001001',
    });
    expect(read.environment).toEqual({
      PATH: '/theirs',
      NODE_OPTIONS: '',
      VGRUN_SHIM_ENV_PATH: undefined,
      VGRUN_SHIM_ENV_NODE_OPTIONS: undefined,
      VGRUN_SHIM_LIMITS: undefined,
      VGRUN_SHIM_SIGNALS: undefined,
    });
    // 32 and 33 are of glibc.
    expect([read.blocked, read.ignored]).toEqual([[10], [1, 13]]);
    expect(limitWords(read)).toEqual(['--as=512000000:', '--data=7168:']);
  });

  test('takes PATH away where the supervisor gave none', () => {
    const { environment } = readSupervised({ PATH: '/ours', VGRUN_SHIM_SIGNALS: '' });
    expect('PATH' in environment && environment.PATH === undefined).toBe(true);
  });

  test.each(['', ' ', 'zz yy', '$(id) `id`', '-1 0x5', `${'f'.repeat(40)} 1e3`])(
    'has no signals where the masks are %j',
    async (masks) => {
      const read = readSupervised({ VGRUN_SHIM_SIGNALS: masks });
      expect([...read.blocked, ...read.ignored].filter((number) => number > 64 || number < 1)).toEqual([]);
      expect(read.blocked).toEqual([]);
      if (read.ignored.length === 0) expect(await signalWords(read)).toEqual([]);
    },
  );
});
