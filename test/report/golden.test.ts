// Every scenario in every format against its golden file; UPDATE_GOLDEN=1 writes them anew.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, test } from 'vitest';
import type { RenderOptions } from '../../src/report/index.ts';
import schema from '../../src/report/report.schema.json' with { type: 'json' };
import { profileScenarios } from './profile-scenarios.ts';
import { scenarios } from './scenarios.ts';
import { stopScenarios } from './stop-scenarios.ts';
import { pprofText, rendered } from './validators.ts';

const golden = new URL('../golden/', import.meta.url);
const formats: readonly (readonly [file: string, format: string, options: RenderOptions])[] = [
  ['report.json', 'json', {}],
  ['report.sarif', 'sarif', {}],
  ['junit.xml', 'junit', {}],
  ['gitlab.json', 'gitlab', {}],
  ['github.txt', 'github', {}],
  ['github-summary.md', 'github-summary', {}],
  ['report.md', 'markdown', {}],
  ['pretty.txt', 'pretty', { columns: 100, rows: 50 }],
  ['pretty-color.txt', 'pretty', { columns: 100, rows: 50, color: true }],
];

/** Formats that only a profile has; of the binary one, what is in it. */
const profileFormats: typeof formats = [
  ...formats,
  ['pretty-80.txt', 'pretty', { columns: 80, rows: 40 }],
  ['pretty-all.txt', 'pretty', { columns: 120, rows: 50, all: true }],
  ['stacks.folded', 'folded', {}],
  ['speedscope.json', 'speedscope', {}],
  ['pprof.json', 'pprof', {}],
];

/** All that is known of threads is shown only when it is asked for. */
const stopFormats: typeof formats = [
  ...formats,
  ['pretty-full.txt', 'pretty', { columns: 100, rows: 50, fullStacks: true }],
  ['pretty-80.txt', 'pretty', { columns: 80, rows: 24 }],
];

const validate = new Ajv2020({ allErrors: true }).compile(schema);

function mustBeGolden(name: string, file: string, text: string): void {
  const path = new URL(`${name}/${file}`, golden);
  if (process.env.UPDATE_GOLDEN === '1') {
    mkdirSync(new URL('.', path), { recursive: true });
    writeFileSync(path, text);
  }
  expect(text).toBe(readFileSync(path, 'utf8'));
}

describe.each([...profileScenarios])('%s', (name, make) => {
  test.each(profileFormats)('is rendered as in %s', async (file, format, options) => {
    const text = await rendered(await make(), format, options);
    mustBeGolden(name, file, format === 'pprof' ? pprofText(text) : text);
  });
});

describe.each([...scenarios])('%s', (name, make) => {
  test.each(formats)('is rendered as in %s', async (file, format, options) => {
    mustBeGolden(name, file, await rendered(await make(), format, options));
  });
});

describe.each([...stopScenarios])('%s', (name, make) => {
  test.each(stopFormats)('is rendered as in %s', async (file, format, options) => {
    mustBeGolden(name, file, await rendered(await make(), format, options));
  });
});

describe.each([...scenarios, ...profileScenarios, ...stopScenarios])('%s', (_, make) => {
  test('keeps to the published schema, and comes back from JSON as it was', async () => {
    const report = await make();
    const parsed: unknown = JSON.parse(await rendered(report, 'json'));
    validate(parsed);
    expect(validate.errors ?? []).toEqual([]);
    // JSON has no NaN, and knows no difference between what is missing and what is undefined.
    expect(parsed).toEqual(JSON.parse(JSON.stringify(report)));
  });

  test('fits one screen', async () => {
    const lines = (await rendered(await make(), 'pretty', { columns: 100, rows: 50 })).trimEnd().split('\n');
    expect(lines.length).toBeLessThanOrEqual(50);
  });
});

test('the schema refuses fields it does not know', async () => {
  const report = await scenarios.get('clean')?.();
  expect(validate({ ...report, surprise: 1 })).toBe(false);
  expect(validate({ ...report, version: 2 })).toBe(false);
});
