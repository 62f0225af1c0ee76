// The HTML report in a real browser: opened, searched, filtered, followed, in both themes, on a phone, by keyboard.
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Finding, Report } from '../../src/model/report.ts';
import { htmlOf } from '../report/html-document.ts';
import { manyFindings } from '../report/many-findings.ts';
import { scenarios } from '../report/scenarios.ts';
import { hasChromium, isTooWide, type Reader, startReader, violationsOf } from './chromium.ts';

const desktop = { width: 1280, height: 800 };
const phone = { width: 390, height: 844 };

/** The parts of the page that a report has, by their addresses. */
async function partsOf(page: Page): Promise<readonly string[]> {
  const links = page.locator('nav.parts a');
  return links.evaluateAll((all) => all.map((link) => link.getAttribute('href') ?? ''));
}

/** What stands above a finding: the tool's sentence, but for a leak its title. */
function titleOf(finding: Finding | undefined): string | undefined {
  return finding?.leak === undefined ? finding?.what : finding.title;
}

const rows = '[role=treeitem]:not(.group)';
const selected = '[role=treeitem][aria-selected=true]';
const heading = '#finding-title';

/** Goes to a part of the page, and waits until it is there. */
async function goTo(page: Page, part: string): Promise<void> {
  await page.locator(`nav.parts a[href="${part}"]`).click();
  await page.locator(`nav.parts a[href="${part}"][aria-current=page]`).waitFor();
}

/** Whether the page lists any finding when nothing is filtered. */
function showsFindings(report: Report): boolean {
  return report.findings.some(({ hidden }) => !hidden);
}

/** What has the focus, by one of its attributes. */
function focused(page: Page, attribute: string): Promise<unknown> {
  return page.evaluate(`document.activeElement.getAttribute('${attribute}')`);
}

