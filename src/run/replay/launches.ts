// Owns the starts of the program in a replay: each is a run with a directory, descriptors and an environment of its own.
import { createLaunchDirectory, isWrittenByProgram } from '../directory.ts';
import { killedWithUs } from '../limits.ts';
import { type Added, type RunEvents, type RunResult, runTarget } from '../run.ts';
import type { ReplayPlan } from './plan.ts';

/** A start of the program, and what is left of it. */
export interface Launched extends RunResult {
  /** The folder in the run directory. */
  readonly name: string;
}

export interface LaunchWishes extends Pick<RunEvents, 'standard' | 'onStart' | 'onExit'> {
  /** All the variables that it has. */
  readonly variables: Readonly<Record<string, string>>;
  /** Arguments behind those that the user gave. */
  readonly arguments?: readonly string[];
  /** ms; 0: no limit. */
  readonly timeout: number;
  readonly onEnded: (directory: string) => Promise<Added>;
}

export interface Launches {
  /** Makes the place of the next start, from 1. */
  readonly prepare: () => Promise<LaunchPlace>;
}

export interface LaunchPlace {
  readonly name: string;
  /** Absolute. */
  readonly directory: string;
  /** Starts the program, and waits until it and its processes have ended. */
  readonly start: (wishes: LaunchWishes) => Promise<Launched>;
}

/**
 * @param run absolute path of the run directory.
 * @param onStart called once: the first program runs.
 */
export function startLaunches(plan: ReplayPlan, run: string, onStart: (() => void) | undefined): Launches {
  const isServed = plan.mode !== 'cgi';
  let count = 0;
  let first = onStart;
  const { workingDirectory: _, problems: __, ...request } = plan.run;
  return {
    prepare: async () => {
      const name = `launch-${++count}`;
      const directory = await createLaunchDirectory(
        run,
        name,
        isWrittenByProgram(request.tool.launcher, request.launch.capture),
      );
      return {
        name,
        directory,
        start: async ({ variables, arguments: more = [], timeout, ...events }) => {
          const result = await runTarget(
            {
              ...request,
              launch: { ...request.launch, arguments: [...request.launch.arguments, ...more] },
              // What was known before the first start is said by the replay.
              inheritance: {
                ...(isServed ? killedWithUs(request.inheritance) : request.inheritance),
                problems: [],
              },
              target: { ...request.target, problems: [] },
              problems: [],
              environment: variables,
              onlyEnvironment: true,
              // The bytes of a request need not be text.
              inherits: request.inherits ?? {},
              isDriven: isServed,
              place: { id: name, directory },
              ownSession: true,
              workingDirectory: plan.programDirectory,
              timeout,
            },
            {
              ...events,
              onStart: (pid, at) => {
                first?.();
                first = undefined;
                events.onStart?.(pid, at);
              },
            },
          );
          return { ...result, name };
        },
      };
    },
  };
}
