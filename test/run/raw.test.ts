// The raw excerpt beside a finding is what the instrument wrote about it, of its own process, and no more.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { analyze, parse } from '../../src/pipeline.ts';
import { projectRoot } from '../project.ts';

const corpus = join(projectRoot, 'test/corpus');
let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vgrun-raw-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const findingsOf = async (...paths: readonly string[]) =>
  (await analyze(await parse(...paths), { raw: true })).findings;

test('of XML is the whole element', async () => {
  const findings = await findingsOf(join(corpus, 'memcheck/invalid-rw-xml-3.19/input.xml'));
  expect(findings.length).toBeGreaterThan(1);
  for (const { raw, what, kind } of findings) {
    expect(raw?.text).toMatch(/^<error>[\s\S]*<\/error>$/);
    expect(raw?.text).toContain(kind);
    expect(raw?.text.replaceAll('&amp;', '&')).toContain(what);
    expect(raw?.cut).toBe(false);
  }
});

test('of text is the paragraph of its process, whatever others write in between', async () => {
  const log = join(folder, 'mixed.log');
  await writeFile(
    log,
    [
      '==7== Memcheck, a memory error detector',
      '==7== Command: ./a',
      '==7== ',
      '==7== Invalid read of size 4',
      '==8== Invalid write of size 1',
      'output of the program',
      '==7==    at 0x109: f (a.c:3)',
      '==8==    at 0x209: g (a.c:9)',
      '==7== ',
      '==7== ERROR SUMMARY: 1 errors from 1 contexts (suppressed: 0 from 0)',
      '',
    ].join('\n'),
  );
  const [finding] = await findingsOf(log);
  expect(finding?.raw).toMatchObject({
    artifact: 'mixed.log',
    text: '==7== Invalid read of size 4\n==7==    at 0x109: f (a.c:3)',
    cut: false,
  });
});

test('is cut, and says so, where an error is longer than anybody reads', async () => {
  const log = join(folder, 'deep.log');
  const frames = Array.from({ length: 900 }, (_, index) => `==7==    by 0x${index}: recurse (a.c:${index})`);
  await writeFile(
    log,
    [
      '==7== Memcheck, a memory error detector',
      '==7== Command: ./a',
      '==7== ',
      '==7== Invalid read of size 4',
    ]
      .concat(
        '==7==    at 0x109: f (a.c:3)',
        frames,
        '==7== ',
        '==7== ERROR SUMMARY: 1 errors from 1 contexts',
        '',
      )
      .join('\n'),
  );
  const [finding] = await findingsOf(log);
  expect(finding?.raw?.cut).toBe(true);
  expect(finding?.raw?.text.length).toBeLessThanOrEqual(16 * 1024);
});

test('is left out where two artifacts have one name: nobody knows which is meant', async () => {
  const paths = ['memcheck/invalid-rw-xml-3.19', 'memcheck/leaks-xml-3.19'].map((name) =>
    join(corpus, name, 'input.xml'),
  );
  for (const { raw } of await findingsOf(...paths)) expect(raw).toBeUndefined();
});
