// Every scenario in every format against its golden file; UPDATE_GOLDEN=1 writes them anew.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, test } from 'vitest';
import { type RenderOptions, render } from '../../src/report/index.ts';
import schema from '../../src/report/report.schema.json' with { type: 'json' };
import { scenarios } from './scenarios.ts';

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

const validate = new Ajv2020({ allErrors: true }).compile(schema);

async function text(...call: Parameters<typeof render>): Promise<string> {
  let all = '';
  for await (const piece of render(...call)) all += piece;
  return all;
}

describe.each([...scenarios])('%s', (name, make) => {
  test.each(formats)('is rendered as in %s', async (file, format, options) => {
    const rendered = await text(await make(), format, options);
    const path = new URL(`${name}/${file}`, golden);
    if (process.env.UPDATE_GOLDEN === '1') {
      mkdirSync(new URL('.', path), { recursive: true });
      writeFileSync(path, rendered);
    }
    expect(rendered).toBe(readFileSync(path, 'utf8'));
  });

  test('keeps to the published schema, and comes back from JSON as it was', async () => {
    const report = await make();
    const parsed: unknown = JSON.parse(await text(report, 'json'));
    validate(parsed);
    expect(validate.errors ?? []).toEqual([]);
    expect(parsed).toEqual(report);
  });

  test('fits one screen', async () => {
    const lines = (await text(await make(), 'pretty', { columns: 100, rows: 50 })).trimEnd().split('\n');
    expect(lines.length).toBeLessThanOrEqual(50);
  });
});

test('the schema refuses fields it does not know', async () => {
  const report = await scenarios.get('clean')?.();
  expect(validate({ ...report, surprise: 1 })).toBe(false);
  expect(validate({ ...report, version: 2 })).toBe(false);
});
