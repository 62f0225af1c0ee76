// Bytes that are no UTF-8 get through Node to a program, and are shown where a report is written.
import { spawnSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { jsonWithShownBytes, withShownBytes } from '../../src/model/byte-marks.ts';
import { bytesOfText, textOfBytes } from '../../src/model/byte-text.ts';
import { harmless } from '../../src/report/terminal-text.ts';
import { exactEnvironmentIn, exactWordsIn, readOwnBytes, withExactBytes } from '../../src/run/exact-bytes.ts';

/** A word or value as the kernel takes it: any bytes but zero. */
const bytes = fc.uint8Array({ min: 1, max: 255, maxLength: 40 }).map((array) => Buffer.from(array));
const zero = Buffer.from([0]);
/** As in /proc: each ends with a zero byte. */
const listed = (entries: readonly Buffer[]) => Buffer.concat(entries.flatMap((entry) => [entry, zero]));

describe('bytes as text', () => {
  test('are the same bytes again', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (array) => {
        const given = Buffer.from(array);
        expect(bytesOfText(textOfBytes(given))).toEqual(given);
      }),
    );
  });

  test('are the text that they are, where they are UTF-8', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        expect(textOfBytes(Buffer.from(text))).toBe(text);
        expect(bytesOfText(text)).toEqual(Buffer.from(text));
      }),
    );
  });

  test('are shown as \\xff, in JSON too, and nothing else is changed', () => {
    const text = textOfBytes(Buffer.from('a\xe9\\x\u0001', 'latin1'));
    expect([withShownBytes(text), harmless(text)]).toEqual(['a\\xe9\\x\u0001', 'a\\xe9\\x\\x01']);
    fc.assert(
      fc.property(fc.dictionary(fc.string({ unit: 'binary' }), bytes.map(textOfBytes)), (value) => {
        const json = jsonWithShownBytes(JSON.stringify(value));
        const shown = Object.entries(value).map(([key, each]) => [key, withShownBytes(each)]);
        expect(Object.entries(JSON.parse(json))).toEqual(shown);
        expect(json).not.toMatch(/\\ud[c-f]/);
      }),
    );
  });
});

/** Prints its words and the variables V0, V1… in hexadecimal, a line each. */
const show = 'for word in "$@" "$V0" "$V1" "$V2"; do printf "%s" "$word" | od -An -v -tx1; echo .; done';

test('where all is UTF-8, nothing is read again, and a program starts as it always did', () => {
  const odd = Object.entries(process.env).filter(([name, value]) => `${name}${value}`.includes('\ufffd'));
  expect(odd).toEqual([]);
  const words = ['./prog', 'ä'];
  expect(readOwnBytes(words)).toEqual({ words, problems: [] });
});

describe('bytes that are no UTF-8', () => {
  test('reach a program as they were', { timeout: 60_000 }, () => {
    fc.assert(
      fc.property(
        fc.array(bytes, { maxLength: 4 }),
        fc.array(bytes, { minLength: 3, maxLength: 3 }),
        (words, values) => {
          const entries = values.map((value, index) => Buffer.concat([Buffer.from(`V${index}=`), value]));
          // What Node makes of them.
          const seen = Object.fromEntries(values.map((value, index) => [`V${index}`, value.toString()]));
          const exact = exactWordsIn(
            words.map((word) => word.toString()),
            listed([Buffer.from('node'), ...words]),
          );
          const { argv, environment, problems } = withExactBytes({
            argv: ['/bin/sh', '-c', show, 'sh', ...(exact ?? [])],
            environment: { PATH: '/usr/bin:/bin', ...exactEnvironmentIn(seen, listed(entries)) },
          });
          const [file = '', ...rest] = argv;
          const { stdout, stderr } = spawnSync(file, rest, { env: environment, encoding: 'latin1' });
          expect([stderr, problems]).toEqual(['', []]);
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

  test('are told from characters that look like them', () => {
    const line = listed([Buffer.from('node'), Buffer.from('\ufffd'), Buffer.from([0xfe])]);
    expect(exactWordsIn(['\ufffd', '\ufffd'], line)).toEqual(['\ufffd', '\udcfe']);
  });

  test('are not known where the command line is another one', () => {
    expect(exactWordsIn(['\ufffd'], undefined)).toBeUndefined();
    expect(exactWordsIn(['\ufffd'], listed([Buffer.from('title')]))).toBeUndefined();
  });

  test('may be in the name of a variable, which Node has not at all', () => {
    const entries = [Buffer.from('A\xff=1', 'latin1'), Buffer.from('A\xfe=2', 'latin1'), Buffer.from('B=b')];
    const exact = exactEnvironmentIn({ 'A\ufffd': undefined, B: 'b' }, listed(entries));
    expect(exact).toEqual({ 'A\udcff': '1', 'A\udcfe': '2', B: 'b' });
  });

  test('are not those of a variable that vgrun has changed since', () => {
    const entries = [Buffer.from('A=\xff', 'latin1')];
    expect(exactEnvironmentIn({ A: 'ours' }, listed(entries))).toEqual({ A: 'ours' });
  });

  test('reach a program whose name env(1) would take for a variable', () => {
    const { argv, environment } = withExactBytes({
      argv: ['a=b', '\udcff'],
      environment: { PATH: '/nowhere', 'N.\udce9': 'x' },
    });
    const [file = '', ...rest] = argv;
    const { stderr, status } = spawnSync(file, rest, { env: environment, encoding: 'latin1' });
    expect(stderr).toMatch(/nice: .*a=b/);
    expect(status).toBe(127);
  });

  test('are nothing to do where there are none, and a command stays as it is', () => {
    const command = { argv: ['a', '\ufffd'], environment: { B: '\ufffd', C: undefined } };
    expect(withExactBytes(command)).toEqual({ ...command, problems: [] });
  });

  test('of a word that is too long for it are told to be lost, and the value of a variable is not shown', () => {
    const long = '\udcff'.repeat(40_000);
    const { problems } = withExactBytes({ argv: ['a', long], environment: { SECRET: long } });
    expect(problems.map(({ code, level }) => `${code} ${level}`)).toEqual([
      'words-changed warning',
      'words-changed warning',
    ]);
    expect(problems[0]?.message).toMatch(/^bytes of SECRET that/);
  });
});
