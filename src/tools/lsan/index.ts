// Owns lsan: leaks of a program built with -fsanitize=leak.
import { sanitizerTool } from '../_shared/sanitizer-plan.ts';

export const lsan = sanitizerTool('lsan', 'leaks of a program built with -fsanitize=leak');
