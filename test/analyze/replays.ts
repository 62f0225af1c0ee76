// Builders for replays: what was asked and what came, and the launches that served it.
import type { Replay, ReplayedRequest } from '../../src/model/request.ts';
import type { RunManifest, ServedPass } from '../../src/model/run.ts';
import { manifest } from './records.ts';

export function request(number: number, more: Partial<ReplayedRequest> = {}): ReplayedRequest {
  const passes = more.sent ?? 1;
  return {
    number,
    source: { name: 'browser.har', entry: number },
    method: 'GET',
    target: `/app?x=${number}`,
    sent: passes,
    answered: passes,
    statuses: passes === 0 ? [] : [[200, passes]],
    ...(passes > 0 && { answer: { status: 200, contentType: 'text/html', bodyBytes: 512 } }),
    faults: [],
    unmet: [],
    lost: [],
    durationMs: 20 * passes,
    slowestMs: 25,
    ...more,
  };
}

export function replay(requests: readonly ReplayedRequest[], more: Partial<Replay> = {}): Replay {
  return { mode: 'cgi', server: 'apache', passes: 1, warmUp: 0, parallel: 1, requests, ...more };
}

/** The run around the launches: without a pid and artifacts of its own. */
export function outer(of: Replay, launches: number, more: Partial<RunManifest> = {}): RunManifest {
  const { pid: _, ...rest } = manifest({
    command: ['./app.cgi'],
    program: '/home/ann/list/app.cgi',
    replay: of,
    launches: Array.from({ length: launches }, (_, index) => `launch-${index + 1}`),
    ...more,
  });
  return rest;
}

/** One launch; its first process has the pid of `process(1)`. */
export function launch(served: readonly ServedPass[], more: Partial<RunManifest> = {}): RunManifest {
  return manifest({ command: ['./app.cgi'], program: '/home/ann/list/app.cgi', served, ...more });
}
