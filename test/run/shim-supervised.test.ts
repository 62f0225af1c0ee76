// What a shim's script saved is read back, and bytes that are no UTF-8 get through Node to a program.
import { spawnSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { exactBytesIn, withExactBytes } from '../../src/run/shim/exact-bytes.ts';
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

/** A word or value as the kernel takes it: any bytes but zero. */
const bytes = fc.uint8Array({ min: 1, max: 255, maxLength: 40 }).map((array) => Buffer.from(array));

/** Prints its words and the variables V0, V1… in hexadecimal, a line each. */
const show = 'for word in "$@" "$V0" "$V1" "$V2"; do printf "%s" "$word" | od -An -v -tx1; echo .; done';

describe('bytes that are no UTF-8', () => {
  test('reach a program as they were', { timeout: 60_000 }, () => {
    fc.assert(
      fc.property(
        fc.array(bytes, { maxLength: 4 }),
        fc.array(bytes, { minLength: 3, maxLength: 3 }),
        (words, values) => {
          const zero = Buffer.from([0]);
          const environ = Buffer.concat(
            values.flatMap((value, index) => [Buffer.from(`VGRUN_SHIM_ENV_V${index}=`), value, zero]),
          );
          const commandLine = Buffer.concat(words.flatMap((word) => [word, zero]));
          const { argv, environment } = withExactBytes(
            {
              argv: ['/bin/sh', '-c', show, 'sh', ...words.map((word) => word.toString())],
              environment: {
                PATH: '/usr/bin:/bin',
                ...Object.fromEntries(values.map((value, index) => [`V${index}`, value.toString()])),
              },
            },
            exactBytesIn(environ, commandLine),
          );
          const [file = '', ...rest] = argv;
          const { stdout, stderr } = spawnSync(file, rest, { env: environment, encoding: 'latin1' });
          expect(stderr).toBe('');
          const got = stdout
            .split('.\n')
            .slice(0, -1)
            .map((text) => text.replace(/\s/g, ''));
          expect(got).toEqual([...words, ...values].map((each) => each.toString('hex')));
        },
      ),
      { numRuns: 20 },
    );
  });

  test('reach it also as values of variables of another name, as gdb gets them', () => {
    const exact = exactBytesIn(Buffer.from('A=\xff\0B=b\0', 'latin1'), Buffer.from('x\0\xfe\0', 'latin1'));
    const { argv, environment } = withExactBytes(
      { argv: ['true'], environment: { V0: 'A=\ufffd', V1: 'B=b', V2: '\ufffd' } },
      exact,
    );
    expect(environment).toEqual({ V0: 'A=\\0377', V1: 'B=b', V2: '\\0376' });
    expect(argv.slice(0, 2)).toEqual(['/bin/sh', '-c']);
    expect(argv.slice(3)).toEqual(['sh', 'true']);
  });

  test('are told from words that look like them', () => {
    const exact = exactBytesIn(Buffer.alloc(0), Buffer.from('\xef\xbf\xbd\0\xfe\0', 'latin1'));
    const { argv } = withExactBytes({ argv: ['true', '\ufffd', '\ufffd'], environment: {} }, exact);
    expect(argv.slice(4)).toEqual(['true', '\\0357\\0277\\0275', '\\0376']);
  });

  test('are nothing to do where there are none, and a command stays as it is', () => {
    const command = { argv: ['a', '\ufffd'], environment: { B: '\ufffd' } };
    expect(withExactBytes(command, exactBytesIn(Buffer.from('B=\ufffd\0'), Buffer.from('a\0\ufffd\0')))).toBe(
      command,
    );
  });
});
