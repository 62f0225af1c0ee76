// Every scenario through the validators of the formats, and what each format promises beyond its schema.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { writeReports } from '../../src/commands/output.ts';
import type { Finding, Report } from '../../src/model/report.ts';
import { profileScenarios } from './profile-scenarios.ts';
import { scenarios } from './scenarios.ts';
import { gitlabErrors, junitErrors, readXml, rendered, sarifErrors, xmllint } from './validators.ts';

async function scenario(name: string): Promise<Report> {
  const make = scenarios.get(name);
  if (make === undefined) throw new Error(`no scenario ${name}`);
  return make();
}

/** A report with many findings like the first of a scenario. */
async function many(count: number, more: (index: number) => Partial<Finding> = () => ({})): Promise<Report> {
  const report = await scenario('one-leak');
  const [first] = report.findings;
  const findings = Array.from({ length: first === undefined ? 0 : count }, (_, index) => {
    const fingerprint = index.toString(16).padStart(8, '0').repeat(8);
    return { ...(first as Finding), fingerprint, id: `F-${fingerprint.slice(0, 12)}`, ...more(index) };
  });
  return { ...report, findings };
}

describe.each([...scenarios, ...profileScenarios])('%s', (_, make) => {
  test('as SARIF keeps to the official schema, and has every finding once', async () => {
    const report = await make();
    const text = await rendered(report, 'sarif');
    expect(sarifErrors(text)).toEqual([]);
    const ids = JSON.parse(text).runs[0].results.map(
      ({ partialFingerprints }: { partialFingerprints: Record<string, string> }) =>
        partialFingerprints['vgrun/v1'],
    );
    const shown = report.findings.filter(({ hidden }) => !hidden).map(({ fingerprint }) => fingerprint);
    const grown = (report.gate?.growth ?? []).filter(({ exceeded }) => exceeded);
    expect(ids).toHaveLength(grown.length + shown.length + (report.comparison?.fixed.length ?? 0));
    expect(ids.slice(grown.length)).toEqual([
      ...shown,
      ...(report.comparison?.fixed ?? []).map(({ fingerprint }) => fingerprint),
    ]);
  });

  test('as GitLab code quality keeps to its documented rules', async () => {
    expect(gitlabErrors(await rendered(await make(), 'gitlab'))).toEqual([]);
  });

  test.skipIf(xmllint === undefined && process.env.CI !== 'true')(
    'as JUnit keeps to the schema that Jenkins reads',
    async () => {
      expect(junitErrors(await rendered(await make(), 'junit'))).toBe('');
    },
  );

  test('as JUnit has counts that add up, and a case for each process', async () => {
    const report = await make();
    const root = readXml(await rendered(report, 'junit'));
    const [suite] = root.children;
    const cases = suite?.children.filter(({ name }) => name === 'testcase') ?? [];
    const has = (name: string) => (element: (typeof cases)[number]) =>
      element.children.some((child) => child.name === name);
    const broken = cases.filter(has('error'));
    const failed = cases.filter((each) => has('failure')(each) && !has('error')(each));
    for (const element of [root, suite]) {
      expect(element?.attributes).toMatchObject({
        tests: String(cases.length),
        errors: String(broken.length),
        failures: String(failed.length),
      });
    }
    expect(cases).toHaveLength(Math.max(1, report.processes.length));
    expect(new Set(cases.map(({ attributes }) => attributes.name)).size).toBe(cases.length);
    // No run that is not clean looks like one.
    expect(broken.length + failed.length === 0).toBe(report.outcome === 'clean');
    expect(broken.length > 0).toBe(report.outcome === 'inconclusive');
  });
});

test('the validators refuse what is wrong', async () => {
  const report = await scenario('one-leak');
  const sarif = await rendered(report, 'sarif');
  expect(sarifErrors(sarif.replace('"level":"error","kind"', '"level":"fatal","kind"'))).not.toEqual([]);
  expect(sarifErrors(sarif.replace('"startLine":20', '"startLine":0'))).not.toEqual([]);
  const gitlab = await rendered(report, 'gitlab');
  expect(gitlabErrors(gitlab.replace('"major"', '"bad"'))).not.toEqual([]);
  expect(gitlabErrors(gitlab.replace('"src/', '"/src/'))).not.toEqual([]);
  expect(() => readXml('<a><b></a>')).toThrow();
  if (xmllint !== undefined) expect(junitErrors('<testsuites><testcase/></testsuites>')).not.toBe('');
});

