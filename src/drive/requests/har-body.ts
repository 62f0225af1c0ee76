// Makes the body of a request of what a HAR entry holds of it: text, base64, or the fields of a form.
import type { Body } from '../../model/request.ts';
import { bodyInMemory } from './capture-bytes.ts';
import { bodyOfText, encodePairs, type FormPart, formBoundary, multipartBody } from './form.ts';
import { listOf, objectOf, textOf } from './har-value.ts';
import type { Field } from './head.ts';
import { type Place, refusal } from './place.ts';
import { bytesAsLatin1 } from './wire-text.ts';

/** A body, and the fields with what it changed: its length is the real one, its boundary is named. */
export interface HarBody {
  readonly body?: Body;
  readonly fields: readonly Field[];
}

/**
 * @param present the entry has postData at all
 * @throws UserError when base64 is none
 */
export function harBody(
  postData: Record<string, unknown>,
  present: boolean,
  sent: readonly Field[],
  place: Place,
  notes: string[],
): HarBody {
  const recorded = Number(fieldValue(sent, 'content-length') ?? Number.NaN);
  // The browser put chunks together; the length is that of the body as it is here.
  const fields = sent.filter(
    ({ name }) => !['transfer-encoding', 'content-length'].includes(name.toLowerCase()),
  );
  const made = makeBody(postData, present, fields, recorded, place, notes);
  if (made === undefined) {
    if (!(recorded >= 0)) return { fields };
    if (recorded > 0)
      notes.push(`The capture does not hold its body of ${recorded} bytes: it is sent without.`);
    return { body: bodyOfText(''), fields: withLengthField(fields, sent, 0) };
  }
  if (recorded > 0 && recorded !== made.body.length) {
    notes.push(`Its Content-Length was ${recorded}; the body in the capture has ${made.body.length} bytes.`);
  }
  return { body: made.body, fields: withLengthField(made.fields, sent, made.body.length) };
}

/** Bytes of an answer, where the capture has them. */
export function readContent(content: Record<string, unknown>): Uint8Array | undefined {
  const { text, encoding } = content;
  if (typeof text !== 'string') return undefined;
  return encoding === 'base64' ? Buffer.from(text, 'base64') : Buffer.from(text, 'utf8');
}

function makeBody(
  postData: Record<string, unknown>,
  present: boolean,
  fields: readonly Field[],
  recorded: number,
  place: Place,
  notes: string[],
): { readonly body: Body; readonly fields: readonly Field[] } | undefined {
  if (!present) return undefined;
  const text = typeof postData.text === 'string' ? postData.text : undefined;
  const params = listOf(postData.params).map(objectOf);
  const mimeType = textOf(postData.mimeType);
  if (text !== undefined && (text !== '' || params.length === 0)) {
    const bytes = textBytes(text, postData, recorded, place);
    if (text.includes('\ufffd')) notes.push('Bytes of its body that are no text were lost in the capture.');
    return { body: bodyInMemory(bytes), fields: withoutCoding(withType(fields, mimeType), bytes, notes) };
  }
  if (params.length === 0) return undefined;
  const type = fieldValue(fields, 'content-type') ?? mimeType;
  if (!/^multipart\//i.test(type)) {
    const pairs = params.map(({ name, value }) => [wire(name), wire(value)] as const);
    return { body: bodyOfText(encodePairs(pairs)), fields: withType(fields, mimeType) };
  }
  const boundary = /boundary="?([^";]+)/i.exec(type)?.[1];
  const parts = params.map((param) => formPart(param, notes));
  return {
    body: multipartBody(parts, boundary ?? formBoundary),
    fields: boundary === undefined ? withBoundary(fields, type) : withType(fields, mimeType),
  };
}

function textBytes(
  text: string,
  postData: Record<string, unknown>,
  recorded: number,
  place: Place,
): Uint8Array {
  if ([postData.encoding, postData._encoding].includes('base64')) {
    if (!/^[A-Za-z\d+/\s_-]*={0,2}\s*$/.test(text))
      throw refusal(place, 'its body is said to be base64 and is not');
    return Buffer.from(text, 'base64');
  }
  const bytes = Buffer.from(text, 'utf8');
  // Some write one character for each byte. The length that was sent tells.
  const binary = bytes.length !== recorded && text.length === recorded && !/[^\x00-\xff]/.test(text);
  return binary ? Buffer.from(text, 'latin1') : bytes;
}

function formPart(param: Record<string, unknown>, notes: string[]): FormPart {
  const fileName = param.fileName === undefined ? undefined : wire(param.fileName);
  if (fileName !== undefined && typeof param.value !== 'string') {
    notes.push(`The capture does not hold the file that was sent as ${textOf(param.name)}: it is empty.`);
  }
  const type = textOf(param.contentType);
  return {
    name: wire(param.name),
    ...(fileName === undefined ? {} : { fileName }),
    ...(type === '' || /[^\x20-\x7e]/.test(type) ? {} : { contentType: type }),
    content: bodyOfText(wire(param.value)),
  };
}

/** Proxies save what they unpacked: a program must not try to unpack it again. */
function withoutCoding(fields: readonly Field[], bytes: Uint8Array, notes: string[]): readonly Field[] {
  const coding = fieldValue(fields, 'content-encoding')?.toLowerCase();
  const packed = coding !== 'gzip' || (bytes[0] === 0x1f && bytes[1] === 0x8b);
  if (packed) return fields;
  notes.push('The capture holds its body unpacked: Content-Encoding is left out.');
  return fields.filter(({ name }) => name.toLowerCase() !== 'content-encoding');
}

function withType(fields: readonly Field[], mimeType: string): readonly Field[] {
  const known = fieldValue(fields, 'content-type') !== undefined;
  return known || mimeType === ''
    ? fields
    : [...fields, { name: 'Content-Type', value: bytesAsLatin1(mimeType) }];
}

function withBoundary(fields: readonly Field[], type: string): readonly Field[] {
  const value = `${type}; boundary=${formBoundary}`;
  if (fieldValue(fields, 'content-type') === undefined) return [...fields, { name: 'Content-Type', value }];
  return fields.map((field) => (field.name.toLowerCase() === 'content-type' ? { ...field, value } : field));
}

/** Where it was; a request of HTTP/2 has none. */
function withLengthField(fields: readonly Field[], sent: readonly Field[], length: number): readonly Field[] {
  const index = sent.findIndex(({ name }) => name.toLowerCase() === 'content-length');
  const field = sent[index];
  if (field === undefined) return fields;
  const before = sent.slice(0, index).filter(({ name }) => fields.some((kept) => kept.name === name)).length;
  return [...fields.slice(0, before), { name: field.name, value: String(length) }, ...fields.slice(before)];
}

function fieldValue(fields: readonly Field[], name: string): string | undefined {
  return fields.find((field) => field.name.toLowerCase() === name)?.value;
}

function wire(value: unknown): string {
  return bytesAsLatin1(textOf(value));
}
