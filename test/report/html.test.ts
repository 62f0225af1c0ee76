// The HTML report as a file: alone in the world, valid, complete, and harmless whatever a target is called.
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import fc from 'fast-check';
import { HtmlValidate } from 'html-validate';
import { describe, expect, test } from 'vitest';
import type { Finding, Report, ReportFrame } from '../../src/model/report.ts';
import { callTree, layOut, leakKinds } from '../../src/report/html-page/icicle.ts';
import { harmlessLines } from '../../src/report/html-page/payload.ts';
import { catalogue, type Filter, noFilter, passing, rowsOf } from '../../src/report/html-page/rows.ts';
import { harmless } from '../../src/report/terminal-text.ts';
import { findingsOf, htmlOf, readableText, readData, readDocument } from './html-document.ts';
import { manyFindings, rareFile } from './many-findings.ts';
import { scenarios } from './scenarios.ts';

const golden = new URL('../golden/', import.meta.url);

const validator = new HtmlValidate({
  extends: ['html-validate:recommended'],
  rules: {
    // Our script and style must stand in the file: it is one file.
    'no-inline-style': 'error',
    // The policy names the hashes instead; a nonce in a file that never changes would be none.
    'require-csp-nonce': 'off',
    // Nothing is loaded, so there is nothing to check the integrity of.
    'require-sri': 'off',
    // The names of kinds and files are as long as they are.
    'long-title': 'off',
  },
});

