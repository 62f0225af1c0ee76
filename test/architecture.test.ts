// Holds the architecture: which folder may import which, what the pure folders may not touch, what each file owes.
import { readdirSync, readFileSync } from 'node:fs';
import { join, normalize } from 'node:path';
import { describe, expect, test } from 'vitest';
import { projectRoot } from './project.ts';

/** What each layer may import besides itself. Files directly under src are layers of their own. */
const mayImport: Readonly<Record<string, readonly string[]>> = {
  model: [],
  errors: [],
  version: [],
  log: [],
  tools: ['model', 'errors'],
  analyze: ['model', 'errors'],
  report: ['model', 'errors'],
  run: ['model', 'errors', 'version', 'log', 'tools', 'analyze', 'report', 'drive'],
  drive: ['model', 'errors', 'version', 'log', 'tools', 'analyze', 'report'],
  suite: ['model', 'errors', 'version', 'log', 'tools', 'analyze', 'report', 'run', 'drive'],
  pipeline: ['model', 'errors', 'version', 'log', 'tools', 'analyze', 'report', 'run'],
  commands: ['model', 'errors', 'version', 'log', 'tools', 'analyze', 'report', 'drive', 'run', 'pipeline'],
  index: ['model', 'errors', 'version', 'tools', 'analyze', 'report', 'run', 'pipeline', 'commands'],
  cli: ['errors', 'version', 'log', 'report', 'commands'],
};

const pure = ['model', 'tools', 'analyze', 'report'];
const starters = ['run', 'drive'];

interface Source {
  /** Relative to src, e.g. `tools/memcheck/parse.ts`. */
  readonly path: string;
  readonly layer: string;
  readonly text: string;
  readonly imports: readonly string[];
}

// `import type { Frame } from './finding.ts'`, `export * from './x.ts'`, `await import('./commands/run.ts')`
const importPattern = /(?:\bfrom\s+|\bimport\s*\(?\s*)'([^']+)'/g;

const sources: readonly Source[] = readdirSync(join(projectRoot, 'src'), {
  recursive: true,
  encoding: 'utf8',
})
  .filter((path) => /\.tsx?$/.test(path))
  .map((path) => {
    const text = readFileSync(join(projectRoot, 'src', path), 'utf8');
    return {
      path,
      layer: path.split('/')[0]?.replace(/\.tsx?$/, '') ?? '',
      text,
      imports: [...withoutComments(text).matchAll(importPattern)].map(([, name = '']) =>
        name.startsWith('.') ? normalize(join(path, '..', name)) : name,
      ),
    };
  });

/** `FILE imports WHAT` for every import that breaks a rule. */
function offences(breaks: (source: Source, name: string) => boolean): readonly string[] {
  return sources.flatMap((source) =>
    source.imports.filter((name) => breaks(source, name)).map((name) => `${source.path} imports ${name}`),
  );
}

const isExternal = (name: string): boolean => /^(node:|@?[a-z])/.test(name) && !isSource(name);
const isSource = (name: string): boolean => /\.(tsx?|json)(\?page)?$/.test(name);
const layerOf = (name: string): string => name.split('/')[0]?.replace(/\.\w+$/, '') ?? '';

