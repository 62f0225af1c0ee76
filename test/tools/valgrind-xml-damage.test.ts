// Documents that are not well formed, most of them recorded: what is there is read, what is not is said.
import { describe, expect, test } from 'vitest';
import type { ParsedRecord } from '../../src/model/record.ts';
import {
  collect,
  corpusXml,
  only,
  problemCodes,
  readXml,
  stackLines,
  xmlDocument,
  xmlError,
  xmlFrame,
  xmlStack,
} from './xml-reading.ts';

const anError = (unique = '0x0', what = 'Invalid read of size 4') =>
  xmlError(
    unique,
    'InvalidRead',
    `  <what>${what}</what>\n${xmlStack(xmlFrame('0x1', 'f', 3), xmlFrame('0x2', 'main', 9))}`,
  );

describe('texts that valgrind does not escape', () => {
  test('a thread name with < and & in it is the name', async () => {
    const records = await readXml(corpusXml('malformed/3.27-threadname-unescaped'));
    expect(only(records, 'finding')[0]?.thread).toEqual({ id: 1, name: 'a<b&c' });
    expect(only(records, 'thread')).toMatchObject([{ id: 1, root: true, name: 'a<b&c' }]);
    expect(problemCodes(records)).toEqual([]);
  });

  test('a path with <&> and an unbound socket are read as they stand', async () => {
    const records = await readXml(corpusXml('malformed/3.27-fd-unescaped-path-and-socket'));
    expect(only(records, 'finding').map(({ what, descriptor }) => [what, descriptor])).toEqual([
      ['File descriptor 3: /dev/null is already closed', { number: 3, path: '/dev/null' }],
      ['File descriptor 3 was closed already', { number: 3, path: '/dev/null' }],
      ['Open file descriptor 4: /tmp/x<&>y.txt', { number: 4, path: '/tmp/x<&>y.txt' }],
      ['Open AF_INET socket 3: <unbound> <-> <unbound>', { number: 3 }],
    ]);
    expect(problemCodes(records)).toEqual([]);
  });

  test('bytes that are not UTF-8 and control characters survive', async () => {
    const [process] = only(
      await readXml(corpusXml('malformed/3.19-nonutf8-and-control-char-in-args')),
      'process',
    );
    expect(process?.argv).toEqual(['./uninit_cond', 'bad\u0001arg<>&"\u00ff']);
  });

  test('UTF-8 is UTF-8', async () => {
    const [finding] = only(await readXml(xmlDocument(anError('0x0', 'größe ≤ 4'))), 'finding');
    expect(finding?.what).toBe('größe ≤ 4');
  });

  test('line ends of another system change nothing', async () => {
    const bytes = corpusXml('helgrind/hg-cond-xml-3.22');
    const crlf = Buffer.from(bytes.toString('latin1').replaceAll('\n', '\r\n'), 'latin1');
    const withoutSpans = (records: readonly ParsedRecord[]) =>
      records.map((record) => ({ ...record, span: undefined }));
    expect(withoutSpans(await readXml(crlf))).toEqual(withoutSpans(await readXml(bytes)));
  });

  test('a finding tells where its element stands', async () => {
    const bytes = corpusXml('helgrind/hg-cond-xml-3.22');
    const spans = only(await readXml(bytes), 'finding').map(({ span }) => span);
    expect(spans.length).toBeGreaterThan(0);
    for (const span of spans) {
      const { offset = 0, length = 0 } = span ?? {};
      expect(bytes.toString('latin1', offset, offset + length)).toMatch(/^<error>[\s\S]*<\/error>$/);
    }
  });
});

