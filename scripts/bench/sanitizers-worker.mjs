// One measurement of `bench sanitizers`, in a process of its own: `node sanitizers-worker.mjs read|lines FILE BUNDLE`.
// JSON on stdout: findings or lines, time without start-up, peak memory.
import { createReadStream } from 'node:fs';
import { pathToFileURL } from 'node:url';

const [what, file, bundle] = process.argv.slice(2);
const { sanitizerReader } = await import(pathToFileURL(bundle).href);

const start = performance.now();
const result = { findings: 0, lines: 0, problems: [] };
if (what === 'lines') {
  for await (const chunk of createReadStream(file)) {
    for (let at = chunk.indexOf(10); at !== -1; at = chunk.indexOf(10, at + 1)) result.lines++;
  }
} else {
  let images = 0;
  const context = { artifact: file, nextImage: () => ++images, interpreterFor: () => undefined };
  for await (const record of sanitizerReader.read(createReadStream(file), context)) {
    if (record.type === 'finding') result.findings++;
    if (record.type === 'problem') result.problems.push(record.problem.code);
  }
}
const ms = performance.now() - start;
process.stdout.write(JSON.stringify({ ...result, ms, rssKiB: process.resourceUsage().maxRSS }));
