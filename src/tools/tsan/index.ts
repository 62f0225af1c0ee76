// Owns tsan: races and deadlocks of a program built with -fsanitize=thread.
import { sanitizerTool } from '../_shared/sanitizer-plan.ts';

export const tsan = sanitizerTool('tsan', 'races and deadlocks of a program built with -fsanitize=thread');
