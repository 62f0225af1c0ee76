// Starts the machine's Chromium and opens reports in it as a person does: from a file.
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import axe from 'axe-core';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';

const names = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];

/** Path of the browser: `$CHROMIUM`, or the first on the PATH. */
export function findChromium(): string | undefined {
  const { CHROMIUM, PATH = '' } = process.env;
  if (CHROMIUM !== undefined && CHROMIUM !== '') return CHROMIUM;
  const folders = ['/usr/bin', ...PATH.split(delimiter)];
  return folders.flatMap((folder) => names.map((name) => join(folder, name))).find(existsSync);
}

/** In CI a missing browser fails the tests; elsewhere they are skipped, visibly. */
export const hasChromium: boolean = process.env.CI === 'true' || findChromium() !== undefined;

/** A browser and a folder for the reports. */
export interface Reader {
  /** Writes the report (a page, or a drawing) to a file and opens it, at an address in it if one is given. */
  readonly open: (
    html: string,
    options?: BrowserContextOptions & { readonly hash?: string; readonly svg?: boolean },
  ) => Promise<OpenReport>;
  readonly close: () => Promise<void>;
}

/** A page, and what it did that it should not have done. */
export interface OpenReport {
  readonly page: Page;
  /** Errors and warnings of the console, uncaught exceptions, dialogs, and requests for anything but the file. */
  readonly offences: readonly string[];
}

export async function startReader(): Promise<Reader> {
  const executablePath = findChromium();
  if (executablePath === undefined) throw new Error('there is no Chromium; name one with $CHROMIUM');
  const browser: Browser = await chromium.launch({
    executablePath,
    // Chromium refuses to run its sandbox for root, who is who runs tests in a container.
    args: process.getuid?.() === 0 ? ['--no-sandbox'] : [],
  });
  const folder = mkdtempSync(join(tmpdir(), 'vgrun-browser-'));
  let files = 0;
  return {
    open: async (html, { hash = '', svg = false, ...options } = {}) => {
      const file = join(folder, `report-${files++}.${svg ? 'svg' : 'html'}`);
      writeFileSync(file, html);
      const address = pathToFileURL(file).href;
      const page = await browser.newPage(options);
      const offences: string[] = [];
      page.on('console', (message) => {
        if (/^(?:error|warning)$/.test(message.type())) offences.push(`console: ${message.text()}`);
      });
      page.on('pageerror', (error) => offences.push(`exception: ${error.message}`));
      page.on('dialog', (dialog) => {
        offences.push(`dialog: ${dialog.message()}`);
        void dialog.dismiss();
      });
      page.on('request', (request) => {
        if (request.url().replace(/#.*/, '') !== address) offences.push(`request: ${request.url()}`);
      });
      await page.goto(`${address}${hash}`);
      if (options.javaScriptEnabled !== false && !svg) await page.waitForSelector('html[data-ready]');
      return { page, offences };
    },
    close: async () => {
      await browser.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** What axe-core finds wrong with the page as it is now. */
export async function violationsOf(page: Page): Promise<readonly string[]> {
  if (!(await page.evaluate<boolean>('"axe" in globalThis'))) await page.evaluate(axe.source);
  // What passed is thousands of nodes: axe is neither to name them all nor to send them here.
  const violations = await page.evaluate<axe.Result[]>(
    'axe.run({ resultTypes: ["violations"] }).then((results) => results.violations)',
  );
  return violations.flatMap(({ id, nodes }) =>
    nodes.map(({ html, failureSummary }) => `${id}: ${html} ${failureSummary}`),
  );
}

/** Whether the page can be scrolled sideways, which on a phone it must not. */
export function isTooWide(page: Page): Promise<boolean> {
  return page.evaluate<boolean>('document.documentElement.scrollWidth > innerWidth');
}
