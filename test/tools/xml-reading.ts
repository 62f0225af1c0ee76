// Runs the XML reader over bytes, in pieces of any size.
import { readdirSync, readFileSync } from 'node:fs';
import type { FindingRecord } from '../../src/model/finding.ts';
import type { ParsedRecord } from '../../src/model/record.ts';
import { interpretAny } from '../../src/tools/_shared/interpret.ts';
import { valgrindXml } from '../../src/tools/_shared/valgrind-xml.ts';
import { interpretDrd } from '../../src/tools/drd/parse.ts';
import { interpretHelgrind } from '../../src/tools/helgrind/parse.ts';
import { interpretMemcheck } from '../../src/tools/memcheck/parse.ts';

const corpus = new URL('../corpus/', import.meta.url);
const interpreters = new Map([
  ['memcheck', interpretMemcheck],
  ['helgrind', interpretHelgrind],
  ['drd', interpretDrd],
]);

export function corpusXml(name: string): Buffer {
  return readFileSync(new URL(`${name}/input.xml`, corpus));
}

/** Every XML document of the corpus, as [name, bytes]. */
export function allCorpusXml(): [string, Buffer][] {
  return readdirSync(corpus, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('input.xml'))
    .sort()
    .map((path) => [path.replace('/input.xml', ''), corpusXml(path.replace('/input.xml', ''))]);
}

export async function readXml(input: string | Uint8Array, piece = 65_536): Promise<ParsedRecord[]> {
  const bytes = typeof input === 'string' ? Buffer.from(input) : input;
  async function* source() {
    for (let start = 0; start < bytes.length; start += piece) yield bytes.subarray(start, start + piece);
  }
  return collect(source());
}

export async function collect(source: AsyncIterable<Uint8Array>): Promise<ParsedRecord[]> {
  let images = 0;
  const records: ParsedRecord[] = [];
  const context = {
    artifact: 'input.xml',
    nextImage: () => ++images,
    interpreterFor: (tool: string) => interpreters.get(tool) ?? interpretAny(tool),
  };
  for await (const record of valgrindXml.read(source, context)) records.push(record);
  return records;
}

/** The records of one type. */
export function only<Type extends ParsedRecord['type']>(records: readonly ParsedRecord[], type: Type) {
  return records.filter((record): record is Extract<ParsedRecord, { type: Type }> => record.type === type);
}

export function problemCodes(records: readonly ParsedRecord[]): string[] {
  return only(records, 'problem').map(({ problem }) => problem.code);
}

/** `at: main < f` for each stack. */
export function stackLines(finding: FindingRecord | undefined): string[] {
  return (finding?.stacks ?? []).map(
    ({ label, frames }) =>
      `${label}: ${frames.map((frame) => frame.function ?? (frame.file ? `${frame.file}:${frame.line}` : frame.ip)).join(' < ')}`,
  );
}

/** A whole document around `body`, as valgrind 3.19 writes it. */
export function xmlDocument(
  body: string,
  { pid = 100, ppid = 99, tool = 'memcheck', running = true } = {},
): string {
  const status = (state: string, time: string) =>
    `<status>\n  <state>${state}</state>\n  <time>${time} </time>\n</status>\n\n`;
  return `<?xml version="1.0"?>

<valgrindoutput>

<protocolversion>4</protocolversion>
<protocoltool>${tool}</protocoltool>

<preamble>
  <line>Using Valgrind-3.19.0 and LibVEX; rerun with -h for copyright info</line>
</preamble>

<pid>${pid}</pid>
<ppid>${ppid}</ppid>
<tool>${tool}</tool>

<args>
  <vargv>
    <exe>/usr/bin/valgrind.bin</exe>
    <arg>--xml=yes</arg>
  </vargv>
  <argv>
    <exe>./a</exe>
    <arg>one &lt; two</arg>
  </argv>
</args>

${running ? status('RUNNING', '00:00:00:00.100') : ''}${body}
${status('FINISHED', '01:02:03:04.567')}</valgrindoutput>
`;
}

export function xmlFrame(ip: string, fn: string, line?: number): string {
  const place = line === undefined ? '' : `      <file>a.c</file>\n      <line>${line}</line>\n`;
  return `    <frame>\n      <ip>${ip}</ip>\n      <obj>/build/a</obj>\n      <fn>${fn}</fn>\n${place}    </frame>\n`;
}

export function xmlError(unique: string, kind: string, rest: string): string {
  return `<error>\n  <unique>${unique}</unique>\n  <tid>1</tid>\n  <kind>${kind}</kind>\n${rest}</error>\n\n`;
}

export function xmlStack(...frames: string[]): string {
  return `  <stack>\n${frames.join('')}  </stack>\n`;
}
