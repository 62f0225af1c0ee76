// Owns what a config means: words that stand in front of the command line's own, so that one parser reads both and the
// later word wins; and the environment, which has no words. Loaded only when there is a config.
import { basename, dirname, resolve } from 'node:path';
import { readMost } from '../analyze/gate.ts';
import { readGrowth } from '../analyze/profile/growth.ts';
import { UserError } from '../errors.ts';
import { ownOptions } from '../tools/_shared/own-options.ts';
import { optionNamed, readToken } from '../tools/_shared/valgrind-options.ts';
import type { LoadedConfig } from './config.ts';
import { keyOf, type Settings, settingEntries } from './config-schema.ts';

/** Where a setting stands. */
export interface Origin {
  /** Absolute. */
  readonly file: string;
  /** `presets.nightly.options[1]`. */
  readonly key: string;
}

/** One word for the command line. */
export interface ConfigWord {
  readonly word: string;
  readonly origin: Origin;
}

/** `run`: everything; `analysis`: what is about reading a run, for `vgrun report` and its kin. */
export type Scope = 'run' | 'analysis';

/** A setting's name, and the option that it stands for; missing: no single one. */
export type SettingKey = keyof Settings;

const analysisKeys: ReadonlySet<SettingKey> = new Set([
  'mailFrom',
  'baseline',
  'failOn',
  'max',
  'maxGrowth',
  'onlyMine',
  'ownership',
  'confidential',
  'fullStacks',
  'all',
  'projectRoot',
  'followInterpreter',
  'color',
]);

/** The settings that are paths, relative to the folder of the config. */
const pathKeys: ReadonlySet<SettingKey> = new Set([
  'baseline',
  'projectRoot',
  'runsIn',
  'valgrind',
  'suppressions',
]);

/** Each setting, in the order of the schema. */
export const settingKeys = Object.keys(settingEntries) as readonly SettingKey[];

