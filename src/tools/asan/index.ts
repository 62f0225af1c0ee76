// Owns asan: memory errors and leaks of a program built with -fsanitize=address.
import { sanitizerTool } from '../_shared/sanitizer-plan.ts';

export const asan = sanitizerTool(
  'asan',
  'memory errors and leaks of a program built with -fsanitize=address',
);
