// What users write and read of a launch: variables they set, shell lines they paste, how a program is recognised.
import { execFileSync } from 'node:child_process';
import { copyFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { readEnvironmentFile, readEnvironmentWord } from '../../src/drive/gateway/environment-words.ts';
import { detectMode } from '../../src/drive/gateway/mode.ts';
import { commandLines, environmentLines, type ShellBody } from '../../src/drive/gateway/shell-lines.ts';
import { UserError } from '../../src/errors.ts';
import { testFolder } from '../live/vgrun.ts';

const folder = testFolder();

async function fileOf(name: string, text: string): Promise<string> {
  const path = join(folder(), name);
  await writeFile(path, Buffer.from(text, 'latin1'));
  return path;
}

describe('--env', () => {
  test('sets a variable, or passes one on', () => {
    const own = { HOME: '/home/ann', EMPTY: '' };
    expect(readEnvironmentWord('A=b=c', own)).toEqual(['A', 'b=c']);
    expect(readEnvironmentWord('A=', own)).toEqual(['A', '']);
    expect(readEnvironmentWord('HOME', own)).toEqual(['HOME', '/home/ann']);
    expect(readEnvironmentWord('EMPTY', own)).toEqual(['EMPTY', '']);
    expect(readEnvironmentWord('A=ü', own)).toEqual(['A', '\xc3\xbc']);
  });

  test.each(['=x', '1A=x', 'A-B=x', '', 'MISSING', 'constructor '])('%j is refused', (word) => {
    expect(() => readEnvironmentWord(word, {})).toThrow(UserError);
  });
});

describe('--env-file', () => {
  test('is read line by line', async () => {
    const path = await fileOf(
      'good.env',
      '\xef\xbb\xbf# a comment\nA=1\r\nexport B = two words # and why\nC=\'single $x \\n # "\' # end\nD="a\\nb \\"q\\" \\\\ \\$x"\nE=\nF=a#b\n\n  G=\xc3\xbc\nA=again',
    );
    expect(await readEnvironmentFile(path)).toEqual([
      ['A', '1'],
      ['B', 'two words'],
      ['C', 'single $x \\n # "'],
      ['D', 'a\nb "q" \\ $x'],
      ['E', ''],
      ['F', 'a#b'],
      ['G', '\xc3\xbc'],
      ['A', 'again'],
    ]);
  });

  test.each(['A', '=1', '1A=2', 'A-B=1', 'A="open', "A='a' b", 'A="a"b', 'A="a\\"'])(
    'a line %j is refused with its number',
    async (line) => {
      const path = await fileOf('bad.env', `OK=1\n\n${line}\n`);
      await expect(readEnvironmentFile(path)).rejects.toThrow(/^line 3 of '.*bad\.env' is no NAME=VALUE$/);
    },
  );

  test('that is none, is refused', async () => {
    await expect(readEnvironmentFile(join(folder(), 'missing'))).rejects.toThrow('ENOENT');
    await expect(readEnvironmentFile(folder())).rejects.toThrow(UserError);
    await expect(readEnvironmentFile(await fileOf('binary', 'A=\0'))).rejects.toThrow('has NUL bytes');
  });

  test('any bytes are variables or a sentence', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ min: 1, maxLength: 60 }), async (bytes) => {
        const path = await fileOf('any.env', Buffer.from(bytes).toString('latin1'));
        const read = await readEnvironmentFile(path).catch((error: unknown) => error);
        if (!(read instanceof UserError)) expect(Array.isArray(read)).toBe(true);
      }),
      { numRuns: 100 },
    );
  });
});

test('--print-env has one line for each variable', () => {
  const lines = environmentLines(
    new Map([
      ['B', 'plain "text" $x'],
      ['A', 'a\nb\r\t\\ \xc3\xbc\x1b'],
    ]),
  );
  expect(lines).toBe('B=plain "text" $x\nA=a\\nb\\r\\t\\\\ \\xc3\\xbc\\x1b\n');
});

