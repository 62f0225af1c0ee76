// Takes a rendered HTML report apart: its elements, its inline code, its data, and what a person would read in it.
import { gunzipSync } from 'node:zlib';
import { Parser } from 'htmlparser2';
import type { Report } from '../../src/model/report.ts';
import {
  at,
  chunkSize,
  type Details,
  decodeIndex,
  decodeJson,
  flag,
  has,
  type Index,
  leakBytes,
  pardons,
  type Summary,
  severities,
  stacksOf,
  standings,
  textOf,
} from '../../src/report/html-page/payload.ts';
import { functionText, sourceText } from '../../src/report/html-page/words.ts';
import { render } from '../../src/report/index.ts';

export interface HtmlElement {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
  /** Its own text; of its children only for what holds text alone. */
  readonly text: string;
}

export interface HtmlDocument {
  readonly source: string;
  readonly elements: readonly HtmlElement[];
  /** The text outside of scripts and styles, a line for each block. */
  readonly text: string;
}

export async function htmlOf(report: Report): Promise<string> {
  let all = '';
  for await (const piece of render(report, 'html')) all += piece;
  return all;
}

// Elements that begin a line of their own when they are read.
const blocks = /^(?:h\d|li|p|div|dl|ul|ol|section|header|main|br|title)$/;

export function readDocument(source: string): HtmlDocument {
  const elements: { name: string; attributes: Record<string, string>; text: string }[] = [];
  const open: { name: string; attributes: Record<string, string>; text: string }[] = [];
  let text = '';
  const parser = new Parser({
    onopentag: (name, attributes) => {
      const element = { name, attributes, text: '' };
      elements.push(element);
      open.push(element);
      if (blocks.test(name)) text += '\n';
      if (name === 'dd') text += ': ';
    },
    ontext: (piece) => {
      const current = open.at(-1);
      if (current !== undefined) current.text += piece;
      if (current?.name !== 'script' && current?.name !== 'style') text += piece.replaceAll('\n', ' ');
    },
    onclosetag: (name) => {
      open.pop();
      if (blocks.test(name)) text += '\n';
    },
  });
  parser.write(source);
  parser.end();
  const lines = text.split('\n').map((line) => line.trim());
  return { source, elements, text: lines.filter((line) => line !== '').join('\n') };
}

/** The data of the page, read with the page's own reader. */
export interface PageData {
  readonly index: Index;
  readonly summary: Summary;
  readonly details: (finding: number) => Details;
}

export function readData({ elements }: HtmlDocument): PageData {
  const block = (id: string): Buffer => {
    const element = elements.find(({ attributes }) => attributes.id === id);
    if (element === undefined) throw new Error(`there is no ${id}`);
    return gunzipSync(Buffer.from(element.text, 'base64'));
  };
  const chunks = new Map<number, readonly Details[]>();
  return {
    index: decodeIndex(block('columns'), block('strings').toString()),
    summary: decodeJson<Summary>(block('summary').toString()),
    details: (finding) => {
      const number = Math.floor(finding / chunkSize);
      const chunk =
        chunks.get(number) ?? decodeJson<readonly Details[]>(block(`details-${number}`).toString());
      chunks.set(number, chunk);
      const details = chunk[finding % chunkSize];
      if (details === undefined) throw new Error(`finding ${finding} has no details`);
      return details;
    },
  };
}

/** The findings again as they stand in a report, as far as the page has them. */
export function findingsOf({ index, details }: PageData): readonly unknown[] {
  const { columns } = index;
  return Array.from({ length: index.findings }, (_, finding) => {
    const { texts, ...more } = details(finding);
    const pardon = pardons[at(columns.pardon, finding) - 1];
    const standing = standings[at(columns.standing, finding) - 1];
    const blamedStack = at(columns.blamedStack, finding);
    return {
      id: textOf(index, 'id', finding),
      rule: textOf(index, 'rule', finding),
      tool: textOf(index, 'tool', finding),
      kind: textOf(index, 'kind', finding),
      severity: severities[at(columns.severity, finding)],
      title: textOf(index, 'title', finding),
      what: textOf(index, 'what', finding),
      error: has(index, finding, flag.error),
      failing: has(index, finding, flag.failing),
      hidden: has(index, finding, flag.hidden),
      atLeast: has(index, finding, flag.atLeast),
      count: at(columns.count, finding),
      ...(pardon && { pardon }),
      ...(standing && { standing }),
      ...(blamedStack > 0 && {
        blamed: { stack: blamedStack - 1, frame: at(columns.blamedFrame, finding) },
      }),
      stacks: stacksOf(index, finding).map((stack, number) => {
        const text = texts[number];
        return { ...stack, ...(typeof text === 'string' && { text }) };
      }),
      ...more,
    };
  });
}

/** What the report says, as text: the part without a script, and the findings of the data. */
export function readableText(document: HtmlDocument): string {
  const data = readData(document);
  const { index } = data;
  const lines = [document.text, ''];
  for (let finding = 0; finding < index.findings; finding++) {
    const details = data.details(finding);
    const bytes = leakBytes(index, finding);
    lines.push(`${textOf(index, 'id', finding)} ${textOf(index, 'what', finding)}`);
    if (bytes !== undefined) lines.push(`  ${bytes} bytes`);
    for (const [number, { label, frames }] of stacksOf(index, finding).entries()) {
      lines.push(`  ${details.texts[number] ?? label}`);
      for (const frame of frames) {
        lines.push(`    ${functionText(frame)} ${sourceText(frame)} [${frame.owner}: ${frame.ownerReason}]`);
      }
    }
    const { texts: _, ...more } = details;
    lines.push(`  ${JSON.stringify(more)}`, '');
  }
  return lines.join('\n');
}