describe.each([...scenarios])('%s', (name, make) => {
  test('is valid HTML', async () => {
    const { results } = await validator.validateString(await htmlOf(await make()));
    const complaints = results.flatMap(({ messages }) => messages);
    expect(complaints.map(({ ruleId, message, line }) => `${line}: ${message} (${ruleId})`)).toEqual([]);
  });

  test('loads nothing, and its policy allows exactly the script and the style that are in it', async () => {
    const { elements } = readDocument(await htmlOf(await make()));
    for (const { attributes } of elements) {
      expect(
        Object.keys(attributes).filter((each) => /^(?:src|href|style|on.*|action|data)$/.test(each)),
      ).toEqual([]);
    }
    const policy = elements.find(({ attributes }) => attributes['http-equiv'] === 'Content-Security-Policy')
      ?.attributes.content;
    const hash = (text: string) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
    const [script, ...scripts] = elements.filter(
      ({ name: each, attributes }) => each === 'script' && attributes.type === undefined,
    );
    const [style, ...styles] = elements.filter(({ name: each }) => each === 'style');
    expect([scripts, styles]).toEqual([[], []]);
    expect(policy).toBe(
      `default-src 'none'; script-src ${hash(script?.text ?? '')}; style-src ${hash(style?.text ?? '')}; img-src data:; base-uri 'none'; form-action 'none'`,
    );
    expect(script?.text).not.toMatch(/\.innerHTML\s*=(?!=)[^=]*\bdata\b|\beval\(|new Function\(/);
    expect(style?.text).not.toMatch(/url\((?!data:)|@import/);
  });

  test('has all findings in its data', async () => {
    const report = await make();
    const data = readData(readDocument(await htmlOf(report)));
    expect(findingsOf(data)).toEqual(report.findings.map((finding) => asOnPage(finding, report)));
    const { findings: _, ...summary } = report;
    expect(data.summary).toEqual(harmlessDeep(summary));
  });

  test('says what html.txt says', async () => {
    const text = `${readableText(readDocument(await htmlOf(await make()))).trimEnd()}\n`;
    const path = new URL(`${name}/html.txt`, golden);
    if (process.env.UPDATE_GOLDEN === '1') {
      mkdirSync(new URL('.', path), { recursive: true });
      writeFileSync(path, text);
    }
    expect(text).toBe(readFileSync(path, 'utf8'));
  });
});

test('no name, path or message becomes markup', async () => {
  const hostile = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.string({
      unit: fc.constantFrom(
        '<',
        '>',
        '"',
        "'",
        '&',
        '/',
        '!',
        '-',
        '--',
        '=',
        ']]>',
        'script',
        '</script>',
        '<!--',
        '-->',
        '<img src=x onerror=alert(1)>',
        '&lt;',
        ' ',
        '\n',
        '\0',
        '\u202e',
        '\ud800',
        'a',
      ),
      maxLength: 30,
    }),
  );
  const plain = shapeOf(readDocument(await htmlOf(reportOf('x'))).elements);
  await fc.assert(
    fc.asyncProperty(hostile, async (text) => {
      const report = reportOf(text);
      const document = readDocument(await htmlOf(report));
      expect(shapeOf(document.elements)).toEqual(plain);
      // And nothing of it is lost.
      expect(findingsOf(readData(document))).toEqual(
        report.findings.map((finding) => asOnPage(finding, report)),
      );
      const outside = document.source.replace(/<script[\s\S]*?<\/script>|<style[\s\S]*?<\/style>/g, '');
      expect(outside.match(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/)).toBeNull();
    }),
    { numRuns: 200 },
  );
});

test('what is bundled into the page is named with its licence', async () => {
  const source = await htmlOf(reportOf('x'));
  expect(source).toMatch(
    /preact \d+\.\d+\.\d+\s+The MIT License \(MIT\)[\s\S]+Permission is hereby granted[\s\S]+-->/,
  );
});

describe('of 3,000 findings', () => {
  const report = manyFindings(3000);
  const read = htmlOf(report).then((source) => {
    const data = readData(readDocument(source));
    return { ...data, known: catalogue(data.index, data.summary) };
  });
  const filtered = async (filter: Partial<Filter>) => passing((await read).known, { ...noFilter, ...filter });

  test('the page has each as it was', async () => {
    expect(findingsOf(await read)).toEqual(report.findings.map((finding) => asOnPage(finding, report)));
  });

  test('a search finds those with the word in any call, sentence, kind or id', async () => {
    expect(await filtered({ search: rareFile.toUpperCase(), all: true })).toEqual([0, 1000, 2000]);
    const word = 'http_read_1';
    const expected = report.findings.flatMap((finding, number) =>
      finding.stacks.some(({ frames }) => frames.some(({ function: name = '' }) => name.includes(word)))
        ? [number]
        : [],
    );
    expect(expected.length).toBeGreaterThan(10);
    expect(await filtered({ search: ` ${word}  `, all: true })).toEqual(expected);
    expect(await filtered({ search: `${word} invalidread`, all: true })).toEqual(
      expected.filter((number) => report.findings[number]?.kind === 'InvalidRead'),
    );
    expect(await filtered({ search: report.findings[7]?.id.slice(2) ?? '' })).toEqual([7]);
    expect(await filtered({ search: 'src/main.c:40', all: true })).toHaveLength(3000);
    expect(await filtered({ search: 'not anywhere' })).toEqual([]);
  });

  test('filters pass what they say', async () => {
    const numbers = (wanted: (finding: Finding) => boolean) =>
      report.findings.flatMap((finding, number) => (wanted(finding) ? [number] : []));
    expect(await filtered({})).toEqual(numbers(({ hidden }) => !hidden));
    expect(await filtered({ severity: 'critical' })).toEqual(
      numbers(({ severity }) => severity === 'critical'),
    );
    expect(await filtered({ rule: 'memcheck/InvalidWrite' })).toEqual(
      numbers(({ kind }) => kind === 'InvalidWrite'),
    );
    expect(await filtered({ failing: true, all: true })).toEqual(numbers(({ failing }) => failing));
    expect(await filtered({ mine: 'with', all: true })).toHaveLength(3000);
    expect(await filtered({ mine: 'without', all: true })).toEqual([]);
  });

  test('every grouping lists each finding, in the order of the report', async () => {
    const { known } = await read;
    const all = await filtered({ all: true });
    for (const grouping of ['place', 'kind', 'process', 'standing', 'none'] as const) {
      const rows = rowsOf(known, all, grouping, new Set());
      const listed = rows.flatMap((row) => (row.type === 'finding' ? [row.finding] : []));
      expect(
        [...listed].sort((a, b) => a - b),
        grouping,
      ).toEqual(all);
      const sizes = rows.flatMap((row) => (row.type === 'group' ? [row.size] : []));
      if (grouping === 'kind') expect(sizes).toEqual([900, 360, 240, 600, 300, 600]);
    }
    const [first] = rowsOf(known, all, 'kind', new Set());
    const key = first?.type === 'group' ? first.key : '';
    expect(rowsOf(known, all, 'kind', new Set([key]))).toHaveLength(3006 - 900);
  });

  test('the leak view adds up to the leaks, whichever end it starts from', async () => {
    const { index } = await read;
    const kinds = new Set(leakKinds(index));
    expect([...kinds]).toEqual(['Leak_DefinitelyLost', 'Leak_PossiblyLost', 'Leak_StillReachable']);
    const bytes = report.findings.reduce((sum, { leak }) => sum + (leak?.directBytes ?? 0), 0);
    for (const inverted of [false, true]) {
      const whole = callTree(index, kinds, inverted);
      expect(whole.bytes).toBe(bytes);
      const boxes = layOut(whole, 0);
      const rows = new Map<number, number>();
      for (const { width, depth } of boxes) rows.set(depth, (rows.get(depth) ?? 0) + width);
      for (const width of rows.values()) expect(width).toBeLessThanOrEqual(1 + 1e-9);
      expect(boxes.filter(({ depth }) => depth === 1)).toHaveLength(1);
    }
  });
});

/** The elements and the names of their attributes, without the texts. */
function shapeOf(elements: ReturnType<typeof readDocument>['elements']): readonly string[] {
  return elements.map(({ name, attributes }) => `${name} ${Object.keys(attributes).join()}`);
}

/** A finding as the page has it: frames without what only a machine needs, texts harmless. */
function asOnPage(finding: Finding, { rules }: Report): unknown {
  const {
    access,
    excerpt,
    raw,
    meaning,
    advice,
    suppression,
    stacks,
    witnesses,
    outline: _,
    ...rest
  } = finding;
  const rule = rules.find(({ id }) => id === finding.rule);
  return harmlessDeep({
    ...rest,
    ...(access && { access }),
    ...(excerpt && { excerpt }),
    ...(raw && { raw }),
    ...(suppression !== undefined && { suppression }),
    ...(meaning !== undefined && meaning !== rule?.meaning && { meaning }),
    ...(advice !== undefined && advice !== rule?.advice && { advice }),
    what: harmless(finding.what),
    title: harmless(finding.title),
    rule: harmless(finding.rule),
    kind: harmless(finding.kind),
    stacks: stacks.map((stack) => ({ ...stack, frames: stack.frames.map(frameOnPage) })),
    ...(witnesses && { witnesses: witnesses.map(witnessOnPage) }),
  });
}

/** What another instrument said: all that people read of it. */
function witnessOnPage({ id, rule, tool, title, what, details, stacks, leak }: Finding): unknown {
  return {
    id,
    rule,
    tool,
    headline: leak === undefined ? what : title,
    details,
    stacks: stacks.map((stack) => ({ ...stack, frames: stack.frames.map(frameOnPage) })),
    ...(leak && { bytes: leak.bytes, blocks: leak.blocks }),
  };
}

function frameOnPage({
  directory: _,
  file: __,
  column: ___,
  offset: ____,
  ip,
  ...frame
}: ReportFrame): ReportFrame {
  const texts = Object.entries(frame).map(([key, value]) => [
    key,
    typeof value === 'string' ? harmless(value) : value,
  ]);
  const known = frame.path !== undefined && frame.line !== undefined;
  return { ...Object.fromEntries(texts), ...(ip !== undefined && !known && { ip: harmless(ip) }) };
}

function harmlessDeep(value: unknown): unknown {
  if (typeof value === 'string') return harmlessLines(value);
  if (Array.isArray(value)) return value.map(harmlessDeep);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, part]) => (part === undefined ? [] : [[key, harmlessDeep(part)]])),
  );
}

