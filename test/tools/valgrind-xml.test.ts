// What a whole document says: every element is in some record.
import { describe, expect, test } from 'vitest';
import { valgrindXml } from '../../src/tools/_shared/valgrind-xml.ts';
import {
  allCorpusXml,
  corpusXml,
  only,
  problemCodes,
  readXml,
  xmlDocument,
  xmlError,
  xmlFrame,
  xmlStack,
} from './xml-reading.ts';

describe('a process', () => {
  test('is told with its pid, parent, version and both command lines', async () => {
    const [process] = only(await readXml(xmlDocument('')), 'process');
    expect(process).toEqual({
      type: 'process',
      image: 1,
      pid: 100,
      ppid: 99,
      tool: 'memcheck',
      version: '3.19.0',
      protocol: 4,
      argv: ['./a', 'one < two'],
      instrumentArgv: ['/usr/bin/valgrind.bin', '--xml=yes'],
      forked: false,
      artifact: 'input.xml',
    });
  });

  test('that never said RUNNING began by fork', async () => {
    const [process] = only(await readXml(xmlDocument('', { running: false })), 'process');
    expect(process?.forked).toBe(true);
  });

  test('that was seen whole is complete, and its time is told in milliseconds', async () => {
    expect(only(await readXml(xmlDocument('')), 'process-end')).toEqual([
      {
        type: 'process-end',
        image: 1,
        complete: true,
        finished: true,
        durationMs: 93_784_567,
        leakChecks: 1,
      },
    ]);
  });

  test('keeps a comment of the user as it was written, and what %q{} stood for', async () => {
    const document = xmlDocument('').replace(
      '<args>',
      '<logfilequalifier>\n  <var>HOST</var>\n  <value>ci</value>\n</logfilequalifier>\n\n' +
        '<usercomment><run id="7"/>\n<text>a</text></usercomment>\n\n<args>',
    );
    const records = await readXml(document);
    expect(only(records, 'process')[0]?.userComment).toBe('<run id="7"/>\n<text>a</text>');
    expect(only(records, 'message').map(({ text }) => text)).toEqual(['HOST=ci']);
    expect(problemCodes(records)).toEqual([]);
  });

  test('of protocol 1 has its leak sizes beside the text', async () => {
    const leak = '  <what>10 bytes in 1 blocks are definitely lost in loss record 1 of 1</what>\n';
    const sizes = '  <leakedbytes>10</leakedbytes>\n  <leakedblocks>1</leakedblocks>\n';
    const body = xmlError('0x0', 'Leak_DefinitelyLost', leak + sizes + xmlStack(xmlFrame('0x1', 'malloc')));
    const records = await readXml(
      xmlDocument(body)
        .replace(/<protocoltool>.*\n/, '')
        .replace('sion>4<', 'sion>1<'),
    );
    expect(only(records, 'process')[0]).toMatchObject({ protocol: 1, tool: 'memcheck' });
    expect(only(records, 'finding')[0]?.leak).toMatchObject({ bytes: 10, blocks: 1, record: [1, 1] });
  });
});

describe('what is no error', () => {
  test('client messages come with their stack when they have one', async () => {
    const messages = only(await readXml(corpusXml('memcheck/clientreq-xml-3.27')), 'message');
    expect(messages.map(({ source, text, stack }) => [source, text, stack?.frames.length])).toEqual([
      ['client', 'hello <client> & 42', undefined],
      ['client', 'with backtrace x', 2],
    ]);
  });

  test('a fatal signal is told with its address and place', async () => {
    const [signal] = only(await readXml(corpusXml('memcheck/segv-xml-3.19')), 'fatal-signal');
    expect(signal).toMatchObject({
      number: 11,
      name: 'SIGSEGV',
      code: 1,
      event: 'Access not within mapped region',
    });
    expect(signal?.stack?.frames[0]).toMatchObject({ function: 'main', file: 'segv.c', line: 3 });
  });

  test('threads are announced with the place of their creation', async () => {
    const threads = only(await readXml(corpusXml('helgrind/hg-race-xml-3.19')), 'thread');
    expect(threads.map(({ id, root }) => [id, root])).toEqual([
      [3, false],
      [2, false],
      [1, true],
    ]);
    expect(threads.some(({ root, frames }) => !root && frames.at(-1)?.function === 'main')).toBe(true);
  });

  test('traces are messages', async () => {
    const records = await readXml(
      xmlDocument(`<trace>\n  <text>[1] mutex_init</text>\n${xmlStack(xmlFrame('0x1', 'f'))}</trace>\n`),
    );
    expect(only(records, 'message')[0]).toMatchObject({ source: 'trace', text: '[1] mutex_init' });
  });

  test('counts and used suppressions are told by name', async () => {
    const records = await readXml(
      xmlDocument(
        '<errorcounts>\n  <pair>\n    <count>50</count>\n    <unique>0x1</unique>\n  </pair>\n  <pair>\n    <count>1</count>\n' +
          '    <unique>0x0</unique>\n  </pair>\n</errorcounts>\n\n<suppcounts>\n  <pair>\n    <count>3</count>\n' +
          '    <name>my &amp; yours</name>\n  </pair>\n</suppcounts>\n',
      ),
    );
    expect(only(records, 'counts')[0]?.counts).toEqual(
      new Map([
        ['0x1', 50],
        ['0x0', 1],
      ]),
    );
    expect(only(records, 'suppression-use')).toEqual([
      { type: 'suppression-use', image: 1, name: 'my & yours', count: 3 },
    ]);
  });

  test('the totals of protocol 6 are read through separators and deltas', async () => {
    const amount = (name: string, bytes: string, blocks: string, more = '') =>
      `  <${name}>\n    <bytes>${bytes}</bytes>\n    <blocks>${blocks}</blocks>\n${more}  </${name}>\n`;
    const heuristic =
      '    <reachable_heuristic>\n      <kind>stdstring</kind>\n      <bytes>56 (+0)</bytes>\n' +
      '      <blocks>2</blocks>\n    </reachable_heuristic>\n';
    const records = await readXml(
      xmlDocument(
        `<leak_summary>\n${amount('definitely_lost', '1,600 (+200)', '16 (+2)')}${amount('indirectly_lost', '0', '0')}` +
          `${amount('possibly_lost', '7', '1')}${amount('still_reachable', '72,704', '1', heuristic)}` +
          `${amount('suppressed', '5', '1')}</leak_summary>\n\n<error_summary>\n  <errors>4</errors>\n` +
          '  <error_contexts>2</error_contexts>\n  <suppressed>9</suppressed>\n' +
          '  <suppressed_contexts>3</suppressed_contexts>\n</error_summary>\n',
      ),
    );
    expect(only(records, 'totals').map(({ leaks, errors }) => leaks ?? errors)).toEqual([
      {
        definite: { bytes: 1600, blocks: 16 },
        indirect: { bytes: 0, blocks: 0 },
        possible: { bytes: 7, blocks: 1 },
        reachable: { bytes: 72_704, blocks: 1 },
        suppressed: { bytes: 5, blocks: 1 },
        heuristics: { stdstring: { bytes: 56, blocks: 2 } },
      },
      { errors: 4, contexts: 2, suppressed: 9, suppressedContexts: 3 },
    ]);
    expect(problemCodes(records)).toEqual([]);
  });

  test('heap totals say that everything was freed', async () => {
    const totals = only(await readXml(corpusXml('memcheck/fds-xml-3.27')), 'totals');
    expect(totals.findLast(({ heap }) => heap)?.heap).toEqual({
      inUse: { bytes: 0, blocks: 0 },
      allocations: 0,
      frees: 0,
      allocatedBytes: 0,
      allFreed: true,
    });
  });
});