describe.skipIf(!hasChromium)('in Chromium', () => {
  let reader: Reader;
  beforeAll(async () => {
    reader = await startReader();
  });
  afterAll(() => reader.close());

  const scenario = async (name: string): Promise<Report> => {
    const report = await scenarios.get(name)?.();
    if (report === undefined) throw new Error(`there is no scenario ${name}`);
    return report;
  };

  describe.each([...scenarios])('%s', (_, make) => {
    test.each(['light', 'dark'] as const)(
      'every part opens from a file in %s, asks for nothing, and is accessible',
      async (colorScheme) => {
        const report = await make();
        const { page, offences } = await reader.open(await htmlOf(report), {
          colorScheme,
          viewport: desktop,
        });
        for (const part of await partsOf(page)) {
          await goTo(page, part);
          expect(await violationsOf(page), part).toEqual([]);
        }
        await goTo(page, '#findings');
        if (showsFindings(report)) {
          await page.locator(rows).first().click();
          await page.locator('.detail .print').waitFor();
          for (const summary of await page.locator('.detail summary').all()) await summary.click();
          expect(await violationsOf(page), 'finding').toEqual([]);
        }
        expect(offences).toEqual([]);
        await page.close();
      },
    );

    test('fits a phone', async () => {
      const report = await make();
      const { page, offences } = await reader.open(await htmlOf(report), { viewport: phone });
      for (const part of await partsOf(page)) {
        await goTo(page, part);
        expect(await isTooWide(page), part).toBe(false);
      }
      await goTo(page, '#findings');
      if (showsFindings(report)) {
        await page.locator(rows).first().click();
        await page.locator('.detail .print').waitFor();
        await page.locator('.list').waitFor({ state: 'hidden' });
        expect(await isTooWide(page), 'finding').toBe(false);
        expect(await violationsOf(page)).toEqual([]);
        await page.getByRole('button', { name: 'List' }).click();
        await page.locator('.list').waitFor();
      }
      expect(offences).toEqual([]);
      await page.close();
    });
  });

  test('a search and filters leave what they say, and say how many', async () => {
    const { page, offences } = await reader.open(await htmlOf(await scenario('ten-mixed-findings')));
    const shown = page.getByRole('status');
    await expect.poll(() => shown.textContent()).toBe('10 findings');
    await page.keyboard.press('/');
    await expect
      .poll(() => page.getByLabel('Search findings').evaluate((field) => field.matches(':focus')))
      .toBe(true);
    await page.keyboard.type('overlap');
    await expect.poll(() => shown.textContent()).toBe('1 finding of 10');
    await expect.poll(() => page.locator(rows).count()).toBe(1);
    await expect
      .poll(() => page.locator(rows).textContent())
      .toContain('Source and destination overlap in strcpy');
    await page.getByLabel('Search findings').fill('');
    await page.getByLabel('Severity').selectOption('critical');
    const critical = (await scenario('ten-mixed-findings')).findings.filter(
      ({ severity, hidden }) => severity === 'critical' && !hidden,
    ).length;
    expect(critical).toBeGreaterThan(0);
    await expect.poll(() => shown.textContent()).toBe(`${critical} findings of 10`);
    await page.getByLabel('Severity').selectOption('');
    await page.getByLabel('show all').check();
    await expect.poll(() => shown.textContent()).toBe('11 findings');
    await page.getByLabel('Search findings').fill('no such thing');
    await expect.poll(() => page.locator('.empty').textContent()).toBe('No finding is like this.');
    expect(offences).toEqual([]);
    await page.close();
  });

  test('a finding is followed by a click, with its stacks, source, explanation and a link to share', async () => {
    const report = await scenario('ten-mixed-findings');
    const { page, offences } = await reader.open(await htmlOf(report), { viewport: desktop });
    const first = report.findings[0];
    await page.locator(rows).first().click();
    await page.locator('.detail .print').waitFor();
    await expect.poll(() => page.url()).toContain(`#${first?.id}`);
    await expect.poll(() => page.locator(heading).textContent()).toBe(titleOf(first));
    await expect.poll(() => page.locator('.detail .where').textContent()).toContain('src/list.c:');
    await expect.poll(() => page.locator('.detail .stack').count()).toBe(first?.stacks.length);
    await expect.poll(() => page.locator('.detail .frame.blamed').count()).toBe(1);
    const source = page.locator('.excerpt .here');
    if (first?.excerpt !== undefined) expect(await source.count()).toBeLessThanOrEqual(1);
    await expect.poll(() => page.locator('.explanation').textContent()).toContain(first?.advice);
    await page.goBack();
    await page.locator('.detail').waitFor({ state: 'detached' });
    expect(offences).toEqual([]);
    await page.close();
  });

  test('runs of calls that are not mine are one line, which opens', async () => {
    const { page } = await reader.open(await htmlOf(manyFindings(5)));
    await page.locator(rows).first().click();
    const fold = page.locator('.folded button');
    await expect.poll(() => fold.textContent()).toContain('3 system calls');
    const before = await page.locator('.frame').count();
    await fold.click();
    await expect.poll(() => page.locator('.frame').count()).toBe(before + 3);
    await page.close();
  });

  test('a shared link opens its finding, and one of another report says so', async () => {
    const report = await scenario('ten-mixed-findings');
    const third = report.findings[2];
    const html = await htmlOf(report);
    const { page } = await reader.open(html, { hash: `#${third?.id}` });
    await expect.poll(() => page.locator(heading).textContent()).toBe(titleOf(third));
    await expect.poll(() => page.locator(selected).count()).toBe(1);
    await page.close();
    const other = await reader.open(html, { hash: '#F-000000000000' });
    await expect
      .poll(() => other.page.locator('.notice').textContent())
      .toContain('has no finding F-000000000000');
    await other.page.close();
  });

  test('everything is done with the keyboard', async () => {
    const report = await scenario('ten-mixed-findings');
    const open = report.findings.filter(({ hidden }) => !hidden);
    const { page, offences } = await reader.open(await htmlOf(report), { viewport: desktop });
    await page.locator('[role=tree]').focus();
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('j');
    await page.keyboard.press('k');
    await page.keyboard.press('Enter');
    await expect.poll(() => page.locator(heading).textContent()).toBe(titleOf(open[1]));
    await expect.poll(() => focused(page, 'id')).toBe('finding-title');
    await page.keyboard.press('j');
    await expect.poll(() => page.locator(heading).textContent()).toBe(titleOf(open[2]));
    await page.keyboard.press('Escape');
    await page.locator('.detail').waitFor({ state: 'detached' });
    await expect.poll(() => focused(page, 'role')).toBe('tree');
    await page.keyboard.press('End');
    const ofActive = async (attribute: string) => {
      const id = await page.locator('[role=tree]').getAttribute('aria-activedescendant');
      return page.locator(`#${id}`).getAttribute(attribute);
    };
    await expect.poll(() => ofActive('aria-posinset')).toBe(String(open.length));
    await expect.poll(() => ofActive('aria-setsize')).toBe(String(open.length));
    await page.keyboard.press('?');
    await page.getByRole('dialog').waitFor();
    expect(await violationsOf(page)).toEqual([]);
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    expect(offences).toEqual([]);
    await page.close();
  });

  test('groups close and open, and say whether they are', async () => {
    const { page } = await reader.open(await htmlOf(manyFindings(100)));
    await page.getByLabel('Group by').selectOption('kind');
    const group = page.locator('[role=treeitem].group').first();
    await expect.poll(() => group.getAttribute('aria-expanded')).toBe('true');
    await page.locator('[role=tree]').focus();
    await page.keyboard.press('ArrowLeft');
    await expect.poll(() => group.getAttribute('aria-expanded')).toBe('false');
    await expect.poll(() => group.getAttribute('aria-setsize')).toBe('5');
    await expect.poll(() => page.locator('[role=treeitem]').nth(1).getAttribute('aria-level')).toBe('1');
    await page.keyboard.press('ArrowRight');
    await expect.poll(() => group.getAttribute('aria-expanded')).toBe('true');
    await page.close();
  });

  test('the theme can be chosen, against that of the system', async () => {
    const { page } = await reader.open(await htmlOf(await scenario('clean')), { colorScheme: 'light' });
    const ground = () => page.evaluate('getComputedStyle(document.body).backgroundColor');
    const light = await ground();
    const toggle = page.getByRole('button', { name: 'Theme' });
    await toggle.click();
    await toggle.click();
    await expect.poll(() => toggle.getAttribute('aria-label')).toBe('Theme: dark');
    await expect.poll(ground).not.toBe(light);
    await page.reload();
    await page.waitForSelector('html[data-ready]');
    await expect.poll(ground).not.toBe(light);
    await page.close();
  });

  test('leaks are zoomed into by keyboard and click, and the table says the same', async () => {
    const { page, offences } = await reader.open(await htmlOf(manyFindings(60)), {
      hash: '#leaks',
      viewport: desktop,
    });
    const boxes = page.locator('.icicle button');
    await boxes.first().waitFor();
    const whole = (await boxes.first().getAttribute('aria-label')) ?? '';
    expect(whole).toMatch(/^All leaks [\d.]+ [KM]iB: [\d,]+ bytes in [\d,]+ blocks, 100.0 %$/);
    await boxes.first().focus();
    await page.keyboard.press('ArrowDown');
    await expect.poll(() => focused(page, 'aria-label')).toContain('(below main)');
    await page.keyboard.press('Enter');
    await expect.poll(() => page.locator('.zoom b').textContent()).toBe('(below main)');
    await page
      .locator('.icicle')
      .getByRole('button', { name: /^main\(\)/ })
      .click();
    await expect.poll(() => page.locator('.zoom b').textContent()).toBe('main()');
    const bytes = /: ([\d,]+) bytes/.exec(whole)?.[1] ?? '';
    const sum = async () => {
      const cells = await page.locator('.leaks td:nth-child(2)').allTextContents();
      return cells.reduce((total, cell) => total + Number(cell.replaceAll(',', '')), 0);
    };
    await expect.poll(sum).toBe(Number(bytes.replaceAll(',', '')));
    await page.getByLabel('From').selectOption('allocation');
    await expect.poll(() => boxes.nth(1).getAttribute('aria-label')).toContain('malloc()');
    expect(offences).toEqual([]);
    await page.close();
  });

  test('requests with something to say come first, and lead to their findings', async () => {
    const report = await scenario('requests-growth');
    const { page } = await reader.open(await htmlOf(report), { viewport: desktop });
    await goTo(page, '#requests');
    const request = page.locator('.requests tbody tr');
    expect(await request.count()).toBe(20);
    expect(await request.nth(0).innerText()).toContain('503 (1 time)');
    const seventeenth = request.filter({ hasText: '/app?x=17' });
    expect(await seventeenth.innerText()).toContain('240 bytes in 1 block each time (4 passes)');
    await seventeenth.getByRole('button', { name: '1 finding of request 17' }).click();
    await page.locator('nav.parts a[href="#findings"][aria-current=page]').waitFor();
    expect(await page.locator(rows).count()).toBe(1);
    expect(await page.locator(rows).innerText()).toContain('request 17');
    expect(
      await page
        .locator('.choice', { hasText: /^Request/ })
        .locator('select')
        .inputValue(),
    ).toBe('17');
    await page.locator(rows).click();
    await page.locator('.requests-made').waitFor();
    expect(await page.locator('.requests-made').innerText()).toBe(
      'in request 17 GET /app?x=17: 240 bytes in 1 block each time (4 passes)',
    );
    await page
      .locator('.choice', { hasText: /^Request/ })
      .locator('select')
      .selectOption('all');
    expect(await page.locator(rows).count()).toBe(3);
    await page.close();
  });

  test('50,000 findings open, and a search finds the right ones', async () => {
    const report = manyFindings(50_000);
    const { page, offences } = await reader.open(await htmlOf(report), { viewport: desktop });
    const shown = page.getByRole('status');
    await expect.poll(() => shown.textContent()).toBe('46,000 findings');
    await expect.poll(() => page.locator('[role=treeitem]').count()).toBeGreaterThan(0);
    expect(await page.locator('[role=treeitem]').count()).toBeLessThan(100);
    await page.getByLabel('Search findings').fill('needle.c');
    await expect.poll(() => shown.textContent()).toBe('50 findings of 46,000');
    await page.getByLabel('Search findings').fill('');
    await expect.poll(() => shown.textContent()).toBe('46,000 findings');
    await page.locator('[role=tree]').focus();
    await page.keyboard.press('End');
    await page.keyboard.press('Enter');
    const last = report.findings.filter(({ hidden }) => !hidden).at(-1);
    await expect.poll(() => page.url()).toContain(`#${last?.id}`);
    await page.locator('.detail .print').waitFor();
    await expect
      .poll(() => page.locator('.detail .print').textContent())
      .toBe(`Fingerprint ${last?.fingerprint}`);
    expect(offences).toEqual([]);
    await page.close();
  });

  test('a log that tells little gives a page all the same', async () => {
    const { run: _, ...made } = manyFindings(3);
    const report: Report = {
      ...made,
      outcome: 'inconclusive',
      tool: { name: 'memcheck' },
      rules: [],
      processes: [],
      totals: { computed: [] },
      findings: made.findings.map(({ blamed: _blamed, excerpt, raw, suppression, leak, ...finding }) => ({
        ...finding,
        stacks: [],
        seenIn: [],
      })),
    };
    const { page, offences } = await reader.open(await htmlOf(report), { viewport: desktop });
    expect(await partsOf(page)).toEqual(['#findings']);
    for (const grouping of ['kind', 'process', 'none', 'place']) {
      await page.getByLabel('Group by').selectOption(grouping);
      await expect.poll(() => page.locator(rows).count()).toBe(3);
    }
    await page.locator(rows).first().click();
    await page.locator('.detail .print').waitFor();
    expect(await violationsOf(page)).toEqual([]);
    await page.close();
    const none = await reader.open(await htmlOf({ ...report, findings: [] }), { viewport: phone });
    await expect.poll(() => none.page.locator('.empty').textContent()).toBe('Nothing was found.');
    expect([...offences, ...none.offences]).toEqual([]);
    await none.page.close();
  });

  test('without a script the page still says what was found', async () => {
    const report = await scenario('ten-mixed-findings');
    const { page, offences } = await reader.open(await htmlOf(report), { javaScriptEnabled: false });
    expect(await page.locator('h1').textContent()).toContain('findings');
    expect(await page.locator('noscript').isVisible()).toBe(true);
    expect(await page.locator('.brief li').count()).toBe(10);
    expect(offences).toEqual([]);
    await page.close();
  });
});
