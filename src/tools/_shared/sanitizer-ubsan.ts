// Errors of UndefinedBehaviorSanitizer: one line with a place, what the runtime says about memory, and a stack when asked for.
import type { Frame } from '../../model/finding.ts';
import { splitSource } from './sanitizer-frames.ts';
import { reportDraft, tellCut } from './sanitizer-report.ts';
import type {
  Closing,
  SanitizerImage,
  Section,
  SectionHost,
  SectionKind,
  SectionLine,
  Taken,
} from './sanitizer-section.ts';

/**
 * `a.c:12:42: runtime error: signed integer overflow: …`, gcc without debug information `a.c:12: runtime error: …`,
 * `<unknown>: runtime error: …`, `(/home/user/demo/prog+0x4aa): runtime error: …`
 */
const errorLine =
  /^(?:(\S.*?)(?::(\d{1,9}))(?::(\d{1,9}))?|<unknown>|\((\S.*)\+(0x[0-9a-f]+)\)): runtime error: (\S.*)$/;

/** `SUMMARY: UndefinedBehaviorSanitizer: undefined-behavior a.c:12:42 in `; with report_error_type=1 the check stands there */
const summaryLine = /^\s*SUMMARY: UndefinedBehaviorSanitizer: (\S+)/;

/** What that SUMMARY calls the checks (ubsan_checks.inc), where -fsanitize= calls them otherwise. */
const summaryNames: Readonly<Record<string, string>> = {
  'null-pointer-use': 'null',
  'null-pointer-use-with-nullability': 'nullability-assign',
  'nullptr-with-offset': 'pointer-overflow',
  'nullptr-with-nonzero-offset': 'pointer-overflow',
  'nullptr-after-nonzero-offset': 'pointer-overflow',
  'misaligned-pointer-use': 'alignment',
  'alignment-assumption': 'alignment',
  'insufficient-object-size': 'object-size',
  'invalid-builtin-use': 'builtin',
  'invalid-objc-cast': 'objc-cast',
  'invalid-shift-base': 'shift-base',
  'invalid-shift-exponent': 'shift-exponent',
  'out-of-bounds-index': 'bounds',
  'local-out-of-bounds': 'local-bounds',
  'unreachable-call': 'unreachable',
  'missing-return': 'return',
  'non-positive-vla-index': 'vla-bound',
  'invalid-bool-load': 'bool',
  'invalid-enum-load': 'enum',
  'function-type-mismatch': 'function',
  'invalid-null-return': 'returns-nonnull-attribute',
  'invalid-null-return-with-nullability': 'nullability-return',
  'invalid-null-argument': 'nonnull-attribute',
  'invalid-null-argument-with-nullability': 'nullability-arg',
  'dynamic-type-mismatch': 'vptr',
  'float-divide-by-zero': 'float-divide-by-zero',
};

/** `a.c:3:5: note: nonnull attribute specified here`, `0x602000000011: note: pointer points here` */
const noteLine = /^(?:\S.*:\d+|0x[0-9a-f]+|<unknown>|<invalid>): note: (.+)$/;

/** ` 00 00 00  be be be be`, `<memory cannot be printed>`, `              ^~~~ `, `              vptr for blink::AXList` */
const memoryLine =
  /^(?: {1,2}[0-9a-f]{2}(?: {1,2}[0-9a-f]{2})*$|\s*\^[~^ ]*$|<memory cannot be printed>$| {8,}\S)/;

/**
 * The checks by their sentences (ubsan_handlers.cpp, ubsan_handlers_cxx.cpp; gcc's ubsan.c has no others), as -fsanitize= names
 * them. The first that fits.
 */
