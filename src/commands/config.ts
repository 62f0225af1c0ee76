// `vgrun config`: which settings are in force, what they are, and where each is from.
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { harmless } from '../report/terminal-text.ts';
import { loadConfig } from '../run/config.ts';
import { type Config, keyOf } from '../run/config-schema.ts';
import { configWords, optionOf, type SettingKey, settingKeys } from '../run/config-words.ts';
import { ownDefaults, ownOptions } from '../tools/_shared/own-options.ts';
import { tools } from '../tools/index.ts';
import { configOptions, configWishesOf, isAnswered, subCommand } from './sub-command.ts';

/** One line of the answer. */
interface Row {
  readonly key: string;
  readonly value: unknown;
  /** Path in the file; missing: the default. */
  readonly from?: string;
  /** What on the command line does the same. */
  readonly argument?: string;
}

/** @returns 0 */
export async function main(argv: readonly string[]): Promise<number> {
  const wishes = await subCommand(
    'config',
    '[--preset=NAME] [--json]\n\nPrints each setting that is in force here, and where it is from.',
    argv,
  )
    .options(configOptions)
    .option('json', { type: 'boolean', default: false, describe: 'as JSON' })
    .option('schema', {
      type: 'boolean',
      default: false,
      describe: 'print the JSON Schema of a config instead',
    })
    .option('show-values', {
      type: 'boolean',
      default: false,
      describe: 'show also the values of environment variables',
    })
    .strict()
    .demandCommand(0, 0)
    .parseAsync();
  if (isAnswered(argv)) return 0;

  if (wishes.schema) {
    process.stdout.write(await readFile(schemaPath(), 'utf8'));
    return 0;
  }
  const loaded = await loadConfig(configWishesOf(argv), process.cwd());
  // What the words would be refused for is said here too.
  if (loaded !== undefined) configWords(loaded, 'run');
  const rows = settingKeys.flatMap((key) => rowsOf(key, loaded?.layers ?? [], wishes['show-values']));
  const presets = Object.keys(loaded?.config.presets ?? {});
  const chosen = wishes.preset ?? [];
  if (wishes.json) {
    const settings = rows.map(({ key, value, from, argument }) => ({
      key,
      value: value ?? null,
      from: from ?? 'default',
      ...(argument === undefined ? {} : { argument }),
    }));
    const answer = { file: loaded?.file ?? null, presets, chosen, settings };
    process.stdout.write(`${JSON.stringify(answer, null, 2)}\n`);
    return 0;
  }
  const head = [
    loaded === undefined ? 'No config: all is as it is by default.' : `Config: ${harmless(loaded.file)}`,
    ...(presets.length === 0 ? [] : [`Presets: ${presets.map((name) => marked(name, chosen)).join(', ')}`]),
  ];
  process.stdout.write(`${[...head, '', ...layOut(rows)].join('\n')}\n`);
  return 0;
}

function marked(name: string, chosen: readonly string[]): string {
  return `${harmless(name)}${chosen.includes(name) ? ' (in force)' : ''}`;
}

/** Beside the bundle, wherever that is. */
function schemaPath(): string {
  return createRequire(import.meta.url).resolve('vgrun/config.schema.json');
}

type Layers = readonly { readonly path: readonly string[]; readonly settings: Config }[];

/** A line for each value that counts: lists and environments have several. */
function rowsOf(key: SettingKey, layers: Layers, showValues: boolean): readonly Row[] {
  const given = layers.filter(({ settings }) => settings[key] !== undefined);
  const argument = argumentOf(key);
  const more = argument === undefined ? {} : { argument };
  const where = (path: readonly string[], ...rest: readonly (string | number)[]) =>
    keyOf([...path, key, ...rest]);
  if (key === 'environment' || key === 'max') {
    const last = new Map<string, Row>();
    for (const { path, settings } of given) {
      for (const [name, value] of Object.entries(settings[key] ?? {})) {
        const secret = key === 'environment' && value !== null && !showValues;
        last.set(name, {
          key: keyOf([key, name]),
          value: secret ? '…' : value,
          from: where(path, name),
          ...more,
        });
      }
    }
    return last.size === 0 ? [{ key, value: undefined, ...more }] : [...last.values()];
  }
  if (key === 'ownership') {
    return (['mine', 'library', 'system'] as const).flatMap((owner): readonly Row[] => {
      const patterns = given.flatMap(({ path, settings }) =>
        (settings.ownership?.[owner] ?? []).map((value, index) => ({
          key: `ownership.${owner}`,
          value,
          from: where(path, owner, index),
          argument: `--${owner}=PATTERN`,
        })),
      );
      return patterns.length > 0
        ? patterns
        : [{ key: `ownership.${owner}`, value: undefined, argument: `--${owner}=PATTERN` }];
    });
  }
  const last = given.at(-1);
  if (last === undefined) return [{ key, value: defaultOf(key), ...more }];
  const value = last.settings[key];
  if (!Array.isArray(value) || key === 'failOn') {
    return [{ key, value: key === 'failOn' ? String(value) : value, from: where(last.path), ...more }];
  }
  return given.flatMap(({ path, settings }) =>
    (settings[key] as readonly string[]).map((item, index) => ({
      key,
      value: item,
      from: where(path, index),
      ...more,
    })),
  );
}

function argumentOf(key: SettingKey): string | undefined {
  const name = optionOf(key);
  if (key === 'options') return '--NAME=VALUE';
  if (key === 'tool') return '--tool=NAME';
  if (key === 'suppressions') return '--suppressions=FILE';
  const option = ownOptions.find((candidate) => candidate.name === name);
  if (option === undefined) return undefined;
  return option.metavar === undefined ? `${name}, --no-${name?.slice(2)}` : `${name}=${option.metavar}`;
}

function defaultOf(key: SettingKey): unknown {
  if (key === 'tool') return tools[0]?.name;
  const value = (ownDefaults as unknown as Readonly<Record<string, unknown>>)[key];
  if (Array.isArray(value) && value.length === 0) return undefined;
  const written = ownOptions.find(({ name }) => name === optionOf(key))?.default;
  return written ?? value;
}

function layOut(rows: readonly Row[]): readonly string[] {
  const cells = rows.map(({ key, value, from, argument }) =>
    [
      key,
      value === undefined ? '-' : value === null ? '(taken away)' : String(value),
      from ?? 'default',
      argument ?? '',
    ].map(harmless),
  );
  const table = [['SETTING', 'VALUE', 'FROM', 'ARGUMENT'], ...cells];
  const widths = [0, 1, 2].map((column) =>
    Math.min(48, Math.max(...table.map((row) => row[column]?.length ?? 0))),
  );
  return table.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}