/** The option of the command line that does the same; undefined where it is no single one. */
export function optionOf(key: SettingKey): string | undefined {
  if (['options', 'environment', 'ownership', 'cgi'].includes(key)) return undefined;
  return `--${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

/**
 * The words of a config, of the weakest layer first.
 *
 * @throws UserError (125) for an option that belongs under another key.
 */
export function configWords(loaded: LoadedConfig, scope: Scope): readonly ConfigWord[] {
  let max: Settings['max'];
  let maxGrowth: Settings['maxGrowth'];
  return loaded.layers.flatMap(({ path, settings }) =>
    settingKeys
      .filter((key) => settings[key] !== undefined && (scope === 'run' || analysisKeys.has(key)))
      .flatMap((key) => {
        // Each limit of its own counts, so a preset may change one and leave the others.
        if (key === 'max') max = { ...max, ...settings.max };
        if (key === 'maxGrowth') maxGrowth = { ...maxGrowth, ...settings.maxGrowth };
        const limits = {
          ...(max === undefined ? {} : { max }),
          ...(maxGrowth === undefined ? {} : { maxGrowth }),
        };
        return wordsOf(key, { ...settings, ...limits }, loaded.file, path);
      }),
  );
}

/** The variables that a config sets, and takes away (undefined). */
export function configEnvironment(loaded: LoadedConfig): Readonly<Record<string, string | undefined>> {
  return Object.fromEntries(
    loaded.layers.flatMap(({ settings }) =>
      Object.entries(settings.environment ?? {}).map(([name, value]) => [name, value ?? undefined]),
    ),
  );
}

function wordsOf(
  key: SettingKey,
  settings: Settings,
  file: string,
  path: readonly string[],
): readonly ConfigWord[] {
  const folder = dirname(file);
  const word = (text: string, ...rest: readonly (string | number)[]): ConfigWord => ({
    word: text,
    origin: { file, key: keyOf([...path, key, ...rest]) },
  });
  switch (key) {
    case 'environment':
    // What a program is asked is for `vgrun cgi` alone.
    case 'cgi':
      return [];
    case 'options':
      return (settings.options ?? []).flatMap((text, index) =>
        valgrindWords(text, folder, word('', index).origin).map((option) => word(option, index)),
      );
    case 'ownership': {
      const { mine = [], library = [], system = [] } = settings.ownership ?? {};
      return Object.entries({ mine, library, system }).flatMap(([owner, patterns]) =>
        patterns.map((pattern, index) => word(`--${owner}=${pattern}`, owner, index)),
      );
    }
    case 'failOn':
      return settings.failOn?.length === 0 ? [] : [word(`--fail-on=${settings.failOn?.join(',')}`)];
    case 'max':
    case 'maxGrowth': {
      const limits = Object.entries(settings[key] ?? {}).map(([name, limit]) => `${name}=${limit}`);
      if (limits.length === 0) return [];
      const said = word(`${optionOf(key)}=${limits.join(',')}`);
      const read = key === 'max' ? readMost : readGrowth;
      return [checked(said, () => read(limits.join(',')))];
    }
    case 'report':
      return (settings.report ?? []).map((text, index) => word(`--report=${placed(text, folder)}`, index));
    case 'mail':
      return (settings.mail ?? []).map((text, index) =>
        word(`--mail=${text.endsWith('.eml') ? resolve(folder, text) : text}`, index),
      );
    default: {
      const option = optionOf(key);
      const value = settings[key];
      const texts = Array.isArray(value) ? value : [value];
      return texts.map((item, index) => {
        const rest = Array.isArray(value) ? [index] : [];
        if (typeof item === 'boolean') return word(item ? `${option}` : `--no-${option?.slice(2)}`);
        return word(`${option}=${pathKeys.has(key) ? resolve(folder, String(item)) : item}`, ...rest);
      });
    }
  }
}

/** What sub-commands read only later must be said to be the config's all the same. */
function checked(word: ConfigWord, read: () => unknown): ConfigWord {
  try {
    read();
    return word;
  } catch (error) {
    throw error instanceof UserError ? inConfig(error, word.origin) : error;
  }
}

/** `html=out.html` beside the config; a format alone, and `-`, stay. */
function placed(text: string, folder: string): string {
  const at = text.indexOf('=');
  const file = text.slice(at + 1);
  return at === -1 || file === '' || file === '-' ? text : `${text.slice(0, at)}=${resolve(folder, file)}`;
}

const flags = ['-h', '--help', '--help-debug', '--help-dyn-options', '--version'];

/** `--leak-check=full` only for the tools that have it: the command line may choose another one. */
function valgrindWords(text: string, folder: string, origin: Origin): readonly string[] {
  // `--leak-check=full`, `-v`; a word without a dash would be taken for the program
  if (!/^(?:--[A-Za-z][^=]*(?:=.*)?|-[a-z])$/s.test(text)) {
    throw inConfig(new UserError(`"${text}" is no option`, 'write it --name=value'), origin);
  }
  const { name, value, scope } = readToken(text);
  if (flags.includes(name)) {
    throw inConfig(new UserError(`${name} runs nothing`, 'leave it out'), origin);
  }
  const key = settingKeys.find((candidate) => optionOf(candidate) === name.replace(/^--no-/, '--'));
  const own = ownOptions.some((option) => [option.name, `--no-${option.name.slice(2)}`].includes(name));
  if (name !== '--suppressions' && (key !== undefined || own)) {
    throw inConfig(
      new UserError(
        `${name} has a setting of its own`,
        key !== undefined
          ? `write "${key}"`
          : ['--mine', '--library', '--system'].includes(name)
            ? `write "ownership": { "${name.slice(2)}": […] }`
            : 'it is for the command line only',
      ),
      origin,
    );
  }
  const option = optionNamed(name);
  const placedText =
    option?.type === 'path' && value !== undefined && value !== ''
      ? `${text.slice(0, text.indexOf('='))}=${resolve(folder, value)}`
      : text;
  if (scope !== undefined || option?.tools === undefined) return [placedText];
  return option.tools.map((tool) => `--${tool}:${placedText.slice(2)}`);
}

/** The error of a word that a config gave, which nobody typed. */
export function inConfig(error: UserError, { file, key }: Origin): UserError {
  return new UserError(
    `${basename(file)}: "${key}": ${error.message}`,
    withFile(error.hint, file),
    error.status,
  );
}

function withFile(hint: string | undefined, file: string): string {
  return hint === undefined ? `mend it in ${file}` : `${hint}; the file is ${file}`;
}
