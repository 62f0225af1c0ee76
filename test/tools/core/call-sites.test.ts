// Which bytes before an address are a call.
import { describe, expect, test } from 'vitest';
import { callSiteBefore } from '../../../src/tools/core/call-sites.ts';

const start = 0x1000n;
const callBehind = (hex: string) => {
  const code = Buffer.from(hex.replaceAll(' ', ''), 'hex');
  return callSiteBefore(start + BigInt(code.length), 'x86-64', (address, length) => {
    const at = Number(address - start);
    return at < 0 || at >= code.length ? new Uint8Array() : code.subarray(at, at + length);
  });
};

describe('the call before an address', () => {
  test('is direct when its target is in the instruction', () => {
    expect(callBehind('90 90 90 90 e8 f7 ff ff ff')).toEqual({ kind: 'direct', target: 0x1000n });
  });

  test('is indirect, though a local at -0x18(%rbp) has the byte of a direct call', () => {
    // mov -0x18(%rbp),%rdx; mov %eax,%edi; call *%rdx
    expect(callBehind('90 48 8b 55 e8 89 c7 ff d2')).toEqual({ kind: 'indirect' });
  });

  test('of a direct call whose distance ends like an indirect one is the direct one, when it goes to code', () => {
    const far = Buffer.alloc(16, 0x90).toString('hex');
    const code = Buffer.from(`${far}e80000ffd2`, 'hex');
    const end = start + BigInt(code.length);
    const target = BigInt.asUintN(64, end + BigInt(code.readInt32LE(17)));
    const read = (address: bigint, length: number) =>
      address === target
        ? new Uint8Array([0x55])
        : code.subarray(Number(address - start), Number(address - start) + length);
    expect(callSiteBefore(end, 'x86-64', read)).toEqual({ kind: 'direct', target });
  });

  test('is none behind other instructions', () => {
    expect(callBehind('90 90 90 90 90 90 48 89 c7')).toEqual({ kind: 'none' });
  });
});
