// Profiles in a real browser: the curve, the flame graph, the tables and the drawing, by pointer and by keyboard.
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Report } from '../../src/model/report.ts';
import { grouped } from '../../src/report/terminal-text.ts';
import { htmlOf } from '../report/html-document.ts';
import { manyCalls, rareFunction } from '../report/many-calls.ts';
import { profileScenarios } from '../report/profile-scenarios.ts';
import { rendered } from '../report/validators.ts';
import { hasChromium, isTooWide, type Reader, startReader, violationsOf } from './chromium.ts';

const desktop = { width: 1280, height: 900 };
const phone = { width: 390, height: 844 };
const flame = '.flame[data-boxes]';

async function scenario(name: string): Promise<Report> {
  const report = await profileScenarios.get(name)?.();
  if (report === undefined) throw new Error(`there is no scenario ${name}`);
  return report;
}

async function partsOf(page: Page): Promise<readonly string[]> {
  const links = page.locator('nav.parts a');
  return links.evaluateAll((all) => all.map((link) => link.getAttribute('href') ?? ''));
}

async function goTo(page: Page, part: string): Promise<void> {
  await page.locator(`nav.parts a[href="${part}"]`).click();
  await page.locator(`nav.parts a[href="${part}"][aria-current=page]`).waitFor();
  await page.locator('main h2').first().waitFor();
}

/** Opens everything that is folded. */
async function openAll(page: Page): Promise<void> {
  await page.evaluate(`for (const each of document.querySelectorAll('main details')) each.open = true`);
}

/** What a screen reader is told of the call that the keys have come to. */
function activeCall(page: Page): Promise<string | null> {
  return page.locator('#flame-call').getAttribute('aria-label');
}

/** How many points of the drawing have a colour. */
function painted(page: Page): Promise<number> {
  return page.evaluate<number>(`(() => {
    const canvas = document.querySelector('.flame canvas');
    const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext('2d', { willReadFrequently: true });
    copy.drawImage(canvas, 0, 0);
    const { data } = copy.getImageData(0, 0, canvas.width, canvas.height);
    let count = 0;
    for (let at = 3; at < data.length; at += 4) if (data[at] > 0) count++;
    return count;
  })()`);
}

/** The colour in the middle of the lowest row but some, near its left end. */
function colourAt(page: Page, rowFromBottom: number): Promise<string> {
  return page.evaluate<string>(`(() => {
    const canvas = document.querySelector('.flame canvas');
    const scale = devicePixelRatio;
    const y = canvas.height - (${rowFromBottom} + 0.85) * 22 * scale;
    const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext('2d', { willReadFrequently: true });
    copy.drawImage(canvas, 0, 0);
    return [...copy.getImageData(60 * scale, y, 1, 1).data].join();
  })()`);
}

/** Clicks into a row of the flame graph. */
async function clickRow(page: Page, rowFromBottom: number, part = 0.1): Promise<void> {
  const box = await page.locator(flame).boundingBox();
  if (box === null) throw new Error('there is no flame graph');
  await page.mouse.click(box.x + box.width * part, box.y + box.height - (rowFromBottom + 0.5) * 22);
}

