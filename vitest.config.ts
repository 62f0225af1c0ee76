// How the tests run: in forked processes, with time enough for valgrind on a small and busy machine.
import { defineConfig } from 'vitest/config';
import { vitePage } from './scripts/page-plugin.mjs';

// biome-ignore lint/style/noDefaultExport: vitest reads the default export
export default defineConfig({
  plugins: [vitePage],
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/setup.ts'],
    pool: 'forks',
    // vitest keeps one core for itself, which on two leaves one; but most of the time a test waits for a process.
    maxWorkers: '100%',
    testTimeout: 120_000,
    hookTimeout: 120_000,
    teardownTimeout: 20_000,
    // A poll ends as soon as it holds; vitest's own second is too little for a busy machine.
    expect: { poll: { timeout: 30_000 } },
  },
});
