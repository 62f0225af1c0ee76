// Bytes to elements of valgrind's XML: a scanner over its closed vocabulary that nothing can make fail.
//
// It is no XML parser, because what valgrind writes is often no XML: thread names, paths and socket addresses are not
// escaped, documents are cut, mixed and overwritten. Only tags of the vocabulary are markup; any other `<` is text.
// A text element ends at its own closing tag, or where a line begins with another tag of the vocabulary.
import type { Frame } from '../../model/finding.ts';

/** What the scanner calls, in document order. Offsets are bytes from the start of the input. */
export interface ElementSink {
  /** `<?xml …?>` */
  readonly document: (offset: number) => void;
  /** An element that holds elements. */
  readonly open: (name: string, offset: number) => void;
  readonly close: (name: string, offset: number) => void;
  /** An element that holds text: the whole of it, undecoded (see `decodeText`). */
  readonly text: (name: string, raw: string, offset: number) => void;
  /** A whole `<frame>`. Equal frames are the same object. */
  readonly frame: (frame: Frame, offset: number) => void;
  /** What is no markup: bare text, or a `<` and what follows it up to the next one. */
  readonly stray: (raw: string, offset: number) => void;
  /** What the scanner had to repair, with what stood there. */
  readonly trouble: (code: ScannerTrouble, quote: string, offset: number) => void;
  /** Whether `<suppressed>` is a number here (in error_summary) and not a pair of numbers (in leak_summary). */
  readonly suppressedIsText: () => boolean;
}

/** `hole`: NUL bytes, as a writer leaves them when its file is truncated under it. */
export type ScannerTrouble = 'unclosed-element' | 'oversized-text' | 'hole';

export interface Scanner {
  /** The one object for a frame with these fields. */
  readonly internFrame: (draft: FrameDraft) => Frame;
  readonly push: (bytes: Uint8Array) => void;
  readonly end: () => void;
}

// docs/internals/xml-output.txt, xml-output-protocol4.txt … protocol6.txt of valgrind, and what 3.19 to 3.27 wrote.
const containers =
  'valgrindoutput preamble logfilequalifier args vargv argv status error xwhat xauxwhat stack frame ' +
  'announcethread clientmsg fatal_signal trace errorcounts suppcounts pair suppression sframe heap_summary ' +
  'memory_in_use_at_exit total_heap_usage leak_summary definitely_lost indirectly_lost possibly_lost ' +
  'still_reachable suppressed reachable_heuristic error_summary acquired_at first_observed_at ' +
  'allocation_context confl_wait_call other_segment_start other_segment_end';
const texts =
  'protocolversion protocoltool line pid ppid tool var value usercomment exe arg state time unique tid threadname ' +
  'kind fd path what auxwhat text leakedbytes leakedblocks hthreadid isrootthread ip obj fn dir file address signo ' +
  'signame sicode event siaddr count name sname skind skaux fun rawtext bytes blocks allocs frees bytes_allocated ' +
  'all_heap_blocks_freed errors error_contexts suppressed_contexts';

interface Element {
  readonly name: string;
  readonly closingTag: string;
  readonly isText: boolean;
  /** Holds XML that a user wrote: what looks like an element of valgrind may be the user's. */
  readonly isVerbatim: boolean;
}

const vocabulary: ReadonlyMap<string, Element> = new Map(
  [...containers.split(' '), ...texts.split(' ')].map((name, index) => [
    name,
    {
      name,
      closingTag: `</${name}>`,
      isText: index >= containers.split(' ').length,
      isVerbatim: name === 'usercomment',
    },
  ]),
);

/** Bytes decoded at once; a larger piece is cut, since a JavaScript string cannot hold a gigabyte. */
const PIECE = 1 << 16;
/** Longer than any tag of the vocabulary and the XML declaration. */
const TAG_LIMIT = 64;
/** Longest text kept of one element. */
export const TEXT_LIMIT = 1 << 16;
const QUOTE = 200;

