// Makes the pictures of the documentation, docs/images/*.png, with Chromium.
//
//   node scripts/screenshots.mjs                     from made-up reports, the same on every machine
//   node scripts/screenshots.mjs --real PROGRAM ...  from runs of dist/cli.js with PROGRAM under massif and callgrind
//
// A picture is made of the HTML report, opened from a file as a reader opens it.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import { chromium } from 'playwright-core';
import { esbuildPage } from './page-plugin.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const images = join(root, 'docs/images');
/** Larger ones make the pages that show them slow. */
const mostBytes = 150_000;

/** What to show: the report of a scenario or of a tool, the address in it, how high the picture is, and the keys that lead to a call. */
const pictures = [
  {
    name: 'massif',
    scenario: 'profile-heap-over-time',
    tool: 'massif',
    hash: '#profile',
    height: 830,
    keys: ['ArrowUp', 'ArrowUp', 'ArrowUp', 'ArrowUp'],
  },
  {
    name: 'flame',
    scenario: 'profile-samples',
    tool: 'callgrind',
    hash: '#profile',
    height: 720,
    keys: ['ArrowUp', 'ArrowUp', 'ArrowUp', 'ArrowUp', 'ArrowUp'],
  },
];

const [flag, ...command] = process.argv.slice(2);
if (flag !== undefined && (flag !== '--real' || command.length === 0)) {
  console.error('usage: node scripts/screenshots.mjs [--real PROGRAM [ARGUMENT...]]');
  process.exit(2);
}

const folder = mkdtempSync(join(tmpdir(), 'vgrun-pictures-'));
const browser = await chromium.launch({
  executablePath: findChromium(),
  // Chromium refuses to run its sandbox for root, who is who runs it in a container.
  args: process.getuid() === 0 ? ['--no-sandbox'] : [],
});
try {
  mkdirSync(images, { recursive: true });
  const reports = flag === undefined ? await madeUpReports() : realReports();
  for (const { name, hash, height, keys } of pictures) {
    const page = await browser.newPage({
      viewport: { width: 1100, height },
      deviceScaleFactor: 1,
      colorScheme: 'light',
    });
    await page.goto(`${pathToFileURL(reports.get(name)).href}${hash}`);
    await page.locator('.flame[data-boxes]').waitFor();
    await page.evaluate('document.fonts.ready');
    await page.locator('.flame').focus();
    for (const key of keys) await page.keyboard.press(key);
    const file = join(images, `${name}.png`);
    await page.screenshot({ path: file });
    await page.close();
    const { size } = statSync(file);
    console.log(`${file} ${Math.round(size / 1000)} kB`);
    if (size > mostBytes) process.exitCode = 1;
  }
} finally {
  await browser.close();
  rmSync(folder, { recursive: true, force: true });
}

/** Reports of the scenarios that the tests render. */
async function madeUpReports() {
  const bundle = join(folder, 'scenarios.mjs');
  await build({
    stdin: {
      contents:
        "export { render } from './src/report/index.ts';" +
        "export { profileScenarios } from './test/report/profile-scenarios.ts';",
      resolveDir: root,
    },
    bundle: true,
    platform: 'node',
    format: 'esm',
    // CommonJS dependencies ask for `require`, which ES modules lack.
    banner: {
      js: "import { createRequire as __pictureRequire } from 'node:module'; const require = __pictureRequire(import.meta.url);",
    },
    plugins: [esbuildPage],
    outfile: bundle,
    logLevel: 'error',
  });
  const { render, profileScenarios } = await import(pathToFileURL(bundle).href);
  const files = new Map();
  for (const { name, scenario } of pictures) {
    const pieces = [];
    for await (const piece of render(await profileScenarios.get(scenario)(), 'html')) pieces.push(piece);
    const file = join(folder, `${name}.html`);
    writeFileSync(file, pieces.join(''));
    files.set(name, file);
  }
  return files;
}

/** Reports of real runs of a program. Its own status is of no interest here, only that there is a report. */
function realReports() {
  const files = new Map();
  for (const { name, tool } of pictures) {
    const file = join(folder, `${name}.html`);
    try {
      execFileSync(
        process.execPath,
        [join(root, 'dist/cli.js'), `--tool=${tool}`, `--report=html=${file}`, ...command],
        { stdio: 'inherit' },
      );
    } catch (error) {
      if (!existsSync(file) || readFileSync(file, 'utf8') === '') throw error;
    }
    files.set(name, file);
  }
  return files;
}

function findChromium() {
  const { CHROMIUM, PATH = '' } = process.env;
  if (CHROMIUM) return CHROMIUM;
  const names = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];
  const found = PATH.split(':')
    .flatMap((place) => names.map((name) => join(place, name)))
    .find(existsSync);
  if (found === undefined) throw new Error('there is no Chromium; name one with $CHROMIUM');
  return found;
}
