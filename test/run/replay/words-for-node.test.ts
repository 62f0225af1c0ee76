// Bytes that a program is to get by way of Node, which knows only UTF-8.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isWhole, variablesForNode, wordForNode } from '../../../src/run/replay/words-for-node.ts';

test('text in UTF-8 reaches the program as it is', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), (text) => {
      const bytes = Buffer.from(text).toString('latin1');
      expect(wordForNode(bytes)).toBe(Buffer.from(text).toString());
      expect(isWhole(bytes)).toBe(true);
      expect(variablesForNode(new Map([[bytes, bytes]]))).toEqual({ [text]: text });
    }),
  );
});

test('it is known when a program would get other bytes', () => {
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => {
      const text = Buffer.from(bytes).toString('latin1');
      const isUtf8 = Buffer.from(Buffer.from(bytes).toString()).equals(bytes);
      expect(isWhole(text)).toBe(isUtf8);
    }),
  );
  expect([wordForNode('a\xff'), isWhole('a\xff')]).toEqual(['a\ufffd', false]);
});
