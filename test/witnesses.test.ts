// Recorded logs of the same programs under several instruments: what each saw of one defect is one finding.
// Programs: examples-c/sanitizers, and overlap.c beside its logs; built by gcc and clang, -g -O0, under /home/user/demo/w.
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, test } from 'vitest';
import type { Finding, Report } from '../src/model/report.ts';
import { analyze, parse } from '../src/pipeline.ts';
import schema from '../src/report/report.schema.json' with { type: 'json' };
import { rendered } from './report/validators.ts';

const root = '/home/user/demo/w';
const log = (name: string, file: string): string =>
  fileURLToPath(new URL(`witnesses/${name}/${file}`, import.meta.url));

const reported = async (...files: readonly string[]): Promise<Report> =>
  analyze(await parse(...files), { projectRoot: root });

const said = ({ findings }: Report): readonly string[] =>
  findings
    .map((finding) => {
      const { blamed, stacks } = finding;
      const frame = blamed && stacks[blamed.stack]?.frames[blamed.frame];
      const rules = [finding, ...(finding.witnesses ?? [])].map(({ rule }) => rule);
      return `${frame?.function}:${frame?.line} ${rules.join(' + ')}`;
    })
    .sort();

/** Program, its logs without and with the compiler's name in them, and what they come to together. */
const cases: readonly (readonly [string, readonly string[], ReadonlyMap<string, readonly string[]>])[] = [
  [
    'heap-use-after-free',
    ['memcheck.xml', 'asan'],
    both(
      'measure_freed:15 memcheck/InvalidRead + asan/heap-use-after-free',
      'read_freed:11 memcheck/InvalidRead + asan/heap-use-after-free',
    ),
  ],
  [
    'heap-buffer-overflow',
    ['memcheck.xml', 'asan'],
    both(
      'read_before:15 memcheck/InvalidRead + asan/heap-buffer-overflow',
      'read_past:11 memcheck/InvalidRead + asan/heap-buffer-overflow',
      'write_past:19 memcheck/InvalidWrite + asan/heap-buffer-overflow',
    ),
  ],
  ['double-free', ['memcheck.xml', 'asan'], both('main:10 memcheck/InvalidFree + asan/double-free')],
  [
    'bad-free',
    ['memcheck.xml', 'asan'],
    // A pointer that gcc left in a register keeps its block from being lost.
    new Map([
      ['gcc', ['main:8 memcheck/Leak_DefinitelyLost', 'main:9 memcheck/InvalidFree + asan/bad-free']],
      [
        'clang',
        [
          'main:8 memcheck/Leak_DefinitelyLost + lsan/direct-leak',
          'main:9 memcheck/InvalidFree + asan/bad-free',
        ],
      ],
    ]),
  ],
  [
    'alloc-dealloc-mismatch',
    ['memcheck.xml', 'asan'],
    both('main:9 memcheck/MismatchedFree + asan/alloc-dealloc-mismatch'),
  ],
  [
    'overlap',
    ['memcheck.xml', 'asan'],
    both(
      'append:11 memcheck/Overlap + asan/strncat-param-overlap',
      'shift:7 memcheck/Overlap + asan/strcpy-param-overlap',
    ),
  ],
  [
    'leak',
    ['memcheck.xml', 'asan'],
    both(
      'lose_block:26 memcheck/Leak_DefinitelyLost + lsan/direct-leak',
      'lose_list:17 memcheck/Leak_DefinitelyLost + lsan/direct-leak',
      'lose_list:19 lsan/indirect-leak + memcheck/Leak_IndirectlyLost',
    ),
  ],
  ['null-write', ['memcheck.xml', 'asan'], both('main:7 memcheck/InvalidWrite + asan/SEGV')],
  [
    'data-race',
    ['helgrind.xml', 'tsan'],
    both(
      'add_global:15 tsan/data-race + helgrind/Race',
      'add_heap:19 tsan/data-race + helgrind/Race',
      // helgrind takes an atomic load for a plain one.
      'main:35 helgrind/Race',
    ),
  ],
  [
    'lock-order-inversion',
    ['helgrind.xml', 'tsan'],
    both('second_first:20 helgrind/LockOrder + tsan/lock-order-inversion'),
  ],
];

