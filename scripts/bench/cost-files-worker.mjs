// One measurement of `bench cost-files`, in a process of its own: `node cost-files-worker.mjs FILE BUNDLE`, JSON on stdout.
import { createReadStream } from 'node:fs';
import { pathToFileURL } from 'node:url';

const [file, bundle] = process.argv.slice(2);
const { readerFor, analyze } = await import(pathToFileURL(bundle).href);

let images = 0;
let readMs = 0;
const context = { artifact: 'input', nextImage: () => images++, interpreterFor: () => () => undefined };
const start = performance.now();

async function* records() {
  const head = createReadStream(file, { end: 65535 });
  const reader = readerFor(Buffer.concat(await head.toArray()));
  for await (const record of reader.read(createReadStream(file, { highWaterMark: 1 << 18 }), context))
    yield record;
  readMs = performance.now() - start;
}

const { profiles, problems } = await analyze(records(), { vgrun: '0.0.0' });
const [profile] = profiles;
if (profile === undefined || problems.length > 0) throw new Error(JSON.stringify(problems));
process.stdout.write(
  JSON.stringify({
    total: profile.totals[profile.primary],
    functions: profile.functions.length,
    lines: profile.lines.lines.length,
    edges: profile.edges?.callers.length,
    nodes: profile.trees[0]?.parents.length,
    readMs,
    ms: performance.now() - start,
    rssKiB: process.resourceUsage().maxRSS,
  }),
);