/** The start of a line that begins with a tag. */
const tagAtLineStart = new RegExp(
  `\\n[ \\t\\r]*(?=<(?:\\?xml |/?(?:${[...vocabulary.keys()].join('|')})>))`,
  'g',
);

/** Feeds `sink` with what the pushed bytes hold. Keeps at most one unfinished element between pushes. */
export function createScanner(sink: ElementSink): Scanner {
  const frames = createFrameCache();
  /** latin1: one character is one byte, so that string positions are byte offsets and any byte survives. */
  let window = '';
  let position = 0;
  let windowOffset = 0;
  /** The element whose oversized text is being skipped. */
  let skipped: Element | undefined;

  function push(bytes: Uint8Array): void {
    for (let start = 0; start < bytes.length; start += PIECE) {
      const piece = latin1(bytes.subarray(start, start + PIECE));
      window = position < window.length ? window.slice(position) + piece : piece;
      windowOffset += position;
      position = 0;
      scan(false);
    }
  }

  /** Runs until the window holds no whole token any more; at the end of input every rest is a token. */
  function scan(isEnd: boolean): void {
    while (position < window.length) {
      if (skipped) {
        if (!skipText(skipped, isEnd)) return;
        continue;
      }
      const start = window.indexOf('<', position);
      const end = start < 0 ? window.length : start;
      if (start < 0 && mayGrow(isEnd)) return;
      if (end > position) readBetween(end);
      if (start < 0 || !readTag(isEnd)) return;
    }
  }

  /** Whether to wait for the rest of a text that no tag has ended yet, so that it is not told in two pieces. */
  function mayGrow(isEnd: boolean): boolean {
    return !isEnd && window.length - position <= TEXT_LIMIT;
  }

  /** Between tags valgrind writes white space only. */
  function readBetween(end: number): void {
    const start = position;
    let isBlank = true;
    let holes = 0;
    for (let index = start; index < end; index++) {
      const code = window.charCodeAt(index);
      if (code > 32) {
        isBlank = false;
        break;
      }
      if (code === 0) holes++;
    }
    position = end;
    if (holes > 0) sink.trouble('hole', '', windowOffset + start);
    if (!isBlank) sink.stray(window.slice(start, end), windowOffset + start);
  }

  /** Reads what stands at a `<`. False: its end has not come yet. */
  function readTag(isEnd: boolean): boolean {
    const start = position;
    const limit = Math.min(window.length, start + TAG_LIMIT);
    let end = start + 1;
    let code = 0;
    for (; end < limit; end++) {
      code = window.charCodeAt(end);
      if (code === 62 || code === 60) break;
    }
    if (end === window.length && end < start + TAG_LIMIT && !isEnd) return false;
    const offset = windowOffset + start;
    if (code === 62) {
      const isClosing = window.charCodeAt(start + 1) === 47;
      const tag = window.slice(isClosing ? start + 2 : start + 1, end);
      const element = vocabulary.get(tag);
      if (element) {
        if (isClosing) {
          position = end + 1;
          sink.close(element.name, offset);
          return true;
        }
        if (element.isText || (tag === 'suppressed' && sink.suppressedIsText())) {
          return readText(element, end + 1, isEnd);
        }
        if (tag === 'frame' && !isEnd) {
          const frame = frames.read(window, start);
          if (frame === 'unfinished') return false;
          if (frame) {
            position += frame.block.length;
            sink.frame(frame.frame, offset);
            return true;
          }
        }
        position = end + 1;
        sink.open(element.name, offset);
        return true;
      }
      if (tag.startsWith('?xml ')) {
        position = end + 1;
        sink.document(offset);
        return true;
      }
    }
    const next = window.indexOf('<', start + 1);
    if (next < 0 && mayGrow(isEnd)) return false;
    position = next < 0 ? window.length : next;
    sink.stray(window.slice(start, position), offset);
    return true;
  }

  /** Reads an element that holds text, from behind its tag. False: its end has not come yet. */
  function readText(element: Element, start: number, isEnd: boolean): boolean {
    const offset = windowOffset + start;
    const { closingTag } = element;
    const next = window.indexOf('<', start);
    if (next >= 0 && standsAt(window, next, closingTag)) {
      position = next + closingTag.length;
      emitText(element, start, next);
      return true;
    }
    const end = next < 0 ? -1 : window.indexOf(closingTag, next);
    const isOversized = window.length - start > TEXT_LIMIT;
    if (element.isVerbatim && end < 0 && !isOversized && !isEnd) return false;
    const boundary = element.isVerbatim && end >= 0 ? -1 : findTagAtLineStart(start, end);
    if (boundary >= 0) {
      position = boundary;
      sink.trouble('unclosed-element', window.slice(start, Math.min(boundary, start + QUOTE)), offset);
      emitText(element, start, boundary);
      return true;
    }
    if (end >= 0) {
      position = end + closingTag.length;
      emitText(element, start, end);
      return true;
    }
    if (isOversized) {
      position = start + TEXT_LIMIT;
      skipped = element;
      emitText(element, start, window.length);
      return true;
    }
    // Cut in its middle: half a text is no text.
    if (isEnd) position = window.length;
    return isEnd;
  }

  function emitText(element: Element, start: number, end: number): void {
    const offset = windowOffset + start;
    const isOversized = end - start > TEXT_LIMIT;
    if (isOversized) sink.trouble('oversized-text', window.slice(start, start + QUOTE), offset);
    sink.text(element.name, window.slice(start, isOversized ? start + TEXT_LIMIT : end), offset);
  }

  /** Drops the rest of an oversized text. False: its end has not come yet. */
  function skipText(element: Element, isEnd: boolean): boolean {
    const end = window.indexOf(element.closingTag, position);
    const boundary = findTagAtLineStart(position, end);
    if (boundary < 0 && end < 0) {
      // The tag that ends it may be in the window by half.
      position = isEnd ? window.length : Math.max(position, window.length - TAG_LIMIT);
      return false;
    }
    position = boundary >= 0 ? boundary : end + element.closingTag.length;
    skipped = undefined;
    return true;
  }

  /** Where a line begins with a tag, before `end` (-1: anywhere in the window). -1: nowhere. */
  function findTagAtLineStart(start: number, end: number): number {
    tagAtLineStart.lastIndex = start;
    const match = tagAtLineStart.exec(window);
    if (!match || (end >= 0 && match.index + match[0].length >= end)) return -1;
    return match.index;
  }

  return { push, end: () => scan(true), internFrame: frames.intern };
}

