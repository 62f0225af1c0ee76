// The rule by which a text is taken for a secret: by the name it has, or by its looks.
//
// By its name: a header field, cookie, query parameter or variable whose name has one of the words below.
// By its looks: a JSON Web Token, or 24 and more letters, digits and `+/_-=` that mix capitals, small letters and
// digits as a text does not. Hex numbers are not taken for secrets by their looks: commits and checksums are as long.

/** What stands in the place of one. */
export const hidden = '***';

/** Whole words of a name: `X-Auth-Token`, `user_pwd`, `apiKey`. */
const secretWords: ReadonlySet<string> = new Set(
  (
    'token tokens key keys password passwords passwd passphrase passcode pass pwd pw pin secret secrets session ' +
    'sess sessionid sid sig signature hmac auth authorization authentication code otp totp jwt bearer assertion ' +
    'credential credentials cred creds csrf xsrf nonce ticket cookie cookies'
  ).split(' '),
);
/** Also where they are part of a word: `accesstoken`, `PHPSESSID`. */
const secretParts = /token|passw|secret|sessid|sessionid|apikey|credential|signature|authkey|privatekey/i;

const jsonWebToken = /^ey[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{4,}\.[A-Za-z0-9_-]*/;

/** Whether a name says that what it names is a secret. */
export function isSecretName(name: string): boolean {
  if (secretParts.test(name)) return true;
  const words = name.replace(/([a-z0-9])([A-Z])/g, '$1 $2').toLowerCase();
  return words.split(/[^a-z0-9]+/).some((word) => secretWords.has(word));
}

/** Whether a value looks like one. */
export function looksSecret(value: string): boolean {
  if (jsonWebToken.test(value)) return true;
  if (value.length < 24 || !/^[A-Za-z0-9+/_=-]+$/.test(value)) return false;
  const isMixed = /[A-Z]/.test(value) && /[a-z]/.test(value) && /[0-9]/.test(value);
  return isMixed && !/^[0-9A-Fa-f-]+$/.test(value) && bitsPerByte(value) >= 3.5;
}

/** Shannon's entropy: English words have less than 3.5 in a text so short, random base64 has 4 and more. */
function bitsPerByte(text: string): number {
  const counts = new Map<string, number>();
  for (const letter of text) counts.set(letter, (counts.get(letter) ?? 0) + 1);
  let bits = 0;
  for (const count of counts.values()) bits -= (count / text.length) * Math.log2(count / text.length);
  return bits;
}
