// One measurement of `bench stacks`, in a process of its own: `node stacks-worker.mjs READER FILE BUNDLE`; `-` is stdin.
// JSON on stdout: samples, distinct stacks and the sum of periods, time without start-up, peak memory.
import { createReadStream } from 'node:fs';
import { pathToFileURL } from 'node:url';

const [name, file, bundle] = process.argv.slice(2);
const reader = (await import(pathToFileURL(bundle).href))[name];

const start = performance.now();
const result = { samples: 0, stacks: 0, total: 0, problems: [] };
let images = 0;
const context = { artifact: file, nextImage: () => images++, interpreterFor: () => undefined };
for await (const record of reader.read(file === '-' ? process.stdin : createReadStream(file), context)) {
  if (record.type === 'problem') result.problems.push(record.problem.code);
  if (record.type !== 'profile') continue;
  const { trees, totals, measures, primary } = record.profile;
  result.total += totals[primary];
  const samples = measures.findIndex((measure) => measure.name === 'samples');
  result.samples += totals[samples];
  for (const { values } of trees) for (const value of values[samples]) if (value > 0) result.stacks++;
}
const ms = performance.now() - start;
process.stdout.write(JSON.stringify({ ...result, ms, rssKiB: process.resourceUsage().maxRSS }));
