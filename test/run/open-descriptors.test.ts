// Up to valgrind 3.22 the text log names the open descriptors and the XML has their stacks: one message tells both.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { MessageRecord, RunRecord } from '../../src/model/record.ts';
import type { RunManifest } from '../../src/model/run.ts';
import { readSources } from '../../src/run/read.ts';
import { xmlDocument, xmlFrame, xmlStack } from '../tools/xml-reading.ts';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vgrun-descriptors-'));
});
afterAll(() => rm(folder, { recursive: true }));

/** The messages of a run with one program, from its XML and the text log beside it. */
async function messagesOf(log: string, ...stacks: string[]): Promise<string[]> {
  const files = [join(folder, 'valgrind.100-1.xml'), join(folder, 'valgrind-1.log')] as const;
  // valgrind writes the stacks behind FINISHED.
  const xml = xmlDocument('').replace('</valgrindoutput>', `${stacks.join('')}</valgrindoutput>`);
  await writeFile(files[0], xml);
  await writeFile(files[1], log.replace(/^/gm, '==100== '));
  const manifest = { id: '20260101-000000-abc', capture: 'xml' } as RunManifest;
  const records: RunRecord[] = [];
  for await (const record of readSources({ manifest, directory: folder, files, problems: [] })) {
    records.push(record);
  }
  return records
    .filter((record): record is MessageRecord => record.type === 'message')
    .map(({ text, stack }) => [text, ...(stack?.frames ?? []).map(({ line }) => line ?? '?')].join(' '));
}

const stackOf = (line: number) => xmlStack(xmlFrame('0x1', 'main', line));
const opened = (descriptor: number, path: string) => `Open file descriptor ${descriptor}: ${path}\n\n`;
const given = (descriptor: number, path: string) =>
  `Open file descriptor ${descriptor}: ${path}\n   <inherited from parent>\n\n`;
const summary = 'FILE DESCRIPTORS: 9 open (3 std) at exit.\n';

test('each descriptor that the program opened comes with the place where it did', async () => {
  const log = `${summary + opened(5, '/etc/passwd') + given(7, '/etc/hosts')}Open AF_INET socket 6: a <-> b\n\n`;
  expect(await messagesOf(log, stackOf(2), stackOf(3))).toEqual([
    'Open file descriptor 5: /etc/passwd 2',
    'Open file descriptor 7: /etc/hosts <inherited from parent>',
    'Open AF_INET socket 6: a <-> b 3',
  ]);
});

test('the logs of valgrind itself are no descriptors of the program', async () => {
  const moved = '/home/me/.vgrun/runs/20260101-000000-abc/valgrind.100.xml';
  const log = summary + given(4, moved) + given(3, join(folder, 'valgrind.log')) + opened(5, '/etc/passwd');
  expect(await messagesOf(log, stackOf(2))).toEqual(['Open file descriptor 5: /etc/passwd 2']);
});

test('when there are not as many stacks as lines, nothing is guessed', async () => {
  expect(await messagesOf(summary + opened(5, 'a') + opened(6, 'b'), stackOf(2))).toEqual([
    'Open file descriptor 5: a',
    'Open file descriptor 6: b',
    'A stack whose text stands in the log 2',
  ]);
});