describe('a document that is cut', () => {
  test('by exec keeps the errors before the cut and is not complete', async () => {
    const records = await readXml(corpusXml('malformed/3.19-exec-truncated'));
    expect(only(records, 'finding').map(stackLines)).toEqual([['at: err < main']]);
    expect(only(records, 'process-end')).toEqual([
      { type: 'process-end', image: 1, complete: false, finished: false },
    ]);
    expect(problemCodes(records)).toEqual(['truncated-document']);
  });

  test('after FINISHED says that the program ended, and that the totals are missing', async () => {
    const whole = xmlDocument('');
    const records = await readXml(whole.slice(0, whole.indexOf('</valgrindoutput>')));
    expect(only(records, 'process-end')).toMatchObject([{ complete: false, finished: true }]);
  });

  test('before its pid is no process, and this is said', async () => {
    const records = await readXml('<?xml version="1.0"?>\n\n<valgrindoutput>\n\n<protocolversion>4</proto');
    expect(records).toMatchObject([
      { type: 'problem', problem: { code: 'truncated-document', level: 'incomplete' } },
    ]);
  });

  test('at its head still gives what is left', async () => {
    const whole = xmlDocument(anError('0x7'));
    const records = await readXml(whole.slice(whole.indexOf('<error>')));
    expect(only(records, 'process')).toMatchObject([{ pid: 0, forked: false }]);
    expect(only(records, 'finding')).toMatchObject([{ unique: '0x7' }]);
    expect(problemCodes(records)).toEqual(['missing-preamble']);
  });

  test('inside an error by another document keeps that error as far as it goes', async () => {
    const cut = xmlDocument(anError()).split('  </stack>')[0] ?? '';
    const records = await readXml(`${cut}\n${xmlDocument('', { pid: 200 })}`);
    expect(only(records, 'finding').map(stackLines)).toEqual([['at: f < main']]);
    expect(problemCodes(records)).toContain('unclosed-element');
  });

  test('with a hole of NUL bytes says so', async () => {
    const records = await readXml(
      `${xmlDocument(anError())}${'\0'.repeat(100_000)}\n${xmlDocument('', { pid: 200 })}`,
    );
    expect(only(records, 'process').map(({ pid }) => pid)).toEqual([100, 200]);
    expect(only(records, 'problem')[0]?.problem).toMatchObject({ code: 'hole', level: 'incomplete' });
  });
});

describe('several processes in one file', () => {
  test('one after the other are two processes', async () => {
    const records = await readXml(xmlDocument(anError()) + xmlDocument(anError(), { pid: 200 }));
    expect(records.map(({ type }) => type)).toEqual([
      'process',
      'finding',
      'process-end',
      'process',
      'finding',
      'process-end',
    ]);
    expect(only(records, 'finding').map(({ image }) => image)).toEqual([1, 2]);
  });

  test('a child inside its parent ends first, and the rest is the parent', async () => {
    const records = await readXml(corpusXml('malformed/3.19-fork-both-percent-p-concatenated'));
    expect(only(records, 'process').map(({ pid, ppid, forked }) => [pid, ppid, forked])).toEqual([
      [31024, 30571, false],
      [31519, 31024, true],
    ]);
    expect(only(records, 'process-end').map(({ image, complete }) => [image, complete])).toEqual([
      [2, true],
      [1, true],
    ]);
    expect(only(records, 'finding').map(({ image }) => image)).toEqual([1, 2, 2, 2, 2, 1, 1]);
    expect(problemCodes(records)).toEqual(['shared-document']);
  });

  test('a second tail is a process of its own, without a pid', async () => {
    const records = await readXml(corpusXml('malformed/3.19-fork-fixed-file-two-tails'));
    expect(only(records, 'process').map(({ pid, ppid, forked }) => [pid, ppid, forked])).toEqual([
      [30572, 30571, false],
      [0, 30572, true],
    ]);
    expect(only(records, 'process-end').every(({ complete }) => complete)).toBe(true);
    expect(only(records, 'counts').map(({ image }) => image)).toEqual([1, 2]);
    expect(problemCodes(records)).toEqual(['shared-document']);
  });

  test('the same pid again is an exec: the former image has ended', async () => {
    const cut = xmlDocument(anError()).split('<status>\n  <state>FINISHED')[0] ?? '';
    const records = await readXml(cut + xmlDocument(anError('0x5')));
    expect(records.map((record) => [record.type, 'image' in record ? record.image : undefined])).toEqual([
      ['process', 1],
      ['finding', 1],
      ['process-end', 1],
      ['process', 2],
      ['finding', 2],
      ['process-end', 2],
    ]);
    expect(only(records, 'process-end').map(({ complete }) => complete)).toEqual([false, true]);
  });

  test('half a line of another process is quoted, not believed', async () => {
    const records = await readXml(corpusXml('malformed/3.19-forkexec-traced-fixed-file'));
    expect(only(records, 'finding')).toHaveLength(2);
    expect(only(records, 'problem')[0]?.problem).toMatchObject({
      code: 'stray-text',
      quote: '<sta',
      offset: 1329,
    });
  });
});

