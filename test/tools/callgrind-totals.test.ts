// Holds what vgrun reads from recorded callgrind files to what callgrind_annotate says of them.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { graphCosts } from '../../src/analyze/profile/graph-costs.ts';
import type { Profile } from '../../src/model/profile.ts';
import { profileIn } from '../profile-corpus.ts';
import { canRun, projectRoot } from '../project.ts';
import {
  added,
  annotateCallgrind,
  compareInclusive,
  differences,
  readAnnotation,
  selfOf,
  uncountedCalls,
} from './annotation.ts';

const root = join(projectRoot, 'test/profiles/callgrind');

/**
 * Where callgrind_annotate says something else, as `ours / theirs`. It takes what a call of count 0 cost for a self cost
 * of the caller. Such a call went on from an earlier dump; execution trees have no other. What remains of them in one
 * file with both dumps is these functions, which were running when the first was written: their own cost is small, and
 * what they called in both parts is what they cost in all.
 */
const otherwise: Readonly<
  Record<string, { readonly self: readonly string[]; readonly inclusive: readonly string[] }>
> = {
  'combined-dumps/input.out': {
    self: [
      '???:(below main): 11 / 74072',
      '???:0x000000000001ab70: 15 / 74076',
      './csu/../csu/libc-start.c:__libc_start_main@@GLIBC_2.34: 74 / 74135',
      './csu/../sysdeps/nptl/libc_start_call_main.h:(below main): 25 / 70732',
    ],
    inclusive: [
      '???:(below main): 309086 / 235025',
      './csu/../csu/libc-start.c:__libc_start_main@@GLIBC_2.34: 309075 / 235014',
      '/build/fmt/heap.cpp:main: 304562 / 233855',
      './csu/../sysdeps/nptl/libc_start_call_main.h:(below main): 307967 / 233906',
    ],
  },
};

/** No tool writes relative costs, which are in this file beside relative lines. */
const unreadable = 'speedscope/input.subposition-compression.log';

const inputs = readdirSync(root).flatMap((name) =>
  readdirSync(join(root, name))
    .filter((file) => file.startsWith('input.'))
    .map((file) => `${name}/${file}`),
);

describe.skipIf(!canRun('callgrind_annotate'))('of a recorded file, callgrind_annotate says the same', () => {
  for (const input of inputs.filter((input) => input !== unreadable)) {
    test(`${input}: self costs of all functions`, async () => {
      const profile = await profileIn(join(root, input));
      const theirs = annotateCallgrind(join(root, input));
      const ours = added(selfOf(profile), uncountedCalls(profile));
      expect(ours.size).toBeGreaterThan(2);
      expect(differences(ours, theirs.functions)).toEqual(otherwise[input]?.self ?? []);
    });

    test(`${input}: inclusive costs of all functions outside of recursion`, async () => {
      const profile = await profileIn(join(root, input));
      const theirs = annotateCallgrind(join(root, input), '--inclusive=yes');
      const { compared, differing, wrong } = compareInclusive(profile, costsOf(profile), theirs);
      expect(compared).toBeGreaterThan(2);
      expect(differing).toEqual(otherwise[input]?.inclusive ?? []);
      expect(wrong).toEqual([]);
    });
  }
});

describe('of a recorded file, the recorded annotation says the same', () => {
  for (const input of inputs) {
    const recorded = join(root, input.replace(/input(.*)$/, 'annotated$1.txt'));
    const text = readIfThere(recorded);
    if (text === undefined) continue;
    test(input, async () => {
      const profile = await profileIn(join(root, input));
      const { functions } = readAnnotation(text);
      expect(functions.size).toBeGreaterThan(0);
      // Only the dearest functions are listed.
      const ours = [...added(selfOf(profile), uncountedCalls(profile))].filter(([key]) => functions.has(key));
      expect(differences(new Map(ours), functions)).toEqual([]);
    });
  }
});

function costsOf(profile: Profile) {
  return graphCosts(profile.graph ?? { self: [] }, profile.functions.length);
}

function readIfThere(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}
