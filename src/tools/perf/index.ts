// Owns perf: where time goes, by samples of whole call stacks, at nearly full speed.
import type { Launch, Plan, PlanContext } from '../../model/launch.ts';
import { optionsFor } from '../_shared/valgrind-options.ts';
import type { CollectContext, CollectStep, Tool } from '../tool.ts';

const dataFile = 'perf.data';

/** Odd, so that it does not keep step with what a program does each 10 ms; the kernel's usual limit is far above. */
const usualFrequency = 997;

export const perf: Tool = {
  name: 'perf',
  title: 'samples of where time goes',
  launcher: 'perf',
  yields: 'profile',
  plan: planRecord,
  collect: collectScript,
};

/** `perf record` (perf-record(1)); `-q`, because what it prints would stand between the program's own lines. */
function planRecord({ tool, toolOptions, attach }: Launch, { directory }: PlanContext): Plan {
  const options = optionsFor(tool, toolOptions);
  const isSet = (...names: readonly string[]): boolean => options.some(({ name }) => names.includes(name));
  const wantsCallers = options.findLast(({ name }) => name === '--call-graph')?.value !== 'no';
  return {
    options: [
      'record',
      '-q',
      `--output=${directory}/${dataFile}`,
      ...(isSet('--freq', '--count') ? [] : [`--freq=${usualFrequency}`]),
      ...(isSet('--call-graph') ? [] : ['--call-graph=fp']),
      ...toolOptions.filter((option) => wantsCallers || !option.startsWith('--call-graph=')),
      ...(attach === undefined ? [] : [`--pid=${attach.pid}`]),
      '--',
    ],
    environment: {},
    // What perf starts beside the process says how long it looks.
    ...(attach !== undefined && { command: ['sleep', String(attach.seconds)] }),
  };
}

/** The usual fields and the process: fields that were named one by one must all have been recorded (perf-script(1)). */
export const scriptFields = '+pid';

function collectScript(
  artifacts: readonly string[],
  { directory, instrument }: CollectContext,
): readonly CollectStep[] {
  if (!artifacts.includes(dataFile)) return [];
  return [
    {
      command: [instrument, 'script', '--header', '-F', scriptFields, '-i', `${directory}/${dataFile}`],
      output: 'perf.script.txt',
      failure: 'perf script could not read what perf record wrote',
    },
  ];
}
