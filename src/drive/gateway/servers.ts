// Owns the servers one can name: vgrun's presets, and what users make of them.
import { UserError } from '../../errors.ts';
import { nearest } from '../../model/spelling.ts';
import { bytesOfText } from './byte-text.ts';
import { mustBeName, type Variable } from './environment-words.ts';
import { presets, type Server } from './server-presets.ts';

/** What a user may say of a server, in the configuration or by options. Texts as they were typed, not bytes. */
export interface ServerSettings {
  /** Name of a preset to start from; default: `none`. */
  readonly extends?: string;
  readonly scriptName?: string;
  readonly documentRoot?: string;
  readonly serverName?: string;
  readonly serverPort?: number;
  readonly serverSoftware?: string;
  readonly serverAdmin?: string;
  readonly serverAddress?: string;
  readonly remoteAddress?: string;
  readonly remotePort?: number;
  /** Variables to set whatever the request; null takes one away. */
  readonly environment?: Readonly<Record<string, string | null>>;
}

/** Names of the servers that vgrun knows. */
export const serverNames: readonly string[] = [
  ...presets.map(({ name }) => name).filter((name) => name !== 'none'),
  'none',
];

/**
 * The server of a name: of the user's, which come first, or of vgrun's presets.
 *
 * @throws UserError (125) when there is none, or one extends itself.
 */
export function serverNamed(name: string, users: Readonly<Record<string, ServerSettings>> = {}): Server {
  return find(name, users, []);
}

function find(
  name: string,
  users: Readonly<Record<string, ServerSettings>>,
  above: readonly string[],
): Server {
  const preset = presets.find((server) => server.name === name);
  if (Object.hasOwn(users, name) && !above.includes(name)) {
    const settings = users[name] as ServerSettings;
    // A user's `apache` may extend vgrun's of the same name.
    const base = find(settings.extends ?? (preset === undefined ? 'none' : name), users, [...above, name]);
    return { ...withSettings(base, settings), name };
  }
  if (preset !== undefined) return preset;
  if (above.includes(name)) {
    throw new UserError(
      `the server ${name} extends itself: ${[...above, name].join(' -> ')}`,
      `let one of them extend one of ${serverNames.join(', ')}`,
    );
  }
  const names = [...new Set([...serverNames, ...Object.keys(users)])];
  const guess = nearest(name, names);
  throw new UserError(
    `no server is called '${name}'`,
    guess === undefined
      ? `there are ${names.join(', ')}`
      : `did you mean ${guess}? there are ${names.join(', ')}`,
  );
}

/**
 * The server with what a user wants otherwise.
 *
 * @throws UserError (125) for a variable whose name or value is none.
 */
export function withSettings(server: Server, settings: ServerSettings): Server {
  const { serverSoftware, serverAdmin, serverAddress, environment = {} } = settings;
  const bytes = (text: string | undefined, fallback: string | undefined) =>
    text === undefined ? fallback : bytesOfText(text);
  const scriptName = bytes(settings.scriptName, server.scriptName);
  const documentRoot = bytes(settings.documentRoot, server.documentRoot);
  const serverName = bytes(settings.serverName, server.serverName);
  const serverPort = settings.serverPort ?? server.serverPort;
  const own = Object.entries(environment).map(([name, value]) => {
    mustBeName(name, 'environment');
    return [name, value === null ? null : bytesOfText(value)] as const;
  });
  return {
    ...server,
    ...(scriptName === undefined ? {} : { scriptName }),
    ...(documentRoot === undefined ? {} : { documentRoot }),
    ...(serverName === undefined ? {} : { serverName }),
    ...(serverPort === undefined ? {} : { serverPort }),
    software: bytes(serverSoftware, server.software) ?? '',
    admin: bytes(serverAdmin, server.admin) ?? '',
    address: serverAddress ?? server.address,
    remoteAddress: settings.remoteAddress ?? server.remoteAddress,
    remotePort: settings.remotePort ?? server.remotePort,
    environment: { ...server.environment, ...Object.fromEntries(own) },
  };
}

/** The server with the variables of `--env` and `--env-file`, in order: the last of a name counts. */
export function withVariables(server: Server, variables: readonly Variable[]): Server {
  return { ...server, environment: { ...server.environment, ...Object.fromEntries(variables) } };
}
