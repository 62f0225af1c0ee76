// Bytes to elements of valgrind's XML: a scanner over its closed vocabulary that nothing can make fail.
//
// It is no XML parser, because what valgrind writes is often no XML: thread names, paths and socket addresses are not
// escaped, documents are cut, mixed and overwritten. Only tags of the vocabulary are markup; any other `<` is text.
// A text element ends at its own closing tag, or where a line begins with another tag of the vocabulary.
import type { Frame } from '../../model/finding.ts';
import { textOf } from './byte-text.ts';

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

/**
 * A tag with the white space before it, or a whole frame. What follows what hardly ever changes in a log, so each token
 * remembers the two that came after it last; comparing with those is many times faster than reading.
 */
interface Token {
  /** As it stands in the log. */
  readonly literal: string;
  /** How much of it is white space before the tag. */
  readonly gap: number;
  readonly element: Element;
  readonly isClosing: boolean;
  readonly frame?: Frame | undefined;
  next?: Token | undefined;
  other?: Token | undefined;
}

/** Distinct tokens besides frames; a log that valgrind wrote has about a hundred. */
const TOKEN_LIMIT = 1000;

/** Feeds `sink` with what the pushed bytes hold. Keeps at most one unfinished element between pushes. */
export function createScanner(sink: ElementSink): Scanner {
  const frames = createFrameCache(forget);
  const tokens = new Map<string, Token>();
  let last: Pick<Token, 'next' | 'other'> = {};
  /** latin1: one character is one byte, so that string positions are byte offsets and any byte survives. */
  let window = '';
  let position = 0;
  let windowOffset = 0;
  let buffer = Buffer.alloc(0);
  /** The element whose oversized text is being skipped. */
  let skipped: Element | undefined;

  function push(bytes: Uint8Array): void {
    for (let start = 0; start < bytes.length; start += PIECE) {
      const piece = bytes.subarray(start, start + PIECE);
      // Joined as bytes: a concatenated string would stay in two halves, and each look at it would cost a detour.
      const rest = window.length - position;
      if (buffer.length < rest + piece.length) buffer = Buffer.allocUnsafe(rest + PIECE);
      if (rest > 0) buffer.write(window.slice(position), 'latin1');
      buffer.set(piece, rest);
      window = buffer.toString('latin1', 0, rest + piece.length);
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
      const expected = findExpected();
      if (expected) {
        if (!readExpected(expected, isEnd)) return;
        last = expected;
        continue;
      }
      const known = frames.knownAt(window, position);
      if (known) {
        readExpected(known, isEnd);
        expect(known);
        continue;
      }
      const start = window.indexOf('<', position);
      if (start < 0 && mayGrow(isEnd)) return;
      const end = start < 0 ? window.length : start;
      if (end > position && !isGap(position, end)) position = end;
      if (start < 0) position = end;
      else if (!readTag(start, isEnd)) return;
    }
  }

  function findExpected(): Token | undefined {
    const { next, other } = last;
    if (next && standsAt(window, position, next.literal)) return next;
    if (!other || !standsAt(window, position, other.literal)) return undefined;
    last.next = other;
    last.other = next;
    return other;
  }

  /** False: the end of its text has not come yet. */
  function readExpected(token: Token, isEnd: boolean): boolean {
    const { literal, gap, element, isClosing, frame } = token;
    const offset = windowOffset + position + gap;
    if (element.isText && !isClosing) {
      if (!readText(element, position + literal.length, isEnd)) return false;
    } else {
      position += literal.length;
      if (frame) sink.frame(frame, offset);
      else if (isClosing) sink.close(element.name, offset);
      else sink.open(element.name, offset);
    }
    return true;
  }

  /** Expects the token from `start` to `end` the next time that its predecessor is read. */
  function learn(start: number, end: number, found: Omit<Token, 'literal'>): void {
    const literal = window.slice(start, end);
    let token = tokens.get(literal);
    if (!token) {
      if (tokens.size >= TOKEN_LIMIT) forget();
      token = { ...found, literal: detach(literal), next: undefined, other: undefined };
      // Frames are found by their instruction pointer.
      if (!found.frame) tokens.set(token.literal, token);
    }
    expect(token);
  }

  function expect(token: Token): void {
    last.other = last.next;
    last.next = token;
    last = token;
  }

  /** Nothing may grow with the input. */
  function forget(): void {
    tokens.clear();
    frames.clear();
    last = {};
  }

  /** Whether to wait for the rest of a text that no tag has ended yet, so that it is not told in two pieces. */
  function mayGrow(isEnd: boolean): boolean {
    return !isEnd && window.length - position <= TEXT_LIMIT;
  }

  /** Between tags valgrind writes white space only; tells what else is there. */
  function isGap(start: number, end: number): boolean {
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
    if (holes > 0) sink.trouble('hole', '', windowOffset + start);
    if (!isBlank) sink.stray(window.slice(start, end), windowOffset + start);
    return isBlank && holes === 0;
  }

  /** Reads what stands at the `<` at `start`. False: its end has not come yet. */
  function readTag(start: number, isEnd: boolean): boolean {
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
      if (element) return readElement(element, isClosing, start, end + 1, isEnd);
      if (tag.startsWith('?xml ')) {
        position = end + 1;
        last = {};
        sink.document(offset);
        return true;
      }
    }
    const next = window.indexOf('<', start + 1);
    if (next < 0 && mayGrow(isEnd)) return false;
    position = next < 0 ? window.length : next;
    last = {};
    sink.stray(window.slice(start, position), offset);
    return true;
  }

  /** Reads a tag of the vocabulary, and the text or frame that it begins. False: its end has not come yet. */
  function readElement(
    element: Element,
    isClosing: boolean,
    start: number,
    end: number,
    isEnd: boolean,
  ): boolean {
    const offset = windowOffset + start;
    const gapStart = position;
    const gap = start - gapStart;
    const { name } = element;
    // The one element whose meaning depends on where it stands.
    const isAmbiguous = name === 'suppressed';
    if (!isClosing && (element.isText || (isAmbiguous && sink.suppressedIsText()))) {
      if (!readText(element, end, isEnd)) return false;
      if (isAmbiguous) last = {};
      else learn(gapStart, end, { gap, element, isClosing });
      return true;
    }
    if (name === 'frame' && !isClosing && !isEnd) {
      const found = frames.read(window, start);
      if (found === 'unfinished') return false;
      if (found) {
        position = start + found.block.length;
        if (found.token && standsAt(window, gapStart, found.token.literal)) expect(found.token);
        else {
          learn(gapStart, position, { gap, element, isClosing, frame: found.frame });
          found.token = last as Token;
        }
        sink.frame(found.frame, offset);
        return true;
      }
    }
    position = end;
    if (isAmbiguous) last = {};
    else learn(gapStart, end, { gap, element, isClosing });
    if (isClosing) sink.close(name, offset);
    else sink.open(name, offset);
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
  token?: Token;
}

