// Leak reports of LeakSanitizer, alone or in an ASan build, and its table of suppressions.
import { type ReportDraft, reportDraft, tellCut } from './sanitizer-report.ts';
import type {
  Closing,
  SanitizerImage,
  Section,
  SectionHost,
  SectionKind,
  SectionLine,
  Taken,
} from './sanitizer-section.ts';

/** `ERROR: LeakSanitizer: detected memory leaks` */
const opening = /^\s*ERROR: LeakSanitizer: detected memory leaks/;

/** `Direct leak of 100 byte(s) in 1 object(s) allocated from:`, since clang 15 also `in 1 object(s) allocated from:` */
const leakLine = /^\s*(Direct|Indirect) leak of (\d+) byte\(s\) in (\d+) object\(s\) allocated from:/;

/**
 * `SUMMARY: AddressSanitizer: 196 byte(s) leaked in 3 allocation(s).` Where gcc links two runtimes in, the one that started last
 * names it: `SUMMARY: UndefinedBehaviorSanitizer: 4 byte(s) leaked in 1 allocation(s).`
 */
const totalLine =
  /^\s*SUMMARY: (Address|HWAddress|Leak|UndefinedBehavior)Sanitizer: (\d+) byte\(s\) leaked in (\d+) allocation\(s\)/;

/** `Omitting 3 more leak(s).` */
const omitted = /^Omitting (\d+) more leak\(s\)\./;

/** `      1        666 *LSanTestLeakingFunc*` */
const suppressionRow = /^\s*(\d+)\s+(\d+)\s+(\S.*)$/;

/** What stands around leaks: `Objects leaked above:`, `0x602000000010 (100 bytes)`, `The 3 top leak(s):`, `-----` */
const silent =
  /^(?:Objects leaked above:|0x[0-9a-f]+ \(\d+ bytes\)|The \d+ top leak\(s\):|-{20,}|\s+count\s+bytes template|Suppressions used:|=+)$/;

/** Reads leak reports. */
export const lsanReports: SectionKind = { open };

function open(line: SectionLine, host: SectionHost): Section | undefined {
  const reports = opening.test(line.text);
  if (reports && line.pid === undefined) return undefined;
  // All leaks were suppressed: the table is all there is.
  if (!reports && !/^Suppressions used:$/.test(line.text)) return undefined;
  const image = host.image('lsan', line.pid);
  return leakReport(host, image, line, reports);
}

function leakReport(host: SectionHost, image: SanitizerImage, first: SectionLine, reports: boolean): Section {
  const check = image.countLeakCheck();
  let draft: ReportDraft | undefined;
  let table = !reports;
  let rows = 0;
  let bytes = 0;
  let blocks = 0;
  let left = 0;
  let ended = false;

  /** A leak is whole when something that is no frame follows it. */
  function finish(): void {
    if (draft === undefined) return;
    image.emit(draft.record(true));
    draft = undefined;
  }

  function tellTotals(told: RegExpExecArray): void {
    if (told[1] !== 'Leak') image.setTool(told[1] === 'Address' ? 'asan' : 'hwasan');
    const [toldBytes, toldBlocks] = [Number(told[2]), Number(told[3])];
    const pid = image.pid();
    const of = { ...(pid !== undefined && { pid }), offset: first.offset, quote: told[0] };
    if (left > 0) {
      image.break();
      host.problem({
        code: 'leaks-omitted',
        level: 'incomplete',
        message: `LeakSanitizer left out ${left} more leaks, as max_leaks asks`,
        hint: 'take max_leaks out of LSAN_OPTIONS',
        ...of,
      });
    } else if (toldBytes !== bytes || toldBlocks !== blocks) {
      image.break();
      host.problem({
        code: 'totals-disagree',
        level: 'incomplete',
        message: `The leaks add up to ${bytes} bytes in ${blocks} blocks, but the summary says ${toldBytes} bytes in ${toldBlocks}: the log is not whole`,
        ...of,
      });
    }
  }

  function line({ text }: SectionLine): Taken {
    const leak = leakLine.exec(text);
    if (leak !== null) {
      finish();
      table = false;
      const [size, count] = [Number(leak[2]), Number(leak[3])];
      bytes += size;
      blocks += count;
      draft = reportDraft(host, 'lsan', first.offset, 'at');
      draft.kind = leak[1] === 'Direct' ? 'direct-leak' : 'indirect-leak';
      draft.what = text.trim().replace(/ allocated from:$/, '');
      draft.leak = { bytes: size, directBytes: size, indirectBytes: 0, blocks: count, check };
      return 'taken';
    }
    const total = totalLine.exec(text);
    if (total !== null) {
      finish();
      ended = true;
      tellTotals(total);
      return 'last';
    }
    if (text === 'Suppressions used:') {
      finish();
      table = true;
      return 'taken';
    }
    const row = table ? suppressionRow.exec(text) : null;
    if (row !== null) {
      if (rows++ > 10_000) return 'taken';
      image.emit({
        type: 'suppression-use',
        name: row[3] as string,
        count: Number(row[1]),
        bytes: Number(row[2]),
      });
      return 'taken';
    }
    if (!reports && rows > 0) {
      ended = true;
      return /^-{20,}$/.test(text) ? 'last' : 'over';
    }
    const more = omitted.exec(text);
    if (more !== null) left = Number(more[1]);
    if (more !== null || silent.test(text)) {
      draft?.breakStack();
      finish();
      return 'taken';
    }
    return 'foreign';
  }

  return {
    image,
    frames: (frames, number) => draft?.frames(frames, number),
    blank: () => {
      if (draft !== undefined && draft.stacks().length > 0) finish();
    },
    line,
    close: (because: Closing) => {
      if (ended || (!reports && because !== 'cut')) {
        image.settle();
        return;
      }
      if (because === 'cut') {
        const cut = draft ?? reportDraft(host, 'lsan', first.offset);
        if (cut.what === '') cut.what = first.text;
        tellCut(host, image, cut, false);
      } else finish();
    },
  };
}
