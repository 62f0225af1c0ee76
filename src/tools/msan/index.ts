// Owns msan: uninitialised values of a program built with -fsanitize=memory (clang).
import { sanitizerTool } from '../_shared/sanitizer-plan.ts';

export const msan = sanitizerTool(
  'msan',
  'uninitialised values of a program built with -fsanitize=memory (clang)',
);
