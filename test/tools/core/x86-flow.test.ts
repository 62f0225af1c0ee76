// How x86-64 instructions go on, and which of them belong to the kernel.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { flowOf } from '../../../src/tools/core/x86-flow.ts';
import { privilegedInstruction } from '../../../src/tools/core/x86-privileged.ts';

const bytesOf = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex.replaceAll(' ', ''), 'hex'));

test('what an instruction does to the stack pointer and the frame pointer is known', () => {
  const expected: readonly (readonly [string, unknown])[] = [
    ['55', { length: 1, next: 'on', effect: { kind: 'add', bytes: -8 } }],
    ['5d', { length: 1, next: 'on', effect: { kind: 'pop frame' } }],
    ['41 5d', { length: 2, next: 'on', effect: { kind: 'add', bytes: 8 } }],
    ['48 83 ec 28', { length: 4, next: 'on', effect: { kind: 'add', bytes: -40 } }],
    ['48 81 c4 00 01 00 00', { length: 7, next: 'on', effect: { kind: 'add', bytes: 256 } }],
    ['48 89 e5', { length: 3, next: 'on', effect: { kind: 'set frame' } }],
    ['48 8d 65 d8', { length: 4, next: 'on', effect: { kind: 'from frame', bytes: -40 } }],
    ['48 8d 64 24 08', { length: 5, next: 'on', effect: { kind: 'add', bytes: 8 } }],
    ['48 83 e4 f0', { length: 4, next: 'on', effect: { kind: 'lose', register: 'rsp' } }],
    ['48 0f 45 ea', { length: 4, next: 'on', effect: { kind: 'lose', register: 'rbp' } }],
    ['80 e4 df', { length: 3, next: 'on' }],
    ['48 39 e5', { length: 3, next: 'on' }],
    ['c9', { length: 1, next: 'on', effect: { kind: 'leave' } }],
    ['f3 c3', { length: 2, next: 'return' }],
    ['74 fe', { length: 2, next: 'branch', distance: -2 }],
    ['e9 10 00 00 00', { length: 5, next: 'jump', distance: 16 }],
    ['ff e0', { length: 2, next: 'stop' }],
    ['c5 fd 6f 84 24 80 00 00 00', { length: 9, next: 'on' }],
    ['62 f1 7c 48 11 44 24 01', { length: 8, next: 'on' }],
    ['66 0f 3a 0f c1 08', { length: 6, next: 'on' }],
    ['48 b8 01 02 03 04 05 06 07 08', { length: 10, next: 'on' }],
    ['48 83 ec', undefined],
  ];
  for (const [hex, flow] of expected) expect(flowOf(bytesOf(hex)), hex).toEqual(flow);
});

test('an instruction that programs may execute is not privileged', () => {
  for (const hex of [
    '90',
    'c3',
    '0f 05',
    '0f a2',
    '0f 01 d0',
    '0f 01 e0',
    '0f 00 c0',
    '',
    '0f',
    '48 8b 00',
  ]) {
    expect(privilegedInstruction(bytesOf(hex)), hex).toBeUndefined();
  }
  expect(privilegedInstruction(bytesOf('0f 01 18'))).toBe('lidt');
  expect(privilegedInstruction(bytesOf('66 ef'))).toBe('out');
});

test('any bytes are read without an error', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 20 }), (bytes) => {
      const flow = flowOf(bytes);
      if (flow !== undefined) {
        expect(flow.length).toBeGreaterThan(0);
        expect(flow.length).toBeLessThanOrEqual(Math.min(bytes.length, 15));
      }
      expect(() => privilegedInstruction(bytes)).not.toThrow();
    }),
  );
});
