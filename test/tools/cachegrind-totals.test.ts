// Holds what vgrun reads from recorded cachegrind files to what cg_annotate says of them.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { profileIn } from '../profile-corpus.ts';
import { canRun, projectRoot } from '../project.ts';
import { annotateCachegrind, differences, selfOf } from './annotation.ts';

const root = join(projectRoot, 'test/profiles/cachegrind');
const inputs = readdirSync(root).flatMap((name) =>
  readdirSync(join(root, name))
    .filter((file) => file.startsWith('input.'))
    .map((file) => `${name}/${file}`),
);

describe.skipIf(!canRun('cg_annotate'))('of a recorded file, cg_annotate says the same', () => {
  for (const input of inputs) {
    test(`${input}: totals, and costs of all functions that it lists`, async () => {
      const profile = await profileIn(join(root, input));
      const theirs = annotateCachegrind(join(root, input));
      expect(profile.totals).toEqual(theirs.totals);
      expect(profile.stated).toEqual(theirs.totals);
      expect(profile.graph?.edges).toBeUndefined();
      if (theirs.functions === undefined) return;
      expect(differences(selfOf(profile), theirs.functions)).toEqual([]);
    });
  }
});
