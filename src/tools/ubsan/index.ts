// Owns ubsan: undefined behaviour of a program built with -fsanitize=undefined.
import { sanitizerTool } from '../_shared/sanitizer-plan.ts';

export const ubsan = sanitizerTool(
  'ubsan',
  'undefined behaviour of a program built with -fsanitize=undefined',
);
