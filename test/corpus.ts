// Checks one recorded log eight ways; test/corpus.test.ts hands it every case of test/corpus.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { analyze } from '../src/analyze/index.ts';
import type { ParsedRecord } from '../src/model/record.ts';
import type { Finding, Report } from '../src/model/report.ts';
import { formatsFor, render } from '../src/report/index.ts';
import { cutPoints, readJson, readRegistered, textOf } from './recordings.ts';
import { gitlabErrors, readXml, sarifErrors } from './report/validators.ts';

/** Points at which a log is cut, spread over its length. */
const cuts = 48;

/** Registers the eight checks for one input of a case. `expected.json` has one entry for each input. */
export function checkCorpusInput(directory: string, input: string): void {
  const bytes = readFileSync(join(directory, input));
  const text = bytes.toString('latin1');
  const whole = reportOf(bytes);

  test('reads as it did when the expectation was written', async () => {
    const golden = join(directory, 'expected.json');
    const actual = project(await whole);
    if (process.env.UPDATE_GOLDEN) {
      const all = { ...readJson(golden), [input]: actual };
      const sorted = Object.fromEntries(Object.entries(all).sort(([a], [b]) => (a < b ? -1 : 1)));
      writeFileSync(golden, `${JSON.stringify(sorted, undefined, 2)}\n`);
    }
    expect(actual).toEqual(readJson(golden)?.[input]);
  });

  test('cut anywhere, it says less and never something else', async () => {
    const records = await recordsOf(bytes);
    const all = records.filter(isFinding);
    const errors = new Set(all.map(identityOf));
    const { findings, outcome } = await whole;
    const identities = new Set(findings.map(({ fingerprint }) => fingerprint));
    // A later leak check may take back what an earlier one said; a log cut between them cannot know.
    const oneCheck = records.every(
      (record) =>
        !(record.type === 'finding' && (record.leak?.check ?? 1) > 1) &&
        !(record.type === 'process-end' && (record.leakChecks ?? 1) > 1),
    );
    for (const length of cutPoints(bytes.length, cuts)) {
      const part = bytes.subarray(0, length);
      const read = await recordsOf(part);
      const report = await analyze(read, { vgrun: '0.0.0' });
      for (const record of read) {
        if (!isFinding(record) || errors.has(identityOf(record))) continue;
        // Cut behind the line that says it all, an error of UBSan looks whole.
        if (isBare(record)) {
          expect(all.some(({ what }) => what === record.what)).toBe(true);
          continue;
        }
        // The last report of a sanitizer's log may lack what comes after its first stack; then it says so.
        const isBegun = sanitizerTools.has(record.tool) && all.some((whole) => isBeginningOf(record, whole));
        expect(isBegun, `cut at ${length}: ${identityOf(record)}`).toBe(true);
        if (all.some((whole) => lacksThreadsOf(record, whole))) continue;
        expect(report.outcome, `cut at ${length}`).toBe('inconclusive');
        expect(report.problems.map(({ code }) => code)).toContain('truncated-log');
      }
      for (const finding of oneCheck ? report.findings : []) {
        if (!isBare(finding)) expect(identities, `cut at ${length}`).toContain(finding.fingerprint);
      }
      if (report.outcome === 'clean') {
        expect(outcome, `cut at ${length}`).toBe('clean');
        expect(countEnds(part.toString('latin1')), `cut at ${length}`).toBe(countEnds(text));
      }
    }
  });

  test('with CRLF line ends it says the same', async () => {
    const windows = Buffer.from(text.replaceAll('\r\n', '\n').replaceAll('\n', '\r\n'), 'latin1');
    expect(project(await reportOf(windows))).toEqual(project(await whole));
  });

  test('with other addresses and pids its findings keep their identities', async () => {
    const other = Buffer.from(movePids(moveAddresses(text)), 'latin1');
    expect(other.equals(bytes)).toBe(!/0x[\dA-Fa-f]{5}|^==\d+==|<pid>/m.test(text));
    expect(idsOf(await reportOf(other))).toEqual(idsOf(await whole));
  });

  test('with other line numbers its findings keep their identities', async () => {
    const other = Buffer.from(moveLines(text), 'latin1');
    expect(idsOf(await reportOf(other))).toEqual(idsOf(await whole));
  });

  test('every reporter renders it', async () => {
    for (const format of formatsFor(await whole)) {
      const output = await textOf(render(await whole, format));
      expect(output.trim(), format).not.toBe('');
      expect(output.endsWith('\n'), format).toBe(true);
    }
  });

  test('is valid in the formats that have a schema', async () => {
    const report = await whole;
    expect(sarifErrors(await textOf(render(report, 'sarif')))).toEqual([]);
    expect(gitlabErrors(await textOf(render(report, 'gitlab')))).toEqual([]);
    expect(readXml(await textOf(render(report, 'junit'))).name).toBe('testsuites');
  });

  test('as JSON and back it is the same report', async () => {
    const report = await whole;
    expect(JSON.parse(await textOf(render(report, 'json')))).toEqual(report);
  });
}

