// The processes of a sanitizer's log: when one begins and ends, which tool it ran, and whether it was seen whole.
import type { ParsedRecord } from '../../model/record.ts';
import type { ReadContext } from '../tool.ts';
import type { ProblemTally } from './problem-tally.ts';
import type { SanitizerImage, SanitizerRecord } from './sanitizer-section.ts';

/** Records that wait until a process has told its pid and its tool. */
const mostHeld = 100;

/** Tools whose runtime may say nothing at its end. */
const withoutEnd = new Set(['ubsan', 'tsan']);

/** The processes of one log. */
export interface SanitizerImages {
  /** See `SectionHost.image`. @param program of the mark, when it names one. */
  readonly of: (tool: string, pid: number | undefined, program?: string) => SanitizerImage;
  /** The process with this pid, when it has spoken and has not ended. */
  readonly known: (pid: number) => SanitizerImage | undefined;
  /** How many processes have begun. */
  readonly count: () => number;
  /** Ends one, or all. */
  readonly end: (pid?: number) => void;
}

interface OwnImage extends SanitizerImage {
  readonly end: () => void;
  /** Takes a pid that was told late; false when it has one or was told of. */
  readonly adopt: (pid: number) => boolean;
}

/** @param give takes the finished records. */
export function sanitizerImages(
  context: ReadContext,
  problems: ProblemTally,
  give: (record: ParsedRecord) => void,
): SanitizerImages {
  const byPid = new Map<number, OwnImage>();
  let nameless: OwnImage | undefined;
  let last: OwnImage | undefined;
  let begun = 0;

  function begin(
    firstTool: string,
    firstPid: number | undefined,
    firstProgram: string | undefined,
  ): OwnImage {
    const image = context.nextImage();
    let pid = firstPid;
    const program = firstProgram;
    let tool = firstTool;
    let announced = false;
    let held: ParsedRecord[] = [];
    let settled = false;
    let broken = false;
    let over = false;
    let ended = false;
    let leakChecks = 0;
    let running = false;
    begun++;

    function announce(): void {
      if (announced) return;
      announced = true;
      const own = context.process?.pid === pid ? context.process : undefined;
      give({
        type: 'process',
        image,
        pid: pid ?? 0,
        tool,
        ...(own?.version !== undefined && { version: own.version }),
        argv: own?.argv ?? (program === undefined ? [] : [program]),
        instrumentArgv: [],
        forked: false,
        artifact: context.artifact,
      });
      for (const record of held) give(record);
      held = [];
    }

    function end(): void {
      if (ended) return;
      ended = true;
      announce();
      const complete = settled && !broken;
      // Whoever ran the program knows how it ended.
      if (complete && !over && withoutEnd.has(tool) && context.fromInstrument !== true) {
        problems.add({
          code: 'end-not-shown',
          level: 'warning',
          message:
            'The runtime says nothing when the program ends, so nothing tells whether the log is whole',
          ...(pid !== undefined && { pid }),
        });
      }
      give({
        type: 'process-end',
        image,
        complete,
        finished: settled,
        ...((leakChecks > 0 || context.fromInstrument === true) && { leakChecks }),
      });
      if (pid !== undefined) byPid.delete(pid);
      if (nameless === self) nameless = undefined;
    }

    const self: OwnImage = {
      image,
      pid: () => pid,
      setTool: (next: string) => {
        tool = next;
      },
      emit: (record: SanitizerRecord) => {
        const whole = Object.assign(record, { image }) as ParsedRecord;
        if (announced) give(whole);
        else {
          held.push(whole);
          if (held.length >= mostHeld) announce();
        }
      },
      settle: (last = false) => {
        settled = true;
        over ||= last;
        if (pid !== undefined) announce();
      },
      break: () => {
        broken = true;
      },
      countLeakCheck: () => {
        // The lines of its threads came before it.
        if (!running) leakChecks++;
        running = false;
        return leakChecks;
      },
      startLeakCheck: () => {
        // A check that suppresses something begins anew.
        if (!running) leakChecks++;
        running = true;
      },
      end,
      adopt: (of: number) => {
        if (announced || pid !== undefined) return false;
        pid = of;
        return true;
      },
    };
    return self;
  }

  return {
    of: (tool, told, program) => {
      const pid = told ?? context.process?.pid;
      if (pid === undefined) {
        const only =
          nameless ?? (last !== undefined && byPid.get(last.pid() ?? -1) === last ? last : undefined);
        if (only !== undefined) return only;
        nameless = begin(tool, undefined, program);
        last = nameless;
        return nameless;
      }
      let image = byPid.get(pid);
      if (image === undefined) {
        const adopted = nameless;
        if (adopted?.adopt(pid) === true) {
          image = adopted;
          nameless = undefined;
          image.setTool(tool);
        } else image = begin(tool, pid, program);
        byPid.set(pid, image);
      }
      last = image;
      return image;
    },
    known: (pid) => byPid.get(pid),
    count: () => begun,
    end: (pid) => {
      if (pid !== undefined) {
        byPid.get(pid)?.end();
        return;
      }
      nameless?.end();
      for (const image of [...byPid.values()]) image.end();
    },
  };
}
