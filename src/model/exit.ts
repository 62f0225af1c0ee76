// How a process ended.

/** How a process ended. */
export type Exit =
  | { readonly how: 'exited'; readonly code: number }
  | { readonly how: 'signaled'; readonly signal: string; readonly number: number }
  /** `instrument`: it ended the program at an error, or put its status in the place of the program's own. */
  | { readonly how: 'unknown'; readonly why?: 'instrument' };
