// Owns the look at a program before it is launched: is it there, can it run, can valgrind see into it.
import { constants } from 'node:fs';
import { access, type FileHandle, open, stat } from 'node:fs/promises';
import { basename, delimiter, dirname, join } from 'node:path';
import { ExitStatus, UserError } from '../errors.ts';
import { openable } from '../model/byte-text.ts';
import type { Problem } from '../model/problem.ts';
import { type Sanitizer, type SanitizerFacts, sanitizers } from '../model/sanitizer.ts';
import { type ElfFacts, machineName, type ReadAt, readElf } from '../tools/_shared/elf.ts';
import type { Tool } from '../tools/tool.ts';
import { pathIn } from './working-directory.ts';

export interface Target {
  /** Absolute path of the file, bytes that are no UTF-8 as in byte-text.ts. */
  readonly path: string;
  /** What `#!` names, when the program is a script. */
  readonly interpreter?: string;
  /** The sanitizers that it is built with; missing for a script. */
  readonly sanitizers?: readonly Sanitizer[];
  readonly problems: readonly Problem[];
}

const hostMachine: Readonly<Record<string, number>> = {
  x64: 62,
  ia32: 3,
  arm64: 183,
  arm: 40,
  riscv64: 243,
  s390x: 22,
  ppc64: 21,
};

/**
 * Finds a program as a shell would (execvp(3)): with a slash as a path, else along PATH, with the shell's statuses.
 *
 * @throws UserError 127 when it is not found, 126 when it cannot be executed.
 */
async function findProgram(name: string, searchPath: string, workingDirectory: string): Promise<string> {
  const candidates =
    name === ''
      ? []
      : name.includes('/')
        ? [pathIn(workingDirectory, name)]
        : searchPath.split(delimiter).map((folder) => pathIn(workingDirectory, join(folder, name)));
  let refused: UserError | undefined;
  for (const path of candidates) {
    const status = await stat(openable(path)).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'EACCES') {
        refused ??= new UserError(
          `${name} cannot be reached: permission denied`,
          'check the rights of its directories',
          ExitStatus.notExecutable,
        );
      }
      return undefined;
    });
    if (status === undefined) continue;
    if (status.isDirectory()) {
      refused ??= new UserError(
        `${name} is a directory, not a program`,
        'name the program inside it',
        ExitStatus.notExecutable,
      );
      continue;
    }
    if (
      await access(openable(path), constants.X_OK).then(
        () => true,
        () => false,
      )
    )
      return path;
    refused ??= new UserError(
      `${name} is not executable`,
      `if it is a program: chmod +x ${name}`,
      ExitStatus.notExecutable,
    );
  }
  if (refused !== undefined) throw refused;
  const local =
    !name.includes('/') &&
    (await stat(openable(pathIn(workingDirectory, name))).then(
      (status) => status.isFile(),
      () => false,
    ));
  throw new UserError(
    `${name} is not found`,
    local
      ? `the file is here: write ./${name}`
      : name.includes('/')
        ? 'check the path, and whether it is built'
        : 'it is in no directory of PATH',
    ExitStatus.notFound,
  );
}

/**
 * Looks at the program: what would make the run fail or mean nothing is refused, what only limits it is noted.
 *
 * @throws UserError with status 126, 127, or 125 for a program that valgrind cannot run.
 */
