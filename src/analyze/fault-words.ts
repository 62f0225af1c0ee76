// What is said first of a crash, by what the pointer was that the crashing instruction used.
import type { Fault, PointerKind } from '../model/stop.ts';

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
    meaning: 'The stack of the thread is full: the address lies in the page below it.',
    advice:
      'Look for a recursion without an end among the frames, then for large arrays that are local variables.',
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
  'beyond the file': {
    meaning: 'The program used a part of a mapping that lies behind the end of its file.',
    advice: 'Make sure that nobody cuts the file while it is mapped.',
  },
};

/** What a fault means, and what to do; undefined where the kind of signal says as much. */
export function faultWords(fault: Fault | undefined): Words | undefined {
  return fault && words[fault.pointer];
}
