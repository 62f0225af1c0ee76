// What a replay must not give away, and what a program's answer must not do to whoever reads of it.
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Parser } from 'htmlparser2';
import { simpleParser } from 'mailparser';
import { SaxesParser } from 'saxes';
import { beforeAll, describe, expect, test } from 'vitest';
import { profileFormats, reporterNames } from '../../src/report/index.ts';
import { isBuilt } from '../cgi-examples.ts';
import { canRun } from '../project.ts';
import { cgi } from './replayed.ts';
import { newestRun, type Result, testFolder } from './vgrun.ts';

const folder = testFolder();
const cwd = () => join(folder(), 'user');
const reports = () => join(folder(), 'reports');
const formats = reporterNames.filter((name) => !profileFormats.includes(name));

/** Answers with secrets in its header and its environment in its body, and loses memory, so that there is something to tell. */
const talkative = `
#ifdef SERVES
#include <fcgi_stdio.h>
#else
#include <stdio.h>
#endif
#include <stdlib.h>
extern char **environ;
static void answer(void) {
  char *lost = malloc(77);
  lost = NULL;
  printf("Status: 303 See Other\\r\\n");
  printf("Location: https://example.org/next?token=SECRETlocation\\r\\n");
  printf("Set-Cookie: sid=SECRETanswered; Path=/\\r\\n");
  printf("X-Auth-Token: SECRETheader\\r\\n");
  printf("Content-Type: text/plain\\r\\n\\r\\n");
  for (char **each = environ; *each != NULL; each++) printf("%s\\n", *each);
  for (int byte = getchar(); byte != EOF; byte = getchar()) putchar(byte);
}
#ifdef SERVES
int main(void) { while (FCGI_Accept() >= 0) answer(); return 0; }
#else
int main(void) { answer(); return 0; }
#endif
`;

/** Tries to get into terminals, pages, XML and the commands of GitHub's log. */
const hostile = `
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
int main(void) {
  char *lost = malloc(77), text[99] = "";
  lost = NULL;
  /* what has control characters is not quoted, so there is one without */
  if (strcmp(getenv("QUERY_STRING"), "printable") != 0) strcpy(text, "\\x1b]0;taken\\x07\\x1b[2J");
  strcat(text, "<img src=x onerror=alert(1)>]]>");
  printf("Status: 500 %s\\r\\n", text);
  printf("Content-Type: text/%s\\r\\n", text);
  printf("Location: https://%s\\r\\n", text);
  printf("no field %s\\r\\n", text);
  printf("::error::taken %s\\r\\n", text);
  printf("\\r\\nbody\\n");
  return 0;
}
`;

/** What nobody may read, in every form that it has. */
const basic = Buffer.from('ann:SECRETbasic').toString('base64');
const secrets = ['SECRET', basic];

const body = 'name=Ann&password=SECRETpassword';
const capture = [
  'POST /talkative?token=SECRET123&page=2 HTTP/1.1',
  'Host: localhost',
  'Cookie: session=SECRETcookie; theme=dark',
  `Authorization: Basic ${basic}`,
  'X-Api-Key: SECRETkey',
  'Proxy: http://SECRETproxy.example/',
  'Content-Type: application/x-www-form-urlencoded',
  `Content-Length: ${body.length}`,
  '',
  body,
].join('\r\n');

function compile(name: string, source: string, ...flags: readonly string[]): string {
  const path = join(folder(), 'programs', name);
  execFileSync('cc', ['-g', '-w', '-x', 'c', '-o', path, '-', ...flags], { input: source });
  return path;
}

/** Replays with every format and a mail, each in a file of its own. */
async function reported(words: readonly string[], place: string): Promise<Result> {
  const into = join(reports(), place);
  mkdirSync(into, { recursive: true });
  const result = await cgi(
    [
      ...formats.map((format) => `--report=${format}=${join(into, format)}`),
      `--mail=${join(into, 'mail.eml')}`,
      ...words,
    ],
    { cwd: cwd() },
  );
  expect(readdirSync(into).sort(), result.stderr).toEqual([...formats, 'mail.eml'].sort());
  return result;
}