function both(...findings: readonly string[]): ReadonlyMap<string, readonly string[]> {
  return new Map([
    ['gcc', findings],
    ['clang', findings],
  ]);
}

const runs = cases.flatMap(([name, files, expected]) =>
  [...expected].map(
    ([compiler, findings]) =>
      [
        name,
        compiler,
        files.map((file) => log(name, file.includes('.') ? file : `${file}-${compiler}.log`)),
        findings,
      ] as const,
  ),
);

describe.each(runs)('%s, built by %s', (_, __, files, expected) => {
  test('is one finding for each defect, whichever log comes first', async () => {
    expect(files.every((file) => existsSync(file))).toBe(true);
    expect(said(await reported(...files))).toEqual(expected);
    expect(said(await reported(...[...files].reverse()))).toEqual(expected);
  });

  test('each log alone has as many findings as tell of it together', async () => {
    const together = (await reported(...files)).findings.flatMap((each) => [each, ...(each.witnesses ?? [])]);
    const alone = await Promise.all(files.map(async (file) => (await reported(file)).findings));
    const ids = (findings: readonly Finding[]): readonly string[] =>
      findings.map(({ fingerprint }) => fingerprint).sort();
    expect(ids(together)).toEqual(ids(alone.flat()));
  });
});

test('memory that was never set is one finding for memcheck and MemorySanitizer, also with its origin', async () => {
  const report = await reported(log('uninitialized', 'memcheck.xml'), log('uninitialized', 'msan-clang.log'));
  expect(said(report).filter((each) => each.includes(' + '))).toEqual([
    'branch_on_copy:35 msan/use-of-uninitialized-value + memcheck/UninitCondition',
    'branch_on_heap:19 memcheck/UninitCondition + msan/use-of-uninitialized-value',
    'branch_on_stack:26 memcheck/UninitCondition + msan/use-of-uninitialized-value',
    'index_by:49 memcheck/UninitValue + msan/use-of-uninitialized-value',
  ]);
});

test('drd shows one side of a race, and is a witness of none', async () => {
  const report = await reported(log('data-race', 'drd.xml'), log('data-race', 'tsan-gcc.log'));
  expect(report.findings.flatMap(({ witnesses = [] }) => witnesses)).toEqual([]);
});

test('two compilers that build one program into one runtime are one instrument', async () => {
  const report = await reported(log('double-free', 'asan-gcc.log'), log('double-free', 'asan-clang.log'));
  expect(report.findings.flatMap(({ witnesses = [] }) => witnesses)).toEqual([]);
});

describe('a report with witnesses', () => {
  const report = reported(
    log('heap-use-after-free', 'memcheck.xml'),
    log('heap-use-after-free', 'asan-clang.log'),
  );
  const validate = new Ajv2020({ allErrors: true }).compile(schema);

  test('is valid JSON of its schema', async () => {
    validate(JSON.parse(await rendered(await report, 'json', {})));
    expect(validate.errors).toBeNull();
  });

  test.each(['pretty', 'markdown', 'github', 'junit', 'gitlab', 'sarif'])(
    'names them in %s',
    async (format) => {
      const text = await rendered(await report, format, { columns: 120, rows: 60 });
      expect(text).toMatch(/also seen by `?asan\/heap-use-after-free/);
    },
  );

  test('has their stacks in SARIF, with columns where clang tells them', async () => {
    const { runs: all } = JSON.parse(await rendered(await report, 'sarif', {}));
    const [result] = all[0].results;
    const messages = result.stacks.map(({ message }: { message: { text: string } }) => message.text);
    expect(messages.filter((each: string) => each.startsWith('asan: '))).toHaveLength(3);
    expect(result.relatedLocations.at(-1).physicalLocation.region).toEqual({
      startLine: 11,
      startColumn: 10,
    });
  });
});