describe.skipIf(!hasChromium)('profiles in Chromium', () => {
  let reader: Reader;
  beforeAll(async () => {
    reader = await startReader();
  });
  afterAll(() => reader.close());

  describe.each([...profileScenarios])('%s', (_, make) => {
    test.each(['light', 'dark'] as const)(
      'every part opens from a file in %s, asks for nothing, and is accessible',
      async (colorScheme) => {
        const { page, offences } = await reader.open(await htmlOf(await make()), {
          colorScheme,
          viewport: desktop,
        });
        const parts = await partsOf(page);
        expect(parts[0]).toBe('#profile');
        for (const part of parts) {
          await goTo(page, part);
          await openAll(page);
          expect(await violationsOf(page), part).toEqual([]);
        }
        expect(offences).toEqual([]);
        await page.close();
      },
    );

    test('fits a phone', async () => {
      const { page, offences } = await reader.open(await htmlOf(await make()), { viewport: phone });
      for (const part of await partsOf(page)) {
        await goTo(page, part);
        await openAll(page);
        expect(await isTooWide(page), part).toBe(false);
      }
      expect(offences).toEqual([]);
      await page.close();
    });
  });

  test('a click zooms in, the trail and the back button lead out, and a link shows the same', async () => {
    const html = await htmlOf(await scenario('profile-samples'));
    const { page, offences } = await reader.open(html, { viewport: desktop });
    await page.locator(flame).waitFor();
    await expect.poll(() => painted(page)).toBeGreaterThan(10_000);
    await clickRow(page, 2);
    await expect.poll(() => page.locator('.zoom b').textContent()).toBe('main');
    await expect.poll(() => page.locator('.call-name').textContent()).toContain('src/main.cpp');
    await expect.poll(() => page.locator('h3').first().textContent()).toBe('Calls from main');
    const address = await page.evaluate<string>('location.hash');
    expect(address).toMatch(/^#profile\?z=/);
    await page.goBack();
    await page.locator('.zoom').waitFor({ state: 'detached' });
    await clickRow(page, 3);
    await expect.poll(() => page.locator('.zoom b').textContent()).toContain('Counter::count');
    await page.locator('.zoom button', { hasText: 'all' }).click();
    await page.locator('.zoom').waitFor({ state: 'detached' });
    expect(offences).toEqual([]);
    await page.close();
    const linked = await reader.open(html, { viewport: desktop, hash: address });
    await expect.poll(() => linked.page.locator('.zoom b').textContent()).toBe('main');
    await linked.page.close();
  });

  test('keys walk through the calls, zoom and come back, and say where they are', async () => {
    const { page, offences } = await reader.open(await htmlOf(await scenario('profile-samples')), {
      viewport: desktop,
    });
    await page.locator(flame).focus();
    await expect.poll(() => activeCall(page)).toBe('all: 2,018 ms, 100.0 %');
    await page.keyboard.press('ArrowUp');
    await expect.poll(() => activeCall(page)).toContain('(below main): 1,536 ms, 76.1 %');
    await page.keyboard.press('ArrowRight');
    await expect.poll(() => activeCall(page)).toContain('start_thread: 465 ms');
    await expect.poll(() => page.locator('#flame-call').getAttribute('aria-posinset')).toBe('2');
    await expect.poll(() => page.locator('#flame-call').getAttribute('aria-setsize')).toBe('3');
    await page.keyboard.press('ArrowUp');
    await expect.poll(() => activeCall(page)).toContain('Worker::run()');
    await page.keyboard.press('Enter');
    await expect.poll(() => page.locator('.zoom b').textContent()).toBe('Worker::run()');
    await page.keyboard.press('ArrowUp');
    await expect.poll(() => activeCall(page)).toContain('Table::insert');
    await page.keyboard.press('Escape');
    await expect.poll(() => page.locator('.zoom b').textContent()).toBe('start_thread');
    await page.keyboard.press('Escape');
    await page.locator('.zoom').waitFor({ state: 'detached' });
    // Downward the keys follow the picture.
    await page.getByLabel('Draw').selectOption('down');
    await page.locator(flame).focus();
    await page.keyboard.press('Home');
    await page.keyboard.press('ArrowDown');
    await expect.poll(() => activeCall(page)).toContain('(below main)');
    expect(await violationsOf(page)).toEqual([]);
    expect(offences).toEqual([]);
    await page.close();
  });

  test('a search says how much of the total matches, once for calls inside each other', async () => {
    const { page, offences } = await reader.open(await htmlOf(await scenario('profile-samples')), {
      viewport: desktop,
    });
    const said = page.getByRole('status');
    await page.locator(flame).waitFor();
    const before = await colourAt(page, 0);
    await page.keyboard.press('/');
    await page.keyboard.type('insert');
    await expect
      .poll(() => said.textContent())
      .toContain('86.9 % of the total matches, 1,754 ms in 2 places');
    await expect.poll(() => colourAt(page, 0)).not.toBe(before);
    await page.getByLabel('Search calls').fill('/^(hash|Table)/');
    await expect.poll(() => said.textContent()).toContain('86.9 %');
    await page.getByLabel('Search calls').fill('/(/');
    await expect.poll(() => said.textContent()).toBe('This is no regular expression.');
    await page.getByLabel('Search calls').fill('nothing like it');
    await expect.poll(() => said.textContent()).toContain('no call matches');
    await page.getByRole('button', { name: 'clear' }).click();
    await expect.poll(() => said.textContent()).toBe('');
    await expect.poll(() => colourAt(page, 0)).toBe(before);
    expect(offences).toEqual([]);
    await page.close();
  });

  test('threads together or alone, both ends, other processes and measures', async () => {
    const { page, offences } = await reader.open(await htmlOf(await scenario('profile-samples')), {
      viewport: desktop,
    });
    const facts = page.locator('.call-facts');
    await expect.poll(() => facts.textContent()).toContain('2,018 ms');
    await page.getByLabel('Thread').selectOption({ label: 'worker, process 101, thread 102' });
    await expect.poll(() => facts.textContent()).toContain('465 ms');
    await page.getByLabel('Thread').selectOption('all');
    await page.getByLabel('From').selectOption({ label: 'innermost call' });
    await expect
      .poll(() => page.locator('h3').first().textContent())
      .toBe('Functions that spent something themselves');
    const cells = page.locator('.flames tbody td:nth-child(3)');
    await expect
      .poll(async () => {
        const shares = await cells.allTextContents();
        return Math.round(shares.reduce((sum, share) => sum + Number.parseFloat(share), 0));
      })
      .toBe(100);
    await page.getByLabel('Measure').selectOption({ index: 1 });
    await expect.poll(() => facts.textContent()).toContain('2,018 samples');
    await page.getByLabel('Process', { exact: true }).selectOption({ index: 1 });
    await expect.poll(() => facts.textContent()).toContain('343 samples');
    // The choice of process holds in the other parts.
    await goTo(page, '#functions');
    await expect.poll(() => page.locator('.functions-table').textContent()).toContain('sequential_sort');
    expect(offences).toEqual([]);
    await page.close();
  });

  test('an inferred tree says so where it is drawn', async () => {
    const { page } = await reader.open(await htmlOf(await scenario('profile-inferred-tree')), {
      viewport: desktop,
    });
    const notice = page.locator('.notice.inferred');
    await expect
      .poll(() => notice.textContent())
      .toContain('This tree is inferred: drawn from the calls between pairs of functions');
    expect(await notice.isVisible()).toBe(true);
    await page.close();
  });

  test('snapshots of the curve are chosen by click and keys, and show their tree and numbers', async () => {
    const { page, offences } = await reader.open(await htmlOf(await scenario('profile-heap-over-time')), {
      viewport: desktop,
    });
    const facts = page.locator('.snapshot-facts');
    await expect
      .poll(() => facts.textContent())
      .toContain('Snapshot 13 (peak) at 25,102,308 instructions: 13,452,204 bytes');
    await expect.poll(() => page.locator('.call-facts').textContent()).toContain('12,415,506 bytes');
    await page.getByRole('button', { name: /^Snapshot 6:/ }).click();
    await expect.poll(() => facts.textContent()).toContain('Snapshot 6 at 11,601,777 instructions');
    await expect.poll(() => page.locator('.call-facts').textContent()).toContain('2,605,506 bytes');
    await page.keyboard.press('ArrowRight');
    await expect.poll(() => facts.textContent()).toContain('Snapshot 13 (peak)');
    await page.keyboard.press('End');
    await expect.poll(() => facts.textContent()).toContain('Snapshot 19 at');
    await expect.poll(() => page.getByLabel('Snapshot', { exact: true }).inputValue()).toBe('2');
    await page.getByText('All 21 snapshots as a table').click();
    await expect.poll(() => page.locator('.curve tbody tr').count()).toBe(21);
    expect(offences).toEqual([]);
    await page.close();
  });

  test('the curve of the run before lies over it', async () => {
    const made = await scenario('profile-heap-over-time');
    const [profile] = made.profiles ?? [];
    if (profile?.timeline === undefined) throw new Error('there is a time line');
    const report: Report = {
      ...made,
      profiles: [
        {
          ...profile,
          before: {
            name: 'before',
            complete: true,
            bySelfChange: [],
            totals: profile.totals.map((total) => total / 2),
            costs: profile.costs,
            trees: profile.trees.map(({ values }) =>
              values.map((column) => column.map((value) => value / 2)),
            ),
            timeline: {
              ...profile.timeline,
              snapshots: profile.timeline.snapshots.map((snapshot) => ({
                ...snapshot,
                values: snapshot.values.map((value) => value / 2),
              })),
            },
          },
        },
      ],
    };
    const { page, offences } = await reader.open(await htmlOf(report), { viewport: desktop });
    await page.locator('path.old').waitFor();
    await expect
      .poll(() => page.locator('.snapshot-facts').textContent())
      .toContain('+100.0 % at the peak against before');
    await expect.poll(() => page.locator('.curve .legend').textContent()).toContain('before, in total');
    expect(await violationsOf(page)).toEqual([]);
    expect(offences).toEqual([]);
    await page.close();
  });

  test('colours tell what changed, and widths are those of either run', async () => {
    const { page, offences } = await reader.open(await htmlOf(await scenario('profile-hostile')), {
      viewport: desktop,
    });
    await page.locator(flame).waitFor();
    const differences = await colourAt(page, 1);
    await expect.poll(() => page.locator('.flames > .legend').textContent()).toContain('grew');
    await page.getByLabel('Colour').selectOption({ label: 'whose code it is' });
    await expect.poll(() => colourAt(page, 1)).not.toBe(differences);
    await expect
      .poll(() => page.locator('.call-facts').textContent())
      .toContain('with all it called 11,934 bytes');
    await page.getByLabel('Width').selectOption('before');
    await expect
      .poll(() => page.locator('.call-facts').textContent())
      .toContain('with all it called 9,547 bytes');
    await expect
      .poll(() => page.locator('.call-facts').textContent())
      .toContain('before 9,547, now 11,934: +25.0 %');
    expect(offences).toEqual([]);
    await page.close();
  });

  test('functions are sorted, filtered, and opened with callers and callees', async () => {
    const { page, offences } = await reader.open(await htmlOf(await scenario('profile-inferred-tree')), {
      viewport: desktop,
      hash: '#functions',
    });
    const first = page.locator('.functions-table tbody th').first();
    await expect.poll(() => first.textContent()).toContain('(below main)');
    await page.getByRole('button', { name: 'Self', exact: true }).click();
    await expect.poll(() => first.textContent()).toContain('Table::insert');
    await expect.poll(() => page.locator('th[aria-sort=descending]').textContent()).toContain('Self');
    await page.getByRole('button', { name: 'Function', exact: true }).click();
    await expect.poll(() => first.textContent()).toContain('(below main)');
    await page.getByLabel('Search functions').fill('malloc');
    await expect.poll(() => page.getByRole('status').textContent()).toBe('2 functions of 11');
    await page.getByLabel('Search functions').fill('');
    await page.getByLabel('Owner').selectOption('system');
    await expect.poll(() => page.locator('.functions-table tbody tr').count()).toBeLessThan(11);
    await page.getByRole('button', { name: 'malloc', exact: true }).click();
    await expect.poll(() => page.locator('#function-title').textContent()).toBe('malloc');
    await expect.poll(() => page.evaluate('document.activeElement.id')).toBe('function-title');
    const callers = page.locator('.neighbours table').first();
    await expect.poll(() => callers.locator('tbody tr').count()).toBe(3);
    await callers.getByRole('button', { name: 'Reader::next()' }).click();
    await expect.poll(() => page.locator('#function-title').textContent()).toBe('Reader::next()');
    await page.getByRole('button', { name: 'Show in the flame graph' }).click();
    await expect
      .poll(() => page.getByRole('status').textContent())
      .toContain('Reader::next(): 13.8 % of the total matches');
    await page.goBack();
    await expect.poll(() => page.locator('#function-title').textContent()).toBe('Reader::next()');
    expect(offences).toEqual([]);
    await page.close();
  });

  test('what it cost before stands beside what it costs', async () => {
    const { page } = await reader.open(await htmlOf(await scenario('profile-compared')), {
      viewport: desktop,
      hash: '#functions',
    });
    const sorted = page.locator('.functions-table tbody tr').filter({ hasText: 'sort(' });
    await expect.poll(() => sorted.textContent()).toContain('−58.3 %');
    await expect.poll(() => page.locator('tr', { hasText: 'Table::grow()' }).textContent()).toContain('new');
    await page.getByRole('button', { name: 'Change of self' }).click();
    await expect
      .poll(() => page.locator('.functions-table tbody th').first().textContent())
      .toContain('sort(');
    await page.close();
  });

  test('nothing is said of before where the other run lacks the measure', async () => {
    const made = await scenario('profile-compared');
    const [profile] = made.profiles ?? [];
    if (profile?.before === undefined) throw new Error('there is a comparison');
    const totals = profile.before.totals.map((total, measure) => (measure === 1 ? null : total));
    const report: Report = { ...made, profiles: [{ ...profile, before: { ...profile.before, totals } }] };
    const { page, offences } = await reader.open(await htmlOf(report), {
      viewport: desktop,
      hash: '#functions',
    });
    await page.getByRole('button', { name: 'Change', exact: true }).waitFor();
    await page.getByLabel('Measure').selectOption('1');
    await page.getByRole('button', { name: 'Change', exact: true }).waitFor({ state: 'detached' });
    expect(offences).toEqual([]);
    await page.close();
  });

  test('source has its costs beside it, and files without text their lines', async () => {
    const { page, offences } = await reader.open(await htmlOf(await scenario('profile-call-graph')), {
      viewport: desktop,
      hash: '#source',
    });
    const hottest = page.locator('tr.hottest');
    await expect
      .poll(() => hottest.textContent())
      .toContain('for (Entry *e = slots_[at]; e != nullptr; e = e->next)');
    await expect.poll(() => hottest.textContent()).toContain('25.2 %');
    await expect
      .poll(() => page.locator('.jump').textContent())
      .toContain('jumps to 42: 2,104,808 of 2,816,012 times');
    await page.getByLabel('all measures').check();
    await expect.poll(() => page.locator('.lines thead th').count()).toBe(12);
    expect(await isTooWide(page)).toBe(false);
    await page.getByLabel('File').selectOption({ index: 2 });
    await expect.poll(() => page.locator('.source > p').textContent()).toContain('not in the report');
    await expect.poll(() => page.locator('.lines tbody tr').count()).toBeGreaterThan(0);
    expect(offences).toEqual([]);
    await page.close();
  });

  test('an allocation site tells lifetimes and accesses', async () => {
    const { page, offences } = await reader.open(await htmlOf(await scenario('profile-allocation-sites')), {
      viewport: desktop,
      hash: '#functions',
    });
    await page.getByRole('button', { name: /^Table::insert/ }).click();
    await expect
      .poll(() => page.locator('.site').textContent())
      .toContain('average lifetime30.1 M instructions');
    await page
      .getByRole('img', { name: /^Accesses to each of the 64 bytes of a block: at most 912,004, 24 never/ })
      .waitFor();
    expect(await violationsOf(page)).toEqual([]);
    await goTo(page, '#profile');
    await page.locator(flame).focus();
    for (let step = 0; step < 6; step++) await page.keyboard.press('ArrowUp');
    await page.locator('.sites').waitFor();
    expect(offences).toEqual([]);
    await page.close();
  });

  test('a tip stands by the pointer, and goes with it', async () => {
    const { page } = await reader.open(await htmlOf(await scenario('profile-samples')), {
      viewport: desktop,
    });
    const box = await page.locator(flame).boundingBox();
    if (box === null) throw new Error('there is no flame graph');
    await page.mouse.move(box.x + 200, box.y + box.height - 22 * 2.5);
    await expect.poll(() => page.locator('.tip').textContent()).toContain('main1,536 ms, 76.1 %');
    await page.mouse.move(5, 5);
    await page.locator('.tip').waitFor({ state: 'detached' });
    await page.close();
  });

  test('200,000 calls are drawn, searched, turned round and zoomed', async () => {
    const report = manyCalls(200_000, 20_000);
    const { page, offences } = await reader.open(await htmlOf(report), { viewport: desktop });
    await page.locator(flame).waitFor();
    const boxes = async () => Number(await page.locator(flame).getAttribute('data-boxes'));
    await expect.poll(boxes).toBeGreaterThan(1_000);
    expect(await boxes()).toBeLessThan(60_000);
    await expect.poll(() => page.locator('.small-print').textContent()).toContain('too narrow to be drawn');
    const samples = report.profiles?.[0]?.totals[1] ?? 0;
    await page.getByLabel('Measure').selectOption('1');
    await expect
      .poll(() => page.locator('.call-facts').textContent())
      .toContain(`${grouped(samples)} samples`);
    await page.getByLabel('Search calls').fill(rareFunction);
    await expect.poll(() => page.getByRole('status').textContent()).toContain('3 samples in 1 place');
    await page.getByLabel('From').selectOption('1');
    await expect.poll(() => page.locator('h3').first().textContent()).toContain('Functions that spent');
    await page.locator(flame).focus();
    await page.keyboard.press('ArrowUp');
    await page.keyboard.press('Enter');
    await page.locator('.zoom').waitFor();
    await goTo(page, '#functions');
    await expect.poll(() => page.locator('.functions-table tbody tr').count()).toBe(100);
    await page.getByRole('button', { name: 'Next ›' }).click();
    await expect.poll(() => page.locator('.pages').textContent()).toContain('101 to 200 of');
    expect(offences).toEqual([]);
    await page.close();
  });

  test('a tree as deep as a recursion gets is drawn where one looks', async () => {
    const made = await scenario('profile-samples');
    const [profile] = made.profiles ?? [];
    if (profile === undefined) throw new Error('there is a profile');
    const depth = 5_000;
    const rows = Array.from({ length: depth }, (_, row) => row);
    const report: Report = {
      ...made,
      profiles: [
        {
          ...profile,
          trees: [
            {
              parents: rows.map((row) => row - 1),
              frames: rows.map(() => 0),
              values: profile.measures.map(() => rows.map((row) => (row === depth - 1 ? 5 : 0))),
            },
          ],
        },
      ],
    };
    const { page, offences } = await reader.open(await htmlOf(report), { viewport: desktop });
    await expect.poll(() => page.locator(flame).getAttribute('data-depth')).toBe(String(depth + 1));
    await expect.poll(() => painted(page)).toBeGreaterThan(10_000);
    await page.locator(flame).focus();
    await page.keyboard.press('End');
    await expect.poll(() => page.locator('#flame-call').getAttribute('aria-level')).toBe(String(depth + 1));
    await expect.poll(() => page.locator(flame).evaluate((element) => element.scrollTop)).toBe(0);
    await expect.poll(() => painted(page)).toBeGreaterThan(10_000);
    await page.keyboard.press('Enter');
    await expect.poll(() => page.locator('.zoom').textContent()).toContain('more');
    expect(offences).toEqual([]);
    await page.close();
  });

  test('without a script the page names the functions and draws the calls', async () => {
    const { page, offences } = await reader.open(await htmlOf(await scenario('profile-samples')), {
      javaScriptEnabled: false,
      viewport: desktop,
    });
    expect(await page.locator('.brief h2').first().textContent()).toContain('words (101): 2,018 ms');
    expect(await page.locator('.brief').first().locator('tbody tr').count()).toBe(10);
    const box = await page.locator('.static svg').first().locator('rect').first().boundingBox();
    expect(box?.width).toBeGreaterThan(1_000);
    expect(await page.locator('noscript').isVisible()).toBe(true);
    expect(offences).toEqual([]);
    await page.close();
  });

  describe('the drawing', () => {
    const details = '#details';

    test.each(['light', 'dark'] as const)(
      'opens from a file in %s and asks for nothing',
      async (colorScheme) => {
        for (const name of ['profile-samples', 'profile-heap-over-time', 'profile-hostile']) {
          const { page, offences } = await reader.open(await rendered(await scenario(name), 'svg'), {
            svg: true,
            colorScheme,
            viewport: desktop,
          });
          await page.locator('#boxes .f').first().waitFor();
          const ground = await page.evaluate('getComputedStyle(document.querySelector(".ground")).fill');
          expect(ground).toBe(colorScheme === 'dark' ? 'rgb(20, 22, 25)' : 'rgb(255, 255, 255)');
          expect(offences).toEqual([]);
          await page.close();
        }
      },
    );

    test('is zoomed by click and keys, and searched', async () => {
      const { page, offences } = await reader.open(await rendered(await scenario('profile-samples'), 'svg'), {
        svg: true,
        viewport: desktop,
      });
      const box = (name: string) =>
        page.locator('#boxes .f', { has: page.locator(`title:text("${name}")`) }).first();
      const width = async (name: string) => Number(await box(name).locator('rect').getAttribute('width'));
      const whole = await width('all');
      expect(await width('Worker::run()')).toBeLessThan(whole / 2);
      await box('Worker::run()').locator('rect').click();
      await expect.poll(() => width('Worker::run()')).toBeCloseTo(whole, 0);
      await expect.poll(() => box('Counter::count').isVisible()).toBe(false);
      await expect.poll(() => page.locator(details).textContent()).toContain('Worker::run(): 465 ms');
      await page.keyboard.press('Escape');
      await page.keyboard.press('Escape');
      await page.keyboard.press('Escape');
      await expect.poll(() => box('Counter::count').isVisible()).toBe(true);
      await page.keyboard.press('/');
      await page.keyboard.type('insert');
      await expect.poll(() => page.locator('[role=status]').textContent()).toBe('74.3 % matches');
      await expect.poll(() => page.locator('.hit').count()).toBe(2);
      await page.getByRole('button', { name: 'Reset' }).click();
      await expect.poll(() => page.locator('.hit').count()).toBe(0);
      await page.locator('#boxes .f').first().focus();
      await page.keyboard.press('ArrowUp');
      await page.keyboard.press('ArrowRight');
      await expect.poll(() => page.locator(details).textContent()).toContain('sort (109): 343 ms');
      await page.keyboard.press('Enter');
      await expect.poll(() => box('Counter::count').isVisible()).toBe(false);
      expect(offences).toEqual([]);
      await page.close();
    });

    test('is read without a script', async () => {
      const { page, offences } = await reader.open(await rendered(await scenario('profile-samples'), 'svg'), {
        svg: true,
        javaScriptEnabled: false,
        viewport: desktop,
      });
      expect((await page.locator('#boxes text').allTextContents()).join('\n')).toMatch(/^main +1\.54 s$/m);
      expect(await page.locator('input').count()).toBe(0);
      expect(offences).toEqual([]);
      await page.close();
    });
  });
});
