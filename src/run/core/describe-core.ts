// Owns the description of a process in a core file: its threads with their frames.
import type { Stop } from '../../model/stop.ts';
import { codePlaces } from '../../tools/core/code-places.ts';
import { unwindThread } from '../../tools/core/unwind.ts';
import type { OpenedCore } from './open-core.ts';

/** Never throws: what cannot be read ends the stack of a thread. */
export async function describeCore({ image, modules, functions, facts }: OpenedCore): Promise<Stop> {
  const indexes = new Map(image.modules.map((module, index) => [module, index]));
  const code = codePlaces(image, (module, address) => functions(indexes.get(module) ?? -1)?.at(address));
  return {
    number: 1,
    cause: 'core',
    pid: facts.pid,
    threads: image.threads.map((thread, index) => {
      const { states: _, ...stack } = unwindThread(code, thread);
      const { lwp, name } = thread;
      return { number: index + 1, lwp, ...(name !== undefined && { name }), ...stack };
    }),
    modules,
  };
}
