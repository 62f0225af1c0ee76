// Whatever a target, a log, a baseline or a user names: no format lets it become markup, a command or a control sequence.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Report } from '../../src/model/report.ts';
import { binaryFormats, formatsFor } from '../../src/report/index.ts';
import { withoutCommands } from '../../src/report/terminal-text.ts';
import { profileScenarios } from './profile-scenarios.ts';
import { scenarios } from './scenarios.ts';
import { stopScenarios } from './stop-scenarios.ts';
import { gitlabErrors, readXml, rendered, sarifErrors } from './validators.ts';

const fragments = [
  '<script>alert(1)</script>',
  '</code></details><img src=x>',
  ']]>',
  '<!--',
  '-->',
  '\x1b[2J',
  '\x1b]8;;http://e\x07',
  '\n',
  '\r',
  '\r\n',
  '::error::',
  '\n::error file=a::x',
  '::add-mask::',
  '##[error]',
  '##vso[task.complete]',
  "##teamcity[testFailed name='x']",
  '`',
  '```',
  '````\n',
  '~~~',
  '|',
  '\\|',
  '\\',
  '@ann',
  '#123',
  'GH-1',
  '![x](http://e/x.png)',
  '[a](http://e)',
  'http://e',
  'www.e.org',
  '&lt;',
  '&',
  '"',
  "'",
  '%0A',
  '%',
  ',',
  ':',
  '{0}',
  '$(id)',
  '\ud800',
  '\udc00',
  '\u202e',
  '\ufffe',
  '\uffff',
  '\ufeff',
  '\u2028',
  '\x85',
  '\x00',
  '😀',
  ' ',
  '/',
  '../',
  '1. ',
  '- ',
  '* ',
  '    ',
  '\t',
  'deadbeefdeadbeefdeadbeefdeadbeefdeadbeef',
  '_a_',
  '**b**',
  '---',
  'x'.repeat(10_000),
  'plain words',
  'javascript:alert(1)',
];
const hostile = fc.oneof(
  fc.array(fc.constantFrom(...fragments), { maxLength: 6 }).map((parts) => parts.join('')),
  fc.string({ unit: 'binary' }),
);

/** Fields that hold words of vgrun's own, hashes, or times. Everything else that is a string is replaced. */
const closed = new Set(
  'severity pardon standing owner label outcome end how level unit fingerprint outline source operation startedAt stoppedBy clock purpose mode cause found trust named pointer from matches symbols'.split(
    ' ',
  ),
);

/** The report with every free text replaced; equal texts stay equal, and rules stay distinct. */
function withTexts(report: Report, texts: readonly string[]): Report {
  const replaced = new Map<string, string>();
  const map = (value: unknown, key: string, inRules: boolean): unknown => {
    if (typeof value === 'string') {
      if (closed.has(key) || (key === 'id' && value.startsWith('F-'))) return value;
      const known = replaced.get(value);
      if (known !== undefined) return known;
      const text = texts[replaced.size % texts.length] ?? '';
      const unique = key === 'rule' || (inRules && key === 'id') ? `${text}${replaced.size}` : text;
      replaced.set(value, unique);
      return unique;
    }
    if (Array.isArray(value)) return value.map((each) => map(each, key, inRules || key === 'rules'));
    if (typeof value !== 'object' || value === null) return value;
    // Lists of words of vgrun's own (`computed`, `atLeast`) are under `totals`, which holds no other text.
    return Object.fromEntries(
      Object.entries(value).map(([name, each]) => [
        name,
        name === 'totals' ? each : map(each, name, inRules),
      ]),
    );
  };
  return map(report, '', false) as Report;
}

const anyReport = fc
  .tuple(
    fc.constantFrom(...scenarios.values(), ...profileScenarios.values(), ...stopScenarios.values()),
    fc.array(hostile, { minLength: 1, maxLength: 12 }),
    fc.boolean(),
  )
  .map(([make, texts, excerpt]) => async (): Promise<Report> => {
    const report = await make();
    const more = excerpt
      ? { excerpt: { firstLine: 1, lines: ['a', 'b'] }, alsoSeen: ['c'], suppression: '{\n d\n}' }
      : {};
    return withTexts({ ...report, findings: report.findings.map((each) => ({ ...each, ...more })) }, texts);
  });

/** Control characters but newline, marks that turn text around, and halves of pairs. */
const control =
  /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069\u200e\u200f\u061c\ufeff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/;

/** What CI systems take for a command, wherever the text comes from: GitHub at the start of a line, the others in it. */
const command = /^\s*::|##(?:vso|teamcity)?\[/im;

async function holds(check: (report: Report) => Promise<void>, numRuns = 150): Promise<void> {
  await fc.assert(
    fc.asyncProperty(anyReport, async (make) => check(await make())),
    { numRuns },
  );
}

test('every format renders it, ends with a newline, and holds no control character', async () => {
  await holds(async (report) => {
    for (const format of formatsFor(report)) {
      if (binaryFormats.includes(format)) continue;
      const text = await rendered(report, format);
      // A program that costs nothing has no stacks to fold.
      if (format !== 'folded' || text !== '') expect(text.endsWith('\n'), format).toBe(true);
      // The page is not for a terminal, and its style and script are its own.
      if (format === 'html') continue;
      expect(text.match(control), format).toBeNull();
      if (format !== 'github') expect(text.match(command), format).toBeNull();
    }
  });
});

test('JSON stays JSON, and SARIF and GitLab keep to their schemas', async () => {
  await holds(async (report) => {
    JSON.parse(await rendered(report, 'json'));
    expect(sarifErrors(await rendered(report, 'sarif'))).toEqual([]);
    expect(gitlabErrors(await rendered(report, 'gitlab'))).toEqual([]);
  });
});

