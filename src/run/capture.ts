// Owns what happens to logs while the target runs: nothing that was written once may be lost again.
//
// valgrind opens its logs with O_TRUNC, and expands `%p` to the same name again after an exec in the same process
// (observed 3.19 to 3.27). So a program that execs would wipe out what it wrote before. Two ways keep it:
// - our own files are renamed as soon as they appear: valgrind goes on writing to the renamed file, and the next
//   image makes a new one. Nothing is copied.
// - the user's own files (`--log-file=`) must stay what valgrind makes of them, so they are mirrored: what is
//   appended is copied into the run directory, and a file that shrinks or is replaced starts a new copy.
import { type FSWatcher, watch } from 'node:fs';
import { type FileHandle, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

/** Events can be lost (a full inotify queue, a file system without it), so a slow look around goes on besides. */
const lookEveryMs = 200;
const chunkBytes = 256 * 1024;
/** Bytes at the end of a mirror by which a file that began anew is known. */
const remembered = 4096;

export interface CaptureOptions {
  /** Of valgrind, for `%q{NAME}`; default: that of this process. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** Absolute path of the run directory. */
  readonly directory: string;
  /** The user's own log or XML templates (absolute, valgrind's `%p`, `%n`, `%q{VAR}`), to be mirrored. */
  readonly mirrors: readonly { readonly template: string; readonly kind: 'log' | 'xml' }[];
  /** Called with bytes appended to a file of the run directory, for a live view or a relay. */
  readonly onData?: ((file: string, bytes: Uint8Array) => void) | undefined;
  /** Which files `onData` wants to hear of. */
  readonly follows?: (file: string) => boolean;
}

export interface CaptureSession {
  /** Looks a last time at everything, ends the watching, removes logs into which nobody wrote. */
  readonly finish: () => Promise<void>;
}

/**
 * Which file names a template of valgrind can make, in the environment given. Its folder must be fixed.
 *
 * @param suffix pattern of what a tool may add to the name.
 */
export function templatePattern(
  template: string,
  environment: Readonly<Record<string, string | undefined>>,
  suffix = '',
): { folder: string; name: RegExp } {
  let pids = 0;
  const quoted = (text: string) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  const folder = dirname(template).replace(/%q\{([^}]*)\}|%%/g, (specifier, variable: string | undefined) =>
    specifier === '%%' ? '%' : (environment[variable ?? ''] ?? ''),
  );
  const pattern = basename(template)
    .split(/(%p|%n|%q\{[^}]*\}|%%)/)
    .map((part) => {
      if (part === '%p') return pids++ === 0 ? '(?<pid>\\d+)' : '\\d+';
      if (part === '%n') return '\\d+';
      if (part === '%%') return '%';
      const variable = /^%q\{(.*)\}$/.exec(part)?.[1];
      return quoted(variable === undefined ? part : (environment[variable] ?? ''));
    })
    .join('');
  return { folder, name: new RegExp(`^${pattern}${suffix}$`) };
}

/** Name and extension of a log that still has the name its writer gave it, which the next image would truncate. */
function asFirstNamed(name: string): RegExpExecArray | null {
  // A sanitizer's `sanitizer.server.123` is truncated, too, when the process becomes the same program again.
  return /^(valgrind(?:\.\d+)?)(\.xml|\.log)$/.exec(name) ?? /^(sanitizer\..*\.\d+)()$/s.exec(name);
}