const checks: readonly (readonly [RegExp, string])[] = [
  [/^signed integer overflow:/, 'signed-integer-overflow'],
  [/^unsigned integer overflow:/, 'unsigned-integer-overflow'],
  // negation of 3 cannot be represented in type 'unsigned int'
  [/^negation of \S+ cannot be represented in type 'unsigned/, 'unsigned-integer-overflow'],
  // negation of -2147483648 cannot be represented in type 'int'; cast to an unsigned type to negate this value to itself
  [/^negation of \S+ cannot be represented/, 'signed-integer-overflow'],
  // division of -2147483648 by -1 cannot be represented in type 'int'
  [/^division of \S+ by -1 cannot be represented/, 'signed-integer-overflow'],
  [/^division by zero/, 'integer-divide-by-zero'],
  // shift exponent 34 is too large for 32-bit type 'int'
  [/^shift exponent \S+ is (?:negative|too large)/, 'shift-exponent'],
  // left shift of 4294967295 by 1 places cannot be represented in type 'unsigned int'
  [/^left shift of .* in type '(?:unsigned |uint\d+_t|size_t)/, 'unsigned-shift-base'],
  // left shift of negative value -1; left shift of 2 by 31 places cannot be represented in type 'int'
  [/^left shift of /, 'shift-base'],
  // index 10 out of bounds for type 'int[4]'
  [/^index \S+ out of bounds for type/, 'bounds'],
  [/^access out of bounds/, 'local-bounds'],
  [/^execution reached an unreachable program point/, 'unreachable'],
  [/^execution reached the end of a value-returning function/, 'return'],
  [/^variable length array bound evaluates to non-positive value/, 'vla-bound'],
  // 1e+40 is outside the range of representable values of type 'float'; gcc: value 1e+40 is outside …
  [/ is outside the range of representable values of type /, 'float-cast-overflow'],
  // load of value 161, which is not a valid value for type 'bool'
  [/^load of value \S+ which is not a valid value for type '(?:_Bool|bool|BOOL)'/, 'bool'],
  [/^load of value \S+ which is not a valid value for type /, 'enum'],
  // null pointer passed as argument 1, which is declared to never be null
  [/^null pointer passed as argument \d+, which is declared to never be null/, 'nonnull-attribute'],
  [/^null pointer returned from function declared to never return null/, 'returns-nonnull-attribute'],
  // _Nonnull binding to null pointer of type 'int * _Nonnull'
  [/^_Nonnull binding to null pointer of type /, 'nullability-assign'],
  // passing zero to ctz(), which is not a valid argument
  [/^passing zero to .*, which is not a valid argument/, 'builtin'],
  [/^assumption is violated during execution/, 'builtin'],
  [/^invalid Objective-C cast/, 'objc-cast'],
  // call to function f through pointer to incorrect function type 'void (*)(int)'
  [/^call to function .* through pointer to incorrect function type/, 'function'],
  // control flow integrity check for type 'B' failed during cast to unrelated type (vtable address 0x000000422710)
  [/^control flow integrity check .* failed during virtual call/, 'cfi-vcall'],
  [/^control flow integrity check .* failed during non-virtual call/, 'cfi-nvcall'],
  [/^control flow integrity check .* failed during base-to-derived cast/, 'cfi-derived-cast'],
  [/^control flow integrity check .* failed during cast to unrelated type/, 'cfi-unrelated-cast'],
  [/^control flow integrity check .* failed during indirect function call/, 'cfi-icall'],
  [/^control flow integrity check .* failed during (?:virtual|non-virtual) pointer to member/, 'cfi-mfcall'],
  // pointer index expression with base 0x60 overflowed to 0x10; applying zero offset to null pointer
  [
    /^(?:pointer index expression with base|applying (?:zero|non-zero) offset|(?:addition|subtraction) of unsigned offset)/,
    'pointer-overflow',
  ],
  // assumption of 32 byte alignment for pointer of type 'char *' failed
  [/^assumption of \d+ byte alignment/, 'alignment'],
  // upcast of address 0x60 which does not point to an object of type 'B'
  [/ which does not point to an object of type /, 'vptr'],
  // load of address 0x60 with insufficient space for an object of type 'int'
  [/ with insufficient space for an object of type /, 'object-size'],
  // store to misaligned address 0x602000000011 for type 'int', which requires 4 byte alignment
  [/ misaligned address /, 'alignment'],
  // member access within null pointer of type 'struct s'
  [/ null pointer of type /, 'null'],
];

/** `(32-bit, signed) to type 'unsigned char' changed the value to 255 (8-bit, unsigned)` */
const conversion = /^implicit conversion from type .*\((\d+)-bit, (un)?signed\).*\((\d+)-bit, (un)?signed\)/;

/** Reads UBSan's errors. */
export const ubsanReports: SectionKind = { open };

/** Processes whose errors have stacks: one at the end of the log without a stack is then half of one. */
const stacked = new WeakSet<SanitizerImage>();

/** The check that a sentence is of; `undefined-behavior` when it is not known. */
export function checkOf(sentence: string): string {
  const changed = conversion.exec(sentence);
  if (changed !== null) {
    if (Number(changed[3]) >= Number(changed[1])) return 'implicit-integer-sign-change';
    const unsigned = changed[2] !== undefined && changed[4] !== undefined;
    return unsigned ? 'implicit-unsigned-integer-truncation' : 'implicit-signed-integer-truncation';
  }
  return checks.find(([form]) => form.test(sentence))?.[1] ?? 'undefined-behavior';
}

/** What the first line says. */
interface FirstLine {
  readonly kind: string;
  readonly sentence: string;
  readonly place: Frame;
}

/** First lines that were read before: one place is often reported again and again. */
const remembered = new WeakMap<SectionHost, Map<string, FirstLine | undefined>>();
const mostRemembered = 5000;

function firstLineOf(text: string, host: SectionHost): FirstLine | undefined {
  let known = remembered.get(host);
  if (known === undefined || known.size > mostRemembered) {
    known = new Map();
    remembered.set(host, known);
  }
  if (known.has(text)) return known.get(text);
  const first = readFirstLine(text, host);
  known.set(text, first);
  return first;
}

function readFirstLine(text: string, host: SectionHost): FirstLine | undefined {
  const match = errorLine.exec(text);
  const sentence = match?.[6];
  if (match === null || sentence === undefined) return undefined;
  const [, path, row = '0', column = '0', object, offset] = match;
  // `goroutine.go:12: panic: runtime error: …` and quoted lines have no such place.
  if (path !== undefined && /: |["'`|]/.test(path)) return undefined;
  const place: Frame = {
    ...(path !== undefined && splitSource(path, Number(row), Number(column))),
    ...(object !== undefined && offset !== undefined && { object, offset }),
  };
  return { kind: checkOf(sentence), sentence, place: host.intern(place) };
}

function open(opened: SectionLine, host: SectionHost): Section | undefined {
  if (!opened.text.includes('runtime error: ')) return undefined;
  const first = firstLineOf(opened.text, host);
  if (first === undefined) return undefined;
  const { kind, sentence, place } = first;
  const image = host.image('ubsan', opened.pid);
  const draft = reportDraft(host, 'ubsan', opened.offset);
  draft.kind = kind;
  draft.what = sentence;
  let ended = false;
  let blank = false;

  function line({ text }: SectionLine): Taken {
    const end = text.includes('SUMMARY: ') ? summaryLine.exec(text) : null;
    if (end !== null) {
      ended = true;
      // With report_error_type=1 it names the check, wrongly for a few (a bool in gcc), so only where the sentence does not
      // tell: `division by zero` is of numbers of both kinds.
      const isOpen = draft.kind === 'undefined-behavior' || draft.kind === 'integer-divide-by-zero';
      if (isOpen) draft.kind = summaryNames[end[1] ?? ''] ?? draft.kind;
      return 'last';
    }
    if (blank || draft.stacks().length > 0) return 'over';
    const note = text.includes(': note: ') ? noteLine.exec(text) : null;
    if (note !== null) {
      draft.detail(note[1] as string);
      // `_Nonnull type annotation specified here`, `_Nonnull return type annotation specified here`: the sentence is the same
      if (/^_Nonnull (?:return )?type annotation /.test(note[1] ?? '')) {
        draft.kind = draft.kind === 'nonnull-attribute' ? 'nullability-arg' : 'nullability-return';
      }
      return 'taken';
    }
    return memoryLine.test(text) ? 'taken' : 'over';
  }

  return {
    image,
    frames: (frames, number) => {
      if (!blank) draft.frames(frames, number);
    },
    blank: () => {
      blank = true;
      draft.breakStack();
    },
    line,
    close: (because: Closing) => {
      const hasStack = draft.stacks().length > 0;
      const last = draft.lastStack();
      const isCut = because === 'cut' && !ended;
      // Without a stack or an empty line there is nothing that shows the end; most logs of UBSan are so.
      const isHalf = last === 'half' || (!hasStack && !blank && (host.torn() || stacked.has(image)));
      if (isCut && isHalf) {
        tellCut(host, image, draft, false);
        return;
      }
      if (hasStack) stacked.add(image);
      if (!hasStack) draft.frames([place], 0);
      image.emit(draft.record(true));
      if (isCut && last === 'enough') tellCut(host, image, draft, true);
      else image.settle();
    },
  };
}
