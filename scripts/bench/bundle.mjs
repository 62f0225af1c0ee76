// Makes one file of what a bench measures, so that each measurement starts as the published program does.
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

/**
 * @param outfile where the module goes.
 * @param exports `export … from './src/…'`, from the root of the project.
 * @param more further options of esbuild.
 */
export async function bundle(outfile, exports, more = {}) {
  await build({
    stdin: { contents: exports, resolveDir: fileURLToPath(new URL('../..', import.meta.url)) },
    bundle: true,
    platform: 'node',
    format: 'esm',
    outfile,
    logLevel: 'error',
    ...more,
  });
  return outfile;
}
