// The baseline as a file: sorted text, a line for a finding, made to be read in a pull request.
import { UserError } from '../errors.ts';
import type { BaselineEntry, Cost } from '../model/report.ts';
import type { CommentedEntry } from './baseline.ts';

/*
 *   # vgrun baseline 1
 *   # place<TAB>rule<TAB>cost<TAB>programs<TAB>fingerprint<TAB>outline
 *   # until #123 is mended
 *   src/list.c push<TAB>memcheck/Leak_DefinitelyLost<TAB>100 bytes in 1 block<TAB>list<TAB>073f…<TAB>9a1c…
 *
 * Fields hold no tab, line break or control character: those, `%` and in names of programs the comma are written as
 * `%09`. Comment lines directly above an entry are the user's, and stay with it when the file is written anew.
 */

const header = '# vgrun baseline 1';
const columns = '# place\trule\tcost\tprograms\tfingerprint\toutline';

/** An entry as a file has it: its comments are lines that begin with `#`, as they were. */
export type BaselineLine = CommentedEntry;

/** Names are for people; what is longer than this is cut. */
const longest = 300;

/** The file for some entries. A fingerprint stands in it once; the first wins. */
export function writeBaseline(lines: readonly BaselineLine[]): string {
  const written = new Map<string, { readonly text: string; readonly comments: readonly string[] }>();
  for (const { entry, comments } of lines) {
    if (!written.has(entry.fingerprint)) written.set(entry.fingerprint, { text: lineOf(entry), comments });
  }
  const sorted = [...written.values()].sort((a, b) => (a.text < b.text ? -1 : a.text > b.text ? 1 : 0));
  return [header, columns, ...sorted.flatMap(({ text, comments }) => [...comments, text]), ''].join('\n');
}

function lineOf({ place, rule, cost, programs, fingerprint, outline = '-' }: BaselineEntry): string {
  const names = programs.map((name) => escaped(name).replaceAll(',', '%2C')).join(',');
  return [escaped(place), escaped(rule), costText(cost), names, fingerprint, outline].join('\t');
}

/** `100 bytes in 1 block`; `-` for what is no leak: how often it occurs varies. */
function costText({ bytes, blocks = 0 }: Cost): string {
  if (bytes === undefined) return '-';
  return `${bytes} ${bytes === 1 ? 'byte' : 'bytes'} in ${blocks} ${blocks === 1 ? 'block' : 'blocks'}`;
}

/** Reads a file. @param name of the file, for errors. @throws UserError (125) for anything but a whole baseline. */
export function readBaseline(text: string, name: string): readonly BaselineLine[] {
  // An editor may have put a mark of its byte order in front.
  const rows = text.replace(/^\ufeff/, '').split(/\r?\n/);
  const version = /^# vgrun baseline (\S+)/.exec(rows[0] ?? '')?.[1];
  if (version === undefined) {
    throw new UserError(`${name} is no baseline: its first line is not "${header}"`, writeAnew);
  }
  if (version !== '1') {
    throw new UserError(
      `${name} is a baseline of version ${version}; this vgrun reads version 1`,
      `use the vgrun that wrote it, or ${writeAnew}`,
    );
  }
  const lines: BaselineLine[] = [];
  // Two branches that accept the same finding, merged line by line, leave it twice.
  const seen = new Set<string>();
  let comments: string[] = [];
  for (const [index, row] of rows.entries()) {
    if (index === 0 || row === columns) continue;
    if (row.startsWith('#')) comments.push(row);
    else if (row.trim() === '') comments = [];
    else {
      const entry = readLine(row, `${name}:${index + 1}`);
      if (!seen.has(entry.fingerprint)) lines.push({ entry, comments });
      seen.add(entry.fingerprint);
      comments = [];
    }
  }
  return lines;
}

const writeAnew = 'write it anew with vgrun baseline update';

function readLine(row: string, where: string): BaselineEntry {
  if (!row.includes('\t') && /^(?:<{7}|={7}|>{7}|\|{7})/.test(row)) {
    throw new UserError(
      `${where} has the mark of a merge conflict`,
      'keep the lines of both sides, or write the file anew',
    );
  }
  const [place, rule, costWords, programs, fingerprint, outline, ...more] = row.split('\t');
  const cost = costWords === undefined ? undefined : readCost(costWords);
  if (
    place === undefined ||
    rule === undefined ||
    cost === undefined ||
    programs === undefined ||
    fingerprint === undefined ||
    !/^[0-9a-f]{64}$/.test(fingerprint) ||
    outline === undefined ||
    !/^(?:[0-9a-f]{16}|-)$/.test(outline) ||
    more.length > 0
  ) {
    throw new UserError(
      `${where} is no line of a baseline: it has six fields with tabs between them`,
      writeAnew,
    );
  }
  return {
    fingerprint,
    ...(outline !== '-' && { outline }),
    rule: unescaped(rule),
    place: unescaped(place),
    cost,
    programs: programs === '' ? [] : programs.split(',').map(unescaped),
  };
}

// `100 bytes in 1 block`
const costPattern = /^(\d{1,15}) bytes? in (\d{1,15}) blocks?$/;

function readCost(text: string): Cost | undefined {
  if (text === '-') return { count: 1 };
  const [, bytes, blocks] = costPattern.exec(text) ?? [];
  return bytes === undefined ? undefined : { bytes: Number(bytes), blocks: Number(blocks), count: 1 };
}

// What would end a field or a line, steer a terminal, turn the direction of text around, or is no character.
const special =
  /[\u0000-\u001f\u007f-\u009f%\u2028\u2029\u202a-\u202e\u2066-\u2069\u200e\u200f\u061c\ufeff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;

function escaped(text: string): string {
  const short = text.length > longest ? `${text.slice(0, longest)}…` : text;
  const safe = short.replace(special, (character) =>
    // Half of a surrogate pair is no character; U+FFFD stands for it.
    /[\ud800-\udfff]/.test(character) ? '%EF%BF%BD' : encodeURIComponent(character),
  );
  // A line that begins with `#` is a comment, one that begins with a space looks like nothing.
  return safe.replace(/^[# ]/, (character) => encodeURIComponent(character));
}

function unescaped(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
