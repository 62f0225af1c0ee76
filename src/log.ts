// Owns vgrun's own log: pino on stderr, loaded and written only when asked for.
import type { Logger } from 'pino';

let logger: Logger | undefined;

/** Turns the log on. @param level pino's words: `error`, `warn`, `info`, `debug`, `trace`. */
export async function enableLog(level: string): Promise<void> {
  // The bundle knows a CommonJS module by its default export only.
  const { default: pino } = await import('pino');
  logger = pino({ name: 'vgrun', level }, pino.destination({ dest: 2, sync: true }));
}

/** Says something at debug level: what was decided and why. Costs nothing while the log is off. */
export function debug(message: string, fields: Readonly<Record<string, unknown>> = {}): void {
  logger?.debug(fields, message);
}