interface CachedFrame {
  /** From `<frame>` to `</frame>`, as it stands in the log. */
  readonly block: string;
  readonly frame: Frame;
  /** What followed it last time, and most often does again. */
  next?: CachedFrame;
}

/** Distinct frames kept; a run has far fewer. Beyond it they are forgotten, so that memory stays flat. */
const FRAME_LIMIT = 200_000;
const BLOCK_LIMIT = 1 << 14;
/** Inlined calls share an instruction pointer. */
const FRAMES_PER_IP = 16;

/**
 * Recognises frames that were seen before by comparing their bytes, which is many times faster than reading them:
 * a log has far more frames than distinct ones. The instruction pointer leads to the candidates.
 */
function createFrameCache() {
  const byIp = new Map<string, CachedFrame[]>();
  const byFields = new Map<string, Frame>();
  let last: CachedFrame | undefined;

  /** The frame at `start`. `unfinished`: its end has not come yet. Nothing: it must be read element by element. */
  function read(window: string, start: number): CachedFrame | 'unfinished' | undefined {
    const expected = last?.next;
    if (expected && standsAt(window, start, expected.block)) {
      last = expected;
      return expected;
    }
    const found = find(window, start);
    if (found === undefined || found === 'unfinished') return found;
    if (last) last.next = found;
    last = found;
    return found;
  }

  function find(window: string, start: number): CachedFrame | 'unfinished' | undefined {
    const ipStart = window.indexOf('<', start + '<frame>'.length) + '<ip>'.length;
    const ip = window.slice(ipStart, window.indexOf('<', ipStart));
    const candidates = byIp.get(ip);
    if (candidates) {
      for (const candidate of candidates) {
        if (standsAt(window, start, candidate.block)) return candidate;
      }
    }
    const end = window.indexOf('</frame>', start);
    if (end < 0) return window.length - start < BLOCK_LIMIT ? 'unfinished' : undefined;
    if (end - start > BLOCK_LIMIT) return undefined;
    const block = detach(window.slice(start, end + '</frame>'.length));
    const parsed = parseFrame(block);
    if (!parsed) return undefined;
    const cached = { block, frame: intern(parsed) };
    const known = byIp.get(ip);
    if (!known) byIp.set(detach(ip), [cached]);
    else {
      known.unshift(cached);
      if (known.length > FRAMES_PER_IP) known.pop();
    }
    return cached;
  }

  function intern(draft: FrameDraft): Frame {
    const frame = frameOf(draft);
    const key = JSON.stringify(frame);
    const known = byFields.get(key);
    if (known) return known;
    if (byFields.size >= FRAME_LIMIT) {
      byIp.clear();
      byFields.clear();
      last = undefined;
    }
    byFields.set(key, frame);
    return frame;
  }

  return { read, intern };
}

