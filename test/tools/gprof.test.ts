// Traps of gprof's text that no small program springs.
import { describe, expect, test } from 'vitest';
import type { Profile } from '../../src/model/profile.ts';
import { readerFor } from '../../src/tools/readers.ts';
import { profileRecordsOf, readProfileReport } from '../profile-corpus.ts';

const title = `Flat profile:

Each sample counts as 0.01 seconds.
  %   cumulative   self              self     total
 time   seconds   seconds    calls  ms/call  ms/call  name
`;
const graphTitle = `\t\t\tCall graph


granularity: each sample hit covers 2 byte(s) for 0.81% of 1.23 seconds

index % time    self  children    called     name
`;
const rule = '-----------------------------------------------\n';
const index = '\f\nIndex by function name\n\n';

async function profileOf(text: string): Promise<Profile> {
  const records = await profileRecordsOf(Buffer.from(text));
  const [profile] = records.flatMap((record) => (record.type === 'profile' ? [record.profile] : []));
  return profile as Profile;
}

describe('the text of gprof', () => {
  test('an index of five digits, which gprof cuts in the margin, is read at the name', async () => {
    const { functions, graph } = await profileOf(
      `${graphTitle}                0.10    0.20       3/7           caller [9999]
[12345   25.0    0.11    0.22       7         callee(int) [12345]
                0.01    0.02       5/5           last <cycle 2> [100000]
${rule}
${index}`,
    );
    expect(functions.map((frame) => frame.function).sort()).toEqual(['callee(int)', 'caller', 'last']);
    const at = functions.findIndex((frame) => frame.function === 'callee(int)');
    expect([graph?.self[0]?.[at], graph?.inclusive?.[0]?.[at], graph?.calls?.[at]]).toEqual([110, 330, 7]);
    expect([...(graph?.edges?.values[0] ?? [])].sort()).toEqual([30, 300]);
  });

  test('times are exact to the last printed digit', async () => {
    const rows = ['0.01', '0.29', '1.13', '4.35', '123456.78'];
    const { graph, totals } = await profileOf(
      `${title}${rows.map((row, at) => `  1.00 ${'0.00'.padStart(9)} ${row.padStart(8)} ${' '.repeat(28)}f${at}\n`).join('')}\n`,
    );
    expect(graph?.self).toEqual([[10, 290, 1130, 4350, 123456780]]);
    expect(totals).toEqual([123462560]);
    expect(graph?.calls).toEqual([NaN, NaN, NaN, NaN, NaN]);
  });

  test('names that look like parts of the table stay names', async () => {
    const names = [
      'operator new[](unsigned long)',
      'f(int) [clone .part.0]',
      'a<(b)2> (*)(c)',
      '600 lines of C',
    ];
    const { functions } = await profileOf(
      `${title}${names.map((name) => `  1.00      0.05     0.01        1    10.00    10.00  ${name}\n`).join('')}\n`,
    );
    expect(functions.map((frame) => frame.function)).toEqual(names);
  });

  test('a line that is none is quoted, and makes the report incomplete', async () => {
    const report = await readProfileReport(
      Buffer.from(`${title}  1.00      0.05     0.01        1    10.00    10.00  f\n  not a row of it\n\n`),
    );
    expect(report.outcome).toBe('inconclusive');
    expect(report.problems.map(({ code, quote }) => [code, quote])).toEqual([
      ['unreadable-line', '  not a row of it'],
    ]);
  });

  test('a call graph that ends before its index is incomplete', async () => {
    const whole = `${graphTitle}                                                 <spontaneous>
[1]    100.0    0.00    1.23                 main [1]
${rule}`;
    expect((await readProfileReport(Buffer.from(whole))).outcome).toBe('inconclusive');
    expect((await readProfileReport(Buffer.from(`${whole}${index}`))).outcome).toBe('clean');
  });

  test('a text that only mentions gprof is not taken for one', () => {
    for (const text of [
      'Flat profile:\n\nsome words\n',
      'Call graph\n\nmain -> f\n',
      `see:\n${title}`,
      'granularity: each sample hit covers 2 byte(s)\n',
    ]) {
      expect(readerFor(Buffer.from(text))?.name).not.toBe('gprof');
    }
  });
});
