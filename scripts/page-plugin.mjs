// Bundles `import … from './page.tsx?page'`: a browser program with its style as texts, for esbuild and for vite (vitest).
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));
const ending = '?page';

/** For esbuild. */
export const esbuildPage = {
  name: 'page',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /\?page$/ }, ({ path, resolveDir }) => ({
      path: join(resolveDir, path.slice(0, -ending.length)),
      namespace: 'page',
    }));
    onLoad({ filter: /./, namespace: 'page' }, async ({ path }) => {
      const { contents, watchFiles } = await bundlePage(path);
      return { contents, watchFiles, loader: 'js' };
    });
  },
};

/** For vite. */
export const vitePage = {
  name: 'page',
  enforce: 'pre',
  resolveId(source, importer) {
    if (!source.endsWith(ending) || importer === undefined) return undefined;
    return `\0${join(dirname(importer), source.slice(0, -ending.length))}.js${ending}`;
  },
  async load(id) {
    if (!id.startsWith('\0') || !id.endsWith(ending)) return undefined;
    return (await bundlePage(id.slice(1, -`.js${ending}`.length))).contents;
  },
};

/** A module of three texts: the script, the style beside it (same name, .css), the licences of what is in the script. */
async function bundlePage(entry) {
  const css = entry.replace(/\.tsx?$/, '.css');
  const options = {
    absWorkingDir: root,
    bundle: true,
    minify: true,
    charset: 'utf8',
    // The browsers that have DecompressionStream and light-dark().
    target: ['chrome123', 'firefox120', 'safari17.5'],
    write: false,
    metafile: true,
    legalComments: 'none',
    logLevel: 'warning',
  };
  const [script, style] = await Promise.all([
    build({ ...options, entryPoints: [entry], format: 'iife', jsx: 'automatic', jsxImportSource: 'preact' }),
    build({ ...options, entryPoints: [css] }),
  ]);
  const inputs = Object.keys(script.metafile.inputs);
  const texts = {
    script: script.outputFiles[0].text,
    style: style.outputFiles[0].text,
    notices: noticesOf(inputs),
  };
  return {
    contents: Object.entries(texts)
      .map(([name, text]) => `export const ${name} = ${JSON.stringify(text)};\n`)
      .join(''),
    watchFiles: [css, ...inputs.map((path) => join(root, path))],
  };
}

/** The licence of every package that is in the bundle. */
function noticesOf(inputs) {
  const packages = new Set(
    inputs.flatMap((path) => /(?:^|\/)node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1] ?? []),
  );
  return [...packages]
    .sort()
    .map((name) => {
      const folder = join(root, 'node_modules', name);
      const { version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
      const file = ['LICENSE', 'LICENSE.md', 'license'].map((each) => join(folder, each)).find(existsSync);
      if (file === undefined) throw new Error(`${name} has no licence file to ship`);
      return `${name} ${version}\n\n${readFileSync(file, 'utf8').trim()}\n`;
    })
    .join('\n');
}
