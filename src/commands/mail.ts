// Owns `--mail`: to whom, when, with which reports, and what is said when it does not arrive.
import { rm, stat, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { basename, resolve } from 'node:path';
import { ExitStatus, UserError } from '../errors.ts';
import type { Report } from '../model/report.ts';
import { mustHaveForm, type RenderOptions, render } from '../report/index.ts';
import { mailSubject, mailText } from '../report/mail-text.ts';
import { harmless } from '../report/terminal-text.ts';
import { ownAddress, readAddresses } from '../run/mail/address.ts';
import { type Attachment, composeMessage } from '../run/mail/message.ts';
import { sendMessage } from '../run/mail/send.ts';
import { readSmtpServer, type SmtpServer } from '../run/mail/smtp-server.ts';
import { type Destination, mustBeWritable } from './output.ts';

/** What the options say, as typed. */
export interface MailSettings {
  readonly mail: readonly string[];
  readonly mailFrom?: string | undefined;
  readonly mailIf: MailIf;
}

/** When there is a mail: `not-clean` for every other outcome. */
export type MailIf = 'always' | 'not-clean' | 'never';

/** A mail to be sent or written. */
export interface MailWish {
  readonly from: string;
  readonly to: readonly string[];
  /** `.eml` files. */
  readonly files: readonly string[];
  readonly when: MailIf;
  /** Missing when the mail is only written into files. */
  readonly server?: SmtpServer;
}

/**
 * Reads the options and the variables of the mail server, so that what is wrong with them is said before a long run.
 *
 * @param blame rethrows what is wrong with a word, see `Wished`.
 * @returns undefined when no mail is wanted.
 * @throws UserError (125) for what is no address, a file that cannot be written, and variables that make no sense.
 */
export async function readMail(
  { mail, mailFrom, mailIf }: MailSettings,
  blame: (word: string) => (error: unknown) => never = () => rethrow,
): Promise<MailWish | undefined> {
  if (mail.length === 0 || mailIf === 'never') return undefined;
  const to = new Set<string>();
  for (const word of mail) {
    const reading = isFile(word) ? mustBeWritable(word) : readRecipients(word, to);
    await reading.catch(blame(`--mail=${word}`));
  }
  const from =
    mailFrom === undefined
      ? ownAddress()
      : await readSender(mailFrom).catch(blame(`--mail-from=${mailFrom}`));
  return {
    from,
    to: [...to],
    files: mail.filter(isFile),
    when: mailIf,
    ...(to.size === 0 ? {} : { server: readSmtpServer(process.env) }),
  };
}

function rethrow(error: unknown): never {
  throw error;
}

async function readRecipients(word: string, to: Set<string>): Promise<void> {
  for (const address of readAddresses(word, '--mail')) to.add(address);
}

async function readSender(text: string): Promise<string> {
  const [from, ...others] = readAddresses(text, '--mail-from');
  if (from === undefined || others.length > 0) {
    throw new UserError(`--mail-from=${text}: a mail is from one address`, 'leave the others out');
  }
  return from;
}

function isFile(word: string): boolean {
  return word.endsWith('.eml');
}

/**
 * Sends or writes the mail, with all reports that go into files attached. What fails is said, and keeps nothing else from
 * being done.
 *
 * @param look as given to `writeReports`, so that what is attached is what was written.
 * @param status what the run ends with if all goes well.
 * @param say how a success is told; missing: it is not.
 * @returns the status, or 125 when the mail did not go everywhere.
 */
export async function mailReport(
  report: Report,
  wish: MailWish,
  destinations: readonly Destination[],
  look: RenderOptions,
  status: number,
  say?: (line: string) => void,
): Promise<number> {
  if (wish.when === 'not-clean' && report.outcome === 'clean') return status;
  const { attachments, notes } = await attach(report, destinations, { ...look, color: false });
  const message = await composeMessage({
    from: wish.from,
    to: wish.to,
    subject: mailSubject(report),
    text: mailText(report, look, notes),
    attachments,
  });
  let ending = status;
  const attempt = async (done: string, act: () => Promise<void>): Promise<void> => {
    try {
      await act();
      say?.(done);
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      const hint = error.hint === undefined ? '' : `hint: ${harmless(error.hint)}\n`;
      process.stderr.write(`vgrun: ${harmless(error.message)}\n${hint}`);
      ending = ExitStatus.cannot;
    }
  };
  for (const file of wish.files) await attempt(`the mail is in ${file}`, () => writeMessage(file, message));
  const { server, from, to } = wish;
  if (server !== undefined) {
    await attempt(`mailed to ${to.join(', ')}`, () => sendMessage(message, { from, to }, server));
  }
  return ending;
}

async function writeMessage(file: string, message: Buffer): Promise<void> {
  try {
    await writeFile(file, message);
  } catch (error) {
    // Half a message would pass for one.
    if ((await stat(file).catch(() => undefined))?.isFile() === true) await rm(file, { force: true });
    throw new UserError(
      `${file} could not be written: ${(error as Error).message}`,
      'the run itself is kept; mail it again with vgrun report --mail',
    );
  }
}

/** Bytes of all attachments together; encoded they are a third more, and many servers take 25 MB, some less. */
const mostAttached = 10 * 1024 * 1024;

const types: Readonly<Record<string, string>> = {
  html: 'text/html; charset=utf-8',
  svg: 'image/svg+xml',
  json: 'application/json',
  sarif: 'application/sarif+json',
  gitlab: 'application/json',
  speedscope: 'application/json',
  junit: 'application/xml',
  markdown: 'text/markdown; charset=utf-8',
  'github-summary': 'text/markdown; charset=utf-8',
  pprof: 'application/octet-stream',
};

/** The reports as bytes, rendered again rather than read: a file may be another's by now. With them what the mail says of them. */
async function attach(
  report: Report,
  destinations: readonly Destination[],
  look: RenderOptions,
): Promise<{ readonly attachments: readonly Attachment[]; readonly notes: readonly string[] }> {
  const written: Destination[] = [];
  for (const destination of destinations)
    if (await isAttachable(report, destination)) written.push(destination);
  const asked = written.some(({ format }) => format === 'html');
  // A mail without a page would be one that nobody can look around in.
  const wanted = asked ? written : [{ format: 'html', file: undefined }, ...written];
  const attachments: Attachment[] = [];
  const tooLarge: string[] = [];
  let left = mostAttached;
  for (const { format, file } of wanted) {
    const name = file === undefined ? 'report.html' : basename(file);
    const content = await renderAtMost(report, format, look, left);
    if (content === undefined) {
      tooLarge.push(
        file === undefined
          ? `The HTML report is too large for a mail. To make it on ${hostname()}: vgrun report --report=html=report.html ${report.run?.directory ?? 'LOG'}`
          : `${name} is too large for a mail. On ${hostname()} it is ${resolve(file)}`,
      );
      continue;
    }
    left -= content.length;
    attachments.push({ name: harmless(name), type: types[format] ?? 'text/plain; charset=utf-8', content });
  }
  const names = attachments.map(({ name }) => name).join(', ');
  return { attachments, notes: [...(names === '' ? [] : [`Attached: ${names}`]), ...tooLarge] };
}

/** What went to a terminal or a pipe is no file, and a format without a form for this report has been refused before. */
async function isAttachable(report: Report, { format, file }: Destination): Promise<boolean> {
  if (file === '-' || (await stat(file).catch(() => undefined))?.isFile() === false) return false;
  return mustHaveForm(report, format).then(
    () => true,
    () => false,
  );
}

/** @returns undefined when it is more than so many bytes. */
async function renderAtMost(
  report: Report,
  format: string,
  look: RenderOptions,
  most: number,
): Promise<Buffer | undefined> {
  const pieces: Buffer[] = [];
  let size = 0;
  for await (const piece of render(report, format, look)) {
    const bytes = Buffer.from(piece);
    size += bytes.length;
    if (size > most) return undefined;
    pieces.push(bytes);
  }
  return Buffer.concat(pieces);
}
