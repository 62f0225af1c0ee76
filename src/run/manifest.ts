// Owns the check that a run.json is what its type says: a run directory may come from a stranger.

import type { Problem } from '../model/problem.ts';
import type { Answer, CaptureSource, Replay, ReplayedRequest, RequestGrowth } from '../model/request.ts';
import type {
  Artifact,
  EnvironmentOptions,
  Executable,
  Exit,
  FoundCore,
  LogGrowth,
  RunManifest,
  ServedPass,
} from '../model/run.ts';
import { sanitizers } from '../model/sanitizer.ts';

type Check = (value: unknown) => boolean;
/** A check for every field, so that a new one cannot be forgotten. */
type Fields<T> = { readonly [name in keyof Required<T>]: Check };

const text: Check = (value) => typeof value === 'string';
const count: Check = (value) => Number.isSafeInteger(value) && (value as number) >= 0;
const time: Check = (value) => typeof value === 'string' && !Number.isNaN(Date.parse(value));
const oneOf =
  (...words: readonly unknown[]): Check =>
  (value) =>
    words.includes(value);
const optional =
  (check: Check): Check =>
  (value) =>
    value === undefined || check(value);
const list =
  (check: Check): Check =>
  (value) =>
    Array.isArray(value) && value.every(check);
const record =
  <T>(fields: Fields<T>): Check =>
  (value) =>
    typeof value === 'object' &&
    value !== null &&
    Object.entries<Check>(fields).every(([name, check]) => check((value as Record<string, unknown>)[name]));

/** It must not lead out of the run directory. */
const fileName: Check = (value) =>
  typeof value === 'string' && value !== '' && value !== '.' && value !== '..' && !/[/\0]/.test(value);

const exits: Readonly<Record<Exit['how'], Check>> = {
  exited: record<Extract<Exit, { how: 'exited' }>>({ how: text, code: count }),
  signaled: record<Extract<Exit, { how: 'signaled' }>>({ how: text, signal: text, number: count }),
  unknown: () => true,
};
const exit: Check = (value) => {
  const how = (value as { how?: unknown } | null)?.how;
  return Object.entries(exits).some(([name, check]) => name === how && check(value));
};

const artifact = record<Artifact>({
  name: fileName,
  role: oneOf('xml', 'text', 'profile', 'report', 'stops', 'symbols', 'rescued-xml', 'rescued-text', 'other'),
  size: count,
  sha256: optional(text),
  madeMs: optional(Number.isFinite),
  writtenMs: optional(Number.isFinite),
});

const problem = record<Problem>({
  code: text,
  level: oneOf('incomplete', 'warning', 'note'),
  message: text,
  hint: optional(text),
  artifact: optional(text),
  offset: optional(count),
  quote: optional(text),
  pid: optional(count),
});

const executable = record<Executable>({
  pid: count,
  path: text,
  ppid: optional(count),
  forked: optional(oneOf(true)),
  brief: optional(oneOf(true)),
  was: optional(list(text)),
  sanitizers: optional(list(oneOf(...sanitizers.map(({ sanitizer }) => sanitizer)))),
});

const whole: Check = Number.isSafeInteger;
const sentences = list(text);
const statusPasses: Check = (value) => Array.isArray(value) && value.length === 2 && value.every(count);

const replay = record<Replay>({
  mode: oneOf('cgi', 'fastcgi', 'scgi'),
  server: text,
  passes: count,
  warmUp: count,
  parallel: count,
  requests: list(
    record<ReplayedRequest>({
      number: count,
      source: record<CaptureSource>({ name: text, entry: count, offset: optional(count) }),
      method: text,
      target: text,
      sent: count,
      answered: count,
      statuses: list(statusPasses),
      answer: optional(
        record<Answer>({
          status: count,
          reason: optional(text),
          contentType: optional(text),
          location: optional(text),
          bodyBytes: count,
          artifact: optional(fileName),
        }),
      ),
      faults: sentences,
      unmet: sentences,
      lost: sentences,
      exit: optional(exit),
      ended: optional(exit),
      durationMs: Number.isFinite,
      slowestMs: Number.isFinite,
      unknown: optional(oneOf(true)),
      growth: optional(
        record<RequestGrowth>({
          measured: count,
          grew: count,
          bytes: whole,
          blocks: whole,
          steady: optional(oneOf(true, false)),
        }),
      ),
    }),
  ),
});

const foundCore = record<FoundCore>({
  pid: count,
  artifact: optional(fileName),
  path: optional(text),
  program: optional(text),
  signal: optional(count),
  isValgrinds: optional(oneOf(true)),
});

const servedPass = record<ServedPass>({
  request: count,
  pass: whole,
  grown: optional(list(record<LogGrowth>({ artifact: fileName, from: count, to: count }))),
});

const manifest = record<RunManifest>({
  version: oneOf(1),
  id: text,
  vgrun: text,
  tool: record<RunManifest['tool']>({ name: text, version: text, path: text }),
  command: list(text),
  program: text,
  toolOptions: list(text),
  environmentOptions: list(record<EnvironmentOptions>({ source: text, options: list(text) })),
  knownNoise: optional(list(text)),
  environment: optional(list(text)),
  argv: list(text),
  directory: text,
  projectRoot: text,
  capture: oneOf('xml', 'fd', 'text', 'profile', 'log', 'reports', 'stops'),
  interpreter: optional(text),
  startedAt: time,
  endedAt: optional(time),
  durationMs: optional(Number.isFinite),
  pid: optional(count),
  exit: optional(exit),
  stoppedBy: optional(oneOf('timeout', 'interrupt', 'served')),
  instrumentExitcode: optional(count),
  searchesLeaks: optional(oneOf(true)),
  executables: optional(list(executable)),
  replay: optional(replay),
  launches: optional(list(fileName)),
  served: optional(list(servedPass)),
  cores: optional(list(foundCore)),
  core: optional(text),
  alive: list(count),
  artifacts: list(artifact),
  problems: list(problem),
});

/** Whether a value read from JSON is a manifest of the version that this vgrun writes. */
export function isManifest(value: unknown): value is RunManifest {
  return manifest(value);
}
