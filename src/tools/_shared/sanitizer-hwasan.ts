// Reports of HWAddressSanitizer: a pointer whose tag is not that of the memory, and what the runtime takes for the cause.
import { addressReport } from './sanitizer-asan.ts';
import { reportDraft } from './sanitizer-report.ts';
import type { Section, SectionHost, SectionKind, SectionLine } from './sanitizer-section.ts';

/** `ERROR: HWAddressSanitizer: tag-mismatch on address 0x0042a0807180 at pc 0x0055` */
const opening = /^\s*ERROR: HWAddressSanitizer: (?!failed to)(.+)$/;

/**
 * Reads HWASan's reports; their body has ASan's form. The kind is that of the first line: some versions misspell it in the
 * SUMMARY.
 */
export const hwasanReports: SectionKind = { open };

function open(line: SectionLine, host: SectionHost): Section | undefined {
  if (line.pid === undefined) return undefined;
  const sentence = opening.exec(line.text)?.[1];
  if (sentence === undefined) return undefined;
  const draft = reportDraft(host, 'hwasan', line.offset);
  return addressReport(host, host.image('hwasan', line.pid), draft, sentence);
}