describe('imports', () => {
  test('point one way: model, then tools, analyze and report, then run, pipeline, commands, cli', () => {
    expect(
      offences(({ layer }, name) => {
        const target = layerOf(name);
        return (
          isSource(name) &&
          name !== '../package.json' &&
          target !== layer &&
          !(mayImport[layer] ?? []).includes(target)
        );
      }),
    ).toEqual([]);
  });

  test('stay inside src', () => {
    expect(offences((_, name) => name.startsWith('..') && name !== '../package.json')).toEqual([]);
  });

  test('of a tool reach no other tool', () => {
    const folder = (path: string): string | undefined => /^tools\/([^/]+)\//.exec(path)?.[1];
    expect(
      offences(({ path }, name) => {
        const [own, other] = [folder(path), folder(name)];
        return own !== undefined && other !== undefined && other !== own && other !== '_shared';
      }),
    ).toEqual([]);
  });

  test('of the pure folders reach no file, process, clock or environment', () => {
    expect(
      offences(
        ({ layer }, name) =>
          pure.includes(layer) &&
          (/^(node:)?(fs|child_process|process|os|worker_threads|net|timers|perf_hooks)\b/.test(name) ||
            ['execa', 'tmp', 'pino', 'yargs'].includes(name)),
      ),
    ).toEqual([]);
  });

  test('of child_process and execa are only in run and drive, which alone start processes', () => {
    expect(
      offences(({ layer }, name) => /child_process|^execa$/.test(name) && !starters.includes(layer)),
    ).toEqual([]);
  });

  test('of packages are only of those that package.json names', () => {
    const { dependencies, devDependencies } = JSON.parse(
      readFileSync(join(projectRoot, 'package.json'), 'utf8'),
    );
    // Types alone (`import type { Result } from 'sarif'`) are gone when the program is built.
    const isTypes = (text: string, name: string): boolean =>
      `@types/${name}` in devDependencies &&
      !new RegExp(`(?:import (?!type\\b)[^;]*|export [^;]*) from '${name}'`).test(text);
    // The page of the HTML report is bundled when vgrun is built; its only package is not installed with vgrun.
    const isBundled = (path: string, name: string): boolean =>
      path.startsWith('report/html-page/') && /^preact(\/hooks)?$/.test(name);
    expect(
      offences(
        ({ path, text }, name) =>
          isExternal(name) &&
          !name.startsWith('node:') &&
          !(name in dependencies) &&
          !isTypes(text, name) &&
          !isBundled(path, name),
      ),
    ).toEqual([]);
  });
});

describe('every source file', () => {
  test('says in its first line what it owns', () => {
    const silent = sources.filter(({ text }) => !/^(#!.*\n)?(\/\/|\/\*) \S+/.test(text));
    expect(silent.map(({ path }) => path)).toEqual([]);
  });

  test('has a folder that the design knows', () => {
    expect(sources.filter(({ layer }) => !(layer in mayImport)).map(({ path }) => path)).toEqual([]);
  });

  test('has a kebab-case name that says what is in it', () => {
    const vague = /(^|\/)(utils?|helpers?|common|misc|lib|managers?)(\/|\.tsx?$)/;
    const poor = sources.filter(
      ({ path }) => vague.test(path) || !/^(_?[a-z0-9-]+\/)*[a-z0-9-]+(\.d)?\.tsx?$/.test(path),
    );
    expect(poor.map(({ path }) => path)).toEqual([]);
  });

  test('has no default export, no enum and no any', () => {
    const code = /^export default|^(export )?(const )?enum |: any\b|as any\b|<any>/m;
    expect(sources.filter(({ text }) => code.test(withoutComments(text))).map(({ path }) => path)).toEqual(
      [],
    );
  });

  test('of the pure folders asks neither the clock nor the environment nor chance', () => {
    // A process of the run is often called `process` there: only what Node's own has and a ReportProcess has not.
    const impure =
      /\bDate\b(?!\.parse\()|\bprocess\.(env|cwd|std|platform|hrtime|kill|nextTick|exitCode|memoryUsage)|\bperformance\.|\bMath\.random\b|\bsetTimeout\b|\bglobalThis\b|\bconsole\./;
    const found = sources.filter(
      ({ layer, text }) => pure.includes(layer) && impure.test(withoutProse(text)),
    );
    expect(found.map(({ path }) => path)).toEqual([]);
  });
});

test('the top level has only the folders that the design names', () => {
  const folders = readdirSync(projectRoot, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && !entry.name.startsWith('.'))
    .map((entry) => entry.name)
    .filter((name) => name !== 'node_modules' && name !== 'dist');
  expect(folders.sort()).toEqual(['docs', 'examples-c', 'scripts', 'src', 'test']);
});

function withoutComments(text: string): string {
  return text
    .replace(/\/\*[\s\S]*?\*\//g, '')
    .replace(/^\s*\/\/.*$/gm, '')
    .replace(/\s\/\/ .*$/gm, '');
}

/** Without comments and texts: `'the process. Then'` is not a use of `process.`. */
function withoutProse(text: string): string {
  return withoutComments(text).replace(/'(?:[^'\\\n]|\\.)*'|`(?:[^`\\$]|\\.|\$(?!\{))*`/g, "''");
}
