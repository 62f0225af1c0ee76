// Owns what a config says for `vgrun cgi`: words that stand in front of the typed ones, and servers of the user's own.
import { resolve } from 'node:path';
import { readEnvironmentFile, readEnvironmentWord } from '../drive/gateway/environment-words.ts';
import type { Server } from '../drive/gateway/server-presets.ts';
import {
  type ServerSettings,
  serverNamed,
  serverNames,
  withSettings,
  withVariables,
} from '../drive/gateway/servers.ts';
import { UserError } from '../errors.ts';
import { nearest } from '../model/spelling.ts';
import { loadConfig } from '../run/config.ts';
import type { CgiConfigSettings } from '../run/config-schema.ts';
import type { CgiSettings } from '../tools/_shared/cgi-options.ts';
import { readConfigWishes } from '../tools/_shared/command-line.ts';
import type { CgiWords } from './cgi-words.ts';

export interface CgiConfig {
  /** Options of `vgrun cgi`. */
  readonly words: readonly string[];
  /** The presets of `--preset` that are the config's and no servers. */
  readonly presets: readonly string[];
  /**
   * How the environment is made, with all that the user said of it.
   *
   * @param given variables that the config sets for every program; undefined takes one away.
   * @throws UserError (125) for an unknown server, or a file or variable that is not there.
   */
  readonly server: (
    settings: CgiSettings,
    workingDirectory: string,
    given: Readonly<Record<string, string | undefined>> | undefined,
  ) => Promise<Server>;
}

/**
 * @param typed what was typed: it says which config is meant, and which presets.
 * @param config where the words name none: as for `readWish`.
 * @throws UserError (125) for a config that cannot be used.
 */
export async function readCgiConfig(
  typed: CgiWords,
  workingDirectory: string,
  config?: string | false,
): Promise<CgiConfig> {
  const named = readConfigWishes([...typed.options, typed.program ?? '']);
  const wishes = named.config !== undefined || config === undefined ? named : { ...named, config };
  const plain = await loadConfig({ ...wishes, preset: [] }, workingDirectory);
  const ownServers = { ...plain?.config.cgi?.servers };
  const isServer = (name: string): boolean => serverNames.includes(name) || Object.hasOwn(ownServers, name);
  const presets = typed.settings.preset.filter((name) => !isServer(name));
  const stranger = presets.find((name) => !Object.hasOwn(plain?.config.presets ?? {}, name));
  if (stranger !== undefined) {
    const names = [...serverNames, ...Object.keys(ownServers), ...Object.keys(plain?.config.presets ?? {})];
    const guess = nearest(stranger, names);
    throw new UserError(
      `there is no preset "${stranger}"`,
      `${guess === undefined ? '' : `did you mean ${guess}? `}there are ${[...new Set(names)].join(', ')}`,
    );
  }
  const loaded =
    presets.length === 0 ? plain : await loadConfig({ ...wishes, preset: presets }, workingDirectory);
  const said: CgiConfigSettings = Object.assign(
    {},
    ...(loaded?.layers ?? []).map(({ settings }) => settings.cgi),
  );
  const servers: Readonly<Record<string, ServerSettings>> = Object.assign(
    {},
    ...(loaded?.layers ?? []).map(({ settings }) => settings.cgi?.servers),
  );
  const folder = loaded === undefined ? workingDirectory : resolve(loaded.file, '..');
  return {
    words: wordsOf(said, folder),
    presets,
    server: async (settings, from, given = {}) => {
      const name = settings.preset.findLast(isServer) ?? said.server ?? 'apache';
      const files = await Promise.all(
        settings.envFile.map((file) => readEnvironmentFile(resolve(from, file))),
      );
      const words = await Promise.all(
        settings.env.map(async (word) =>
          word.startsWith('@')
            ? readEnvironmentFile(resolve(from, word.slice(1)))
            : [readEnvironmentWord(word, process.env)],
        ),
      );
      const server = withSettings(serverNamed(name, servers), {
        ...(settings.scriptName !== undefined && { scriptName: settings.scriptName }),
        ...(settings.documentRoot !== undefined && { documentRoot: resolve(from, settings.documentRoot) }),
        environment: Object.fromEntries(
          Object.entries(given).map(([variable, value]) => [variable, value ?? null]),
        ),
      });
      return withVariables(server, [...files.flat(), ...words.flat()]);
    },
  };
}

/** Paths are meant from the config's folder. */
function wordsOf(said: CgiConfigSettings, folder: string): readonly string[] {
  const paths: readonly string[] = ['documentRoot', 'chdir', 'envFile'];
  return Object.entries(said).flatMap(([key, value]) => {
    if (key === 'server' || key === 'servers') return [];
    const option = `--${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
    const values: readonly unknown[] = Array.isArray(value) ? value : [value];
    return values.map((item) => {
      if (typeof item === 'boolean') return item ? option : `--no-${option.slice(2)}`;
      return `${option}=${paths.includes(key) ? resolve(folder, String(item)) : item}`;
    });
  });
}