/** Everything that was said of a replay: the reports, the mail and the parts of it as a reader sees them, and the terminal. */
async function saidIn(place: string, { stdout, stderr }: Result): Promise<ReadonlyMap<string, string>> {
  const into = join(reports(), place);
  const all = new Map([['the terminal', stdout + stderr]]);
  for (const name of readdirSync(into)) all.set(name, readFileSync(join(into, name), 'utf8'));
  const mail = await simpleParser(readFileSync(join(into, 'mail.eml')));
  all.set('the mail', `${mail.subject}\n${mail.text}`);
  if (typeof mail.html === 'string') all.set('the html of the mail', mail.html);
  expect(mail.attachments.length).toBeGreaterThan(0);
  for (const { filename, content } of mail.attachments) {
    all.set(`${filename} in the mail`, content.toString());
  }
  return all;
}

/** Files of a run in which one of the words is, beside the body of an answer. */
function filesWith(run: string, words: readonly string[]): readonly string[] {
  return readdirSync(run, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .filter(({ parentPath, name }) => {
      const text = readFileSync(join(parentPath, name), 'latin1');
      const told = /^answer-/.test(name) ? text.slice(0, text.indexOf('\r\n\r\n')) : text;
      return words.some((word) => told.includes(word));
    })
    .map(({ name }) => name);
}

beforeAll(() => {
  mkdirSync(join(cwd(), '.git'), { recursive: true });
  mkdirSync(join(folder(), 'programs'));
  writeFileSync(join(folder(), 'capture.txt'), capture);
});

describe.skipIf(!canRun('valgrind'))('a secret of a request or its answer', () => {
  for (const [way, flags] of [
    ['CGI', []],
    ['FastCGI', ['-DSERVES', '-I/usr/include/fastcgi', '-lfcgi']],
  ] as const) {
    test.skipIf(way === 'FastCGI' && !isBuilt('growing-fcgi'))(
      `is in no report, no mail and no file of a run over ${way}, but where the program itself put it`,
      async () => {
        const program = compile('talkative', talkative, ...flags);
        const result = await reported([program, join(folder(), 'capture.txt')], way);
        expect(result.status, result.stderr).toBe(100);
        for (const [name, text] of await saidIn(way, result)) {
          for (const word of secrets) expect(text.includes(word), `${word} in ${name}`).toBe(false);
        }
        const { path } = await newestRun(cwd());
        expect(filesWith(path, secrets)).toEqual([]);
        const stored = join(path, 'answer-1.http');
        expect(statSync(stored).mode & 0o777).toBe(0o600);
        const [header = '', ...rest] = readFileSync(stored, 'latin1').split('\r\n\r\n');
        expect(header).toMatch(/^Set-Cookie: sid=\*+; Path=\/$/m);
        const document = rest.join('\r\n\r\n').split('\n');
        // The body is what the program printed: it got everything, and nothing that it must not get.
        expect(document).toEqual(
          expect.arrayContaining([
            'HTTP_COOKIE=session=SECRETcookie; theme=dark',
            'HTTP_X_API_KEY=SECRETkey',
            'QUERY_STRING=token=SECRET123&page=2',
            body,
          ]),
        );
        expect(document.filter((line) => /^HTTP_PROXY=|SECRETproxy/i.test(line))).toEqual([]);
      },
    );
  }

  test('is kept when one asks for it, in a file for oneself', async () => {
    const program = compile('talkative', talkative);
    await cgi(['--tool=none', '--keep-requests', program, join(folder(), 'capture.txt')], { cwd: cwd() });
    const { path } = await newestRun(cwd());
    expect(filesWith(path, secrets)).toEqual(['request-1.http']);
    expect(statSync(join(path, 'request-1.http')).mode & 0o777).toBe(0o600);
  });

  // Apache makes arguments of such a query (searchWords), and those are in `command`, `argv` and valgrind's own files.
  test('that is all of a query, and so an argument of the program under Apache, is nowhere', async () => {
    const program = compile('talkative', talkative);
    const token = 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.SECRETsignature';
    const result = await reported([program, `http://localhost/talkative?${token}`], 'argument');
    for (const [name, text] of await saidIn('argument', result)) {
      expect(text.includes(token), `the token in ${name}`).toBe(false);
    }
    const { path } = await newestRun(cwd());
    expect(filesWith(path, [token])).toEqual([]);
  });
});

describe.skipIf(!canRun('valgrind'))('an answer that attacks whoever reads of it', () => {
  let said: ReadonlyMap<string, string>;
  beforeAll(async () => {
    const program = compile('hostile', hostile);
    const name = join(cwd(), '<img src=x onerror=alert(1)>]]>\x1b[2J.txt');
    const target = '/hostile/%1b[2J%3Cimg%20src=x%3E<img>]]>?::error::taken';
    writeFileSync(
      name,
      [target, '/hostile?printable']
        .map((each) => `GET ${each} HTTP/1.1\r\nHost: localhost\r\n\r\n`)
        .join('\r\n'),
    );
    said = await saidIn('hostile', await reported([program, name], 'hostile'));
  });

  test('is told', () => {
    for (const name of ['json', 'pretty', 'html', 'junit', 'markdown']) {
      expect(said.get(name), name).toContain('onerror');
    }
  });

  test('does nothing to a terminal', () => {
    for (const [name, text] of said) {
      expect(text.match(/[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\x80-\x9f]/), name).toBeNull();
    }
  });

  test('is no element of a page, of Markdown or of a mail', () => {
    const pages = [...said].filter(([name]) => name.includes('html'));
    expect(pages.length).toBeGreaterThan(1);
    for (const [name, text] of pages) {
      const found: string[] = [];
      const parser = new Parser({
        onopentag: (tag, attributes) => {
          if (tag === 'img' || attributes.onerror !== undefined) found.push(tag);
        },
      });
      parser.end(text);
      expect(found, name).toEqual([]);
    }
    for (const name of ['markdown', 'github-summary']) {
      // Where it is not in a span or block of code, it must be escaped.
      const plain = (said.get(name) ?? '')
        .replace(/^(`{3,}|~{3,})[\s\S]*?^\1/gm, '')
        .replace(/(`+)[\s\S]*?\1/g, '');
      expect(plain.match(/(?<!\\)<img/), name).toBeNull();
    }
  });

  test('is no command in the log of GitHub', () => {
    const lines = (said.get('github') ?? '').split(/[\r\n]/).filter((line) => line.startsWith('::'));
    expect(lines.length).toBeGreaterThan(0);
    for (const line of lines) expect(line).not.toMatch(/^::\w+::taken/);
    for (const name of ['the terminal', 'pretty']) {
      expect((said.get(name) ?? '').split(/[\r\n]/).filter((line) => /^\s*::/.test(line))).toEqual([]);
    }
  });

  test('leaves XML and JSON what they are', () => {
    const parser = new SaxesParser();
    let names = 0;
    parser.on('error', (error) => {
      throw error;
    });
    parser.on('opentag', ({ name }) => {
      names++;
      expect([
        'testsuites',
        'testsuite',
        'testcase',
        'failure',
        'error',
        'system-out',
        'system-err',
        'properties',
        'property',
        'skipped',
      ]).toContain(name);
    });
    parser.write(said.get('junit') ?? '').close();
    expect(names).toBeGreaterThan(2);
    for (const name of ['json', 'sarif', 'gitlab']) {
      expect(() => JSON.parse(said.get(name) ?? ''), name).not.toThrow();
    }
  });
});
