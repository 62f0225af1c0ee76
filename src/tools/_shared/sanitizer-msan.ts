// Reports of MemorySanitizer: uses of what was never written, with the way it came from where it was made.

import { summary } from './sanitizer-asan.ts';
import { emitReport, reportDraft } from './sanitizer-report.ts';
import type { Closing, Section, SectionHost, SectionKind, SectionLine, Taken } from './sanitizer-section.ts';

/** `WARNING: MemorySanitizer: use-of-uninitialized-value` */
const opening = /^\s*WARNING: MemorySanitizer: ([\w-]+)/;

/** Sentences before a stack (msan_report.cpp, `DescribeOrigin`). */
const labels = [
  // Uninitialized value was stored to memory at
  [/^\s*Uninitialized value was stored to memory at/, 'stored at'],
  // Uninitialized value was created by an allocation of 'x' in the stack frame of function 'main'
  [/^\s*Uninitialized value was created (?:by|at)/, 'created at'],
  // Memory was marked as uninitialized / Virtual memory was …
  [/^\s*Memory was marked as uninitialized/, 'created at'],
  // Member fields were destroyed
  [/^\s*Member fields were destroyed/, 'created at'],
] as const;

/** Reads MSan's reports. Its deadly signals have ASan's form: see sanitizer-asan.ts. */
export const msanReports: SectionKind = { open };

function open(opened: SectionLine, host: SectionHost): Section | undefined {
  if (opened.pid === undefined) return undefined;
  const match = opening.exec(opened.text);
  if (match === null) return undefined;
  const image = host.image('msan', opened.pid);
  const draft = reportDraft(host, 'msan', opened.offset);
  draft.kind = match[1] as string;
  draft.what = draft.kind;
  draft.access = { operation: 'use' };
  // Uninitialized bytes in __interceptor_send at offset 7 inside [0x7ffc24056dea, 10)
  const before = host.before()?.trim();
  if (before?.startsWith('Uninitialized bytes in ') === true) draft.detail(before);
  let ended = false;

  function line({ text }: SectionLine): Taken {
    draft.breakStack();
    if (summary.test(text)) {
      ended = true;
      return 'last';
    }
    const label = labels.find(([form]) => form.test(text));
    if (label !== undefined) {
      draft.expect(label[1], text.trim());
      return 'taken';
    }
    return 'foreign';
  }

  return {
    image,
    frames: draft.frames,
    blank: draft.breakStack,
    line,
    close: (because: Closing) => {
      emitReport(host, image, draft, ended, because);
    },
  };
}