test('an inconclusive run is told from a clean one in every format', async () => {
  const report = { ...(await scenario('inconclusive')), findings: [] };
  const [run] = JSON.parse(await rendered(report, 'sarif')).runs;
  expect(run.invocations[0].executionSuccessful).toBe(false);
  expect(run.invocations[0].toolExecutionNotifications[0]).toMatchObject({ level: 'error' });
  expect(await rendered(report, 'junit')).toContain('<error message="inconclusive: ');
  expect(JSON.parse(await rendered(report, 'gitlab'))[0]).toMatchObject({ severity: 'blocker' });
  expect(await rendered(report, 'github')).toMatch(/^::error title=vgrun%3A inconclusive::/);
  for (const format of ['markdown', 'github-summary']) {
    expect(await rendered(report, format)).toContain('### vgrun: inconclusive, exit status 101\n');
  }
});

test('SARIF tells new, known, changed and fixed, and what is pardoned', async () => {
  const [run] = JSON.parse(await rendered(await scenario('compared'), 'sarif')).runs;
  expect(run.results.map(({ baselineState }: { baselineState: string }) => baselineState)).toEqual([
    'new',
    'updated',
    'unchanged',
    'absent',
  ]);
  expect(run.results[2].suppressions).toEqual([
    { kind: 'external', status: 'accepted', justification: 'known' },
  ]);
  expect(run.results[0].suppressions).toBeUndefined();
});

test('SARIF names where a block was allocated and freed, and the two orders of locks as a flow', async () => {
  const [mixed] = JSON.parse(await rendered(await scenario('ten-mixed-findings'), 'sarif')).runs;
  const free = mixed.results.find(({ ruleId }: { ruleId: string }) => ruleId === 'memcheck/InvalidFree');
  const related = free.relatedLocations.map(
    ({ physicalLocation }: { physicalLocation: { region: unknown } }) => physicalLocation.region,
  );
  expect(related).toEqual([{ startLine: 70 }, { startLine: 12 }]);
  expect(free.stacks).toHaveLength(3);
  const [locks] = JSON.parse(await rendered(await scenario('lock-order'), 'sarif')).runs;
  expect(locks.results[0].codeFlows[0].threadFlows).toHaveLength(2);
  const [race] = JSON.parse(await rendered(await scenario('race'), 'sarif')).runs;
  expect(race.results[0].codeFlows).toBeUndefined();
});

test.each([
  ['src/a b#c%d?.c', 'src/a%20b%23c%25d%3F.c', 'SRCROOT'],
  ['src/\x01\ud800\u202e.c', 'src/%01%EF%BF%BD%E2%80%AE.c', 'SRCROOT'],
  ['./a:b.c', 'a%3Ab.c', 'SRCROOT'],
  ['../up.c', '../up.c', undefined],
  ['/usr/include/c++/x.h', 'file:///usr/include/c%2B%2B/x.h', undefined],
])('SARIF writes the path %j as the URI %s', async (path, uri, uriBaseId) => {
  const report = await scenario('one-leak');
  const moved = JSON.parse(
    JSON.stringify(report).replaceAll(JSON.stringify('src/list.c'), JSON.stringify(path)),
  );
  const text = await rendered(moved, 'sarif');
  expect(sarifErrors(text)).toEqual([]);
  const { artifactLocation } = JSON.parse(text).runs[0].results[0].locations[0].physicalLocation;
  expect(artifactLocation).toEqual(uriBaseId === undefined ? { uri } : { uri, uriBaseId });
});

test('SARIF and GitLab have all of many findings', async () => {
  const report = await many(26_000);
  expect(JSON.parse(await rendered(report, 'sarif')).runs[0].results).toHaveLength(26_000);
  expect(JSON.parse(await rendered(report, 'gitlab'))).toHaveLength(26_000);
});

test('what has no source line is placed in the program, and says what is known', async () => {
  const report = await scenario('no-source');
  const [entry] = JSON.parse(await rendered(report, 'gitlab'));
  expect(entry.location).toEqual({ path: 'crunch', lines: { begin: 1 } });
  expect(entry.description).toContain('/opt/tools/bin/crunch');
  const [result] = JSON.parse(await rendered(report, 'sarif')).runs[0].results;
  expect(result.locations[0].physicalLocation).toEqual({
    artifactLocation: { uri: 'crunch', uriBaseId: 'SRCROOT' },
  });
  expect(await rendered(report, 'github')).not.toContain('file=');
});

test('GitHub gets ten annotations of each level, the rest is counted', async () => {
  const report = await many(40, (index) =>
    index < 25 ? {} : index < 37 ? { failing: false } : { failing: false, pardon: 'baseline' },
  );
  const lines = (await rendered(report, 'github')).trimEnd().split('\n');
  const levels = lines.map((line) => line.split(' ')[0]);
  expect(levels.filter((level) => level === '::error')).toHaveLength(10);
  expect(levels.filter((level) => level === '::warning')).toHaveLength(10);
  expect(levels.filter((level) => level === '::notice')).toHaveLength(4);
  expect(lines.at(-1)).toContain('17 more findings not annotated');
});