export async function inspectTarget(
  name: string,
  searchPath: string,
  workingDirectory: string,
  tool: Pick<Tool, 'name' | 'launcher'>,
): Promise<Target> {
  const path = await findProgram(name, searchPath, workingDirectory);
  const problems: Problem[] = [];
  let file: Awaited<ReturnType<typeof open>>;
  try {
    file = await open(openable(path), 'r');
  } catch {
    // Executable but not readable: the kernel can run it, valgrind cannot load it.
    throw new UserError(
      `${name} cannot be read, and valgrind must read what it runs`,
      `give yourself the right: chmod +r ${name}`,
      ExitStatus.notExecutable,
    );
  }
  try {
    const readAt = readerOf(file);
    const head = Buffer.from(await readAt(0, 256));
    if (head.length === 0) {
      throw new UserError(`${name} is empty`, 'build it again', ExitStatus.notExecutable);
    }
    const ofValgrind = tool.launcher === 'valgrind';
    if (head[0] === 0x23 && head[1] === 0x21) {
      if (!ofValgrind) return { path, problems };
      const line = head.toString('latin1', 2).split('\n', 1)[0] ?? '';
      const interpreter = await interpreterOf(line, searchPath, workingDirectory);
      problems.push({
        code: 'script',
        level: 'note',
        message: `${name} is a script for ${interpreter}: the programs it starts are checked, the interpreter's own findings are left out`,
        hint: '--follow-interpreter takes them in',
      });
      return { path, interpreter, problems };
    }
    const elf = await readElf(readAt);
    if (elf === undefined) {
      throw new UserError(
        `${name} is neither an ELF program nor a script with #!`,
        'valgrind runs Linux programs; give the compiled program, not its source',
        ExitStatus.notExecutable,
      );
    }
    if (!elf.executable) {
      throw new UserError(
        `${name} is an object file, not a program`,
        'link it first',
        ExitStatus.notExecutable,
      );
    }
    const host = hostMachine[process.arch];
    const compatible = elf.machine === host || (host === 62 && elf.machine === 3);
    if (host !== undefined && !compatible) {
      throw new UserError(
        `${name} is built for ${machineName(elf.machine)}, this machine is ${machineName(host)}`,
        'run it under valgrind on a machine of its kind',
        ExitStatus.notExecutable,
      );
    }
    const built = sanitizers.filter(({ sanitizer }) => elf.sanitizers.includes(sanitizer));
    // What -fsanitize=undefined adds is plain code, and valgrind runs it.
    const first = built.find(({ sanitizer }) => sanitizer !== 'undefined');
    if (first !== undefined && ofValgrind) {
      throw new UserError(
        `${name} is built with ${first.title}, which cannot run under valgrind`,
        `run it with --tool=${first.tool}, or build it without -fsanitize=${first.sanitizer}`,
      );
    }
    const wanted = sanitizers.find((facts) => facts.tool === tool.name);
    if (wanted !== undefined) {
      problems.push(...checkSanitizer(name, wanted, elf, isOnPath(path, searchPath, workingDirectory)));
      await mustWriteReports(name, file);
    }
    const unseen = unseenWhenStatic[tool.name];
    if (elf.interpreter === undefined && unseen !== undefined) {
      problems.push({
        code: 'static-program',
        level: 'incomplete',
        message: `${name} is statically linked: valgrind cannot intercept its malloc and free, so ${unseen}`,
        hint: 'link it dynamically for this run',
      });
    }
    if (!elf.debugInfo && !elf.separateDebugInfo) {
      problems.push({
        code: 'no-debug-info',
        level: 'note',
        message: `${name} has no debug information: places are functions at best, not lines`,
        hint: 'compile with -g',
      });
    }
    return { path, sanitizers: elf.sanitizers, problems };
  } finally {
    await file.close();
  }
}

/**
 * Refuses a program in which the runtime is not. One of PATH (`make test`, `sh -c`, `env`) is there to start others, as a script
 * is: whether those have the runtime, the run shows.
 *
 * @throws UserError (125) that says how to build it.
 */
function checkSanitizer(
  name: string,
  wanted: SanitizerFacts,
  elf: ElfFacts,
  startsOthers: boolean,
): readonly Problem[] {
  const built = sanitizers.filter(({ sanitizer }) => elf.sanitizers.includes(sanitizer));
  const has = (sanitizer: Sanitizer): boolean => elf.sanitizers.includes(sanitizer);
  const isThere =
    has(wanted.sanitizer) ||
    // LeakSanitizer is part of AddressSanitizer.
    (wanted.sanitizer === 'leak' && has('address')) ||
    (wanted.sanitizer === 'undefined' && elf.undefinedHandlers);
  if (isThere || startsOthers) return [];
  const [other] = built;
  if (other !== undefined) {
    throw new UserError(
      `${name} is built with ${other.title}, not with ${wanted.title}`,
      `run it with --tool=${other.tool}, or build it with -fsanitize=${wanted.sanitizer}`,
    );
  }
  // A static program has no list of names by which its runtime could be known.
  if (elf.interpreter === undefined && wanted.sanitizer === 'undefined') {
    return [
      {
        code: 'static-program',
        level: 'incomplete',
        message: `${name} is statically linked: whether it is built with ${wanted.title} cannot be seen`,
        hint: 'link it dynamically for this run',
      },
    ];
  }
  throw new UserError(
    `${name} is not built with ${wanted.title}: nothing in it would report anything`,
    `build it for that: vgrun build --${wanted.tool} -- make (or your own build command)${
      wanted.tool === 'ubsan' ? '' : '; or run it as it is under valgrind: leave out --tool'
    }`,
  );
}

