// Which bytes of a log belong to which request: whatever the order in which requests begin, end and write.
import {
  appendFileSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createLogMarks } from '../../../src/run/replay/log-marks.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vgrun-marks-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const write = (name: string, bytes: number) => appendFileSync(join(folder, name), 'x'.repeat(bytes));

test('what is written while a request is served, and until the next one comes, is its own', () => {
  const marks = createLogMarks<string>(folder);
  write('valgrind.1-1.xml', 10);
  marks.begin('first');
  write('valgrind.1-1.xml', 5);
  marks.end('first');
  write('valgrind.1-1.xml', 2);
  marks.begin('second');
  marks.end('second');
  marks.begin('third');
  write('valgrind.1-1.xml', 1);
  marks.end('third');
  marks.close();
  write('valgrind.1-1.xml', 100);
  marks.close();
  expect([...marks.grown()]).toEqual([
    ['first', [{ artifact: 'valgrind.1-1.xml', from: 10, to: 17 }]],
    ['third', [{ artifact: 'valgrind.1-1.xml', from: 17, to: 18 }]],
  ]);
});

test('a request that the process did not take has no part of its log', () => {
  const marks = createLogMarks<string>(folder);
  marks.begin('first');
  write('valgrind.1-1.xml', 5);
  marks.end('first');
  marks.begin('second');
  write('valgrind.1-1.xml', 7);
  marks.forget('second');
  marks.close();
  expect([...marks.grown().keys()]).toEqual(['first']);
});

test('files that are no logs, and links, are not looked at', () => {
  const marks = createLogMarks<string>(folder);
  marks.begin('first');
  write('run.json', 5);
  write('massif.out.1', 5);
  marks.end('first');
  expect(marks.grown().size).toBe(0);
});

/** One thing that happens. */
type Step =
  | { readonly what: 'begin' }
  | { readonly what: 'end' }
  | { readonly what: 'rename' }
  | { readonly what: 'append'; readonly log: number; readonly bytes: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.constantFrom<Step>({ what: 'begin' }, { what: 'end' }, { what: 'rename' }),
  fc.record({
    what: fc.constant('append' as const),
    log: fc.nat(2),
    bytes: fc.integer({ min: 1, max: 40 }),
  }),
);

test('every byte belongs to those that were served when it was written, or to the one that had just ended', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      for (const name of readdirSync(folder)) rmSync(join(folder, name));
      const names = ['valgrind.1-1.xml', 'valgrind-1.log', 'sanitizer.app.1'];
      for (const name of names) writeFileSync(join(folder, name), '');
      const marks = createLogMarks<number>(folder);
      const sizes = [0, 0, 0];
      const owners: number[][][] = [[], [], []];
      const active: number[] = [];
      let justEnded: number[] = [];
      let next = 0;
      let renamed = 0;
      for (const each of steps) {
        if (each.what === 'begin') {
          justEnded = [];
          active.push(next);
          marks.begin(next++);
        } else if (each.what === 'end') {
          const done = active.shift();
          if (done === undefined) continue;
          justEnded.push(done);
          marks.end(done);
        } else if (each.what === 'append') {
          write(names[each.log] as string, each.bytes);
          sizes[each.log] = (sizes[each.log] ?? 0) + each.bytes;
          for (let byte = 0; byte < each.bytes; byte++) owners[each.log]?.push([...active, ...justEnded]);
        } else {
          const name = `valgrind.1-${++renamed + 1}.xml`;
          renameSync(join(folder, names[0] as string), join(folder, name));
          names[0] = name;
        }
      }
      marks.close();
      const told = sizes.map((size) => Array.from({ length: size }, (): number[] => []));
      for (const [pass, parts] of marks.grown()) {
        for (const { artifact, from, to } of parts) {
          const log = names.indexOf(artifact);
          expect(log).not.toBe(-1);
          expect(to).toBeLessThanOrEqual(statSync(join(folder, artifact)).size);
          for (let byte = from; byte < to; byte++) told[log]?.[byte]?.push(pass);
        }
      }
      const sorted = (of: readonly (readonly number[])[]) =>
        of.map((passes) => [...passes].sort((a, b) => a - b));
      for (const [log, bytes] of told.entries()) {
        expect(sorted(bytes)).toEqual(sorted(owners[log] ?? []));
      }
    }),
    { numRuns: 60 },
  );
});
