// Owns a launch as lines of a shell: `--print-env` and `--print-command`. All text is bytes as latin1. Pure.

/** Where the request's body comes from. */
export type ShellBody = { readonly path: string } | { readonly bytes: Uint8Array };

/** `NAME=value` in one line each, in order; a backslash and what is not printable are written `\\`, `\n`, `\xff`. */
export function environmentLines(variables: ReadonlyMap<string, string>): string {
  return [...variables].map(([name, value]) => `${name}=${onOneLine(value)}\n`).join('');
}

const named: Readonly<Record<string, string>> = { '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t' };

function onOneLine(value: string): string {
  return value.replace(
    /[\\\x00-\x1f\x7f-\xff]/g,
    (byte) => named[byte] ?? `\\x${byte.charCodeAt(0).toString(16).padStart(2, '0')}`,
  );
}

/**
 * What one would type to start the program by hand, for a POSIX shell:
 *
 *     env -i sh <<'END'
 *     cd '/srv/cgi-bin'
 *     export REQUEST_METHOD='POST'
 *     printf 'a=1' | '/usr/bin/valgrind' '--leak-check=full' './app.cgi'
 *     END
 *
 * A shell of its own, so that nothing of the user's reaches the program and nothing stays; only `PWD` is the shell's. The result is
 * bytes as latin1: write it as such.
 *
 * @param folder where the program stands.
 */
export function commandLines(
  variables: ReadonlyMap<string, string>,
  body: ShellBody | undefined,
  argv: readonly string[],
  folder: string,
): string {
  const exports = [...variables].map(([name, value]) => `export ${name}=${shellWord(value)}\n`);
  const command = argv.map(shellWord).join(' ');
  const lines = `cd ${shellWord(folder)}\nunset OLDPWD\n${exports.join('')}${fed(command, body)}\n`;
  // Where a line begins as the mark of the end does, dash 0.5.12 drops a byte 0x80 that follows.
  const starts = new Set(lines.split('\n').map((line) => line[0]));
  const first = [...'EABCDFGHIJKLMNOPQRSTUVWXYZ'].find((letter) => !starts.has(letter)) ?? 'E';
  let end = `${first}ND`;
  while (lines.split('\n').includes(end)) end += '_';
  return `env -i sh <<'${end}'\n${lines}${end}\n`;
}

function fed(command: string, body: ShellBody | undefined): string {
  if (body === undefined) return `${command} < /dev/null`;
  if ('path' in body) return `${command} < ${shellWord(body.path)}`;
  return `printf ${printfFormat(body.bytes)} | ${command}`;
}

/** Quotes keep every byte as it is, newlines too; only the quote itself must stand outside. */
function shellWord(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** printf(1) of POSIX: octal escapes for what an editor or terminal would change. */
function printfFormat(bytes: Uint8Array): string {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
  const format = text.replace(/[\\%'\x00-\x1f\x7f-\xff]/g, (byte) => {
    if (byte === '%') return '%%';
    if (byte === '\n') return '\\n';
    return `\\${byte.charCodeAt(0).toString(8).padStart(3, '0')}`;
  });
  // A format that begins with a dash would be an option.
  return format.startsWith('-') ? `'\\055${format.slice(1)}'` : `'${format}'`;
}