function isOnPath(path: string, searchPath: string, workingDirectory: string): boolean {
  return searchPath
    .split(delimiter)
    .some((folder) => folder !== '' && pathIn(workingDirectory, folder) === dirname(path));
}

/** Reports are written by the program itself, as whom it runs: into a directory that is the user's alone. */
async function mustWriteReports(name: string, file: FileHandle): Promise<void> {
  const { mode, uid, gid } = await file.stat();
  const isAnother =
    ((mode & setUserId) !== 0 && uid !== process.geteuid?.()) ||
    ((mode & setGroupId) !== 0 && gid !== process.getegid?.());
  if (!isAnother || process.geteuid?.() === 0) return;
  throw new UserError(
    `${name} runs as another user or group than you (setuid), and cannot write its reports where you read them`,
    `run a copy of it without that: cp ${name} . keeps no such bit`,
  );
}

const setUserId = 0o4000;
const setGroupId = 0o2000;

/** What a tool does not see of a program without a loader; tools that only count instructions see all. */
const unseenWhenStatic: Readonly<Record<string, string>> = {
  memcheck: 'leaks and heap errors stay unseen',
  helgrind: 'threads and locks stay unseen',
  drd: 'threads and locks stay unseen',
  massif: 'its heap stays unseen (--pages-as-heap=yes sees its pages)',
  dhat: 'its heap stays unseen',
};

/** Where distributions put libc: Debian's multiarch folders, Fedora's lib64. */
const libcPlaces = ['x86_64-linux-gnu', 'aarch64-linux-gnu', 'i386-linux-gnu']
  .map((triplet) => `/lib/${triplet}/libc.so.6`)
  .concat('/lib64/libc.so.6', '/lib/libc.so.6');

/** `/bin/sh -e` is /bin/sh; `/usr/bin/env -S python3 -u` is what PATH has for python3. */
async function interpreterOf(line: string, searchPath: string, workingDirectory: string): Promise<string> {
  const [program = '', ...words] = line.trim().split(/\s+/);
  if (basename(program) !== 'env') return program;
  const name = words.find((word) => !word.startsWith('-') && !word.includes('='));
  if (name === undefined) return program;
  return findProgram(name, searchPath, workingDirectory).catch(() => name);
}

/**
 * Whether valgrind finds symbols for the C library: in it, or in a debug file of its build id (where gdb and valgrind
 * look: /usr/lib/debug/.build-id/xx/yyyy.debug). Without them stacks through libc are wrong, and memcheck refuses to
 * start on some distributions.
 */
export async function inspectLibc(): Promise<Problem | undefined> {
  for (const path of libcPlaces) {
    const file = await open(path, 'r').catch(() => undefined);
    if (file === undefined) continue;
    const elf = await readElf(readerOf(file)).finally(() => file.close());
    if (elf === undefined || elf.debugInfo || elf.symbolTable || elf.buildId === undefined) return undefined;
    const debugFile = `/usr/lib/debug/.build-id/${elf.buildId.slice(0, 2)}/${elf.buildId.slice(2)}.debug`;
    if (
      await access(debugFile, constants.R_OK).then(
        () => true,
        () => false,
      )
    )
      return undefined;
    return {
      code: 'no-libc-debug-symbols',
      level: 'note',
      message:
        'the debug symbols of the C library are not installed: stacks that pass through it can be wrong',
      hint: 'install libc6-dbg (Debian, Ubuntu) or glibc-debuginfo (Fedora)',
    };
  }
  return undefined;
}

/** The sanitizers that a file is built with; none for what is no ELF file or cannot be read. */
export async function sanitizersIn(path: string): Promise<readonly Sanitizer[]> {
  const file = await open(openable(path), 'r').catch(() => undefined);
  if (file === undefined) return [];
  try {
    return (await readElf(readerOf(file)))?.sanitizers ?? [];
  } catch {
    return [];
  } finally {
    await file.close();
  }
}

export function readerOf(file: FileHandle): ReadAt {
  return async (offset, length) => {
    if (!Number.isSafeInteger(offset) || offset < 0) return new Uint8Array();
    const bytes = Buffer.alloc(length);
    const { bytesRead } = await file.read(bytes, 0, length, offset);
    return bytes.subarray(0, bytesRead);
  };
}