describe('bugs of valgrind', () => {
  test('stacks behind the root say that the instrument died', async () => {
    const records = await readXml(corpusXml('malformed/3.19-tool-assert-junk-after-root'));
    expect(only(records, 'message').map(({ source, stack }) => [source, stack?.frames[0]?.function])).toEqual(
      [
        ['tool', 'clone'],
        ['tool', 'pthread_barrier_wait@*'],
      ],
    );
    expect(only(records, 'process-end')).toMatchObject([{ complete: false }]);
    expect(only(records, 'problem')[0]?.problem).toMatchObject({
      code: 'instrument-died',
      level: 'incomplete',
    });
  });

  test('a loose stack inside the root is kept and means no harm', async () => {
    const records = await readXml(xmlDocument(xmlStack(xmlFrame('0x1', 'open'))));
    expect(only(records, 'message')[0]?.stack?.frames[0]?.function).toBe('open');
    expect(only(records, 'process-end')).toMatchObject([{ complete: true }]);
    expect(problemCodes(records)).toEqual([]);
  });

  test('the tag that 3.26.0 forgets to close costs no number', async () => {
    const records = await readXml(corpusXml('malformed/3.26-unclosed-still-reachable'));
    expect(only(records, 'totals').find(({ leaks }) => leaks)?.leaks).toEqual({
      definite: { bytes: 1_234_567, blocks: 1 },
      indirect: { bytes: 0, blocks: 0 },
      possible: { bytes: 0, blocks: 0 },
      reachable: { bytes: 0, blocks: 0 },
      suppressed: { bytes: 0, blocks: 0 },
    });
    expect(problemCodes(records)).toEqual([]);
  });
});

describe('what the reader does not know', () => {
  test('is one problem of each kind, quoted and counted', async () => {
    const body = `${'<colour>red</colour>\n'.repeat(3)}some text\n<pid2>\n`;
    const problems = only(await readXml(xmlDocument(body)), 'problem').map(({ problem }) => problem);
    expect(problems.map(({ code, quote }) => [code, quote])).toEqual([
      ['unknown-element', '<colour>red'],
      ['stray-text', 'some text'],
      ['unknown-element', '<pid2>'],
    ]);
    expect(problems[0]?.message).toContain('3 times');
  });

  test('never becomes a flood', async () => {
    const body = Array.from({ length: 5000 }, (_, index) => `<x${index}>\n`).join('');
    expect(only(await readXml(xmlDocument(body)), 'problem').length).toBeLessThan(100);
  });

  test('a value that is no number is quoted', async () => {
    const records = await readXml(xmlDocument(anError().replace('<tid>1<', '<tid>one<')));
    expect(only(records, 'problem')[0]?.problem).toMatchObject({ code: 'unreadable-value', quote: 'one' });
    expect(only(records, 'finding')).toHaveLength(1);
  });

  test('a stack whose end is missing does not swallow what follows', async () => {
    const body = xmlError(
      '0x0',
      'InvalidRead',
      `  <what>w</what>\n  <stack>\n${xmlFrame('0x1', 'f')}  <auxwhat>Block was alloc'd at</auxwhat>\n${xmlStack(xmlFrame('0x2', 'malloc'))}`,
    );
    const [finding] = only(await readXml(xmlDocument(body)), 'finding');
    expect(stackLines(finding)).toEqual(['at: f', 'allocated at: malloc']);
  });

  test('a text whose end is missing ends with its line', async () => {
    const records = await readXml(xmlDocument(anError().replace('</what>', '') + anError('0x1')));
    expect(only(records, 'finding').map(({ what, unique }) => [what, unique])).toEqual([
      ['Invalid read of size 4', '0x0'],
      ['Invalid read of size 4', '0x1'],
    ]);
    expect(problemCodes(records)).toEqual(['unclosed-element']);
  });
});

describe('an endless element', () => {
  async function* endless(start: string, filling: string, end: string): AsyncGenerator<Uint8Array> {
    yield Buffer.from(start);
    const piece = Buffer.from(filling.repeat(Math.ceil(65_536 / filling.length)));
    for (let index = 0; index < 400; index++) yield piece;
    yield Buffer.from(end);
  }
  const [head = '', tail = ''] = xmlDocument('HERE').split('HERE');

  test('of text is cut at 64 KiB, and what follows is read', async () => {
    const broken = anError('0x0', 'LONG').split('LONG');
    const records = await collect(endless(head + broken[0], 'x', broken[1] + anError('0x1') + tail));
    expect(only(records, 'finding').map(({ what }) => what.length)).toEqual([65_536, 22]);
    expect(problemCodes(records)).toEqual(['oversized-text']);
    expect(only(records, 'process-end')).toMatchObject([{ complete: true }]);
  });

  test('of frames keeps a bounded number of them', async () => {
    const start = `${head}<error>\n  <unique>0x0</unique>\n  <kind>Race</kind>\n  <what>w</what>\n  <stack>\n`;
    const records = await collect(endless(start, xmlFrame('0x1', 'f'), `  </stack>\n</error>\n${tail}`));
    const [finding] = only(records, 'finding');
    expect(finding?.stacks[0]?.frames).toHaveLength(1000);
    // Said for the element, not for each frame.
    expect(only(records, 'problem').map(({ problem }) => problem.message)).toEqual([
      'An element <error> is too large to be kept whole',
    ]);
  });
});
