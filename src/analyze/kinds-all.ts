// All that is known of kinds, of every tool. Large: what only needs names takes kind-names.ts.
import type { Kind } from './kind.ts';
import { addressKinds } from './kinds-asan.ts';
import { crashKinds } from './kinds-crash.ts';
import { heapKinds } from './kinds-heap.ts';
import { threadKinds } from './kinds-tsan.ts';
import { undefinedKinds } from './kinds-ubsan.ts';
import { valgrindKinds } from './kinds-valgrind.ts';

/** Every kind that is known, by tool. */
export const kinds: readonly Kind[] = [
  ...valgrindKinds,
  ...addressKinds,
  ...undefinedKinds,
  ...threadKinds,
  ...heapKinds,
  ...crashKinds,
];
