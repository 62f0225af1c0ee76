// What a replay says about the program beside findings: how it ended in which request, and answers that are wrong or missing.
import { hasFailed, type Replay, type ReplayedRequest, requestName } from '../model/request.ts';
import { endSentence } from './end-sentence.ts';
import { type Launch, ownEnd } from './launches.ts';

/** So many requests are named for each thing that is wrong; how many more there are is said. */
const mostNamed = 5;

/** Ends that the program answers for, a sentence each: `The program was killed by SIGSEGV in request 3 GET /x.` */
export function servedEnds(launches: readonly Launch[], replay: Replay): readonly string[] {
  const requests = new Map(replay.requests.map((request) => [request.number, request]));
  const sentences = launches.flatMap((launch) => {
    const sentence = endSentence(ownEnd(launch));
    if (sentence === undefined) return [];
    const request = endedIn(launch, replay, requests);
    return request === undefined ? sentence : sentence.replace(/\.$/, ` in ${requestName(request)}.`);
  });
  const different = [...new Set(sentences)];
  const left = different.length - mostNamed;
  if (left <= 0) return different;
  return [
    ...different.slice(0, mostNamed),
    `It ended like this in ${left} more ${left === 1 ? 'request' : 'requests'}.`,
  ];
}

/** The request during which the process ended: the only one of a CGI program, else the last that it took. */
function endedIn(
  { manifest }: Launch,
  { mode }: Replay,
  requests: ReadonlyMap<number, ReplayedRequest>,
): ReplayedRequest | undefined {
  const served = manifest?.served ?? [];
  const request = requests.get((mode === 'cgi' ? served[0] : served.at(-1))?.request ?? 0);
  return mode === 'cgi' || request?.ended !== undefined ? request : undefined;
}

/** Answers that are faulty, and those that are not what `--expect` asked for, a sentence for each request. */
export function badAnswers({ requests }: Replay): readonly string[] {
  return [
    ...named(requests, ({ faults }) => faults, 'is faulty', 'are faulty'),
    ...named(requests, ({ unmet }) => unmet, 'is not what was expected', 'are not what was expected'),
  ];
}

function named(
  requests: readonly ReplayedRequest[],
  of: (request: ReplayedRequest) => readonly string[],
  is: string,
  are: string,
): readonly string[] {
  const wrong = requests.filter((request) => of(request).length > 0);
  const left = wrong.length - mostNamed;
  return [
    ...wrong.slice(0, mostNamed).map((request) => {
      return `The answer to ${requestName(request)} ${is}: ${ended(of(request)[0] ?? '')}`;
    }),
    ...(left > 0 ? [`The answers to ${left} more ${left === 1 ? 'request' : 'requests'} ${are}.`] : []),
  ];
}

/** What nobody can judge, because it was not sent or not answered; `told` holds what is said already. */
export function missingAnswers({ requests }: Replay, told: readonly string[]): readonly string[] {
  const sentences: string[] = [];
  let left = 0;
  for (const request of requests) {
    const [why] = request.lost;
    if (why === undefined || hasFailed(request) || told.some((sentence) => sentence.includes(why))) continue;
    if (sentences.length < mostNamed)
      sentences.push(`No whole answer came to ${requestName(request)}: ${ended(why)}`);
    else left++;
  }
  if (left > 0)
    sentences.push(`No whole answers came to ${left} more ${left === 1 ? 'request' : 'requests'}.`);
  const unsent = requests.filter(({ sent, unknown }) => sent === 0 && unknown !== true);
  const [first] = unsent;
  if (unsent.length === 1 && first !== undefined)
    sentences.push(`The replay ended before ${requestName(first)} was sent.`);
  if (unsent.length > 1)
    sentences.push(`The replay ended before ${unsent.length} of ${requests.length} requests were sent.`);
  return sentences;
}

function ended(text: string): string {
  return /[.!?…]$/.test(text) ? text : `${text}.`;
}
