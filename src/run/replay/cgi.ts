// Owns the replay against a CGI program: it is started for each request, which it finds in its environment and standard input.
import { closeSync } from 'node:fs';
import { gatewayVariables, searchWords } from '../../drive/gateway/environment.ts';
import type { CapturedRequest } from '../../model/request.ts';
import type { Launched } from './launches.ts';
import { type Pass, passesOf, type ReplayWork } from './replay.ts';
import { openStandardInput } from './standard-input.ts';
import { variablesForNode, wordForNode } from './words-for-node.ts';

/** @returns the launches in the order of their names. */
export async function callProgram(work: ReplayWork): Promise<readonly Launched[]> {
  const { plan, signal } = work;
  const passes = passesOf(plan);
  const launched: Launched[] = [];
  const worker = async (): Promise<void> => {
    for (const pass of passes) {
      if (signal.aborted) return;
      launched.push(await call(work, pass));
    }
  };
  // Generators are shared: each pass goes to the worker that is free.
  const workers = await Promise.allSettled(Array.from({ length: plan.parallel }, worker));
  const failed = workers.find((each) => each.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
  const numberOf = ({ name }: Launched): number => Number(name.slice(name.lastIndexOf('-') + 1));
  return launched.sort((a, b) => numberOf(a) - numberOf(b));
}

async function call({ plan, launches, answers, tally }: ReplayWork, pass: Pass): Promise<Launched> {
  const request = plan.requests[pass.index] as CapturedRequest;
  const { variables } = gatewayVariables(request, { path: plan.run.target.path, mode: 'cgi' }, plan.server);
  const place = await launches.prepare();
  const answer = answers.open(pass);
  let input: number | undefined;
  try {
    input = await openStandardInput(request.body, place.directory);
    const startedAt = performance.now();
    let durationMs = 0;
    const launched = await place.start({
      variables: variablesForNode(variables),
      arguments: searchWords(request, plan.server).map(wordForNode),
      timeout: plan.timeout,
      standard: [
        { child: 0, own: input },
        { child: 1, own: answer.descriptor },
      ],
      onExit: () => {
        durationMs = performance.now() - startedAt;
      },
      onEnded: async () => ({ served: [{ request: pass.index + 1, pass: pass.pass }], problems: [] }),
    });
    const { exit, stoppedBy } = launched.manifest;
    const late = stoppedBy === 'timeout' ? `it did not end within ${plan.timeout / 1000} s` : undefined;
    tally.add(pass.index, {
      warmUp: false,
      durationMs,
      ...(await answer.finish()),
      ...(exit && { exit }),
      ...(late !== undefined && { lost: late }),
    });
    return launched;
  } finally {
    if (input !== undefined) closeSync(input);
    answer.close();
  }
}