/** Distinct frames kept; a run has far fewer. Beyond it they are forgotten, so that memory stays flat. */
const FRAME_LIMIT = 30_000;
/** Characters of them kept. */
const FRAMES_SIZE = 1 << 25;
const BLOCK_LIMIT = 1 << 14;
/** How every valgrind since 3.0 begins a frame. */
const FRAME_HEAD = '\n    <frame>\n      <ip>';
/** Inlined calls share an instruction pointer. */
const FRAMES_PER_IP = 16;

/**
 * Recognises frames that were seen before by comparing their bytes: a log has far more frames than distinct ones. The
 * instruction pointer leads to the candidates. `overflow` is called when there are too many; it must clear the cache.
 */
function createFrameCache(overflow: () => void) {
  const byIp = new Map<string, CachedFrame[]>();
  const byFields = new Map<string, Frame>();
  let size = 0;

  /** The frame at `start`. `unfinished`: its end has not come yet. Nothing: it must be read element by element. */
  function read(window: string, start: number): CachedFrame | 'unfinished' | undefined {
    const ipStart = window.indexOf('<', start + '<frame>'.length) + '<ip>'.length;
    const ip = window.slice(ipStart, window.indexOf('<', ipStart));
    for (const candidate of byIp.get(ip) ?? []) {
      if (standsAt(window, start, candidate.block)) return candidate;
    }
    const end = window.indexOf('</frame>', start);
    if (end < 0) return window.length - start < BLOCK_LIMIT ? 'unfinished' : undefined;
    if (end - start > BLOCK_LIMIT) return undefined;
    const block = detach(window.slice(start, end + '</frame>'.length));
    const parsed = parseFrame(block);
    if (!parsed) return undefined;
    const cached = { block, frame: intern(parsed) };
    size += block.length;
    const known = byIp.get(ip);
    if (!known) byIp.set(detach(ip), [cached]);
    else {
      known.unshift(cached);
      if (known.length > FRAMES_PER_IP) known.pop();
    }
    return cached;
  }

  /** The frame behind the white space at `start`, when it was read before in the same layout. */
  function knownAt(window: string, start: number): Token | undefined {
    if (!standsAt(window, start, FRAME_HEAD)) return undefined;
    const ipStart = start + FRAME_HEAD.length;
    for (const { token } of byIp.get(window.slice(ipStart, window.indexOf('<', ipStart))) ?? []) {
      if (token && standsAt(window, start, token.literal)) return token;
    }
    return undefined;
  }

  function intern(draft: FrameDraft): Frame {
    const frame = frameOf(draft);
    const key = JSON.stringify(frame);
    const known = byFields.get(key);
    if (known) return known;
    if (byFields.size >= FRAME_LIMIT || size > FRAMES_SIZE) overflow();
    byFields.set(key, frame);
    size += key.length;
    return frame;
  }

  function clear(): void {
    byIp.clear();
    byFields.clear();
    size = 0;
  }

  return { read, knownAt, intern, clear };
}

/** Compares a whole text at once; `startsWith` looks at each character by itself and takes five times as long. */
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

/** A copy with memory of its own: a substring would keep the whole window alive. */
export function detach(text: string): string {
  return Buffer.from(text, 'latin1').toString('latin1');
}

/** Whether a text stands for itself: ASCII, no entity, nothing to be dropped. */
export function isPlain(raw: string): boolean {
  return !/[\0\r&\x80-\xff]/.test(raw);
}

const entities: Readonly<Record<string, string>> = { lt: '<', gt: '>', amp: '&', apos: "'", quot: '"' };

/**
 * The text of an element: UTF-8 where it is, latin1 where not; entities resolved unless a bare `<` or `&` shows that
 * valgrind did not escape it; no NULs and carriage returns. Holds no memory of the window.
 */
export function decodeText(raw: string): string {
  if (isPlain(raw)) return detach(raw);
  const text = textOf(Buffer.from(raw, 'latin1')).replace(/[\0\r]/g, '');
  if (text.includes('<') || /&(?!(?:lt|gt|amp|apos|quot);)/.test(text)) return text;
  return text.replace(/&(\w+);/g, (whole, name: string) => entities[name] ?? whole);
}