/** A small report in which every text of a target or a log is this one. */
function reportOf(text: string): Report {
  const base = manyFindings(3);
  return {
    ...base,
    reasons: [text],
    tool: { name: text, version: text },
    ...(base.run && {
      run: { ...base.run, command: [text, text], toolOptions: [text], projectRoot: text, startedAt: text },
    }),
    findings: base.findings.map((finding) => ({
      ...finding,
      what: text,
      title: text,
      rule: text,
      kind: text,
      details: [text],
      alsoSeen: [text],
      suppression: text,
      thread: { id: 1, name: text },
      excerpt: { firstLine: 1, lines: [text] },
      stacks: finding.stacks.map((stack) => ({
        ...stack,
        text,
        frames: stack.frames.map((frame) => ({ ...frame, function: text, path: text, object: text })),
      })),
    })),
    gate: {
      failOn: [text],
      onlyMine: true,
      limits: [{ group: text, unit: 'bytes', most: 0, actual: 1, exceeded: true }],
    },
    comparison: {
      name: text,
      new: 1,
      known: 0,
      changed: 0,
      fixed: [{ fingerprint: text, rule: text, place: text, cost: { count: 1 }, programs: [text] }],
      notJudged: [],
    },
    messages: [{ image: 0, pid: 1, source: 'client', text }],
    problems: [{ code: text, level: 'warning', message: text, hint: text, quote: text }],
    suppressions: [{ name: text, count: 1, place: text }],
  };
}
