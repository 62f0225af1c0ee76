// Builds dist/: one bundle with lazily loaded parts (esbuild) and the type declarations (tsc).
import { execFileSync } from 'node:child_process';
import { chmodSync, copyFileSync, cpSync, existsSync, rmSync } from 'node:fs';
import { build } from 'esbuild';

process.chdir(new URL('..', import.meta.url).pathname);
rmSync('dist', { recursive: true, force: true });
await build({
  entryPoints: ['src/cli.ts', 'src/index.ts'],
  outdir: 'dist',
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20.19',
  chunkNames: 'parts/[name]-[hash]',
  // Less to read and compile at every start; names stay, for stack traces.
  minifyWhitespace: true,
  minifySyntax: true,
  // CommonJS dependencies ask for `require`, `__filename` and `__dirname`, which ES modules lack.
  banner: {
    js: "import { createRequire as __vgrunRequire } from 'node:module'; const require = __vgrunRequire(import.meta.url);",
  },
  legalComments: 'linked',
  logLevel: 'warning',
});
if (existsSync('src/report/report.schema.json')) {
  copyFileSync('src/report/report.schema.json', 'dist/report.schema.json');
}
// valgrind itself reads them, so they cannot be in the bundle.
cpSync('src/analyze/suppressions', 'dist/suppressions', { recursive: true });
chmodSync('dist/cli.js', 0o755);
execFileSync('node_modules/.bin/tsc', ['-p', 'tsconfig.build.json'], { stdio: 'inherit' });
