// Puts the body of a curl command together: --data and its kin, --form, --upload-file.
import { basename } from 'node:path';
import type { Body } from '../../model/request.ts';
import { bodyOfRange, type CaptureBytes, gather } from './capture-bytes.ts';
import type { GivenOption } from './curl-command.ts';
import type { OpenFile } from './curl-files.ts';
import { bodyOfText, encodeBytes, type FormPart, formBoundary, joinBodies, multipartBody } from './form.ts';
import { type Place, refusal } from './place.ts';

/** A body with the type that curl gives it. */
export interface CurlBody {
  readonly body: Body;
  readonly contentType?: string;
}

/** What of a file must be changed or encoded is held in memory while it is. */
const heldFile = 64 * 1024 * 1024;

/** @throws UserError for a file that cannot or may not be read */
export async function curlData(
  options: readonly GivenOption[],
  open: OpenFile,
  place: Place,
): Promise<CurlBody | undefined> {
  const parts: Body[] = [];
  for (const { meaning, value } of options) {
    if (!/^(?:data|json)/.test(meaning)) continue;
    // Several --json are one document; several --data are the pairs of one form.
    if (parts.length > 0 && meaning !== 'json') parts.push(bodyOfText('&'));
    parts.push(await dataPart(meaning, value, open, place));
  }
  if (parts.length === 0) return undefined;
  const json = options.some(({ meaning }) => meaning === 'json');
  return {
    body: joinBodies(parts),
    contentType: json ? 'application/json' : 'application/x-www-form-urlencoded',
  };
}

async function dataPart(
  meaning: GivenOption['meaning'],
  value: string,
  open: OpenFile,
  place: Place,
): Promise<Body> {
  if (meaning === 'data-raw') return bodyOfText(value);
  if (meaning === 'data-urlencode') {
    // content, =content, name=content, @file, name@file
    const [, name = '', sign = '', rest = ''] = /^([^=@]*)([=@])(.*)$/s.exec(value) ?? ['', '', '=', value];
    const content = sign === '@' ? await textOfFile(await open(wireName(rest), place), place) : rest;
    return bodyOfText(`${name === '' ? '' : `${name}=`}${encodeBytes(content).replaceAll('%20', '+')}`);
  }
  if (!value.startsWith('@')) return bodyOfText(value);
  const file = await open(wireName(value.slice(1)), place);
  if (meaning !== 'data') return bodyOfRange(file, 0, file.size);
  return bodyOfText((await textOfFile(file, place)).replace(/[\r\n\0]/g, ''));
}

/** @throws UserError for a form that cannot be read */
export async function curlForm(
  options: readonly GivenOption[],
  open: OpenFile,
  place: Place,
): Promise<CurlBody | undefined> {
  const parts: FormPart[] = [];
  for (const { meaning, value, spelled } of options) {
    if (meaning !== 'form' && meaning !== 'form-string') continue;
    const equals = value.indexOf('=');
    if (equals < 0)
      throw refusal(
        place,
        `${spelled} of the curl command is not NAME=CONTENT`,
        'write a field as -F name=content, a file as -F name=@file',
      );
    const name = value.slice(0, equals);
    const content = value.slice(equals + 1);
    parts.push(
      meaning === 'form-string'
        ? { name, content: bodyOfText(content) }
        : await formPart(name, content, open, place),
    );
  }
  if (parts.length === 0) return undefined;
  return {
    body: multipartBody(parts, formBoundary),
    contentType: `multipart/form-data; boundary=${formBoundary}`,
  };
}

// @photo.jpg;type=image/jpeg;filename="my photo.jpg"
async function formPart(name: string, spelled: string, open: OpenFile, place: Place): Promise<FormPart> {
  const sign = /^[@<]/.exec(spelled)?.[0] ?? '';
  const { content, settings } = splitSettings(spelled.slice(sign.length));
  const type = settings.get('type');
  const typed = type === undefined ? {} : { contentType: type };
  const fileName = settings.get('filename');
  if (sign === '') {
    return { name, ...typed, ...(fileName === undefined ? {} : { fileName }), content: bodyOfText(content) };
  }
  if (content.includes(',')) {
    throw refusal(
      place,
      'one --form of the curl command names several files',
      'name each file in a --form of its own',
    );
  }
  const file = await open(wireName(content), place);
  const body = bodyOfRange(file, 0, file.size);
  if (sign === '<') return { name, ...typed, content: body };
  return {
    name,
    fileName: fileName ?? basename(content),
    contentType: type ?? typeByName(fileName ?? content),
    content: body,
  };
}

function splitSettings(text: string): {
  readonly content: string;
  readonly settings: ReadonlyMap<string, string>;
} {
  const settings = new Map<string, string>();
  const quotedContent = /^"((?:[^"\\]|\\.)*)"/s.exec(text);
  let rest = text.slice(quotedContent?.[0].length ?? 0);
  const first = /;[ ]*(?:type|filename|encoder|headers)=/.exec(rest);
  const content =
    quotedContent?.[1] === undefined
      ? rest.slice(0, first?.index ?? rest.length)
      : withoutBackslashes(quotedContent[1]);
  rest = rest.slice(first?.index ?? rest.length);
  for (const [, key = '', quotedValue, plain] of rest.matchAll(
    /;[ ]*(\w+)=(?:"((?:[^"\\]|\\.)*)"|([^;]*(?:; *charset=[^;]*)?))/g,
  )) {
    settings.set(key, quotedValue === undefined ? (plain ?? '') : withoutBackslashes(quotedValue));
  }
  return { content, settings };
}

function withoutBackslashes(text: string): string {
  return text.replace(/\\(["\\])/g, '$1');
}

const typesByEnding: Readonly<Record<string, string>> = {
  gif: 'image/gif',
  jpg: 'image/jpeg',
  jpeg: 'image/jpeg',
  png: 'image/png',
  svg: 'image/svg+xml',
  txt: 'text/plain',
  htm: 'text/html',
  html: 'text/html',
  pdf: 'application/pdf',
  xml: 'application/xml',
};

/** As curl guesses (its lib/mime.c). */
function typeByName(name: string): string {
  return typesByEnding[/\.(\w+)$/.exec(name)?.[1]?.toLowerCase() ?? ''] ?? 'application/octet-stream';
}

async function textOfFile(file: CaptureBytes, place: Place): Promise<string> {
  if (file.size > heldFile) {
    throw refusal(
      place,
      `${file.name} has more than ${heldFile} bytes to encode`,
      'send it with --data-binary',
    );
  }
  return (await gather(file.stream(0, file.size))).toString('latin1');
}

/** Names of files are text, words are bytes. */
function wireName(latin1: string): string {
  return Buffer.from(latin1, 'latin1').toString('utf8');
}