/** The records of a log, as the registered reader for it gives them; none when no reader knows it. */
export async function recordsOf(bytes: Buffer): Promise<ParsedRecord[]> {
  return readRegistered(bytes, 1021);
}

async function reportOf(bytes: Buffer): Promise<Report> {
  return analyze(await recordsOf(bytes), { vgrun: '0.0.0' });
}

type FindingOf = Extract<ParsedRecord, { type: 'finding' }>;

function isFinding(record: ParsedRecord): record is FindingOf {
  return record.type === 'finding';
}

/** All of an error but its id, its count and its suppression, which come after it. */
function identityOf({ kind, what, details, stacks }: FindingOf): string {
  return JSON.stringify([kind, what, details, stacks]);
}

const sanitizerTools = new Set(['asan', 'hwasan', 'lsan', 'msan', 'tsan', 'ubsan']);

/** Some versions of ASan tell where threads were made only after the SUMMARY, with which a report is whole. */
function lacksThreadsOf(part: FindingOf, whole: FindingOf): boolean {
  const isThread = ({ label }: { readonly label: string }) => label === 'thread created at';
  const others = (stacks: FindingOf['stacks']) => JSON.stringify(stacks.filter((stack) => !isThread(stack)));
  return others(part.stacks) === others(whole.stacks) && whole.stacks.some(isThread);
}

/** An error of UBSan of which there is only the place. */
function isBare({ tool, stacks }: Pick<FindingOf, 'tool' | 'stacks'> | Finding): boolean {
  const frames = stacks[0]?.frames ?? [];
  return tool === 'ubsan' && frames.length === 1 && frames[0]?.ip === undefined;
}

/** The same error with fewer stacks and sentences; of the last stack frames below `main` may be missing. */
function isBeginningOf(part: FindingOf, whole: FindingOf): boolean {
  const begins = (short: readonly unknown[], long: readonly unknown[]) =>
    JSON.stringify(short) === JSON.stringify(long.slice(0, short.length));
  const last = part.stacks.at(-1);
  const same = whole.stacks[part.stacks.length - 1];
  return (
    part.kind === whole.kind &&
    part.what === whole.what &&
    begins(part.details, whole.details) &&
    begins(part.stacks.slice(0, -1), whole.stacks) &&
    last !== undefined &&
    last.label === same?.label &&
    last.text === same.text &&
    begins(last.frames, same.frames) &&
    (last.frames.length === same.frames.length ||
      last.frames.some(({ function: name = '' }) => /main|start|thread|clone|Thunk/i.test(name)))
  );
}

function countEnds(text: string): number {
  return text.match(/ERROR SUMMARY: .*\)|<\/valgrindoutput>/g)?.length ?? 0;
}