test('a known finding is no failure in JUnit, and is named all the same', async () => {
  const text = await rendered(await scenario('compared'), 'junit');
  // The other failure is the limit that was exceeded.
  expect(text.match(/<failure (?!.*type="limit")/g)).toHaveLength(1);
  expect(text.match(/<property name="not failing F-/g)).toHaveLength(2);
});

test('a limit that is exceeded fails in every format, also when each finding is known', async () => {
  const made = await scenario('compared');
  const report = { ...made, findings: made.findings.map((finding) => ({ ...finding, failing: false })) };
  expect(report.gate?.limits.some(({ exceeded }) => exceeded)).toBe(true);
  expect(await rendered(report, 'junit')).toMatch(/failures="1"[\s\S]*<failure [^>]*type="limit"/);
  expect(await rendered(report, 'github')).toMatch(/^::error title=vgrun%3A limit exceeded::/m);
  expect(JSON.parse(await rendered(report, 'gitlab'))[0].check_name).toBe('vgrun/limit');
  const [{ invocations }] = JSON.parse(await rendered(report, 'sarif')).runs;
  expect(invocations[0].toolExecutionNotifications).toContainEqual(
    expect.objectContaining({ descriptor: { id: 'vgrun/limit' }, level: 'error' }),
  );
});

test('a comment keeps to the size that GitHub takes: stacks go first, then findings, and what is left out is counted', async () => {
  const some = await rendered(await many(300), 'markdown');
  expect(some.length).toBeLessThanOrEqual(65_536);
  expect(some.match(/^- \*\*error\*\*/gm)).toHaveLength(300);
  expect(some).toMatch(/Source and stacks of 29\d more findings are left out here\./);
  const text = await rendered(await many(5_000), 'markdown');
  expect(text.length).toBeLessThanOrEqual(65_536);
  expect(text.length).toBeGreaterThan(60_000);
  const rows = text.match(/^- \*\*error\*\*/gm)?.length ?? 0;
  expect(text).not.toContain('<details>');
  expect(text).toContain(`… ${(5_000 - rows).toLocaleString('en')} more, not listed here`);
});

test('a comment keeps to its size when every text is as long as can be', async () => {
  const long = '`'.repeat(10_000);
  const report = await many(50, () => ({ what: long, title: long, details: [long, long] }));
  const reasons = Array.from({ length: 50 }, () => `${long} x ${'` a '.repeat(500)}`);
  const comparison = { name: long, new: 0, known: 0, changed: 0, fixed: [], notJudged: [] };
  for (const one of [
    { ...report, reasons },
    { ...report, reasons, comparison },
  ]) {
    expect((await rendered(one, 'markdown')).length).toBeLessThanOrEqual(65_536);
  }
});

test('a job summary keeps to 1 MiB', async () => {
  const report = await many(20_000, () => ({ title: '€'.repeat(200) }));
  const text = await rendered(report, 'github-summary');
  expect(Buffer.byteLength(text)).toBeLessThanOrEqual(1_048_576);
  expect(text).toContain('more, not listed here');
});

test('the job summary is added to the file that GitHub names, after what is there', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'vgrun-test-'));
  onTestFinished(() => {
    rmSync(directory, { recursive: true });
    vi.unstubAllEnvs();
  });
  const summary = join(directory, 'summary.md');
  writeFileSync(summary, 'before\n');
  vi.stubEnv('GITHUB_STEP_SUMMARY', summary);
  const report = await scenario('one-leak');
  const annotations = { format: 'github', file: join(directory, 'out.txt') };
  expect(await writeReports(report, [annotations], {})).toBe(100);
  expect(readFileSync(annotations.file, 'utf8')).toBe(await rendered(report, 'github'));
  expect(readFileSync(summary, 'utf8')).toBe(`before\n${await rendered(report, 'github-summary')}`);
  // Other formats have no part in it.
  await writeReports(report, [{ format: 'json', file: join(directory, 'out.json') }], {});
  expect(readFileSync(summary, 'utf8').match(/### vgrun/g)).toHaveLength(1);
  // One that cannot be written is like a report that cannot be written.
  vi.stubEnv('GITHUB_STEP_SUMMARY', join(directory, 'missing', 'summary.md'));
  const said = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
  expect(await writeReports(report, [annotations], {})).toBe(125);
  expect(said.mock.calls.join('')).toContain('missing/summary.md could not be written');
  said.mockRestore();
});
