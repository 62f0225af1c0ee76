// Owns whether an abort is one of std::terminate, and whether that was called because nobody caught an exception.
import type { StopFrame } from '../../model/stop.ts';

/**
 * `uncaught`: because of an exception that was thrown. `other`: by code that had another reason, even where it handles an exception: a
 * std::thread that nobody joined, a pure virtual function. `unknown`: the caller has no name.
 */
export type TerminateReason = 'uncaught' | 'other' | 'unknown';

/** As the linker knows them; of frames that have such names already, as the source has them. */
const terminating = new Set([
  '_ZSt9terminatev',
  '_ZN10__cxxabiv111__terminateEPFvvE',
  '_ZN9__gnu_cxx27__verbose_terminate_handlerEv',
  '_ZSt11__terminatePFvvE',
  '_ZL28demangling_terminate_handlerv',
]);
/** They call it when nobody catches an exception, or when it leaves a function that may not throw. */
const throwing = new Set([
  '__cxa_throw',
  '__cxa_rethrow',
  '_ZSt17rethrow_exceptionNSt15__exception_ptr13exception_ptrE',
  '_ZSt17rethrow_exceptionSt13exception_ptr',
  '__cxa_rethrow_primary_exception',
  '__gxx_personality_v0',
  '__cxa_call_terminate',
  '__clang_call_terminate',
  '__cxa_call_unexpected',
  '_Unwind_RaiseException',
  '_Unwind_Resume',
  '_Unwind_Resume_or_Rethrow',
]);
const runtimeLibrary = /(?:^|\/)lib(?:stdc\+\+|c\+\+abi|c\+\+)[.-][^/]*$/;
/** The stack is unwound by another library. */
const unwinder = /(?:^|\/)lib(?:gcc_s|unwind)[.-][^/]*$/;
const aborting = /^(?:__GI_)?abort$/;
/** Between the signal and abort(3) are at most some frames of the C library. */
const nearFrames = 8;

/** @param frames of the thread that got SIGABRT. undefined: std::terminate is not among them. */
export function terminateReason(frames: readonly StopFrame[]): TerminateReason | undefined {
  const seen = frames.filter(({ trust, isInlined }) => trust !== 'doubtful' && isInlined !== true);
  const names = seen.map(plainName);
  let at = names.findIndex((name) => name !== undefined && terminating.has(name));
  if (at < 0) {
    const abort = names.slice(0, nearFrames).findIndex((name) => name !== undefined && aborting.test(name));
    if (abort < 0 || !isFrom(runtimeLibrary, seen[abort + 1])) return undefined;
    at = abort + 1;
  }
  for (; at < seen.length; at++) {
    const name = names[at];
    if (name !== undefined && throwing.has(name)) return 'uncaught';
    const isWithin = name !== undefined && (terminating.has(name) || name.startsWith('_ZN10__cxxabiv1'));
    if (isWithin || isFrom(runtimeLibrary, seen[at]) || isFrom(unwinder, seen[at])) continue;
    return name === undefined ? 'unknown' : 'other';
  }
  return 'unknown';
}

/** Without the version of an exported name; undefined when it is only one that lies near. */
function plainName({ function: name, trust, doubt }: StopFrame): string | undefined {
  if (name === undefined || trust !== 'sure' || doubt !== undefined) return undefined;
  return name.replace(/(?<=.)@.*$/s, '').replace(/\.(?:cold|part|isra|constprop|lto_priv)\b.*$/s, '');
}

function isFrom(library: RegExp, frame: StopFrame | undefined): boolean {
  return frame?.object !== undefined && library.test(frame.object);
}
