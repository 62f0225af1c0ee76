// What is said first of a crash: by what the pointer was that the instruction used, who sent the signal, or which check aborted.
import type { PointerKind, Stop } from '../model/stop.ts';

interface Words {
  readonly meaning: string;
  readonly advice: string;
}

const nullPointer: Words = {
  meaning: 'The program used a pointer that is NULL.',
  advice: 'Find where this pointer should have been set, and check there for what failed.',
};

const words: Readonly<Partial<Record<PointerKind, Words>>> = {
  null: nullPointer,
  'near null': {
    meaning: 'The program used a member or an element of something whose pointer is NULL.',
    advice:
      'The small address is the offset of the member: find where the pointer to it should have been set.',
  },
  freed: {
    meaning: 'The program used memory that was freed.',
    advice: 'Run it under memcheck: it names the place that freed the block.',
  },
  heap: {
    meaning: 'The address lies in the heap, but not in a way that the program may use.',
    advice: 'Run it under memcheck: it tells which block it is, and what damaged it.',
  },
  stack: {
    meaning: 'The address lies on the stack of a thread, but the program may not use it in this way.',
    advice: 'Look for a buffer on the stack that was written over, and for code that is run from the stack.',
  },
  'stack guard': {
    meaning: 'The stack of the thread is too small for what the program put on it.',
    advice:
      'Look for large arrays that are local variables, and for alloca; a thread has the stack that it was given (pthread_attr_setstacksize(3)).',
  },
  'no access': {
    meaning:
      'The address is mapped, and nobody may read or write there: a guard page, or memory that was taken out of use.',
    advice:
      'See whether the pointer ran out of a buffer or stack beside it, or is used after its memory was protected.',
  },
  'read-only': {
    meaning: 'The program wrote to memory that may only be read, such as a string literal or a constant.',
    advice: 'Copy what is to be changed, and keep `const` on pointers to literals.',
  },
  'not executable': {
    meaning: 'The program called or returned into memory that holds no code.',
    advice:
      'Look at the function pointer or, when the stack looks damaged, for a buffer on it that was written over.',
  },
  'not mapped': {
    meaning:
      'The program used an address at which nothing is mapped: the pointer was never set, was written over, or its memory was given back.',
    advice: 'See where the pointer got this value; memcheck tells whether it was never set or was freed.',
  },
  'not canonical': {
    meaning:
      'The address is none that the processor can have: what was taken for a pointer is something else, often text or freed memory.',
    advice:
      'Read the value as text and as a number to see what overwrote the pointer, and run it under memcheck.',
  },
  unaligned: {
    meaning: 'The instruction needs an address that is a multiple of its size, and got another one.',
    advice:
      'Look for a pointer that was cast to a type with a larger alignment, for memory of an allocator of yours, and for code that calls with a stack that is not aligned to 16 bytes.',
  },
  privileged: {
    meaning: 'The processor refused the program an instruction: no pointer is to blame.',
    advice:
      'See whether the program came there by a bad jump; what only the kernel may do is asked of it by a system call.',
  },
  'beyond the file': {
    meaning: 'The program used a part of a mapping that lies behind the end of its file.',
    advice: 'Make sure that nobody cuts the file while it is mapped.',
  },
};

const recursion: Words = {
  meaning: 'The stack of the thread is full: functions call each other again and again.',
  advice:
    'Look for a recursion without an end among the frames, then for large arrays that are local variables.',
};

/** Frames of one function on a stack that make a recursion likely. */
const repeats = 4;

function isRecursive({ threads }: Stop): boolean {
  const { frames = [], omitted } = threads.find(({ isCurrent }) => isCurrent === true) ?? threads[0] ?? {};
  if (omitted !== undefined) return true;
  const counts = new Map<string, number>();
  for (const { function: name, ip, isInlined } of frames) {
    const key = name ?? ip;
    if (key === undefined || isInlined === true) continue;
    const count = (counts.get(key) ?? 0) + 1;
    if (count >= repeats) return true;
    counts.set(key, count);
  }
  return false;
}

/** SIGSEGV of a general protection fault, of which the processor tells no address (sigaction(2), SI_KERNEL). */
const withoutAddress: Words = {
  meaning:
    'The processor refused the instruction and told no address: it used one that can be none or is not aligned, or it is an instruction that programs may not execute.',
  advice: 'Look at the instruction that failed and at the registers that it uses.',
};

