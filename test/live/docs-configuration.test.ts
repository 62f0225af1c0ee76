// Holds that docs/configuration.md tells the truth: its config is taken, its commands do what they say, its tables are
// whole.
import { copyFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { configNames } from '../../src/run/config.ts';
import { settingKeys } from '../../src/run/config-words.ts';
import { examplePath } from '../examples.ts';
import { canRun, projectRoot } from '../project.ts';
import { commandsOf, runPage } from './page.ts';
import { testFolder } from './vgrun.ts';

const cwd = testFolder();
const page = () => readFile(join(projectRoot, 'docs/configuration.md'), 'utf8');

describe.skipIf(!canRun('valgrind') || !canRun('bash'))('docs/configuration.md', () => {
  test('its commands end as it says', async () => {
    const [, config = ''] = /```json\n(.*?)```/s.exec(await page()) ?? [];
    await writeFile(join(cwd(), 'vgrun.config.json'), config);
    await copyFile(examplePath('lost-100'), join(cwd(), 'test'));
    // test/live/completion.test.ts runs them in their shells.
    await runPage('configuration.md', cwd(), [
      'source <(vgrun completion zsh)',
      'vgrun completion fish | source',
    ]);
  });
});

test('docs/configuration.md names every setting and every file', async () => {
  const text = await page();
  for (const key of settingKeys) expect(text).toContain(`\`${key}\``);
  for (const name of configNames)
    expect(text).toMatch(new RegExp(`\`(vgrun\\.config)?${name.replace(/^vgrun\.config/, '')}\``));
});

test('the commands of a page are its sh blocks, line by line', () => {
  const text =
    'a\n```sh\n# said\nx 1   # exits 100: why\ny \\\n  z\n\n```\n```json\n{}\n```\n```sh\nw # then\n```\n';
  expect(commandsOf(text)).toEqual([
    { line: 4, command: 'x 1', status: 100 },
    { line: 5, command: 'y   z', status: 0 },
    { line: 13, command: 'w', status: 0 },
  ]);
});
