import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { capturesFolder, headerOf, readAll, readText, refusalOf } from './captures.ts';

const recorded = (name: string): string => readFileSync(join(capturesFolder, 'curl', name), 'latin1');

test('curl -v shows requests without bodies', async () => {
  const [first, second, ...more] = await readAll(['curl/verbose.txt']);
  expect(first).toMatchObject({
    method: 'GET',
    target: '/first?a=1',
    host: '127.0.0.1',
    port: 18999,
    source: { name: 'curl/verbose.txt', entry: 1 },
  });
  expect(first === undefined ? '' : headerOf(first, 'cookie')).toBe('sid=1');
  expect([second?.target, more.length]).toEqual(['/', 0]);
  expect(await refusalOf(readAll(['curl/verbose-with-body.txt']))).toBe(
    'curl/verbose-with-body.txt, entry 1: curl -v does not show the body that was sent',
  );
});

test('curl --trace-ascii shows bodies, with dots for what is no text', async () => {
  const [first, second] = await readAll(['curl/trace-ascii.txt']);
  expect(first).toMatchObject({
    method: 'POST',
    target: '/form',
    body: `a=b.c&long=${'0123456789'.repeat(7)}`,
  });
  expect(first === undefined ? '' : headerOf(first, 'x-long')).toBe('0123456789 '.repeat(6).trim());
  expect(first?.notes.join()).toMatch(/A dot in its body may stand for another byte/);
  expect(second).toMatchObject({ target: '/second', notes: [] });
});

test('curl --trace shows every byte', async () => {
  const [request] = await readAll(['curl/trace.txt']);
  expect(request?.body).toContain(`\r\n\r\n${recorded('upload.bin')}\r\n`);
  expect(request?.notes).toEqual([]);
});

test('traces that were saved with CR LF are the same, and one that is cut is refused', async () => {
  for (const name of ['trace-ascii.txt', 'trace.txt', 'verbose.txt']) {
    const text = recorded(name);
    const plain = (requests: readonly object[]) =>
      requests.map((request) => ({ ...request, source: undefined }));
    const windows = await readText(text.replace(/\r?\n/g, '\r\n'));
    expect(plain(windows), name).toEqual(plain(await readText(text)));
  }
  const text = recorded('trace.txt');
  expect(await refusalOf(readText(text.slice(0, text.indexOf('0100: '))))).toMatch(
    /the trace lacks \d+ bytes/,
  );
});
