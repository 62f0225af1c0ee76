// Makes the pictures of the documentation, docs/images/*.png, with Chromium.
//
//   npm run build && node scripts/screenshots.mjs
//
// A picture is made of the HTML report, opened from a file as a reader opens it.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { chromium } from 'playwright-core';

const root = fileURLToPath(new URL('..', import.meta.url));
const images = join(root, 'docs/images');
/** Larger ones make the pages that show them slow. */
const mostBytes = 150_000;

/** What to show: a run, the address in its report, how high the picture is, and the keys that lead to a call. */
const pictures = [
  {
    name: 'massif',
    command: ['--tool=massif', './word-index', '4000'],
    hash: '#profile',
    height: 830,
    keys: ['ArrowUp', 'ArrowUp', 'ArrowUp', 'ArrowUp'],
  },
  {
    name: 'flame',
    command: ['--tool=perf', '--call-graph=dwarf', './word-index', '20000'],
    hash: '#profile',
    height: 800,
    keys: ['ArrowUp', 'ArrowUp', 'ArrowUp', 'ArrowUp', 'ArrowUp', 'ArrowUp', 'ArrowUp'],
  },
];

const folder = mkdtempSync(join(tmpdir(), 'vgrun-pictures-'));
const browser = await chromium.launch({
  executablePath: findChromium(),
  // Chromium refuses to run its sandbox for root, who is who runs it in a container.
  args: process.getuid() === 0 ? ['--no-sandbox'] : [],
});
try {
  mkdirSync(images, { recursive: true });
  execFileSync('cc', ['-g', '-O0', '-o', 'word-index', join(root, 'examples-c/word-index.c')], {
    cwd: folder,
  });
  for (const { name, command, hash, height, keys } of pictures) {
    const report = makeReport({ name, command });
    const page = await browser.newPage({
      viewport: { width: 1100, height },
      deviceScaleFactor: 1,
      colorScheme: 'light',
    });
    await page.goto(`${pathToFileURL(report).href}${hash}`);
    await page.locator('.flame[data-boxes]').waitFor();
    await page.evaluate('document.fonts.ready');
    await page.locator('.flame').focus();
    for (const key of keys) await page.keyboard.press(key);
    await page.evaluate('scrollTo(0, 0)');
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

/** The HTML report of a run as docs/profiling.md has it. */
function makeReport({ name, command }) {
  const file = join(folder, `${name}.html`);
  execFileSync(process.execPath, [join(root, 'dist/cli.js'), `--report=html=${file}`, ...command], {
    cwd: folder,
    stdio: 'inherit',
  });
  return file;
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
