// `bench reporters`: 50,000 distinct findings to every format, and how soon the HTML report is usable in Chromium.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { esbuildPage } from '../page-plugin.mjs';
import { bundle } from './bundle.mjs';

const worker = fileURLToPath(new URL('reporters-worker.mjs', import.meta.url));

/** Each format in a process of its own, the best of some rounds; peak memory holds the report itself too. */
export async function reportersBench({ quick }) {
  const folder = mkdtempSync(join(tmpdir(), 'vgrun-bench-'));
  try {
    const module = await bundle(
      join(folder, 'reporters.mjs'),
      "export { formatsFor, render } from './src/report/index.ts';" +
        "export { manyFindings } from './test/report/many-findings.ts';",
      {
        // CommonJS dependencies ask for `require`, which ES modules lack.
        banner: {
          js: "import { createRequire as __benchRequire } from 'node:module'; const require = __benchRequire(import.meta.url);",
        },
        plugins: [esbuildPage],
      },
    );
    const { formatsFor, manyFindings } = await import(pathToFileURL(module).href);
    const count = 50_000;
    const rows = [];
    for (const format of formatsFor(manyFindings(1))) {
      const runs = Array.from({ length: quick ? 1 : 3 }, () =>
        JSON.parse(
          execFileSync(process.execPath, [worker, module, format, String(count), join(folder, format)], {
            encoding: 'utf8',
          }),
        ),
      );
      const ms = Math.min(...runs.map((run) => run.ms));
      const rss = Math.min(...runs.map((run) => run.rss));
      const size = `${(runs[0].bytes / 1e6).toFixed(1)} MB`;
      rows.push(
        row(`50,000 findings to ${format}`, `${(ms / 1000).toFixed(2)} s`, size, '<= 3 s', ms <= 3000),
        row(`peak memory of ${format}`, `${(rss / 1e6).toFixed(0)} MB`, size, '<= 400 MB', rss <= 400e6),
      );
    }
    rows.push(await usableRow(join(folder, 'html'), folder, quick));
    return rows;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** From the start of the navigation until the list is there and can be searched. */
async function usableRow(file, folder, quick) {
  const chromiumPath = [
    process.env.CHROMIUM,
    '/usr/bin/chromium',
    '/usr/bin/chromium-browser',
    '/usr/bin/google-chrome',
  ].find((path) => path !== undefined && existsSync(path));
  const what = 'HTML of 50,000 usable in Chromium';
  if (chromiumPath === undefined) return row(what, 'not measured', 'no Chromium', '<= 2 s', undefined);
  const { chromium } = await import('playwright-core');
  const page = `${file}.html`;
  execFileSync('cp', [file, page], { cwd: folder });
  const browser = await chromium.launch({
    executablePath: chromiumPath,
    args: process.getuid?.() === 0 ? ['--no-sandbox'] : [],
  });
  try {
    const times = [];
    const searches = [];
    for (let round = 0; round < (quick ? 1 : 3); round++) {
      const tab = await browser.newPage();
      const start = performance.now();
      await tab.goto(pathToFileURL(page).href);
      await tab.waitForSelector('html[data-ready] [role=treeitem]');
      times.push(performance.now() - start);
      const before = performance.now();
      await tab.getByLabel('Search findings').fill('needle.c');
      await tab.getByText('50 findings of').waitFor();
      searches.push(performance.now() - before);
      await tab.close();
    }
    const ms = Math.min(...times);
    const search = `search ${Math.min(...searches).toFixed(0)} ms`;
    return row(what, `${(ms / 1000).toFixed(2)} s`, search, '<= 2 s', ms <= 2000);
  } finally {
    await browser.close();
  }
}

function row(what, measured, reference, goal, ok) {
  return { what, measured, reference, goal, ok };
}
