// A made-up profile with a call tree of as many nodes as wanted: what the tests of size and the measurements render.
import { reportProfiles } from '../../src/analyze/profile/index.ts';
import type { CallTree, Measure, Profile, ProfileFrame } from '../../src/model/profile.ts';
import { frameTable, sumOf, treeBuilder } from '../../src/model/profile-tables.ts';
import type { Report } from '../../src/model/report.ts';
import { manyFindings } from './many-findings.ts';

const root = '/home/ann/server';
const measures: readonly Measure[] = [
  { name: 'cpu-clock', title: 'CPU time', unit: 'ns' },
  { name: 'samples', title: 'samples', unit: 'samples' },
];

/** The function that every tree has somewhere deep in it. */
export const rareFunction = 'needle_in_the_stack';

/** A report with one profile: one tree, up to 57 calls deep, over `functions` functions. The same for the same numbers. */
export function manyCalls(nodes: number, functions = 4_000): Report {
  const tree = treeBuilder(measures.length);
  const frames = frameTable();
  const random = createRandom();
  const frameOf = (number: number, line: number): number => frames.add(frame(number, functions, line));
  const start = tree.append(-1, frameOf(0, 1));
  while (tree.size() < nodes) {
    // A walk from the start: every function calls a few others, some much more often than the rest.
    let node = start;
    let number = 0;
    const length = 6 + Math.floor(random() * 50);
    for (let depth = 0; depth < length; depth++) {
      const callee = Math.floor(random() ** 2.5 * (2 + depth / 4));
      number = Math.imul(number * 31 + callee + 1, 0x9e3779b1) >>> 0;
      node = tree.child(node, frameOf(number % functions, 1 + (number % 3)));
    }
    const samples = 1 + Math.floor(random() ** 4 * 20);
    tree.add(node, 0, samples * 1_000_003);
    tree.add(node, 1, samples);
  }
  tree.add(tree.append(0, frames.add({ object: `${root}/server`, function: rareFunction })), 1, 3);
  const built: CallTree = tree.build();
  const profile: Profile = {
    format: 'perf',
    measures,
    primary: 0,
    totals: built.values.map(sumOf),
    frames: frames.frames,
    trees: [built],
    functions: [],
    files: [],
    notes: [],
  };
  const { findings: _, ...base } = manyFindings(1);
  return {
    ...base,
    outcome: 'clean',
    reasons: [],
    status: 0,
    findings: [],
    tool: { name: 'perf' },
    profiles: reportProfiles([{ image: 0, pid: 100, program: `${root}/server`, complete: true, profile }], {
      projectRoot: root,
    }),
  };
}

function frame(number: number, functions: number, line: number): ProfileFrame {
  const name = number === 0 ? 'main' : `server::module_${number % 97}::handle_${number}(Request const&)`;
  if (number > functions * 0.7) return { object: '[kernel.kallsyms]', function: `sys_${number}` };
  if (number > functions * 0.5)
    return { object: '/usr/lib/x86_64-linux-gnu/libc.so.6', function: `c_${number}` };
  return {
    object: `${root}/server`,
    function: name,
    directory: `${root}/src`,
    file: `module_${number % 97}.cpp`,
    line: line * 10,
  };
}

/** Numbers from 0 to 1, the same at every run. */
function createRandom(): () => number {
  let state = 0x2545f491;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}