test('SARIF messages are neither links nor placeholders', async () => {
  await holds(async (report) => {
    const texts: string[] = [];
    JSON.parse(await rendered(report, 'sarif'), (key, value) => {
      if (key === 'text') texts.push(value);
      return value;
    });
    for (const text of texts) expect(text).not.toMatch(/(?<!\\)\[[^[\]]*[^\\[\]]\]\(|(?<!\{)\{\d+\}(?!\})/);
  });
});

test('XML is well formed and has only the elements of the format', async () => {
  await holds(async (report) => {
    const root = readXml(await rendered(report, 'junit'));
    const names = new Set<string>();
    const visit = (element: typeof root): void => {
      names.add(element.name);
      for (const child of element.children) visit(child);
    };
    visit(root);
    const known = ['testsuites', 'testsuite', 'properties', 'property', 'testcase', 'failure', 'error'];
    expect([...names].filter((name) => !known.includes(name))).toEqual([]);
  });
});

test('GitHub gets the annotations that are meant, and nothing else that starts a command', async () => {
  await holds(async (report) => {
    const lines = (await rendered(report, 'github')).split('\n').slice(0, -1);
    const shown = report.findings.filter(({ hidden, failing }) => failing || !hidden).length;
    const verdicts = report.outcome === 'inconclusive' || report.outcome === 'failed' ? 2 : 1;
    const limits = report.gate?.limits.filter(({ exceeded }) => exceeded).length ?? 0;
    const grown = report.gate?.growth?.filter(({ exceeded }) => exceeded).length ?? 0;
    expect(lines).toHaveLength(shown + verdicts + limits + grown);
    for (const line of lines) {
      const [, properties, data] =
        /^::(?:error|warning|notice) ((?:(?:file|line|title)=[^:,]*)(?:,(?:line|title)=[^:,]*)*)::(.*)$/.exec(
          line,
        ) ?? [];
      expect(properties, line).toBeDefined();
      expect(data).not.toMatch(/%(?!25|0D|0A)/);
      expect(line).not.toMatch(/##(?:vso|teamcity)?\[/i);
    }
  });
});

/** What is left of Markdown when `…` stands for code, by the rules of CommonMark for fences and spans. */
function outsideCode(text: string): string {
  let fence = '';
  const left: string[] = [];
  for (const line of text.split('\n')) {
    const [, mark = ''] = /^ {0,3}(`{3,}) *$/.exec(line) ?? [];
    if (fence !== '') {
      if (mark.length >= fence.length) fence = '';
      continue;
    }
    if (mark !== '') {
      fence = mark;
      continue;
    }
    left.push(withoutSpans(line));
  }
  expect(fence).toBe('');
  return left.join('\n');
}

function withoutSpans(line: string): string {
  let left = '';
  let at = 0;
  for (;;) {
    const [open] = /`+/.exec(line.slice(at)) ?? [];
    if (open === undefined) return left + line.slice(at);
    const start = line.indexOf(open, at);
    const close = [...line.slice(start + open.length).matchAll(/`+/g)].find(
      ([run]) => run.length === open.length,
    );
    left += `${line.slice(at, start)}…`;
    if (close === undefined) return `${left}UNCLOSED\`${line.slice(start)}`;
    at = start + open.length + close.index + open.length;
  }
}

test.each(['markdown', 'github-summary'])(
  'in %s all that is not a plain word stands in code',
  async (format) => {
    await holds(async (report) => {
      const text = await rendered(report, format);
      const bare = outsideCode(text)
        .replace(/^<!-- vgrun -->\n/, '')
        .replaceAll(
          /<details><summary>Source and stacks of <code>F-[0-9a-f]{12}<\/code><\/summary>|<\/details>/g,
          '',
        )
        .replaceAll(/^#{3,4} /gm, '')
        .replaceAll(/\*\*[a-z]+\*\*/g, '')
        .replaceAll(/^\|(?:(?: [a-z ]+| --:| [\d,]+) \|){5}$|^\|(?: --: \|){5}$/gm, '');
      expect(bare.match(/[^A-Za-z0-9 ,.:;'()·…\n-]/)).toBeNull();
      const odd = bare.match(/www\.|:\/\/|[A-Za-z]\d|\d[A-Za-z]|\b[\da-f]{7,}\b|^\s*(?:\d+[.)]|-- )/m);
      expect(
        odd && [odd[0], bare.slice(Math.max(0, (odd.index ?? 0) - 40), (odd.index ?? 0) + 40)],
      ).toBeNull();
      // The outcome is told before anything else.
      expect(text.replace('<!-- vgrun -->\n', '')).toMatch(
        new RegExp(`^### vgrun: ${report.outcome}, exit status`),
      );
    });
  },
);

test('a line that a CI system would obey is visible and dead', () => {
  expect(withoutCommands('::error::x')).toBe('\\x3a:error::x');
  expect(withoutCommands('  \u00a0::set-env name=A::b')).toBe('  \u00a0\\x3a:set-env name=A::b');
  expect(withoutCommands('\x1b[31m::error::x')).toBe('\x1b[31m\\x3a:error::x');
  expect(withoutCommands('a ##[group]b')).toBe('a \\x23#[group]b');
  expect(withoutCommands('##VSO[task.complete] ##teamcity[x]')).toBe(
    '\\x23#VSO[task.complete] \\x23#teamcity[x]',
  );
  expect(withoutCommands('std::vector::push_back # ## 12')).toBe('std::vector::push_back # ## 12');
});