describe('errors', () => {
  test('leak records of a second leak check belong to the second check', async () => {
    const leak = (unique: string, record: number) =>
      xmlError(
        unique,
        'Leak_DefinitelyLost',
        `  <xwhat>\n    <text>8 bytes in 1 blocks are definitely lost in loss record ${record} of 2</text>\n  </xwhat>\n`,
      );
    const finished = '<status>\n  <state>FINISHED</state>\n  <time>00:00:00:01.000 </time>\n</status>\n';
    const records = await readXml(
      xmlDocument(leak('0x0', 1) + leak('0x1', 2) + leak('0x0', 2) + finished + leak('0x0', 3)),
    );
    expect(only(records, 'finding').map(({ leak }) => leak?.check)).toEqual([1, 1, 2, 3]);
  });

  test('a suppression is kept verbatim, and its copy behind the error is no second one', async () => {
    const records = await readXml(corpusXml('memcheck/leaks-xml-3.19'));
    const [finding] = only(records, 'finding');
    expect(finding?.suppression).toMatch(
      /^\{\n {3}<insert_a_suppression_name_here>\n {3}Memcheck:Leak\n[\s\S]*\n\}$/,
    );
    expect(problemCodes(records)).toEqual([]);
  });

  test('equal frames are the same object, however they are laid out', async () => {
    const tight = '<frame><ip>0x1</ip><obj>/build/a</obj><fn>f</fn></frame>';
    const odd = '<frame>\n<fn>f</fn><ip>0x1</ip>\n<obj>/build/a</obj><line></line></frame>';
    const [finding] = only(
      await readXml(
        xmlDocument(
          xmlError('0x0', 'Race', `  <what>w</what>\n${xmlStack(xmlFrame('0x1', 'f'), tight, odd)}`),
        ),
      ),
      'finding',
    );
    const [first, ...others] = finding?.stacks[0]?.frames ?? [];
    expect(others).toHaveLength(2);
    for (const frame of others) expect(frame).toBe(first);
  });

  test('two frames at one address, as inlining makes them, are two frames', async () => {
    const [finding] = only(
      await readXml(
        xmlDocument(
          xmlError(
            '0x0',
            'Race',
            `  <what>w</what>\n${xmlStack(xmlFrame('0x1', 'in', 3), xmlFrame('0x1', 'out', 9))}`,
          ),
        ),
      ),
      'finding',
    );
    expect(finding?.stacks[0]?.frames.map((frame) => frame.function)).toEqual(['in', 'out']);
  });
});

test('a document of the corpus is read without a problem unless it is broken', async () => {
  for (const [name, bytes] of allCorpusXml()) {
    if (name.startsWith('malformed/')) continue;
    expect([name, problemCodes(await readXml(bytes))]).toEqual([name, []]);
  }
});

test('XML is recognised by its head, even by a few bytes of it, and other texts are not', () => {
  const recognizes = (text: string) => valgrindXml.recognizes(Buffer.from(text));
  for (const [, bytes] of allCorpusXml()) expect(valgrindXml.recognizes(bytes.subarray(0, 4096))).toBe(true);
  expect(recognizes('<?xml version="1.0"?>\n\n')).toBe(true);
  expect(recognizes('\0\0\0\0\n<error>\n  <unique>0x1</unique>\n')).toBe(true);
  expect(recognizes('==1== Memcheck, a memory error detector\n')).toBe(false);
  expect(recognizes('<?xml version="1.0"?>\n<testsuites>\n')).toBe(false);
  expect(recognizes('<html><body>==1== ERROR SUMMARY</body></html>')).toBe(false);
  expect(recognizes('')).toBe(false);
});
