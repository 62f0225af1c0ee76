// Owns the script that stands in a program's place: what it does, and how it is told from any other file.
import { open } from 'node:fs/promises';
import { quoteForSh } from '../build/wrappers.ts';
import { carried, carriedLimits, carriedSignals } from './supervised.ts';

/** What a script is made of. Paths are absolute. */
export interface ShimScript {
  /** Where the real program is. */
  readonly real: string;
  readonly node: string;
  /** vgrun's own entry. */
  readonly cli: string;
  /** PATH for vgrun and what it starts, but for the program. */
  readonly searchPath: string;
  /** Options of vgrun. */
  readonly options: readonly string[];
}

/** What the real program's name ends with. */
export const realSuffix = '.vgrun-real';

/** With `-`, sh takes no name for an option: a supervisor may start `-worker`. */
const mark = '#!/bin/sh -\n# vgrun-shim 1\n';

/**
 * Variables that are the program's and would act on vgrun, besides all that begin with NODE_ (node(1), ld.so(8), openssl-env(7),
 * libuv's guide).
 */
const actOnVgrun = [
  'PATH',
  ...['PRELOAD', 'LIBRARY_PATH', 'AUDIT', 'DEBUG', 'DEBUG_OUTPUT', 'PROFILE'].map((name) => `LD_${name}`),
  'GLIBC_TUNABLES',
  ...['CONF', 'CONF_INCLUDE', 'MODULES', 'ENGINES'].map((name) => `OPENSSL_${name}`),
  ...['CERT_FILE', 'CERT_DIR'].map((name) => `SSL_${name}`),
  ...['THREADPOOL_SIZE', 'USE_IO_URING'].map((name) => `UV_${name}`),
];

/**
 * The text of a script. Where it was started by a path, the real program is called by the same path, so that it sees the
 * argv[0] that it knows but for the ending.
 *
 * Names of its own variables all begin with `vgrun_shim`: one that the supervisor has exported would reach the program changed.
 * Until vgrun is started no variable of the environment and no limit is changed, so that the program can be started instead.
 */
