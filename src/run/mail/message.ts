// Owns the form of a mail: one message of MIME, as it is sent and as an .eml file holds it.
import { randomUUID } from 'node:crypto';

/** A file that goes with a mail. */
export interface Attachment {
  /** Without folders and control characters. */
  readonly name: string;
  /** `text/html; charset=utf-8` */
  readonly type: string;
  readonly content: Buffer;
}

/** What a mail is made of. */
export interface Mail {
  readonly from: string;
  readonly to: readonly string[];
  /** One line. */
  readonly subject: string;
  readonly text: string;
  readonly attachments: readonly Attachment[];
}

const longestName = 200;

/** A name stands on one line, which has at most 998 bytes in SMTP. Its end tells what the file is. */
function shortName(name: string): string {
  if (name.length <= longestName) return name;
  // No half of a surrogate pair.
  return `…${name.slice(1 - longestName).replace(/^[\udc00-\udfff]/, '')}`;
}

/** Puts a mail into the form of RFC 5322, lines ended by CR LF. */
export async function composeMessage({ from, to, subject, text, attachments }: Mail): Promise<Buffer> {
  const { createTransport } = await import('nodemailer');
  const { message } = await createTransport({
    streamTransport: true,
    buffer: true,
    newline: 'windows',
    // Nothing in it is a path or an address to be fetched.
    disableFileAccess: true,
    disableUrlAccess: true,
  }).sendMail({
    from: { name: '', address: from },
    to: to.map((address) => ({ name: '', address })),
    subject,
    text,
    date: new Date(),
    messageId: `<${randomUUID()}@${from.slice(from.lastIndexOf('@') + 1)}>`,
    // RFC 3834: nobody's holiday notice shall answer.
    headers: { 'Auto-Submitted': 'auto-generated' },
    attachments: attachments.map(({ name, type, content }) => ({
      filename: shortName(name),
      contentType: type,
      content,
      contentTransferEncoding: 'base64' as const,
      contentDisposition: 'attachment' as const,
    })),
  });
  return message as Buffer;
}
