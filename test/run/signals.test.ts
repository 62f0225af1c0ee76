// Signals that somebody sends to vgrun while it starts the target.
import { once } from 'node:events';
import { expect, test } from 'vitest';
import { awaitSignals } from '../../src/run/signals.ts';

test('a signal that comes while the target starts does not end vgrun, and who listens next hears it', async () => {
  const stop = awaitSignals();
  process.kill(process.pid, 'SIGUSR2');
  const heard = once(process, 'SIGUSR2');
  stop();
  expect(await heard).toContain('SIGUSR2');
});