/** Compares as memory does; `startsWith` looks at each character by itself. */
function standsAt(window: string, start: number, text: string): boolean {
  return window.slice(start, start + text.length) === text;
}

const frameField = /\s*<(ip|obj|fn|dir|file|line)>([^<]*)<\/\1>\s*/y;

/** Reads a frame that is written as valgrind writes it; anything else is left to the slow way. */
function parseFrame(block: string): FrameDraft | undefined {
  const draft: FrameDraft = {};
  const end = block.length - '</frame>'.length;
  frameField.lastIndex = '<frame>'.length;
  while (frameField.lastIndex < end) {
    const match = frameField.exec(block);
    if (!match?.[1] || !setFrameField(draft, match[1], match[2] ?? '')) return undefined;
  }
  return draft;
}

export type FrameDraft = { -readonly [Key in keyof Frame]?: Frame[Key] };

/** False when the field is none of a frame's, or no number where one must be. */
export function setFrameField(draft: FrameDraft, name: string, raw: string): boolean {
  const value = decodeText(raw);
  if (value === '') return true;
  if (name === 'ip') draft.ip = value;
  else if (name === 'obj') draft.object = value;
  else if (name === 'fn') draft.function = value;
  else if (name === 'dir') draft.directory = value;
  else if (name === 'file') draft.file = value;
  else if (name === 'line' && /^\d+$/.test(value)) draft.line = Number(value);
  else return false;
  return true;
}

/** The frame with its fields in one order, so that equal frames look equal. */
function frameOf({ ip, object, function: name, directory, file, line }: FrameDraft): Frame {
  return {
    ...(ip !== undefined && { ip }),
    ...(object !== undefined && { object }),
    ...(name !== undefined && { function: name }),
    ...(directory !== undefined && { directory }),
    ...(file !== undefined && { file }),
    ...(line !== undefined && { line }),
  };
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
}

/** A copy with memory of its own: a substring would keep the whole window alive. */
export function detach(text: string): string {
  return Buffer.from(text, 'latin1').toString('latin1');
}

const entities: Readonly<Record<string, string>> = { lt: '<', gt: '>', amp: '&', apos: "'", quot: '"' };

/**
 * The text of an element: UTF-8 where it is, latin1 where not; entities resolved unless a bare `<` or `&` shows that
 * valgrind did not escape it; no NULs and carriage returns. Holds no memory of the window.
 */
export function decodeText(raw: string): string {
  if (!/[\0\r&\x80-\xff]/.test(raw)) return detach(raw);
  let text = Buffer.from(raw, 'latin1').toString('utf8');
  if (text.includes('\uFFFD')) text = detach(raw);
  text = text.replace(/[\0\r]/g, '');
  if (text.includes('<') || /&(?!(?:lt|gt|amp|apos|quot);)/.test(text)) return text;
  return text.replace(/&(\w+);/g, (whole, name: string) => entities[name] ?? whole);
}
