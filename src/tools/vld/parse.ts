// Reports of Visual Leak Detector.

import { windowsLogReader } from '../_shared/windows-log.ts';
import type { Reader } from '../tool.ts';

// Visual Leak Detector Version 2.5.1 installed.
// WARNING: Visual Leak Detector detected memory leaks!
// ---------- Block 1 at 0x00AB2700: 4 bytes ----------
const words =
  /Visual Leak Detector (?:Version \S+ installed|detected |is turned off|read settings)|-{10} Block \d+ at 0x[\dA-Fa-f]+: \d+ bytes -{10}/;

/** Reads what Visual Leak Detector 1.0 to 2.5.1 and its forks print. See `_shared/windows-log.ts`. */
export const vldReader: Reader = windowsLogReader('vld', (head) => words.test(head));