/** Starts to look after the logs of a run. */
export async function startCapture(options: CaptureOptions): Promise<CaptureSession> {
  const { directory } = options;
  const images = new Map<string, number>();
  const followed = new Map<string, { handle: FileHandle; offset: number }>();
  const mirrored = new Map<string, Mirror>();
  const patterns = options.mirrors.map((mirror) => ({
    ...templatePattern(mirror.template, options.environment ?? process.env),
    kind: mirror.kind,
  }));
  const buffer = Buffer.allocUnsafe(chunkBytes);
  /** Whether something was left for another look. */
  let again = false;

  const stampOf = async (path: string) => {
    const status = await stat(path).catch(() => undefined);
    return status?.isFile() ? `${status.ino} ${status.size} ${status.mtimeMs}` : undefined;
  };
  /** Logs of earlier runs: not part of this one until this one writes to them. */
  const stale = new Map<string, string | undefined>();
  for (const { folder, name } of patterns) {
    for (const candidate of await readdir(folder).catch(() => [])) {
      if (name.test(candidate)) stale.set(join(folder, candidate), await stampOf(join(folder, candidate)));
    }
  }

  /** `valgrind.123.xml` becomes `valgrind.123-1.xml`, the next file of that name `valgrind.123-2.xml`. */
  async function keepImages(): Promise<void> {
    for (const name of await readdir(directory)) {
      const parts = asFirstNamed(name);
      if (parts === null) continue;
      const number = (images.get(name) ?? 0) + 1;
      images.set(name, number);
      await rename(join(directory, name), join(directory, `${parts[1]}-${number}${parts[2]}`)).catch(
        ignoreGone,
      );
    }
  }

  async function followFiles(): Promise<void> {
    const { onData, follows } = options;
    if (onData === undefined || follows === undefined) return;
    for (const name of (await readdir(directory)).sort()) {
      if (!follows(name)) continue;
      if (asFirstNamed(name) !== null) {
        // Made since the files were set aside: read under this name, it would be read again under its last.
        again = true;
        continue;
      }
      let file = followed.get(name);
      if (file === undefined) {
        file = { handle: await open(join(directory, name), 'r'), offset: 0 };
        followed.set(name, file);
      }
      for (;;) {
        const { bytesRead } = await file.handle.read(buffer, 0, buffer.length, file.offset);
        if (bytesRead === 0) break;
        file.offset += bytesRead;
        onData(name, buffer.subarray(0, bytesRead));
      }
    }
  }

  async function mirrorFiles(): Promise<void> {
    for (const { folder, name, kind } of patterns) {
      for (const candidate of await readdir(folder).catch(() => [])) {
        if (!name.test(candidate)) continue;
        const path = join(folder, candidate);
        const stamp = await stampOf(path);
        if (stamp === undefined || stamp === stale.get(path)) continue;
        stale.delete(path);
        let mirror = mirrored.get(path);
        if (mirror === undefined) {
          const copyName = `valgrind-user.${mirrored.size + 1}`;
          mirror = mirrorOf(path, join(directory, copyName), kind === 'xml' ? '.xml' : '.log');
          mirrored.set(path, mirror);
        }
        await mirror.update(buffer);
      }
    }
  }

  let busy: Promise<void> = Promise.resolve();
  let failure: unknown;
  async function look(): Promise<void> {
    try {
      await keepImages();
      await mirrorFiles();
      await followFiles();
    } catch (error) {
      // A full disk or a removed directory must not end the run; finish() tells it.
      failure ??= error;
    }
  }
  let running = false;
  function lookSoon(): void {
    again = true;
    if (running) return;
    running = true;
    busy = (async () => {
      while (again) {
        again = false;
        await look();
      }
      running = false;
    })();
  }

  const watchers: FSWatcher[] = [];
  for (const folder of new Set([directory, ...patterns.map((pattern) => pattern.folder)])) {
    try {
      watchers.push(watch(folder, { persistent: false }, lookSoon).on('error', () => {}));
    } catch {
      // No inotify instance left: the slow look around still finds everything.
    }
  }
  const timer = setInterval(lookSoon, lookEveryMs);
  timer.unref();

  return {
    finish: async () => {
      clearInterval(timer);
      for (const watcher of watchers) watcher.close();
      await busy;
      do {
        again = false;
        await look();
      } while (again);
      for (const { handle } of followed.values()) await handle.close();
      for (const mirror of mirrored.values()) await mirror.close();
      await removeEmptyLogs(directory);
      if (failure !== undefined) throw failure;
    },
  };
}

function ignoreGone(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error;
}

/** With XML, valgrind's text log is empty unless something unusual happened; an empty one tells nothing. */
async function removeEmptyLogs(directory: string): Promise<void> {
  for (const name of await readdir(directory)) {
    if (!/^valgrind-\d+\.log$/.test(name)) continue;
    const path = join(directory, name);
    if ((await stat(path)).size === 0) await rm(path, { force: true });
  }
}

interface Mirror {
  readonly update: (buffer: Buffer) => Promise<void>;
  readonly close: () => Promise<void>;
}

/** Grows copies `<copyPrefix>-1<extension>`, `-2`, … of a file: a new one whenever the file begins anew. */
function mirrorOf(path: string, copyPrefix: string, extension: string): Mirror {
  let copies = 0;
  let copy: FileHandle | undefined;
  let inode = 0;
  let offset = 0;
  let last: Buffer = Buffer.alloc(0);

  /** Truncated and grown past the old length again since the last look: what was copied last stands there no more. */
  async function wasReplaced(source: FileHandle): Promise<boolean> {
    const now = Buffer.alloc(last.length);
    await source.read(now, 0, last.length, offset - last.length);
    return !now.equals(last);
  }

  async function append(source: FileHandle, buffer: Buffer): Promise<void> {
    const status = await source.stat();
    if (copy === undefined || status.ino !== inode || status.size < offset || (await wasReplaced(source))) {
      await copy?.close();
      copies += 1;
      copy = await open(`${copyPrefix}-${copies}${extension}`, 'wx', 0o600);
      inode = status.ino;
      offset = 0;
      last = Buffer.alloc(0);
    }
    for (;;) {
      const { bytesRead } = await source.read(buffer, 0, buffer.length, offset);
      if (bytesRead === 0) return;
      await copy.write(buffer, 0, bytesRead);
      offset += bytesRead;
      last = Buffer.from(buffer.subarray(Math.max(0, bytesRead - remembered), bytesRead));
    }
  }

  return {
    update: async (buffer) => {
      let source: FileHandle;
      try {
        source = await open(path, 'r');
      } catch (error) {
        ignoreGone(error as NodeJS.ErrnoException);
        return;
      }
      try {
        await append(source, buffer);
      } finally {
        await source.close();
      }
    },
    close: async () => copy?.close(),
  };
}
