// Colours, links and places, as the terminal report writes them.
import picocolors from 'picocolors';
import type { Severity } from '../model/finding.ts';
import type { Report, ReportFrame } from '../model/report.ts';
import { functionText, isMerePlace } from './html-page/words.ts';
import type { RenderOptions } from './reporter.ts';
import { harmless } from './terminal-text.ts';

/** How to write. Texts given to the colour functions must be harmless already. */
export interface Ink {
  readonly columns: number;
  readonly fullStacks: boolean;
  readonly bold: (text: string) => string;
  readonly dim: (text: string) => string;
  readonly red: (text: string) => string;
  readonly yellow: (text: string) => string;
  readonly green: (text: string) => string;
  readonly severity: (severity: Severity) => string;
  /** `src/list.c:42 in pop()`; without a source the object. */
  readonly place: (frame: ReportFrame) => string;
  /** `src/list.c:42`, a link where links are wanted; undefined without a source. */
  readonly source: (frame: ReportFrame) => string | undefined;
}

/** The ink for one report. */
export function makeInk(report: Report, options: RenderOptions): Ink {
  const { bold, dim, red, yellow, green, cyan } = picocolors.createColors(options.color === true);
  const root = report.run?.projectRoot;
  const source = (frame: ReportFrame): string | undefined => {
    if (frame.path === undefined) return undefined;
    const text = harmless(frame.path) + (frame.line === undefined ? '' : `:${frame.line}`);
    const target = options.hyperlinks === true ? linkTarget(frame.path, root) : undefined;
    return target === undefined ? text : `\x1b]8;;${target}\x1b\\${text}\x1b]8;;\x1b\\`;
  };
  return {
    columns: Math.max(40, options.columns ?? 100),
    fullStacks: options.fullStacks === true,
    bold,
    dim,
    red,
    yellow,
    green,
    severity: (severity) => {
      if (severity === 'critical' || severity === 'error') return bold(red(severity));
      return severity === 'warning' ? yellow(severity) : cyan(severity);
    },
    place: (frame) => {
      const where = source(frame);
      const name = functionName(frame);
      if (where !== undefined && isMerePlace(frame)) return bold(where);
      if (where !== undefined) return `${bold(where)} in ${name}`;
      return frame.object === undefined ? name : `${name} in ${harmless(frame.object)}`;
    },
    source,
  };
}

/** `pop()`; C++ names bring their own parentheses. */
export function functionName(frame: ReportFrame): string {
  return harmless(functionText(frame));
}

/** `file:` URL of a source; undefined when its place is not known. */
function linkTarget(path: string, root: string | undefined): string | undefined {
  const absolute = path.startsWith('/') ? path : root === undefined ? undefined : `${root}/${path}`;
  if (absolute === undefined || harmless(absolute) !== absolute) return undefined;
  return `file://${absolute.split('/').map(encodeURIComponent).join('/')}`;
}
