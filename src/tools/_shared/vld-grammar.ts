// What Visual Leak Detector prints: a block for each leak, with the calls that allocated it.
//
// Sources: logs of Visual Leak Detector 1.0 to 2.5.1 in public issue trackers, and its documentation.
import type { Call } from './source-place.ts';

/** Visual Leak Detector Version 2.5.1 installed. */
export const installed = /^Visual Leak Detector Version (\S{1,40}) installed/;
/** WARNING: Visual Leak Detector detected memory leaks! */
export const leaksBegin = /^WARNING: Visual Leak Detector detected memory leaks!/;
/** ---------- Block 1 at 0x00AB2700: 4 bytes ---------- */
export const blockBegin = /^-{5,} Block (\d{1,20}) at 0x([\dA-Fa-f]{4,16}): (\d{1,15}) bytes -{5,}$/;
/** Leak Hash: 0x19C58DBA, Count: 1, Total 4 bytes; forks add `/ 0.004 kb / 0.00000 mb` */
export const leakHash =
  /^Leak Hash:? 0x[\dA-Fa-f]{1,16}, Count: (\d{1,15}), Total (\d{1,15}) bytes(?: \/ .*)?$/;
/** Call Stack (TID 15860):; before 2.4 without thread */
export const callStack = /^Call Stack(?: \(TID (\d{1,10})\))?:$/;
/** Data: */
export const dataBegin = /^Data:$/;
/** CRT Alloc ID: 287 */
export const allocationNumber = /^CRT Alloc ID: (\d{1,20})$/;
/** 78 56 34 12                                                  xV4..... ........ */
export const dataLine = /^(?:[\dA-F]{2} +){1,16}/;

/** Visual Leak Detector detected 50 memory leaks (52430600 bytes).; before 2.2 without bytes */
export const summary =
  /^Visual Leak Detector detected (\d{1,15}) memory leaks?(?: \((\d{1,18}) bytes.*\))?\.?$/;
/** No memory leaks detected. */
export const noLeaks = /^No memory leaks detected\.$/;
/** Visual Leak Detector is now exiting. */
export const exiting = /^Visual Leak Detector is now exiting\.$/;
/** WARNING: Visual Leak Detector: Memory leak detection was never enabled.; Visual Leak Detector is turned off. */
export const notMeasured =
  /^(?:WARNING: Visual Leak Detector: Memory leak detection was never enabled|Visual Leak Detector is turned off)\.$/;
/** ERROR: Visual Leak Detector could not be installed because thread local storage could not be allocated. */
export const remark = /^(?:WARNING|ERROR|NOTE): Visual Leak Detector:? /;

/** A call as VLD writes it. */
export interface VldFrame {
  readonly path?: string;
  readonly line?: number;
  readonly call: Call;
}

// e:\src\encoder.cc (545): Test.exe!fleece::Encoder::endCollection() + 0x2E bytes
// d:\src\main.cpp (4): main
const withPlace = /^(.{1,2000}?) \((\d{1,9})\): (.+)$/s;
// 0x0043D0F1 (File and line number not available): mainCRTStartup
const withAddress = /^(0x[\dA-Fa-f]{4,16}) \(File and line number not available\): (.+)$/s;
// ucrtbased.dll!malloc(); Project1.exe!0x01231ABD(); ntdll.dll!RtlUserThreadStart() + 0x2C bytes
const withModule = /^([\w .+@~-]{1,200}\.\w{2,4})!(.+)$/s;

/** Reads a line of a call stack; undefined for what is none. */
export function vldFrameOf(text: string): VldFrame | undefined {
  if (text.length > 16_384) return undefined;
  const placed = withPlace.exec(text);
  if (placed !== null) {
    const call = callOf(placed[3] as string);
    return call && { path: placed[1] as string, line: Number(placed[2]), call };
  }
  const addressed = withAddress.exec(text);
  if (addressed !== null) {
    const call = callOf(addressed[2] as string);
    return call && { call: { ...call, ip: addressed[1] as string } };
  }
  return withModule.test(text) ? frameWithoutPlace(text) : undefined;
}

function frameWithoutPlace(text: string): VldFrame | undefined {
  const call = callOf(text);
  return call && { call };
}

function callOf(text: string): Call | undefined {
  // Full call stack not available.
  if (/^Full call stack not available/.test(text)) return {};
  const [, object, rest = ''] = withModule.exec(text) ?? [undefined, undefined, text];
  const name = rest.replace(/ \+ 0x[\dA-Fa-f]+ bytes$/, '').replace(/\(\)$/, '');
  if (name === '') return undefined;
  const known = object === undefined ? {} : { object };
  return /^0x[\dA-Fa-f]{4,16}$/.test(name) ? { ...known, ip: name } : { ...known, function: name };
}
