// Owns the step from the words after `vgrun cgi` to a replay that RUN can carry out.
import { stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { readExpectations } from '../drive/gateway/expect.ts';
import { detectMode } from '../drive/gateway/mode.ts';
import type { Server } from '../drive/gateway/server-presets.ts';
import { type CaptureOptions, readCaptures } from '../drive/requests/index.ts';
import { UserError } from '../errors.ts';
import type { CapturedRequest, GatewayMode } from '../model/request.ts';
import type { Wish } from '../run/plan.ts';
import type { ReplayPlan } from '../run/replay/plan.ts';
import type { RunRequest } from '../run/run.ts';
import type { CgiSettings } from '../tools/_shared/cgi-options.ts';
import { optionNamed, readToken } from '../tools/_shared/valgrind-options.ts';
import { readCgiConfig } from './cgi-config.ts';
import { type CgiWords, readCgiWords } from './cgi-words.ts';
import { readWish, type Wished } from './wish.ts';

/** Seconds for one answer: a program is many times slower under an instrument. */
const usualTimeout = 300;

/** What is asked for. */
export interface ReplayWish {
  /** The program and its instrument. */
  readonly wished: Wished & Required<Pick<Wished, 'wish'>>;
  readonly settings: CgiSettings;
  readonly requests: readonly CapturedRequest[];
  readonly server: Server;
  /** @throws UserError (125) for what does not suit the program. */
  readonly plan: (request: RunRequest, say: (line: string) => void) => Promise<ReplayPlan>;
}

/**
 * Reads the words, the config and the captures.
 *
 * @param config as for `readWish`.
 * @throws UserError (125) for words that mean nothing, captures that cannot be read, a config that cannot be used.
 */
export async function readReplayWish(
  argv: readonly string[],
  workingDirectory: string,
  config?: string | false,
): Promise<ReplayWish> {
  const configured = await readCgiConfig(readCgiWords(argv), workingDirectory, config);
  const words = readCgiWords(argv, configured.words);
  const { settings } = words;
  if (words.program === undefined) {
    throw new UserError('no program is given', 'usage: vgrun cgi [options] program capture…');
  }
  const wished = await readWish(
    [...configured.presets.map((name) => `--preset=${name}`), ...words.options, '--', words.program],
    workingDirectory,
    config,
  );
  if (wished.wish === undefined) throw new UserError('nothing would be run', 'see vgrun cgi --help');
  const wish = wishFor(wished, wished.wish, words);
  const notes: string[] = [];
  const requests = await readAll([...words.captures, ...words.curl], settings, workingDirectory, notes);
  mustSuit(settings, wished, requests);
  const server = await configured.server(settings, workingDirectory, wish.environment);
  const expectations = (await Promise.all(settings.expect.map(readExpectations))).flat();
  return {
    wished: { ...wished, wish },
    settings,
    requests,
    server,
    plan: async (request, say) => {
      const mode = await modeOf(settings, request.target.path, say);
      mustSuitMode(settings, mode, request.tool.name);
      const programDirectory = resolve(workingDirectory, settings.chdir ?? dirname(request.target.path));
      await mustBeFolder(programDirectory);
      return {
        run: absolute(request),
        requests,
        notes,
        mode,
        server,
        processVariables: ownVariables(server),
        ...(settings.connect !== undefined && { connect: settings.connect }),
        programDirectory,
        passes: settings.repeat,
        warmUp: mode === 'cgi' ? 0 : settings.warmUp,
        parallel: Math.min(settings.jobs, requests.length * settings.repeat),
        timeout: wish.timeout,
        growth: measuresGrowth(settings, mode, request.tool.name),
        expectations,
        keepRequests: settings.keepRequests,
      };
    },
  };
}

/** What a program that serves many requests has by itself; the rest comes with each request. */
function ownVariables({ environment }: Server): ReadonlyMap<string, string> {
  return new Map(
    Object.entries(environment).flatMap(([name, value]) => (value === null ? [] : [[name, value] as const])),
  );
}

async function readAll(
  captures: readonly string[],
  settings: CgiSettings,
  workingDirectory: string,
  notes: string[],
): Promise<readonly CapturedRequest[]> {
  if (captures.length === 0) {
    throw new UserError(
      'no capture is given: what is the program to be asked?',
      'name a file with the request, a HAR file, or a URL: vgrun cgi ./app.cgi http://localhost/app.cgi?a=1',
    );
  }
  const requests: CapturedRequest[] = [];
  const options = {
    workingDirectory,
    stdin: () => process.stdin,
    select: selectionOf(settings),
    note: (sentence: string) => {
      notes.push(sentence);
    },
  };
  for await (const request of readCaptures(captures, options)) requests.push(request);
  if (requests.length === 0) {
    throw new UserError(
      `there is no request in ${captures.join(', ')} that is asked for`,
      'see what --entries, --url, --method and --status leave',
    );
  }
  return requests;
}

function selectionOf({ entries, url, method, status }: CgiSettings): NonNullable<CaptureOptions['select']> {
  return {
    ...(entries !== undefined && { entries }),
    ...(url !== undefined && { url }),
    ...(method !== undefined && { methods: method.split(',') }),
    ...(status !== undefined && { status }),
  };
}

/** A run of the program alone: captures are no arguments of it, and its time is that of one answer. */
function wishFor({ commandLine: { own } }: Wished, wish: Wish, { programArguments }: CgiWords): Wish {
  return {
    ...wish,
    launch: { ...wish.launch, arguments: programArguments },
    timeout: (own.timeout ?? usualTimeout) * 1000,
  };
}

/** What would be lost or mixed when the program is started many times. */
function mustSuit(
  settings: CgiSettings,
  { commandLine: { own, sinks }, wish, isTyped }: Wished,
  requests: readonly CapturedRequest[],
): void {
  const { repeat, jobs } = settings;
  if (repeat === 0) throw new UserError('--repeat cannot be 0', 'it takes: how often to send the requests');
  if (own.untilFail && isTyped('--until-fail')) {
    throw new UserError('--until-fail is for a run of a program alone', 'leave it out of vgrun cgi');
  }
  if (jobs === 0) throw new UserError('--jobs cannot be 0', 'it takes: how many requests at once');
  if (own.capture === 'fd') {
    throw new UserError('--capture=fd is for one program at a time', 'leave it out of vgrun cgi');
  }
  if (wish?.sink !== undefined) {
    throw new UserError(
      'a log in a descriptor or socket is for one program at a time',
      'name a file: --log-file=vg.%p.log',
    );
  }
  const own1 = sinks.xmlFile ?? sinks.logFile;
  if (own1 !== undefined && !own1.includes('%p') && requests.length * repeat > 1) {
    throw new UserError(
      `every start of the program would write over ${own1}`,
      'put %p into its name: it becomes the process number',
    );
  }
}

async function mustBeFolder(path: string): Promise<void> {
  const status = await stat(path).catch((error: NodeJS.ErrnoException) => error);
  if (!(status instanceof Error) && status.isDirectory()) return;
  throw new UserError(
    `the program cannot stand in ${path}: ${status instanceof Error ? status.message : 'it is no folder'}`,
    'name another one with --chdir=DIR',
  );
}

async function modeOf(
  { mode, connect }: CgiSettings,
  program: string,
  say: (line: string) => void,
): Promise<GatewayMode> {
  if (mode !== 'auto') return mode;
  if (connect !== undefined) return 'fastcgi';
  const detected = await detectMode(program);
  if (detected.mode !== 'cgi') say(`the program is asked as ${detected.mode}: ${detected.why}`);
  return detected.mode;
}

function mustSuitMode({ connect, warmUp, growth, jobs }: CgiSettings, mode: GatewayMode, tool: string): void {
  if (mode !== 'cgi') return;
  if (tool === 'memwatch' && jobs > 1) {
    throw new UserError(
      'programs that run at once would mix their reports in one memwatch.log',
      'leave out -j',
    );
  }
  const option =
    connect !== undefined ? '--connect' : warmUp > 0 ? '--warm-up' : growth === true ? '--growth' : undefined;
  if (option === undefined) return;
  throw new UserError(
    `${option} is for programs that serve many requests, and this one is started for each`,
    'leave it out; --mode=fastcgi says that it is a FastCGI program',
  );
}

/** @throws UserError (125) when it was asked for and cannot be had. */
function measuresGrowth({ growth, jobs }: CgiSettings, mode: GatewayMode, tool: string): boolean {
  const obstacle =
    tool !== 'memcheck'
      ? `${tool} cannot tell while the program runs`
      : jobs > 1
        ? 'several requests at once cannot be told apart'
        : undefined;
  if (growth === true && obstacle !== undefined) {
    throw new UserError(`growth by request cannot be measured: ${obstacle}`, 'it needs memcheck and one job');
  }
  return mode !== 'cgi' && growth !== false && obstacle === undefined;
}

/** The program stands in another folder than the user: what names a file is meant from the user's. */
function absolute(request: RunRequest): RunRequest {
  const { launch, target, workingDirectory, environmentOptions } = request;
  const placed = (template: string) => resolve(workingDirectory, template);
  const placedOption = (text: string): string => {
    const { name, value } = readToken(text);
    if (value === undefined || value === '' || optionNamed(name)?.type !== 'path') return text;
    return `${text.slice(0, text.indexOf('='))}=${placed(value)}`;
  };
  return {
    ...request,
    launch: {
      ...launch,
      program: target.path,
      toolOptions: launch.toolOptions.map(placedOption),
      ...(launch.logFile !== undefined && { logFile: placed(launch.logFile) }),
      ...(launch.xmlFile !== undefined && { xmlFile: placed(launch.xmlFile) }),
    },
    environmentOptions: environmentOptions.map(({ source, options }) => ({
      source,
      options: options.map(placedOption),
    })),
  };
}
