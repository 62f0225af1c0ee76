// Leak dumps and damage reports of the debug heap of Microsoft's C runtime.

import { windowsLogReader } from '../_shared/windows-log.ts';
import type { Reader } from '../tool.ts';

// Detected memory leaks!
// C:\src\test.cpp(20) : {130} normal block at 0x00780E80, 64 bytes long.
// HEAP CORRUPTION DETECTED: after Normal block (#77) at 0x003A4D38.
// 0 bytes in 0 Free Blocks.
const words =
  /Detected memory leaks!|Dumping objects ->|\{\d+\} (?:normal|client|crt|ignore|free) block at (?:0x|\$)|(?:HEAP CORRUPTION DETECTED|DAMAGE): (?:after|before|on top of) \w+ block|^[^\n]{0,100}\d+ bytes in \d+ (?:Free|Object) Blocks/m;

/**
 * Reads what `_CrtDumpMemoryLeaks`, `_CrtCheckMemory`, `free` and `_CrtMemDumpStatistics` print, as Visual Studio, DebugView or a
 * CI system kept it: UTF-8, UTF-16, with prefixes and with other output between. See `_shared/windows-log.ts`.
 */
export const crtReader: Reader = windowsLogReader('crt', (head) => words.test(head));
