// Reads the words of one curl command: which options it has, and for which URLs.
import { type CurlOption, longOption, shortOption } from './curl-options.ts';
import { type Place, quoted, refusal } from './place.ts';

/** An option with its value, as it was written. */
export interface GivenOption extends CurlOption {
  /** `-X`, `--request`: for messages. */
  readonly spelled: string;
  readonly value: string;
}

/** What is asked for between `--next` and the next. */
export interface CurlOperation {
  readonly options: readonly GivenOption[];
  readonly urls: readonly string[];
}

/**
 * @param words behind `curl`
 * @throws UserError for an option that is not known: whether a value follows it cannot be guessed
 */
export function parseCurl(words: readonly string[], place: Place): readonly CurlOperation[] {
  const operations: { options: GivenOption[]; urls: string[] }[] = [{ options: [], urls: [] }];
  let index = 0;
  let literal = false;
  const unknown = (spelled: string): Error =>
    refusal(
      place,
      `word ${index + 1} of the curl command, ${quoted(spelled)}, is no option that is known`,
      'remove it with its value, if it has one; what concerns the connection alone changes no request',
    );
  const give = (option: CurlOption, spelled: string, attached: string | undefined): void => {
    const current = operations.at(-1);
    let value = attached;
    if (option.takesValue && value === undefined) {
      index += 1;
      value = words[index];
      if (value === undefined)
        throw refusal(place, `${spelled} of the curl command lacks its value`, 'copy the whole command');
    }
    if (option.meaning === 'next') operations.push({ options: [], urls: [] });
    else if (option.meaning === 'url') current?.urls.push(value ?? '');
    else if (option.meaning !== 'nothing') current?.options.push({ ...option, spelled, value: value ?? '' });
  };
  for (; index < words.length; index += 1) {
    const word = words[index] ?? '';
    if (literal || !word.startsWith('-') || word === '-') operations.at(-1)?.urls.push(word);
    else if (word === '--') literal = true;
    else if (word.startsWith('--')) {
      const option = longOption(word.slice(2));
      if (option === undefined) throw unknown(word);
      give(option, word, undefined);
    } else {
      // -sSLk, -XPOST
      for (let at = 1; at < word.length; at += 1) {
        const option = shortOption(word[at] ?? '');
        if (option === undefined) throw unknown(`-${word[at]}`);
        const attached = option.takesValue && at + 1 < word.length ? word.slice(at + 1) : undefined;
        give(option, `-${word[at]}`, attached);
        if (option.takesValue) break;
      }
    }
  }
  const asked = operations.filter(({ urls, options }) => urls.length > 0 || options.length > 0);
  if (asked.length === 0 || asked.some(({ urls }) => urls.length === 0)) {
    throw refusal(place, 'the curl command names no URL', 'copy the whole command');
  }
  return asked;
}
