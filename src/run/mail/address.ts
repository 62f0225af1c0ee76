// Owns which words are mail addresses: plain ones, without names and comments.
import { hostname, userInfo } from 'node:os';
import { UserError } from '../../errors.ts';

// `ann@example.org`; nothing that has a meaning in a header or in SMTP: white space, quotes, brackets, `,;:<>\`
const addressPattern = /^[^\s\p{C}\p{Z}"(),:;<>@[\\\]]{1,64}@[^\s\p{C}\p{Z}"(),:;<>@[\\\]]{1,255}$/u;

/**
 * Reads `a@example.org,b@example.org`.
 *
 * @param option for the message: `--mail`.
 * @throws UserError (125) for a word that is no address.
 */
export function readAddresses(text: string, option: string): readonly string[] {
  const words = text.split(',').map((word) => word.trim());
  for (const word of words) {
    if (!addressPattern.test(word)) {
      throw new UserError(
        `${option}=${text}: ${word === '' ? 'an address is missing' : `"${word}" is no mail address`}`,
        'write NAME@HOST, on this machine NAME@localhost; several with commas between them',
      );
    }
  }
  return words;
}

/** Who the mail is from when nobody is named: as cron does, this user on this machine. */
export function ownAddress(): string {
  const address = `${userName()}@${hostname()}`;
  return addressPattern.test(address) ? address : 'vgrun@localhost';
}

function userName(): string {
  try {
    return userInfo().username;
  } catch {
    // A container may run as a number that has no name.
    return 'vgrun';
  }
}
