// Whatever a program, a finding or a file is called: the mail has the headers that it should have, and the text and files as they are.
import fc from 'fast-check';
import { simpleParser } from 'mailparser';
import { describe, expect, test } from 'vitest';
import type { UserError } from '../../../src/errors.ts';
import type { Report } from '../../../src/model/report.ts';
import { mailSubject, mailText } from '../../../src/report/mail-text.ts';
import { harmless } from '../../../src/report/terminal-text.ts';
import { readAddresses } from '../../../src/run/mail/address.ts';
import { composeMessage } from '../../../src/run/mail/message.ts';
import { profileScenarios } from '../../report/profile-scenarios.ts';
import { scenarios } from '../../report/scenarios.ts';

const injections = fc.constantFrom(
  '\r\nBcc: spy@example.org',
  '\nSubject: other',
  '\r\n\r\n<script>',
  '\r\n.\r\n',
  '\n.\n',
  'From me',
  '=?utf-8?q?=0ABcc:_spy@example.org?=',
  '?=',
  '--',
  '\0',
  '\u2028',
  '\ud800',
  '\u202e',
  'é😀',
  '"; filename="x',
  '"',
  '\\',
  ' ',
  '\t',
  'x'.repeat(2000),
);
const hostile = fc
  .array(fc.oneof(injections, fc.string({ unit: 'binary', maxLength: 20 })), { maxLength: 6 })
  .map((parts) => parts.join(''));

const headerNames = [
  'auto-submitted',
  'content-type',
  'date',
  'from',
  'message-id',
  'mime-version',
  'subject',
  'to',
];

describe('a message', () => {
  test('has exactly its headers, its text and its files, whatever stands in them', async () => {
    const report = await named('ten-mixed-findings');
    await fc.assert(
      fc.asyncProperty(
        hostile,
        hostile,
        hostile,
        fc.uint8Array({ maxLength: 300 }),
        async (program, what, file, bytes) => {
          const told: Report = {
            ...report,
            processes: report.processes.map((process) => ({ ...process, program: `/srv/${program}` })),
            findings: report.findings.map((finding) => ({ ...finding, what, title: what })),
          };
          const mail = {
            from: 'scan@example.org',
            to: ['a@example.org', 'b@example.org'],
            subject: mailSubject(told),
            text: mailText(told, {}, [`Attached: ${file}`]),
            attachments: [
              { name: harmless(file), type: 'application/octet-stream', content: Buffer.from(bytes) },
              { name: 'page.html', type: 'text/html; charset=utf-8', content: Buffer.from(what) },
            ],
          };
          const message = await composeMessage(mail);
          const text = message.toString('latin1');
          // Neither a bare CR nor a bare LF, and no line that SMTP would refuse.
          expect(text.replaceAll('\r\n', '')).not.toMatch(/[\r\n]/);
          expect(Math.max(...text.split('\r\n').map((line) => line.length))).toBeLessThanOrEqual(998);
          const parsed = await simpleParser(message, { skipHtmlToText: true });
          expect([...parsed.headers.keys()].sort()).toEqual(headerNames);
          expect(parsed.headerLines.map(({ key }) => key).sort()).toEqual(headerNames);
          expect(parsed.subject).toBe(mail.subject);
          expect(parsed.from?.value).toEqual([{ address: 'scan@example.org', name: '' }]);
          expect(parsed.text?.trimEnd()).toBe(mail.text.trimEnd());
          expect(parsed.html).toBe(false);
          expect(parsed.attachments).toHaveLength(2);
          for (const [index, { content }] of parsed.attachments.entries()) {
            expect(content.equals(mail.attachments[index]?.content ?? Buffer.alloc(0))).toBe(true);
          }
        },
      ),
      { numRuns: 150 },
    );
  });
});

async function named(name: string): Promise<Report> {
  return (scenarios.get(name) ?? (() => Promise.reject(new Error(name))))();
}

describe('the subject', () => {
  test.each([
    ['clean', '[vgrun] clean: list'],
    ['one-leak', '[vgrun] findings: 1 in list, 100 bytes leaked'],
    ['race', '[vgrun] findings: 2 in list'],
    ['failed', '[vgrun] failed: list: The program exited with status 3.'],
  ])('of %s', async (name, subject) => {
    expect(mailSubject(await named(name))).toBe(subject);
  });

  test('says what a request loses each time', async () => {
    const report = await named('one-leak');
    const findings = report.findings.map((finding) => ({
      ...finding,
      requests: [
        { request: 3, how: 'made', passes: 10, bytes: 1000, blocks: 10, steady: true },
        { request: 17, how: 'made', passes: 100, bytes: 24_000, blocks: 100, steady: true },
        { request: 18, how: 'made', passes: 2, bytes: 90_000, blocks: 2 },
      ] as const,
    }));
    expect(mailSubject({ ...report, findings })).toBe(
      '[vgrun] findings: 1 in list, request 17 loses 240 bytes each time',
    );
  });

  test('is one short line for every report', async () => {
    for (const make of [...scenarios.values(), ...profileScenarios.values()]) {
      const subject = mailSubject(await make());
      expect(subject).toMatch(/^\[vgrun\] (clean|measured|findings|failed|inconclusive): [^\n]+$/);
      expect(subject.length).toBeLessThanOrEqual(160);
    }
  });
});

describe('an address', () => {
  test.each(['a@b', 'a.b+c@example.org', 'root@localhost', 'é@exämple.org'])('is %s', (address) => {
    expect(readAddresses(address, '--mail')).toEqual([address]);
  });

  test('is nothing that could be more than an address', () => {
    fc.assert(
      fc.property(hostile, (text) => {
        try {
          for (const address of readAddresses(`${text}@example.org`, '--mail')) {
            expect(address).not.toMatch(/[\s"(),:;<>[\]\\\p{C}]|@.*@/u);
          }
        } catch (error) {
          expect((error as UserError).status).toBe(125);
        }
      }),
    );
  });
});
