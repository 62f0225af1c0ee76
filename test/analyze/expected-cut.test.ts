// A text log that stops where a process became another program has lost nothing.
import { expect, test } from 'vitest';
import { analyze } from '../../src/analyze/index.ts';
import type { Problem } from '../../src/model/problem.ts';
import type { ParsedRecord } from '../../src/model/record.ts';
import { end, manifest, textProcess } from './records.ts';

const noSummary: Problem = {
  code: 'truncated-log',
  level: 'warning',
  message: 'The log of process 101 has no ERROR SUMMARY at its end',
  pid: 101,
};

const codesOf = async (...records: ParsedRecord[]) =>
  (await analyze(records, { vgrun: '0.1.0', manifest: manifest() })).problems.map(({ code }) => code);

const cut = (image: number) => [
  textProcess(image, { pid: 101 }),
  end(image, { complete: false, finished: false }),
];
const whole = (image: number) => [textProcess(image, { pid: 101, argv: ['/bin/true'] }), end(image)];

test('no summary is missed of a program that became another one', async () => {
  const problem = { type: 'problem', problem: noSummary } as const;
  expect(await codesOf(...cut(1), problem, ...whole(2))).not.toContain('truncated-log');
  expect(await codesOf(...cut(1), problem)).toContain('truncated-log');
});

test('an error that was cut in its middle is told all the same', async () => {
  const problem = { type: 'problem', problem: { ...noSummary, level: 'incomplete' } } as const;
  expect(await codesOf(...cut(1), problem, ...whole(2))).toContain('truncated-log');
});
