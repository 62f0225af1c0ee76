// Owns the config: where it is looked for, whether it is to be trusted, how it is read. What is costly is loaded only
// when there is one; the search itself asks for eight names in each folder and reads nothing but a package.json.
import { closeSync, fstatSync, openSync, readFileSync, type Stats, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { basename, dirname, extname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { UserError } from '../errors.ts';
import { nearest } from '../model/spelling.ts';
import type { ConfigWishes } from '../tools/_shared/command-line.ts';
import type { Config, Settings } from './config-schema.ts';

/** Names of a config, in the order in which they are looked for in a folder. */
export const configNames: readonly string[] = [
  'package.json',
  'vgrun.config.json',
  'vgrun.config.ts',
  'vgrun.config.mts',
  'vgrun.config.js',
  'vgrun.config.mjs',
  '.vgrunrc',
  '.vgrunrc.json',
];

/** A config that was read and checked. */
export interface LoadedConfig {
  /** Absolute. */
  readonly file: string;
  readonly config: Config;
  /** What holds, the strongest last: the file itself, then the presets that were asked for. */
  readonly layers: readonly Layer[];
}

interface Layer {
  /** Path of the settings in the file. */
  readonly path: readonly string[];
  readonly settings: Settings;
}

/** More is no config that a person wrote. */
const largest = 1024 * 1024;

/**
 * Reads the config that was named, or the nearest one.
 *
 * @returns undefined when there is none, or none is wanted.
 * @throws UserError (125) for a config that cannot be read, is not trusted, is wrong, or has no such preset.
 */
export async function loadConfig(
  { config: wish, preset }: ConfigWishes,
  workingDirectory: string,
): Promise<LoadedConfig | undefined> {
  const file =
    wish === undefined
      ? findConfig(workingDirectory)
      : wish === false
        ? undefined
        : resolve(workingDirectory, wish);
  if (file === undefined) {
    if (preset[0] === undefined) return undefined;
    throw new UserError(
      `there is no config, so there is no preset "${preset[0]}"`,
      `make a ${configNames[1]} with "presets", or name one with --config=FILE`,
    );
  }
  const value = await readConfig(file, wish === undefined);
  const path = basename(file) === 'package.json' ? ['vgrun'] : [];
  const { checkConfig, keyOf } = await import('./config-schema.ts');
  let checked: ReturnType<typeof checkConfig>;
  try {
    checked = checkConfig(value);
  } catch (error) {
    throw new UserError(`${file} cannot be read: ${firstLine(error)}`, 'a config holds plain values');
  }
  if ('faults' in checked) {
    const [fault, ...more] = checked.faults;
    const key = [keyOf(path), fault?.key ?? ''].filter((part) => part !== '').join('.');
    throw new UserError(
      `${file}: ${key === '' ? 'it' : `"${key}"`} ${fault?.message}${more.length === 0 ? '' : ` (and ${more.length} more)`}`,
      fault?.hint ?? 'docs/configuration.md lists all settings; vgrun config --schema prints their schema',
    );
  }
  const { config } = checked;
  const { presets = {}, $schema: _, ...settings } = config;
  return {
    file,
    config,
    layers: [
      { path, settings },
      ...preset.map((name) => ({
        path: [...path, 'presets', name],
        settings: presetNamed(presets, name, file),
      })),
    ],
  };
}

/** Names of presets, for completion: nothing is run for them, and what is wrong with a config is said elsewhere. */
export async function presetNames(
  { config }: ConfigWishes,
  workingDirectory: string,
): Promise<readonly string[]> {
  try {
    const file =
      typeof config === 'string' ? resolve(workingDirectory, config) : findConfig(workingDirectory);
    if (config === false || file === undefined || isCode(file)) return [];
    const loaded = await loadConfig(
      { ...(config === undefined ? {} : { config }), preset: [] },
      workingDirectory,
    );
    return Object.keys(loaded?.config.presets ?? {});
  } catch {
    return [];
  }
}

function isCode(file: string): boolean {
  return ['.ts', '.mts', '.cts', '.js', '.mjs', '.cjs'].includes(extname(file));
}

function presetNamed(presets: Readonly<Record<string, Settings>>, name: string, file: string): Settings {
  const settings = Object.hasOwn(presets, name) ? presets[name] : undefined;
  if (settings !== undefined) return settings;
  const names = Object.keys(presets);
  const guess = nearest(name, names);
  throw new UserError(
    `${file} has no preset "${name}"`,
    names.length === 0
      ? 'it has none; they are named in "presets"'
      : guess === undefined
        ? `its presets are ${names.join(', ')}`
        : `did you mean --preset=${guess}? Its presets are ${names.join(', ')}`,
  );
}

/** The nearest config from a folder upwards, to the home directory when that is above it, else to the root. */
function findConfig(workingDirectory: string): string | undefined {
  const last = homedir();
  for (let folder = resolve(workingDirectory); ; folder = dirname(folder)) {
    for (const name of configNames) {
      const file = join(folder, name);
      if (statSync(file, { throwIfNoEntry: false })?.isFile() !== true) continue;
      if (name !== 'package.json' || speaksOfVgrun(file)) return file;
    }
    if (folder === last || folder === dirname(folder)) return undefined;
  }
}

/** Whether a package.json has settings. One that names vgrun only as a dependency, or is not ours to read, has none. */
function speaksOfVgrun(file: string): boolean {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch {
    return false;
  }
  if (!text.includes('"vgrun"')) return false;
  try {
    const value: unknown = parseJson(text);
    return typeof value === 'object' && value !== null && Object.hasOwn(value, 'vgrun');
  } catch {
    // npm will say what is wrong with it.
    return false;
  }
}

/** @param found it was not named, so it must be trusted. */
async function readConfig(file: string, found: boolean): Promise<unknown> {
  const text = readTrusted(file, found);
  if (isCode(file)) return runConfig(file);
  let value: unknown;
  try {
    value = parseJson(text);
  } catch (error) {
    const { jsonFault } = await import('./json-fault.ts');
    const fault = jsonFault(text.replace(/^\uFEFF/, ''));
    throw new UserError(
      fault === undefined
        ? `${file} is no JSON: ${firstLine(error)}`
        : `${file}:${fault.line}:${fault.column} is no JSON: ${fault.message}`,
      fault?.hint ?? 'mend it there',
    );
  }
  if (basename(file) !== 'package.json') return value;
  if (typeof value === 'object' && value !== null && Object.hasOwn(value, 'vgrun')) {
    return (value as { vgrun: unknown }).vgrun;
  }
  throw new UserError(`${file} has no "vgrun"`, 'the settings go there: { "vgrun": { … } }');
}

function parseJson(text: string): unknown {
  return JSON.parse(text.replace(/^\uFEFF/, ''));
}

/** The file that is checked is the one that is read. */
function readTrusted(file: string, found: boolean): string {
  let descriptor: number | undefined;
  try {
    if (!statSync(file).isFile()) throw new UserError(`${file} is no regular file`, 'name a file');
    descriptor = openSync(file, 'r');
    const status = fstatSync(descriptor);
    if (status.size > largest) throw new UserError(`${file} is no config: it has ${status.size} bytes`);
    if (found) mustBeTrusted(file, status);
    return readFileSync(descriptor, 'utf8');
  } catch (error) {
    if (error instanceof UserError) throw error;
    const { code } = error as NodeJS.ErrnoException;
    throw new UserError(
      code === 'ENOENT' ? `${file} is not found` : `${file} cannot be read: ${reasonOf(code)}`,
      found ? 'mend that, or go on without it: --no-config' : 'check what --config names',
    );
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
}

function reasonOf(code: string | undefined): string {
  return code === 'EACCES' ? 'permission denied' : (code ?? 'unknown reason');
}

/**
 * A config can name files to be written and code to be run, so one that somebody else can change is as good as running
 * what they say. git (`safe.directory`) and valgrind (`.valgrindrc`) have the same rule.
 */
function mustBeTrusted(file: string, { uid, mode }: Stats): void {
  const out = `if you trust it: --config=${file}; to go on without it: --no-config`;
  if ((mode & 0o002) !== 0) {
    throw new UserError(
      `${file} can be written by everybody, so it is not used`,
      `chmod o-w ${file}; ${out}`,
    );
  }
  const { SUDO_UID } = process.env;
  const own = process.geteuid?.();
  const trusted = [0, own, own === 0 && SUDO_UID !== undefined ? Number(SUDO_UID) : undefined];
  if (own !== undefined && !trusted.includes(uid)) {
    throw new UserError(`${file} belongs to another user, so it is not used`, out);
  }
}

/** Runs a config that is code, and takes its default export. */
async function runConfig(file: string): Promise<unknown> {
  try {
    const value = await importConfig(file);
    if (value === undefined) {
      throw new UserError(`${file} exports nothing`, 'write: export default { … }');
    }
    return value;
  } catch (error) {
    if (error instanceof UserError) throw error;
    throw new UserError(`${file} could not be loaded: ${firstLine(error)}`, 'mend it there');
  }
}

async function importConfig(file: string): Promise<unknown> {
  const isTypeScript = /\.[mc]?ts$/.test(file);
  const own = (process.features as { typescript?: unknown }).typescript;
  if (!isTypeScript || (own !== undefined && own !== false)) {
    try {
      return ((await import(pathToFileURL(file).href)) as { default?: unknown }).default;
    } catch (error) {
      // Node strips types, and refuses what is more than types (enums).
      if ((error as NodeJS.ErrnoException).code !== 'ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX') throw error;
    }
  }
  const { createJiti } = await import('jiti');
  // Its cache would be in the temporary folder, where others can write.
  return createJiti(import.meta.url, { fsCache: false }).import(file, { default: true });
}

function firstLine(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return message.split('\n', 1)[0] ?? '';
}