describe('--print-command', () => {
  let program = '';
  beforeAll(() => {
    program = join(folder(), 'show');
    execFileSync('cc', ['-x', 'c', '-o', program, '-'], {
      input: `#include <stdio.h>
extern char **environ;
int main(int argc, char **argv) {
  for (char **one = environ; *one; one++) printf("%s%c", *one, 0);
  putchar(0);
  for (int i = 1; i < argc; i++) printf("%s%c", argv[i], 0);
  putchar(0);
  for (int c; (c = getchar()) != EOF;) putchar(c);
  return 0;
}
`,
    });
  });

  /** Pastes the lines into a shell with an empty environment. */
  async function pasted(
    variables: ReadonlyMap<string, string>,
    body: ShellBody | undefined,
    words: readonly string[],
  ) {
    const script = await fileOf('lines.sh', commandLines(variables, body, [program, ...words], '/'));
    const out = execFileSync('/bin/sh', [script], { input: 'not for the program' }).toString('latin1');
    const [environment = ''] = out.split('\0\0', 1);
    const rest = out.slice(environment.length + 2);
    const given = rest.split('\0').slice(0, words.length);
    const own = ['PWD', 'SHLVL', '_'];
    return {
      variables: environment
        .split('\0')
        .map((line) => line.split(/=(.*)/s).slice(0, 2) as [string, string])
        .filter(([name]) => !own.includes(name)),
      arguments: given,
      body: rest.slice(given.join('\0').length + (words.length > 0 ? 2 : 1)),
    };
  }

  test('reads as one would write it', () => {
    const lines = commandLines(
      new Map([
        ['REQUEST_METHOD', 'POST'],
        ['CONTENT_LENGTH', '3'],
      ]),
      { bytes: Buffer.from("a='") },
      ['/usr/bin/valgrind', '--leak-check=full', "./it's.cgi"],
      '/srv/END',
    );
    expect(lines).toBe(
      `env -i sh <<'END'
cd '/srv/END'
unset OLDPWD
export REQUEST_METHOD='POST'
export CONTENT_LENGTH='3'
printf 'a=\\047' | '/usr/bin/valgrind' '--leak-check=full' './it'\\''s.cgi'
END
`,
    );
  });

  test('takes a body from a file, and none from nowhere', async () => {
    const path = await fileOf("it's a body", 'a\0b');
    expect((await pasted(new Map([['A', '1']]), { path }, [])).body).toBe('a\0b');
    expect((await pasted(new Map([['A', '1']]), undefined, [])).body).toBe('');
  });

  test('gives the program the same bytes, whatever they are', async () => {
    const text = fc
      .array(fc.oneof(fc.integer({ min: 1, max: 255 }), fc.constantFrom(39, 92, 10, 36, 96, 34, 37, 45)), {
        maxLength: 30,
      })
      .map((codes) => String.fromCharCode(...codes));
    const name = fc.stringMatching(/^V[A-Z0-9_]{0,8}$/);
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(fc.tuple(name, text), { selector: ([one]) => one, minLength: 1, maxLength: 5 }),
        fc.uint8Array({ maxLength: 60 }),
        fc.array(
          text.filter((word) => word !== ''),
          { maxLength: 3 },
        ),
        async (entries, bytes, words) => {
          const given = await pasted(new Map(entries), { bytes }, words);
          const sort = (list: readonly (readonly [string, string])[]) =>
            [...list].sort(([a], [b]) => (a < b ? -1 : 1));
          expect(sort(given.variables)).toEqual(sort(entries));
          expect(given.arguments).toEqual(words);
          expect(given.body).toBe(Buffer.from(bytes).toString('latin1'));
        },
      ),
      { numRuns: 60, examples: [[[['V', '\nE\x80']], new Uint8Array(), []]] },
    );
  });
});

describe('a program is recognised', () => {
  test.each([
    ['app.fcgi', 'anything', 'fastcgi', 'its name ends in .fcgi'],
    ['app.SCGI', 'anything', 'scgi', 'its name ends in .SCGI'],
    ['app.pl', '#!/usr/bin/perl\nuse CGI::Fast;\n', 'fastcgi', 'it has CGI::Fast in it'],
    ['plain.pl', '#!/usr/bin/perl\nuse CGI; # FCGI_Accept\n', 'cgi', 'nothing in it speaks FastCGI'],
    [
      'old',
      `\x7fELF${'\0'.repeat(1024 * 1024 - 8)}FCGI_WEB_SERVER_ADDRS\0`,
      'fastcgi',
      'it has FCGI_WEB_SERVER_ADDRS in it',
    ],
    ['empty', '', 'cgi', 'nothing in it speaks FastCGI'],
  ])('%s', async (name, text, mode, why) => {
    expect(await detectMode(await fileOf(name, text))).toEqual({ mode, why });
  });

  test('that links libfcgi, by its name in the file', async () => {
    const library = join(folder(), 'libfcgi.so.0');
    execFileSync('cc', ['-shared', '-x', 'c', '-o', library, '-Wl,-soname,libfcgi.so.0', '-'], {
      input: 'int FCGX_Accept_r(void *r) { return -1; }',
    });
    const path = join(folder(), 'linked.cgi');
    execFileSync('cc', ['-x', 'c', '-o', path, '-', '-x', 'none', library], {
      input: 'int FCGX_Accept_r(void *); int main(void) { return FCGX_Accept_r(0); }',
    });
    expect(await detectMode(path)).toMatchObject({ mode: 'fastcgi' });
    const plain = join(folder(), 'plain.cgi');
    execFileSync('cc', ['-x', 'c', '-o', plain, '-'], { input: 'int main(void) { return 0; }' });
    expect(await detectMode(plain)).toMatchObject({ mode: 'cgi' });
    await copyFile(plain, join(folder(), 'plain.fcgi'));
    expect(await detectMode(join(folder(), 'plain.fcgi'))).toMatchObject({ mode: 'fastcgi' });
  });

  test('and a file that cannot be read is refused', async () => {
    await expect(detectMode(join(folder(), 'missing'))).rejects.toThrow('cannot be read: ENOENT');
    await expect(detectMode(folder())).rejects.toThrow(UserError);
  });
});
