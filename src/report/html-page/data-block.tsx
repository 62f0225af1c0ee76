// Reads the compressed data out of the page's own script elements.
import { chunkSize, type Details, decodeIndex, decodeJson, type Index, type Summary } from './payload.ts';
import { decodeProfile, type PageProfile } from './profile-payload.ts';

/** The index and the summary. What they were made of is then taken out of the document, to free its memory. */
export async function readIndex(): Promise<{ readonly index: Index; readonly summary: Summary }> {
  const [columns, strings, summary] = await Promise.all([
    bytesOf('columns'),
    bytesOf('strings').then(decodeText),
    bytesOf('summary').then(decodeText),
  ]);
  for (const id of ['columns', 'strings', 'summary']) document.getElementById(id)?.remove();
  return { index: decodeIndex(columns, strings), summary: decodeJson<Summary>(summary) };
}

let last: { readonly chunk: number; readonly details: Promise<readonly Details[]> } | undefined;

/** What the index does not know of a finding. Suppressions are as the tool printed them, to be copied. */
export async function readDetails(finding: number): Promise<Details | undefined> {
  const chunk = Math.floor(finding / chunkSize);
  if (last?.chunk !== chunk) last = { chunk, details: readChunk(chunk) };
  return (await last.details)[finding % chunkSize];
}

async function readChunk(chunk: number): Promise<readonly Details[]> {
  return decodeJson<readonly Details[]>(decodeText(await bytesOf(`details-${chunk}`)));
}

const profiles = new Map<number, Promise<PageProfile>>();

/** A profile, by its place in the summary; read when it is first asked for. */
export function readProfile(number: number): Promise<PageProfile> {
  const known = profiles.get(number);
  if (known !== undefined) return known;
  const ids = [`profile-${number}`, `profile-${number}-texts`, `profile-${number}-columns`] as const;
  const read = Promise.all([
    bytesOf(ids[0]).then(decodeText),
    bytesOf(ids[1]).then(decodeText),
    bytesOf(ids[2]),
  ]).then((parts) => {
    for (const id of ids) document.getElementById(id)?.remove();
    return decodeProfile(...parts);
  });
  profiles.set(number, read);
  return read;
}

function decodeText(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

async function bytesOf(id: string): Promise<Uint8Array> {
  const text = atob(document.getElementById(id)?.textContent ?? '');
  const packed = new Uint8Array(text.length);
  for (let index = 0; index < text.length; index++) packed[index] = text.charCodeAt(index);
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream('gzip'));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}
