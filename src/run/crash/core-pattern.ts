// What the kernel's pattern for core files says (core(5), /proc/sys/kernel/core_pattern): where a core goes, and how it is called.

/** Where cores go on this machine. `program`: the kernel pipes them into it, and nobody else gets them. */
export type CorePlace =
  | { readonly kind: 'program'; readonly program: string }
  | { readonly kind: 'none' }
  | {
      readonly kind: 'file';
      /** Of one that is relative, each process' own working directory is where it begins. */
      readonly isAbsolute: boolean;
      /** Names of folders, and of the file: a text where nothing varies, else what it looks like. A group `pid` tells the process. */
      readonly parts: readonly (string | RegExp)[];
    };

/**
 * Reads the pattern.
 *
 * @param pattern what stands in core_pattern.
 * @param usesPid core_uses_pid: a name without `%p` gets `.PID` behind it.
 */
export function readCorePattern(pattern: string, usesPid: boolean): CorePlace {
  const text = pattern.replace(/\n$/, '');
  if (text.startsWith('|')) {
    return { kind: 'program', program: /^\|\s*(\S*)/.exec(text)?.[1] ?? '' };
  }
  const names = text.split('/').filter((name) => name !== '');
  const last = names.pop();
  if (last === undefined && !usesPid) return { kind: 'none' };
  const name = last ?? '';
  const suffix = usesPid && !/(?<!%)(?:%%)*%p/.test(text) ? '.%p' : '';
  return {
    kind: 'file',
    isAbsolute: text.startsWith('/'),
    parts: [...names, name + suffix].map(readName),
  };
}

/** What stands for each specifier; the kernel leaves out those that it does not know. */
const specifiers: Readonly<Record<string, string>> = {
  '%': '%',
  // The process in its own namespace; in the first one it may have another number.
  p: '(?<pid>\\d+)',
  P: '\\d+',
  i: '\\d+',
  I: '\\d+',
  u: '\\d+',
  g: '\\d+',
  d: '\\d+',
  s: '\\d+',
  t: '\\d+',
  c: '\\d+',
  C: '\\d+',
  F: '\\d+',
  h: '[^/]*',
  // A `/` in them has become `!`.
  e: '[^/]*',
  f: '[^/]*',
  E: '[^/]*',
};

/** `core.%e.%p` as what the names look like; a text when nothing in it varies. */
function readName(name: string): string | RegExp {
  if (!name.includes('%')) return name;
  let hasPid = false;
  const source = name
    .split(/(%[\s\S]?)/)
    .map((part) => {
      if (!part.startsWith('%')) return part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
      const letter = part.slice(1);
      if (letter === 'p' && hasPid) return '\\d+';
      if (letter === 'p') hasPid = true;
      return Object.hasOwn(specifiers, letter) ? (specifiers[letter] ?? '') : '';
    })
    .join('');
  return new RegExp(`^${source}$`, 's');
}
