// Builds dist/: one bundle with lazily loaded parts (esbuild) and the type declarations (tsc).
import { execFileSync } from 'node:child_process';
import { chmodSync, copyFileSync, cpSync, existsSync, rmSync, writeFileSync } from 'node:fs';
import { build } from 'esbuild';
import { esbuildPage } from './page-plugin.mjs';

process.chdir(new URL('..', import.meta.url).pathname);
rmSync('dist', { recursive: true, force: true });
await build({
  entryPoints: ['src/cli.ts', 'src/index.ts'],
  outdir: 'dist',
  bundle: true,
  plugins: [esbuildPage],
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
  // It loads parts of itself by their paths.
  external: ['jiti'],
  legalComments: 'linked',
  logLevel: 'warning',
});
if (existsSync('src/report/report.schema.json')) {
  copyFileSync('src/report/report.schema.json', 'dist/report.schema.json');
}
// valgrind itself reads them, so they cannot be in the bundle.
cpSync('src/analyze/suppressions', 'dist/suppressions', { recursive: true });
// Compilers read these.
cpSync('src/crt', 'dist/include', { recursive: true });
cpSync('src/run/preload', 'dist/preload', { recursive: true });
// gdb reads these.
cpSync('src/run/gdb', 'dist/gdb', { recursive: true, filter: (path) => !/\.ts$|__pycache__/.test(path) });
// The JSON Schema of a config, from the schema that checks it.
const { outputFiles } = await build({
  stdin: {
    contents:
      "import { toJsonSchema } from '@valibot/to-json-schema'; import { configSchema } from './src/run/config-schema.ts'; export const schema = toJsonSchema(configSchema, { errorMode: 'ignore' });",
    resolveDir: '.',
  },
  bundle: true,
  format: 'esm',
  platform: 'node',
  write: false,
});
const { schema } = await import(
  `data:text/javascript;base64,${Buffer.from(outputFiles[0].contents).toString('base64')}`
);
writeFileSync('dist/config.schema.json', `${JSON.stringify(schema, null, 2)}\n`);
chmodSync('dist/cli.js', 0o755);
execFileSync('node_modules/.bin/tsc', ['-p', 'tsconfig.build.json'], { stdio: 'inherit' });
