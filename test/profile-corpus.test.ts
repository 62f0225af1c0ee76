// Every profile in test/profiles, checked the same ways. A new case is a new folder.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { CorpusCase } from './corpus.ts';
import { checkProfileInput } from './profile-corpus.ts';

const root = join(import.meta.dirname, 'profiles');

for (const group of readdirSync(root)) {
  for (const name of readdirSync(join(root, group))) {
    const directory = join(root, group, name);
    const inputs = readdirSync(directory).filter((file) => file.startsWith('input.'));
    test(`${group}/${name} says where it comes from`, () => {
      const { program, tool, toolVersion, command, source, recorded }: CorpusCase = JSON.parse(
        readFileSync(join(directory, 'case.json'), 'utf8'),
      );
      for (const word of [program, tool, toolVersion, command, source]) expect(word).toMatch(/\S/);
      expect(typeof recorded).toBe('boolean');
      expect(inputs).not.toEqual([]);
    });
    for (const input of inputs) {
      describe(`${group}/${name}/${input}`, () => checkProfileInput(directory, input));
    }
  }
}
