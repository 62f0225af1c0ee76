// Runs once before all tests: builds what the tests of the whole program start, when it is missing or stale.
import { execFileSync } from 'node:child_process';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { compileExamples } from './examples.ts';
import { projectRoot } from './project.ts';

/** Tests that start dist/cli.js or a compiled example; all others are pure and need neither. */
const needsPrograms = /live|cli|library|package|examples/;

/** Called by vitest. Throws when a build fails: stale programs would be tested silently. */
export function setup(): void {
  const filters = process.argv.slice(2).filter((word) => word.includes('test/') || word.endsWith('.test.ts'));
  if (filters.length > 0 && !filters.some((filter) => needsPrograms.test(filter))) return;
  if (isStale()) {
    execFileSync(process.execPath, ['scripts/build.mjs'], { cwd: projectRoot, stdio: 'inherit' });
  }
  compileExamples();
}

function isStale(): boolean {
  const built = statSync(join(projectRoot, 'dist/cli.js'), { throwIfNoEntry: false });
  if (built === undefined) return true;
  const sources = readdirSync(join(projectRoot, 'src'), { recursive: true, encoding: 'utf8' });
  return [
    'package.json',
    'scripts/build.mjs',
    'scripts/page-plugin.mjs',
    ...sources.map((name) => join('src', name)),
  ].some((name) => statSync(join(projectRoot, name)).mtimeMs > built.mtimeMs);
}