export function shimText({ real, node, cli, searchPath, options }: ShimScript): string {
  const call = [node, cli, 'shim', 'run', ...options, '--'].map(quoteForSh).join(' ');
  const vgrun = [node, cli].map(quoteForSh).join(' ');
  return `${mark}# Written by vgrun shim install: runs the program under vgrun. To put the program back: vgrun shim restore.
vgrun_shim_real=${quoteForSh(real)}
case $0 in
*/*) if [ "$0${realSuffix}" -ef "$vgrun_shim_real" ] || [ ! -e "$vgrun_shim_real" ]; then vgrun_shim_real=$0${realSuffix}; fi ;;
esac
# A program that starts itself again is under valgrind already.
case \${LD_PRELOAD-} in
*vgpreload_*) exec "$vgrun_shim_real" "$@" ;;
esac
${options.includes('--tool=gdb') ? underGdb : ''}if [ ! -x ${quoteForSh(node)} ] || [ ! -r ${quoteForSh(cli)} ]; then
  echo 'vgrun shim: node or vgrun is gone or cannot be read, the program runs without it' >&2
  exec "$vgrun_shim_real" "$@"
fi

# node forgets which signals are ignored and blocked. Of another process, since a shell may change its own; and of the first one, since
# a shell that waits for others may forget it, too.
vgrun_shim_signals=
vgrun_shim_rest=$(PATH=${quoteForSh(searchPath)}; exec cat /proc/self/status 2>/dev/null)
case $vgrun_shim_rest in *SigBlk:?*SigIgn:?*)
  vgrun_shim_rest=\${vgrun_shim_rest#*SigBlk:?}
  vgrun_shim_signals="\${vgrun_shim_rest%%[!0123456789abcdef]*} "
  vgrun_shim_rest=\${vgrun_shim_rest#*SigIgn:?}
  vgrun_shim_signals=$vgrun_shim_signals\${vgrun_shim_rest%%[!0123456789abcdef]*} ;;
esac

# What is the program's and would act on vgrun is kept under another name; vgrun gives it back to the program.
vgrun_shim_lf='
'
# Only what is exported: a shell has a PATH of its own where the environment has none.
vgrun_shim_exported=$vgrun_shim_lf$(export -p)
vgrun_shim_names='${actOnVgrun.join(' ')}'
vgrun_shim_rest=$vgrun_shim_exported
while :; do
  case $vgrun_shim_rest in *"\${vgrun_shim_lf}export NODE_"*) ;; *) break ;; esac
  vgrun_shim_rest=\${vgrun_shim_rest#*"\${vgrun_shim_lf}export NODE_"}
  # What looks like a name may stand inside of a value: nothing but a name may get into eval.
  vgrun_shim_names="$vgrun_shim_names NODE_\${vgrun_shim_rest%%[!${letters}]*}"
done
vgrun_shim_separate() {
  for vgrun_shim_name in $vgrun_shim_names; do
    case $vgrun_shim_exported in
    *"\${vgrun_shim_lf}export $vgrun_shim_name="*)
      eval "if [ \\"\\\${$vgrun_shim_name+set}\\" ]; then
        ${carried}$vgrun_shim_name=\\$$vgrun_shim_name; export ${carried}$vgrun_shim_name; unset $vgrun_shim_name
      fi" ;;
    esac
  done
  PATH=${quoteForSh(searchPath)}
  export PATH
}

# Limits of address space and data are lifted as far as they go: node and valgrind need far more than a program.
vgrun_shim_limits=
vgrun_shim_hard=unlimited
for vgrun_shim_kind in v d; do
  vgrun_shim_soft=$(ulimit -S -$vgrun_shim_kind 2>/dev/null)
  case $vgrun_shim_soft in '' | *[!0123456789]*) continue ;; esac
  vgrun_shim_most=$(ulimit -H -$vgrun_shim_kind)
  [ "$vgrun_shim_most" = unlimited ] || vgrun_shim_hard=limited
  if ulimit -S -$vgrun_shim_kind "$vgrun_shim_most" 2>/dev/null; then
    vgrun_shim_limits="$vgrun_shim_limits $vgrun_shim_kind=$vgrun_shim_soft"
  fi
done
# With \`exit\`, the inner shell waits and not this one, which would say how node was killed.
if [ $vgrun_shim_hard = limited ] &&
  ! (vgrun_shim_separate; ${vgrun} --version || exit 1) </dev/null >/dev/null 2>&1; then
  for vgrun_shim_limit in $vgrun_shim_limits; do
    ulimit -S -\${vgrun_shim_limit%%=*} \${vgrun_shim_limit#*=}
  done
  echo 'vgrun shim: vgrun cannot start within the limits of memory here (ulimit), the program runs without it' >&2
  exec "$vgrun_shim_real" "$@"
fi
vgrun_shim_separate
${carriedLimits}=$vgrun_shim_limits
${carriedSignals}=$vgrun_shim_signals
export ${carriedLimits} ${carriedSignals}
exec ${call} "$vgrun_shim_real" "$@"
`;
}

/** What may stand in the name of a variable; a range of letters has others in it in some languages. */
const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_';

/** A process has one tracer: what gdb looks at already cannot get another. */
const underGdb = `vgrun_shim_traced=no
while read -r vgrun_shim_key vgrun_shim_value; do
  case $vgrun_shim_key in TracerPid:) if [ "$vgrun_shim_value" != 0 ]; then vgrun_shim_traced=yes; fi ;; esac
done </proc/self/status
if [ $vgrun_shim_traced = yes ]; then exec "$vgrun_shim_real" "$@"; fi
`;

/** Whether a file is a script of ours, also one that somebody edited or copied. False for what cannot be read. */
export async function isShim(path: string): Promise<boolean> {
  const file = await open(path, 'r').catch(() => undefined);
  if (file === undefined) return false;
  try {
    const head = Buffer.alloc(mark.length);
    const { bytesRead } = await file.read(head, 0, head.length, 0);
    return head.toString('latin1', 0, bytesRead) === mark;
  } finally {
    await file.close();
  }
}