function moveAddresses(text: string): string {
  return text.replace(/0x([\dA-Fa-f]{5,})/g, (_, digits: string) => {
    const moved = (BigInt(`0x${digits}`) + 0x10_0000n).toString(16).padStart(digits.length, '0');
    return `0x${/[A-F]/.test(digits) ? moved.toUpperCase() : moved}`;
  });
}

function movePids(text: string): string {
  const move = (pid: string) => String(Number(pid) + 10_000);
  return (
    text
      .replace(
        /(==|--|\*\*)((?:[\d:.]+ )?)(\d+)\1/g,
        (_, mark, time, pid) => `${mark}${time}${move(pid)}${mark}`,
      )
      .replace(/(<p?pid>|Parent PID: |Processing thread )(\d+)/g, (_, before, pid) => `${before}${move(pid)}`)
      // DebugView: `00000001\t0.00000000\t[1234] `
      .replace(/^(\d{8}\t[\d.]+\t\[)(\d+)/gm, (_, before, pid) => `${before}${move(pid)}`)
  );
}

function moveLines(text: string): string {
  const move = (line: string) => String(Number(line) + 7);
  return (
    text
      .replace(/(\.(?:c|cc|cpp|h|S):)(\d+)/g, (_, file, line) => `${file}${move(line)}`)
      // `C:\src\test.cpp(20) : {130}`, `e:\src\encoder.cc (545): `
      .replace(/(\.(?:c|cc|cpp|h) ?\()(\d+)(?=\))/g, (_, file, line) => `${file}${move(line)}`)
      .replace(/<line>(\d+)/g, (_, line) => `<line>${move(line)}`)
  );
}

function idsOf(report: Report): string[] {
  return report.findings.map(({ id }) => id).sort();
}

/** What a reader of the expectation wants to see: everything that matters, nothing that is spelled out elsewhere. */
function project(report: Report): unknown {
  return JSON.parse(
    JSON.stringify({
      outcome: report.outcome,
      status: report.status,
      reasons: report.reasons,
      tool: report.tool,
      findings: report.findings.map(projectFinding),
      totals: mapValues(report.totals, brief),
      processes: report.processes.map(({ program, argv, forked, end, complete, findings, parent }) => ({
        command: [program, ...argv.slice(1)].join(' '),
        ...(forked && { forked }),
        ...(parent !== undefined && { parent }),
        end,
        complete,
        findings,
      })),
      suppressions: report.suppressions,
      messages: report.messages.map(({ source, text, stack }) => ({
        source,
        text,
        frames: stack?.frames.length,
      })),
      problems: report.problems.map(({ code, level, message }) => `${level} ${code}: ${message}`),
    }),
  );
}

function projectFinding(finding: Finding): unknown {
  const { id, rule, what, count, atLeast, failing, details, stacks, leak, suppression } = finding;
  return {
    id,
    rule,
    what,
    ...(count !== 1 && { count }),
    ...(atLeast && { atLeast }),
    ...(!failing && { failing }),
    ...(leak && { lost: `${leak.directBytes} + ${leak.indirectBytes} bytes in ${leak.blocks} blocks` }),
    ...(details.length > 0 && { details }),
    stacks: stacks.map(({ label, frames }) => [
      label,
      ...frames.map(({ function: name, file, line, object, owner }) => {
        const place = file === undefined ? object : `${file}:${line}`;
        return `${owner} ${name ?? '???'} (${place ?? '?'})`;
      }),
    ]),
    ...(suppression !== undefined && { suppression }),
  };
}

/** `{"bytes": 332, "blocks": 4}` in one line. */
function brief(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  const { bytes, blocks } = value as { bytes?: unknown; blocks?: unknown };
  return bytes === undefined ? mapValues(value, brief) : `${bytes} bytes in ${blocks} blocks`;
}

function mapValues(value: object, change: (value: unknown) => unknown): Record<string, unknown> {
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, change(inner)]));
}
