// What the kernel's pattern for core files says.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type CorePlace, readCorePattern } from '../../../src/run/crash/core-pattern.ts';

/** Whether a core of that path can be one of the pattern, and the process that the name tells. */
function match(place: CorePlace, path: string): { readonly pid?: string } | undefined {
  if (place.kind !== 'file') return undefined;
  const names = path.split('/').filter((name) => name !== '');
  if (names.length !== place.parts.length || path.startsWith('/') !== place.isAbsolute) return undefined;
  let pid: string | undefined;
  for (const [index, part] of place.parts.entries()) {
    const name = names[index] as string;
    if (typeof part === 'string' ? part !== name : !part.test(name)) return undefined;
    if (part instanceof RegExp) pid ??= part.exec(name)?.groups?.pid;
  }
  return pid === undefined ? {} : { pid };
}

describe('the pattern of cores', () => {
  test.each<[pattern: string, usesPid: boolean, path: string, pid: string | undefined]>([
    ['core\n', false, 'core', undefined],
    ['core\n', true, 'core.417', '417'],
    ['core.%p\n', true, 'core.417', '417'],
    ['/var/cores/%e.%p.%s.%t', false, '/var/cores/my server.417.11.1790000000', '417'],
    ['/var/cores/%u/%E-%P', false, '/var/cores/1000/!usr!bin!server-417', undefined],
    ['%h-%d-%c-%g-%i-%I-core', false, 'build.example.org-1-18446744073709551615-0-5-6-core', undefined],
    // What the kernel does not know, it leaves out, and a single % at the end too.
    ['core%z.%p%', false, 'core.417', '417'],
    ['core.100%%.%p', false, 'core.100%.417', '417'],
    // `%%p` is no process, so the kernel adds one.
    ['core%%p', true, 'core%p.417', '417'],
    ['a+b(%p)', false, 'a+b(417)', '417'],
    ['', true, '.417', '417'],
  ])('%j, with the pid behind it: %j, makes %s', (pattern, usesPid, path, pid) => {
    expect(match(readCorePattern(pattern, usesPid), path)).toEqual(pid === undefined ? {} : { pid });
  });

  test('other names are none', () => {
    expect(match(readCorePattern('core.%p', false), 'core.x')).toBeUndefined();
    expect(match(readCorePattern('core.%p', false), 'xcore.4')).toBeUndefined();
    expect(match(readCorePattern('/var/core.%p', false), 'core.4')).toBeUndefined();
    // A dot is a dot.
    expect(match(readCorePattern('core.%p', false), 'core_4')).toBeUndefined();
  });

  test('a program that gets them all is named, and an empty pattern makes none', () => {
    expect(readCorePattern('|/usr/lib/systemd/systemd-coredump %P %u\n', false)).toEqual({
      kind: 'program',
      program: '/usr/lib/systemd/systemd-coredump',
    });
    expect(readCorePattern('|', true)).toEqual({ kind: 'program', program: '' });
    expect(readCorePattern('\n', false)).toEqual({ kind: 'none' });
  });

  test('any pattern is read, and what has no % stands for itself', () => {
    fc.assert(
      fc.property(fc.string(), fc.boolean(), (pattern, usesPid) => {
        const place = readCorePattern(pattern, usesPid);
        if (/[%|\n/]/.test(pattern) || pattern === '') return;
        expect(match(place, usesPid ? `${pattern}.7` : pattern)).toBeDefined();
      }),
    );
  });
});
