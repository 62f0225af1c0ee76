// Where gdb looked at memcheck's errors, the report shows each moment at its finding, and nothing of the process twice.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { analyze } from '../../src/analyze/index.ts';
import type { Report } from '../../src/model/report.ts';
import { readSources } from '../../src/run/read.ts';
import { manifest } from '../analyze/records.ts';
import { logText, mine, stop, thread } from '../report/stop-scenarios.ts';

/** Of the log: a write in a function at 0x10918B and a read at 0x109168, both called by main. */
const errors = new URL('../corpus/memcheck/invalid-rw-xml-3.19/input.xml', import.meta.url);
const pid = 24154;

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vgrun-stops-'));
});
afterAll(() => rm(folder, { recursive: true }));

/** A stop as gdb tells it through vgdb: of a caller the address to which is returned. */
const at = (number: number, ofPid: number, ips: readonly string[]) => ({
  ...stop(number, 'error', {
    what: 'an error',
    threads: [
      thread(
        1,
        ips.map((ip, index) => mine('f', 'a.c', 1, { ip, ...(index === 0 && { found: 'innermost' }) })),
        { isCurrent: true },
      ),
    ],
  }),
  pid: ofPid,
});

async function reportOf(lines: readonly object[]): Promise<Report> {
  const log = join(folder, 'memcheck.xml');
  const stops = join(folder, `vgdb.${pid}.stops.jsonl`);
  await writeFile(log, await readFile(errors));
  await writeFile(stops, logText('vgdb', lines));
  const run = manifest({ pid });
  // The stop log comes first by its name, or by chance: the XML is read before it all the same.
  const records = readSources({ manifest: run, directory: folder, files: [stops, log], problems: [] });
  return analyze(records, { vgrun: '0.1.0', manifest: run });
}

const attached = { type: 'process', pid, argv: ['./prog'], how: 'attach' };

test('a stop at an error belongs to the finding whose calls it shares', async () => {
  const alone = await reportOf([]);
  const report = await reportOf([
    attached,
    at(1, pid, ['0x10918b', '0x1091c2']),
    at(2, pid, ['0x109168', '0x1091d3']),
    at(3, pid, ['0x10918b', '0x109999']),
    { type: 'exit', pid, detached: true },
  ]);
  const titles = report.stops?.map(
    ({ finding }) => report.findings.find(({ id }) => id === finding)?.what ?? 'none',
  );
  expect(titles).toEqual(['Invalid write of size 4', 'Invalid read of size 4', 'none']);
  // What memcheck told of the process and its end holds, and its findings are the same.
  const plain = ({ processes, findings, outcome }: Report) => ({
    outcome,
    processes,
    findings: findings.map(({ id, count }) => [id, count]),
  });
  expect(plain(report)).toEqual(plain(alone));
  expect(report.processes).toHaveLength(1);
  expect(report.stops?.map(({ image }) => image)).toEqual(
    report.stops?.map(() => report.processes[0]?.image),
  );
});

test('a process that only gdb saw is told of, and no error of another one is taken for its own', async () => {
  const other = pid + 1;
  const report = await reportOf([
    attached,
    { type: 'process', pid: other, ppid: pid, argv: ['./child'], how: 'fork' },
    at(1, other, ['0x10918b', '0x1091c2']),
    { type: 'exit', pid: other, code: 0 },
  ]);
  expect(report.processes.map((process) => process.pid)).toEqual([pid, other]);
  expect(report.stops).toMatchObject([{ pid: other }]);
  expect(report.stops?.[0]?.finding).toBeUndefined();
});