/** Functions through which a check ends the program, the first that is among the frames counts. */
const checks: readonly (readonly [name: RegExp, words: Words])[] = [
  [
    /^__stack_chk_fail/,
    {
      meaning:
        'A buffer on the stack was written over: the guard value in front of the return address has changed.',
      advice:
        'Look at the arrays of the function that called __stack_chk_fail; ASan names the write: --tool=asan.',
    },
  ],
  [
    /^__(?:fortify_fail|chk_fail)/,
    {
      meaning:
        'A function of the C library was to write more than its target can hold, and a check of it stopped that.',
      advice: 'Compare the size that is given with that of the target, in the first frame of yours.',
    },
  ],
  [
    /^malloc_printerr$/,
    {
      meaning:
        'malloc or free saw that the heap is damaged, or that a block is freed twice; what it saw is on stderr.',
      advice: 'The damage was done earlier: memcheck or ASan names the place.',
    },
  ],
  [
    /^(?:__assert_fail|__assert_perror_fail|__assert)/,
    {
      meaning: 'An assertion did not hold; stderr has its text.',
      advice: 'Look at the values in the first frame of yours.',
    },
  ],
  [
    /^__cxa_pure_virtual/,
    {
      meaning:
        'A pure virtual function was called: by a constructor or destructor of its class, or on an object that is gone.',
      advice:
        'See whether the first frame of yours is called while the object is made or destroyed; if not, memcheck or ASan tells who freed it.',
    },
  ],
  [
    /^std::thread::(?:~thread|operator=)/,
    {
      meaning: 'A std::thread was destroyed or assigned to that was still to be joined.',
      advice: 'Call join() or detach() on every path, also when an exception leaves the function.',
    },
  ],
  [
    /^(?:__gnu_cxx::__verbose_terminate_handler|__cxxabiv1::__terminate|std::terminate)/,
    {
      meaning:
        'C++ gave up: an exception found nobody to catch it or left a function that may not throw, or a std::thread was destroyed that nobody had joined; stderr has what it says.',
      advice:
        'The first frame of yours is where that happened: catch the exception there or further out, or join the thread.',
    },
  ],
];

/** By its frames: `__cxa_throw` has looked for somebody who catches, the others have come to a function that may not throw. */
const leftNoexcept = /^(?:__gxx_personality_v0|__cxa_call_terminate|__clang_call_terminate)/;

const uncaught: Words = {
  meaning: 'The program threw an exception that nobody caught.',
  advice:
    'Catch it in the first frame of yours or further out, or see to it that its cause does not come up.',
};

const throughNoexcept: Words = {
  meaning:
    'An exception was about to leave a function that may not throw, such as a noexcept one or a destructor.',
  advice: 'Catch it within that function, which is among the frames, or drop its noexcept.',
};

const sentBySomebody: Words = {
  meaning: 'The signal was sent to the process: no instruction of it failed.',
  advice: 'Find who sends it, and why: kill(2), raise(3), a supervisor, or a limit.',
};

const sentByItself: Words = {
  meaning: 'The process sent the signal to itself, perhaps in a handler of an earlier fault.',
  advice: 'The frames tell who calls kill(2) or raise(3); vgrun gdb tells the first fault too.',
};

const sentAgain: Words = {
  meaning:
    'The process sent the signal to itself, most likely in a handler of it: when that returned, the thread stood again at the instruction that had failed.',
  advice: 'Look at the values that the instruction uses; vgrun gdb tells what it touched.',
};

/** Those that an instruction brings upon its thread. */
const ofInstructions: ReadonlySet<string> = new Set(['SIGSEGV', 'SIGBUS', 'SIGFPE', 'SIGILL', 'SIGTRAP']);
/** Where a thread stands that sends a signal. */
const sending =
  /^(?:_*(?:GI_|libc_)?(?:pthread_kill(?:_implementation|_internal)?|raise|gsignal|t?g?kill|sigqueue|syscall))$/;

/** Frames in which a check is looked for. */
const nearFrames = 16;

/** What a crash means, and what to do; undefined where the kind of signal says as much. */
export function crashWords(stop: Stop | undefined): Words | undefined {
  if (stop === undefined) return undefined;
  const { fault, signal, exception, threads } = stop;
  if (fault !== undefined) {
    return fault.pointer === 'stack guard' && isRecursive(stop) ? recursion : words[fault.pointer];
  }
  if (signal?.name === 'SIGSEGV' && signal.code === 128) return withoutAddress;
  const names = (threads[0]?.frames ?? []).slice(0, nearFrames).flatMap((frame) => frame.function ?? []);
  if (signal?.name === 'SIGABRT') {
    if (exception !== undefined && exception.isHandled !== true)
      return names.some((name) => leftNoexcept.test(name)) ? throughNoexcept : uncaught;
    const check = checks.find(([pattern]) => names.some((name) => pattern.test(name)));
    if (check !== undefined) return check[1];
    // abort(3) raises it too.
    if (signal.sender?.pid === stop.pid) return undefined;
  }
  // The kernel sends it in the name of the process that wrote (signal(7)).
  if (signal?.name === 'SIGPIPE' && signal.sender?.pid === stop.pid) return undefined;
  if (signal !== undefined && ofInstructions.has(signal.name) && signal.sender?.pid === stop.pid) {
    const first = threads[0]?.frames[0]?.function;
    return first === undefined || sending.test(first) ? sentByItself : sentAgain;
  }
  // sigaction(2): 0 and below is what kill(2), tgkill(2) and sigqueue(3) say.
  return signal?.code !== undefined && signal.code <= 0 ? sentBySomebody : undefined;
}
