// One measurement of `bench massif`, in a process of its own: `node massif-worker.mjs FILE BUNDLE`, JSON on stdout.
import { createReadStream } from 'node:fs';
import { pathToFileURL } from 'node:url';

const [file, bundle] = process.argv.slice(2);
const { massifReader } = await import(pathToFileURL(bundle).href);

const context = { artifact: file, nextImage: () => 0, interpreterFor: () => undefined };
let snapshots = 0;
let rows = 0;
const problems = [];
for await (const record of massifReader.read(createReadStream(file, { highWaterMark: 1 << 18 }), context)) {
  if (record.type === 'problem') problems.push(record.problem.code);
  if (record.type !== 'profile') continue;
  snapshots += record.profile.timeline.snapshots.length;
  for (const { parents } of record.profile.trees) rows += parents.length;
}
process.stdout.write(JSON.stringify({ snapshots, rows, problems, rssKiB: process.resourceUsage().maxRSS }));
