// Owns where reports go: `--report FORMAT=FILE`, the terminal, its colours and its size.
import { createWriteStream } from 'node:fs';
import { access, constants, rm, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { Readable } from 'node:stream';
import { finished, pipeline } from 'node:stream/promises';
import { UserError } from '../errors.ts';
import type { Report } from '../model/report.ts';
import {
  binaryFormats,
  loadReporter,
  mustHaveForm,
  type RenderOptions,
  render,
  reporterNames,
} from '../report/index.ts';
import { harmless } from '../report/terminal-text.ts';

/** One `--report FORMAT=FILE`; `-` is standard output. */
export interface Destination {
  readonly format: string;
  readonly file: string;
}

/**
 * Reads `json=out.json`, and makes sure before a long run that the file can be written after it.
 *
 * @throws UserError (125) for an unknown format, a missing file name, a directory that cannot be written, and for a
 *   binary format on a terminal.
 */
export async function readDestination(text: string): Promise<Destination> {
  const at = text.indexOf('=');
  const format = at === -1 ? text : text.slice(0, at);
  const file = at === -1 ? '-' : text.slice(at + 1);
  if (!reporterNames.includes(format)) {
    throw new UserError(
      `--report ${text}: there is no format "${format}"`,
      `the formats are ${reporterNames.join(', ')}`,
    );
  }
  if (file === '')
    throw new UserError(
      `--report ${text}: the file name is missing`,
      `write ${format}=FILE, or ${format}=- for standard output`,
    );
  if (file !== '-') await mustBeWritable(file);
  else if (binaryFormats.includes(format) && process.stdout.isTTY === true) {
    throw new UserError(
      `--report ${text}: ${format} is binary, and standard output is a terminal`,
      `write it to a file: --report=${format}=vgrun.${format}`,
    );
  }
  return { format, file };
}

/**
 * Reads all `--report` of a command.
 *
 * @throws UserError (125) as `readDestination` and `mustBeApart` do.
 */
export async function readDestinations(texts: readonly string[]): Promise<readonly Destination[]> {
  const destinations = await Promise.all(texts.map(readDestination));
  await mustBeApart(destinations, []);
  return destinations;
}

/**
 * Makes sure that no report takes the place of another.
 *
 * @param taken files that must not be written over, with what they are: `['a.txt', 'the baseline']`.
 * @throws UserError (125) for two reports in one place: one of them would be lost.
 */
export async function mustBeApart(
  destinations: readonly Destination[],
  taken: readonly (readonly [path: string, what: string])[],
): Promise<void> {
  const places = new Map(taken.map(([path, what]) => [resolve(path), what]));
  for (const { format, file } of destinations) {
    const place = file === '-' ? '-' : resolve(file);
    const what = places.get(place);
    // What is no plain file, such as /dev/stderr, takes any number.
    const shared = file !== '-' && (await stat(place).catch(() => undefined))?.isFile() === false;
    if (what !== undefined && !shared) {
      throw new UserError(
        `--report ${format}=${file}: ${file === '-' ? 'standard output' : file} is ${what}`,
        'name another file',
      );
    }
    places.set(place, `where the ${format} report goes`);
  }
}

/** @throws UserError (125) when there can be no such file. */
export async function mustBeWritable(file: string): Promise<void> {
  const path = resolve(file);
  const existing = await stat(path).catch(() => undefined);
  if (existing?.isDirectory()) throw new UserError(`${file} is a directory`, 'name a file in it');
  const place = existing === undefined ? dirname(path) : path;
  try {
    await access(place, constants.W_OK);
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    throw new UserError(
      missing ? `${dirname(path)} does not exist` : `${file} cannot be written: permission denied`,
      missing ? `make it: mkdir -p ${dirname(file)}` : 'name another place',
    );
  }
}

/** Loads what the report on the terminal needs, so that it is there when a program ends. */
export async function readyTerminal(): Promise<void> {
  await loadReporter('pretty');
}

/** Whether one of the reports shows what the instrument itself wrote. */
export function showsRaw(destinations: readonly Destination[]): boolean {
  return destinations.some(({ format }) => format === 'html');
}

/**
 * Renders the report into all destinations. One that cannot be written is said and does not keep the others from it.
 *
 * @param look of a report on standard output; in a file there are no colours.
 * @returns the status of the report, or 125 when a destination could not be written.
 */
export async function writeReports(
  report: Report,
  destinations: readonly Destination[],
  look: RenderOptions,
): Promise<number> {
  let { status } = report;
  for (const destination of destinations) {
    const options = destination.file === '-' ? look : { ...look, color: false };
    try {
      await writeReport(report, destination, options);
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      const hint = error.hint === undefined ? '' : `hint: ${harmless(error.hint)}\n`;
      process.stderr.write(`vgrun: ${harmless(error.message)}\n${hint}`);
      status = error.status;
    }
  }
  return status;
}

/**
 * Renders the report into one destination, and what belongs to it where the CI system asks for it.
 *
 * @throws UserError (125) when a file cannot be written to its end, and when the format has no form for the report.
 */
async function writeReport(report: Report, destination: Destination, options: RenderOptions): Promise<void> {
  const { format, file } = destination;
  await mustHaveForm(report, format);
  if (file === '-') await writeTo(process.stdout, report, format, options);
  else await writeFile(report, destination, options, 'w');
  const { companion } = await loadReporter(format);
  const place = companion === undefined ? undefined : process.env[companion.variable];
  if (companion === undefined || place === undefined || place === '') return;
  // Other steps of the job may have written to it.
  await writeFile(report, { format: companion.format, file: place }, options, 'a');
}

async function writeFile(
  report: Report,
  { format, file }: Destination,
  options: RenderOptions,
  flags: 'w' | 'a',
): Promise<void> {
  const stream = createWriteStream(file, { flags });
  try {
    await writeTo(stream, report, format, options);
    stream.end();
    await finished(stream);
  } catch (error) {
    stream.destroy();
    // Half a report would pass for one. What is no plain file, such as /dev/full, is nobody's to remove.
    if (flags === 'w' && (await stat(file).catch(() => undefined))?.isFile() === true) {
      await rm(file, { force: true });
    }
    throw new UserError(
      `${file} could not be written: ${(error as Error).message}`,
      'the run itself is kept; render it again with vgrun report',
    );
  }
}

/** Renders to an open stream and waits for it to take everything; the stream stays open. */
export async function writeTo(
  stream: NodeJS.WritableStream,
  report: Report,
  format: string,
  options: RenderOptions,
): Promise<void> {
  await pipeline(Readable.from(render(report, format, options)), stream, { end: false }).catch(
    (error: NodeJS.ErrnoException) => {
      if (stream !== process.stdout) throw error;
      // The reader has enough. What else is wrong with standard output is said where its errors arrive (cli.ts).
      if (error.code !== 'EPIPE' && error.code !== 'ERR_STREAM_PREMATURE_CLOSE') {
        throw new UserError(`standard output could not be written: ${error.message}`);
      }
    },
  );
}

/** How the options of a sub-command want a report to look. */
export interface LookWishes {
  readonly color: string;
  readonly 'full-stacks': boolean;
  readonly all: boolean;
}

/**
 * The end of a sub-command that makes a report: on standard output unless it goes elsewhere, into all destinations, and by mail.
 *
 * @returns the exit status, as `writeReports` gives it, or the mail.
 */
export async function showReport(
  report: Report,
  destinations: readonly Destination[],
  wishes: LookWishes,
  mail?: WishedMail,
): Promise<number> {
  const look = {
    ...terminalOptions(process.stdout, wishes.color),
    fullStacks: wishes['full-stacks'],
    all: wishes.all,
  };
  if (destinations.length === 0) await writeTo(process.stdout, report, 'pretty', look);
  const status = await writeReports(report, destinations, look);
  return mail === undefined ? status : mail.send(report, destinations, look, status);
}

/** A mail that the options of a sub-command ask for. */
export interface WishedMail {
  /** `.eml` files. */
  readonly files: readonly string[];
  /** @returns the exit status. */
  readonly send: (
    report: Report,
    destinations: readonly Destination[],
    look: RenderOptions,
    status: number,
  ) => Promise<number>;
}

/** How a report may look on a stream. @param wish `auto`, `always` or `never` (`--color`). */
export function terminalOptions(
  stream: NodeJS.WriteStream,
  wish: string,
): { color: boolean; columns: number; rows?: number; hyperlinks: boolean } {
  const { NO_COLOR, FORCE_COLOR, TERM } = process.env;
  const terminal = stream.isTTY === true && TERM !== 'dumb';
  const automatic =
    FORCE_COLOR !== undefined
      ? FORCE_COLOR !== '0'
      : NO_COLOR !== undefined && NO_COLOR !== ''
        ? false
        : terminal;
  return {
    color: wish === 'always' || (wish !== 'never' && automatic),
    // A pseudo-terminal that nobody sized says 0.
    columns: (terminal && stream.columns) || 100,
    ...(terminal && stream.rows > 0 ? { rows: stream.rows } : {}),
    // OSC 8 is shown as rubbish by terminals that do not know it, and a plain path:line is clickable in most.
    hyperlinks: false,
  };
}
