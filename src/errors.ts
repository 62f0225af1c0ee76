// Errors a user can act on: one sentence, one hint, one exit status. Everything else that is thrown is a bug.

/** The exit statuses vgrun itself gives; see "Exit status" in docs/run.md. */
export const ExitStatus = {
  clean: 0,
  findings: 100,
  inconclusive: 101,
  cannot: 125,
  notExecutable: 126,
  notFound: 127,
} as const;

/** A mistake or obstacle outside vgrun. Shown as `vgrun: message` and `hint: …`, never with a stack trace. */
export class UserError extends Error {
  readonly hint: string | undefined;
  readonly status: number;

  constructor(message: string, hint?: string, status: number = ExitStatus.cannot) {
    super(message);
    this.name = 'UserError';
    this.hint = hint;
    this.status = status;
  }
}
