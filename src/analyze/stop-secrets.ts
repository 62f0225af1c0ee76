// Takes values out of stops that are secrets by their names or looks.
import { hidden, isSecretName, looksSecret } from '../model/secret.ts';
import type { Stop, StopFrame, Variable } from '../model/stop.ts';

/**
 * The stop with `***` for texts that a variable, a member or an expression holds whose name says that it is a secret, and for texts
 * that look like one. Numbers and pointers without a text stay: `key` and `code` name more of those than secrets.
 */
export function withoutSecretValues(stop: Stop): Stop {
  return {
    ...stop,
    threads: stop.threads.map((thread) => ({ ...thread, frames: thread.frames.map(maskedFrame) })),
    ...(stop.probe && {
      probe: {
        ...stop.probe,
        values: stop.probe.values.map((each) =>
          each.value === undefined ? each : { ...each, value: masked(each.expression, each.value) },
        ),
        ...(stop.probe.changes && {
          changes: stop.probe.changes.map((each) => ({
            ...each,
            value: masked(each.expression, each.value),
          })),
        }),
      },
    }),
  };
}

function maskedFrame(frame: StopFrame): StopFrame {
  if (frame.variables === undefined) return frame;
  return { ...frame, variables: frame.variables.map(maskedVariable) };
}

function maskedVariable(variable: Variable): Variable {
  const value = masked(variable.name, variable.value);
  return value === variable.value ? variable : { ...variable, value };
}

// `"hunter2"`, `L"hunter2"...`: as gdb prints characters, with escapes.
const quoted = /"(?:[^"\\]|\\.)*(?:"|$)/gs;
// `password = 0x4052a0 "hunter2"`, `pin = "1234\000\000"`, `token = {0x4052a0 "…"`
const member = /([A-Za-z_]\w*) = ((?:[^",{}]|\{)*)"(?:[^"\\]|\\.)*(?:"|$)/gs;

function masked(name: string, value: string): string {
  if (!value.includes('"')) return value;
  if (isSecretName(name)) return value.replace(quoted, `"${hidden}"`);
  return value
    .replace(member, (whole, inner: string, before: string) =>
      isSecretName(inner) ? `${inner} = ${before}"${hidden}"` : whole,
    )
    .replace(quoted, (text) => (looksSecret(text.replace(/^"|"$/g, '')) ? `"${hidden}"` : text));
}
