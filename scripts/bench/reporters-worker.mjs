// Renders a made-up report to a file, for the bench of the reporters: BUNDLE FORMAT COUNT FILE.
import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';
import { pathToFileURL } from 'node:url';

const [bundle, format, count, file] = process.argv.slice(2);
const { manyFindings, render } = await import(pathToFileURL(bundle).href);
const report = manyFindings(Number(count));
const start = performance.now();
const descriptor = openSync(file, 'w');
let bytes = 0;
for await (const piece of render(report, format)) bytes += writeSync(descriptor, piece);
closeSync(descriptor);
const ms = performance.now() - start;
// `VmHWM:	  123456 kB`
const [, peak] = /VmHWM:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'));
process.stdout.write(JSON.stringify({ ms, bytes, rss: Number(peak) * 1024 }));
