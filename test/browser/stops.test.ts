// Crashes, deadlocks, samples and probes on the HTML page, in a real browser: what is shown, reached by keyboard, and that it obeys nothing.
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Report } from '../../src/model/report.ts';
import { htmlOf } from '../report/html-document.ts';
import { stopScenarios } from '../report/stop-scenarios.ts';
import { hasChromium, isTooWide, type Reader, startReader, violationsOf } from './chromium.ts';

const desktop = { width: 1280, height: 800 };
const phone = { width: 390, height: 844 };

async function scenario(name: string): Promise<Report> {
  const made = await stopScenarios.get(name)?.();
  if (made === undefined) throw new Error(`there is no scenario ${name}`);
  return made;
}

/** Opens all that can be opened. */
async function openAll(page: Page): Promise<void> {
  await page.evaluate("for (const each of document.querySelectorAll('.stops details')) each.open = true");
}

describe.skipIf(!hasChromium)('in Chromium', () => {
  let reader: Reader;
  beforeAll(async () => {
    reader = await startReader();
  });
  afterAll(() => reader.close());

  const openThreads = async (report: Report, options: Parameters<Reader['open']>[1] = {}) => {
    const opened = await reader.open(await htmlOf(report), { hash: '#threads', ...options });
    await opened.page.locator('.stops').waitFor();
    return opened;
  };

  test.each([...stopScenarios.keys()])(
    '%s: all of it, opened, is accessible in light and dark, and fits a phone',
    async (name) => {
      const report = await scenario(name);
      const { page, offences } = await openThreads(report, { colorScheme: 'light', viewport: desktop });
      await openAll(page);
      expect(await violationsOf(page), 'light').toEqual([]);
      await page.emulateMedia({ colorScheme: 'dark' });
      await page.setViewportSize(phone);
      expect(await isTooWide(page)).toBe(false);
      expect(await violationsOf(page), 'dark').toEqual([]);
      expect(offences).toEqual([]);
      await page.close();
    },
  );

  test('a crash shows the frame to blame with its values, and leads to its finding', async () => {
    const report = await scenario('stops-crash');
    const { page } = await openThreads(report, { viewport: desktop });
    expect(await page.locator('.stop h2').innerText()).toBe('SIGSEGV (SEGV_MAPERR) at 0x8');
    expect(await page.locator('.excerpt .here').last().innerText()).toContain('mov    %edx,0x8(%rax)');
    const blamed = page.locator('.frame.blamed');
    expect(await blamed.locator('.call').innerText()).toMatch(
      /#0[\s\S]*push\(\)[\s\S]*src\/list\.c:20[\s\S]*blamed/,
    );
    expect(await blamed.locator('pre').innerText()).toContain('l = 0x0');
    expect(await page.locator('.stops').innerText()).not.toContain('hunter2');
    await page.locator('.stop > .quiet a').click();
    await page.locator('#finding-title').waitFor();
    expect(await page.locator('#finding-title').innerText()).toContain('SIGSEGV: rax is NULL');
    await page.close();
  });

  test('threads and frames open and close by keyboard', async () => {
    const { page } = await openThreads(await scenario('stops-crash'), { viewport: desktop });
    const group = page.locator('details.thread', { hasText: '3 threads (2 to 4)' });
    expect(await group.getAttribute('open')).toBeNull();
    await group.locator('> summary').focus();
    await page.keyboard.press('Enter');
    await expect.poll(() => group.locator('.frame').count()).toBe(12);
    expect(await group.locator('.frame').first().isVisible()).toBe(true);
    await page.keyboard.press('Space');
    await expect.poll(() => group.locator('.frame').first().isVisible()).toBe(false);
    await page.close();
  });

  test('frames that are not sure say how they were found and why they may be wrong', async () => {
    const { page } = await openThreads(await scenario('stops-core-without-symbols'), { viewport: desktop });
    const frame = page.locator('.frame');
    expect(await frame.nth(1).innerText()).toMatch(/#1\s+server\+0x4344f/);
    expect(await frame.nth(3).innerText()).toMatch(/\? plugin\.so\+0x1127\s+frame pointer/);
    const scanned = frame.nth(4);
    expect(await scanned.innerText()).toMatch(/\?\? server\+0x2210\s+scanned/);
    await scanned.locator('summary').click();
    expect(await scanned.locator('p').innerText()).toContain('A word on the stack that is a return address');
    expect(await page.locator('.stops > .quiet').innerText()).toBe(
      '? likely, not sure; ?? may be left over from a call that has returned',
    );
    await page.close();
  });

  test('a deadlock is a cycle, samples say who moved, and hits of probes are a table', async () => {
    const deadlock = await openThreads(await scenario('stops-deadlock'));
    expect(await deadlock.page.locator('.cycle li').allInnerTexts()).toEqual([
      expect.stringMatching(
        /^thread 2 "payer" waits for mutex accounts \(0x404080\), held by thread 3 "closer"\s+It waits in pay\(\) src\/bank\.c:12$/,
      ),
      expect.stringMatching(/^thread 3 "closer" waits for mutex ledger[\s\S]*held by thread 2 "payer"/),
    ]);
    expect(await deadlock.page.locator('.thread summary').first().innerText()).toContain(
      'waits for the end of thread 2',
    );
    await deadlock.page.close();
    const samples = await openThreads(await scenario('stops-samples'));
    expect(await samples.page.locator('.movement').allInnerTexts()).toEqual([
      expect.stringContaining('thread 2 "sorter"'),
    ]);
    expect(await samples.page.locator('.movement li').first().innerText()).toMatch(/^3 × swap\(\) sort\.c:7/);
    await samples.page.close();
    const probes = await openThreads(await scenario('stops-probes'));
    expect(await probes.page.locator('.stops tbody tr').count()).toBe(60);
    const hit = probes.page.locator('.stops tbody tr').nth(1);
    expect(await hit.innerText()).toContain('set v = 100');
    // The values of its calls, as on the terminal; nothing is to blame where a probe is.
    const calls = hit.locator('.frame');
    expect(await calls.first().locator('pre').innerText()).toBe('l = 0x4052c0\nv = 5');
    await calls.nth(1).locator('summary').click();
    expect(await calls.nth(1).locator('pre').innerText()).toBe('name = "<b>ann\\033[2J"');
    expect(await hit.innerText()).not.toContain('blamed');
    await probes.page.close();
  });

  test('whatever a process calls its threads, functions and values is shown, not obeyed', async () => {
    const evil = `</script><img src=x onerror=alert(1)>\u202e${'w'.repeat(3000)}`;
    const hostile = JSON.parse(
      JSON.stringify(await scenario('stops-crash'), (key, value) =>
        typeof value === 'string' && /^(?:name|function|value|object|pointsTo|doubt)$/.test(key)
          ? `${evil}${value}`
          : value,
      ),
    ) as Report;
    const { page, offences } = await openThreads(hostile, { viewport: phone });
    await openAll(page);
    expect(await page.locator('.stops').innerText()).toContain('<img src=x onerror=alert(1)>');
    expect(await page.locator('img').count()).toBe(0);
    expect(await isTooWide(page)).toBe(false);
    expect(offences).toEqual([]);
    await page.close();
  });
});
