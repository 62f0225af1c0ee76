// Public logs of sanitizers: what we read of them is what the projects they come from say of them.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { FindingRecord, Frame } from '../../src/model/finding.ts';
import type { ParsedRecord } from '../../src/model/record.ts';
import { readRegistered } from '../recordings.ts';

const corpus = join(import.meta.dirname, '..', 'corpus');

function oracle<Case>(name: string): readonly Case[] {
  return JSON.parse(readFileSync(join(import.meta.dirname, 'oracles', `${name}.json`), 'utf8')).cases;
}

const recordsOf = (path: string) => readRegistered(readFileSync(join(corpus, path)), 4093);

function findingsOf(records: readonly ParsedRecord[]): FindingRecord[] {
  return records.filter((record) => record.type === 'finding');
}

/** `/dir/a.cpp:12:5` */
function placeOf({ directory, file, line, column }: Frame): string {
  const path = directory === undefined ? `${file}` : `${directory}/${file}`;
  return [path, line, column].filter((part) => part !== undefined).join(':');
}

describe('CASR', () => {
  const [, ...rows] = readFileSync(join(corpus, 'asan/casr/oracle.tsv'), 'utf8').trim().split('\n');

  test.each(rows.map((row) => row.split('\t')))(
    '%s is %s at %s',
    async (input, short, crashLine, count, frame0) => {
      const records = await recordsOf(`asan/casr/${input}`);
      const [finding, ...others] = findingsOf(records);
      expect(others).toEqual([]);
      const [kind, operation] =
        short?.startsWith('SourceAv') === true
          ? ['SEGV', 'read']
          : short === 'DestAv'
            ? ['SEGV', 'write']
            : [short?.replace(/\(.*/, ''), /\((\w+)\)/.exec(short ?? '')?.[1]];
      expect(finding?.kind).toBe(kind);
      expect(finding?.access?.operation).toBe(operation);
      const [stack] = finding?.stacks ?? [];
      expect(stack?.label).toBe('at');
      expect(stack?.frames.length).toBe(Number(count));
      expect(stack?.frames.map(placeOf)).toContain(crashLine);
      const [, ip, place] = /^#0 (0x\S+) (?:in (?:.* )?| *)(?:(\/\S+)|\(.*)$/.exec(frame0 ?? '') ?? [];
      expect(ip).toBeDefined();
      expect(stack?.frames[0]?.ip).toBe(ip);
      if (place !== undefined) expect(stack?.frames[0] && placeOf(stack.frames[0])).toBe(place);
    },
  );
});

describe('ClusterFuzz', () => {
  interface Case {
    readonly case: string;
    readonly crash_type?: string;
    readonly crash_address?: string;
    readonly crash_state?: readonly string[];
  }

  /** Where ClusterFuzz names the error after what the program or a fuzzer printed besides, which is no sanitizer's. */
  const namedByProgram =
    /^(?:CHECK failure|Out-of-memory|Fatal error|ASSERT|Command injection|V8 sandbox violation|Index out of range|Slice bounds out of range)/;

  /** Its names for kinds that have others in -fsanitize= and in reports. */
  const kinds: Readonly<Record<string, string>> = {
    'invalid-bool-value': 'bool',
    'allocation-tail-overwritten': 'allocation-tail-overwritten',
    abrt: 'ABRT',
    ill: 'ILL',
    'bad-cast': 'vptr',
    unknown: 'SEGV',
    'null-dereference': 'SEGV',
  };

  /** Differs, and why. */
  const differing: Readonly<Record<string, string>> = {
    'cfi_unrelated_vtable.txt':
      'a bad cast that CFI found: the kind is that of its check, cfi-unrelated-cast',
    'asan_null_dereference_win_write.txt': 'Windows says access-violation',
    'ignore_sanitizer.txt': 'Windows says access-violation',
    'sanitizer_illegal_instruction_windows.txt': 'Windows says illegal-instruction',
  };

  /** The state is made from other lines than the stack: a message, a symbol of the kernel, only the name of a file. */
  const otherState =
    /unknown_module|cfi_unrelated_vtable|v8_process_oom|golang_|libfuzzer_llvm_fuzzer_test_one|oom2|address_in_state/;

  test.each(oracle<Case>('clusterfuzz'))(
    '$case',
    async ({ case: path, crash_type: type = '', crash_address: at, crash_state: state = [] }) => {
      const records = await recordsOf(path);
      const findings = findingsOf(records);
      expect(findings.length).toBeGreaterThan(0);
      const finding = findings[0] as FindingRecord;
      const name = path.replace(/.*\/input\./, '');
      const [word = '', access = ''] = type.split('\n');
      if (word !== '' && !namedByProgram.test(word) && !(name in differing)) {
        const plain = word.replace(/ (?:READ|WRITE)$/, '').toLowerCase();
        expect(finding.kind).toBe(kinds[plain] ?? plain);
      }
      const operation = /READ|WRITE/.exec(type)?.[0].toLowerCase();
      if (operation !== undefined) expect(finding.access?.operation).toBe(operation);
      const size = /(?:READ|WRITE) (\d+)/.exec(access)?.[1];
      if (size !== undefined) expect(finding.access?.size).toBe(Number(size));
      if (at !== undefined) {
        const told = [
          finding.access?.address,
          ...records.map((record) => (record.type === 'fatal-signal' ? record.address : undefined)),
          /0x[0-9a-f]+/.exec(finding.what)?.[0],
        ];
        expect(told).toContain(at);
      }
      if (otherState.test(name)) return;
      // Its state leaves out frames of runtimes and arguments; what it has must be in our stack, in this order.
      const names = (findings.at(-1) as FindingRecord).stacks.flatMap(({ frames }) =>
        frames.map((frame) => frame.function ?? ''),
      );
      let from = 0;
      for (const wanted of state) {
        if (wanted === '' || / in | to |[=!]=|NUMBER/.test(wanted)) continue;
        const index = names.findIndex(
          (own, index) =>
            index >= from && own.replace(/\(anonymous namespace\)::/g, '').includes(wanted.slice(0, 60)),
        );
        expect(index, `${wanted} in ${names.join(' | ')}`).toBeGreaterThanOrEqual(from);
        from = index + 1;
      }
    },
  );
});

describe('FuzzManager', () => {
  // [case, address, frames of the first stack]
  test.each([
    ['asan/fuzzmanager/input.trace_asan_heap_crash.txt', '0x00000019', []],
    [
      'asan/fuzzmanager/input.asan_trace_crash.txt',
      '0x00000014',
      ['js::AbstractFramePtr::asRematerializedFrame() const'],
    ],
    ['ubsan/fuzzmanager/input.trace_ubsan_div_by_zero.txt', undefined, ['main']],
  ] as const)('%s', async (path, address, first) => {
    const [finding] = findingsOf(await recordsOf(path));
    expect(finding?.access?.address).toBe(address);
    const names = finding?.stacks[0]?.frames.map((frame) => frame.function) ?? [];
    expect(names.slice(0, 1)).toEqual(first);
  });

  test('divisions by zero have a place and three calls', async () => {
    const [finding] = findingsOf(await recordsOf('ubsan/fuzzmanager/input.trace_ubsan_div_by_zero.txt'));
    expect([finding?.kind, finding?.stacks[0]?.frames.length]).toEqual(['integer-divide-by-zero', 3]);
  });

  // FuzzManager reads these excerpts, which end within a stack. To us they may be half, and half a stack is another error.
  test.each(['trace_asan_clang14', 'trace_asan_strcat_param_overlap'])(
    '%s ends within its stack: the error is named, and left out',
    async (name) => {
      const records = await recordsOf(`asan/fuzzmanager/input.${name}.txt`);
      expect(findingsOf(records)).toEqual([]);
      const problems = records.flatMap((record) => (record.type === 'problem' ? [record.problem] : []));
      expect(problems).toMatchObject([{ code: 'truncated-log', level: 'incomplete' }]);
    },
  );
});

describe('compiler-rt', () => {
  interface Case {
    readonly case: string;
    readonly summary: readonly string[];
  }

  test.each(oracle<Case>('compiler-rt'))(
    '$case has one finding for each SUMMARY',
    async ({ case: path, summary }) => {
      const records = await recordsOf(path);
      const findings = findingsOf(records);
      const errors = summary.filter((line) => line.includes('use-of-uninitialized-value'));
      const uses = findings.filter(({ tool }) => tool === 'msan');
      expect(uses.length).toBe(errors.length);
      for (const [index, line] of errors.entries()) {
        const place = / (\/\S+) in /.exec(line)?.[1];
        const frame = uses[index]?.stacks[0]?.frames[0];
        if (place !== undefined) expect(frame && placeOf(frame)).toBe(place);
      }
      // 2003 byte(s) leaked in 2 allocation(s).
      const told = summary.flatMap((line) => {
        const [, bytes, blocks] = /(\d+) byte\(s\) leaked in (\d+) allocation/.exec(line) ?? [];
        return bytes === undefined ? [] : [[Number(bytes), Number(blocks)] as const];
      });
      const leaks = findings.flatMap(({ leak }) => (leak === undefined ? [] : [leak]));
      const sum = (numbers: readonly number[]) => numbers.reduce((all, number) => all + number, 0);
      expect(sum(leaks.map(({ bytes }) => bytes))).toBe(sum(told.map(([bytes]) => bytes)));
      expect(sum(leaks.map(({ blocks }) => blocks))).toBe(sum(told.map(([, blocks]) => blocks)));
    },
  );
});
