// `--mail`: what arrives at a real mail server, and what is said when it does not.
import { chmod, copyFile, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { simpleParser } from 'mailparser';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { examplePath } from '../examples.ts';
import { canRun, projectRoot } from '../project.ts';
import { type Certificate, type MailServer, makeCertificate, startMailServer } from './mail-server.ts';
import { runPage } from './page.ts';
import { compileC, notesOf, runProgram, testFolder, vgrun } from './vgrun.ts';

const folder = testFolder();
const cwd = (): string => folder();

let server: MailServer | undefined;
afterEach(async () => {
  await server?.close();
  server = undefined;
});

/** Starts the server of a test; it is gone after it. */
async function serve(...options: Parameters<typeof startMailServer>): Promise<MailServer> {
  server = await startMailServer(...options);
  return server;
}

const plain = { disabledCommands: ['STARTTLS', 'AUTH'] };

describe.skipIf(!canRun('valgrind'))('a mail', () => {
  beforeAll(async () => {
    await copyFile(examplePath('lost-100'), join(cwd(), 'app.cgi'));
    await copyFile(examplePath('clean'), join(cwd(), 'tidy'));
  });

  test('has the report as text, and every report that was written, byte for byte', async () => {
    const { port, received } = await serve(plain);
    const result = await vgrun(
      [
        '--mail=a@example.org,b@example.org',
        '--mail=c@example.org',
        '--mail-from=scan@example.org',
        '--report=html=scan.html',
        '--report=json=scan.json',
        '--report=pretty=-',
        './app.cgi',
      ],
      { cwd: cwd(), env: { VGRUN_SMTP_URL: `smtp://localhost:${port}` } },
    );
    expect(result.status).toBe(100);
    expect(notesOf(result)).toContain('mailed to a@example.org, b@example.org, c@example.org');
    expect(received).toHaveLength(1);
    const [{ message, ...envelope }] = received as [(typeof received)[0]];
    expect(envelope).toEqual({
      from: 'scan@example.org',
      to: ['a@example.org', 'b@example.org', 'c@example.org'],
      user: undefined,
      encrypted: false,
    });
    const mail = await simpleParser(message);
    expect(mail.subject).toBe('[vgrun] findings: 1 in app.cgi, 100 bytes leaked');
    expect(mail.from?.value).toEqual([{ address: 'scan@example.org', name: '' }]);
    expect(mail.headers.get('auto-submitted')).toBe('auto-generated');
    expect(Math.abs(Date.now() - (mail.date?.getTime() ?? 0))).toBeLessThan(3_600_000);
    expect(mail.messageId).toMatch(/^<[0-9a-f-]{36}@example\.org>$/);
    expect(mail.text).toContain('100 bytes in 1 block');
    expect(mail.text).toContain('Attached: scan.html, scan.json');
    expect(mail.text).not.toContain('\x1b');
    expect(mail.attachments.map(({ filename, contentType }) => [filename, contentType])).toEqual([
      ['scan.html', 'text/html'],
      ['scan.json', 'application/json'],
    ]);
    for (const { filename = '', content } of mail.attachments) {
      expect(content.equals(await readFile(join(cwd(), filename))), filename).toBe(true);
    }
  });

  test('brings a page of its own when none was asked for, and is written into a file without a server', async () => {
    const result = await vgrun(['--mail=night.eml', './app.cgi'], {
      cwd: cwd(),
      env: { VGRUN_SMTP_URL: 'smtp://localhost:1' },
    });
    expect([result.status, notesOf(result).at(-1)]).toEqual([100, 'the mail is in night.eml']);
    const bytes = await readFile(join(cwd(), 'night.eml'), 'latin1');
    expect(bytes.replaceAll('\r\n', '')).not.toMatch(/[\r\n]/);
    const mail = await simpleParser(bytes);
    expect(mail.attachments.map(({ filename }) => filename)).toEqual(['report.html']);
    expect(mail.attachments[0]?.content.toString()).toMatch(/^<!doctype html>/i);
    expect(mail.to).toBeUndefined();
  });

  test('of a clean run says so, and --mail-if=not-clean keeps it back', async () => {
    const { port, received } = await serve(plain);
    const env = { VGRUN_SMTP_URL: `smtp://127.0.0.1:${port}` };
    const words = ['--mail', 'a@example.org'];
    expect((await vgrun([...words, './tidy'], { cwd: cwd(), env })).status).toBe(0);
    expect((await simpleParser(received[0]?.message ?? '')).subject).toBe('[vgrun] clean: tidy');
    expect((await vgrun([...words, '--mail-if=not-clean', './tidy'], { cwd: cwd(), env })).status).toBe(0);
    expect((await vgrun([...words, '--mail-if=never', './app.cgi'], { cwd: cwd(), env })).status).toBe(100);
    expect(received).toHaveLength(1);
    expect((await vgrun([...words, '--mail-if=not-clean', './app.cgi'], { cwd: cwd(), env })).status).toBe(
      100,
    );
    expect(received).toHaveLength(2);
  });

  test('of a run that could not be seen whole says why in its subject', async () => {
    await vgrun(['--mail=slow.eml', '--timeout=2', 'sleep', '30'], { cwd: cwd() });
    const mail = await simpleParser(await readFile(join(cwd(), 'slow.eml')));
    expect(mail.subject).toMatch(
      /^\[vgrun\] inconclusive: sleep: The program was stopped at the time limit\.$/,
    );
  });

  test('is sent by vgrun report too, with the status of the run', async () => {
    const { port, received } = await serve(plain);
    await vgrun(['./app.cgi'], { cwd: cwd() });
    const result = await vgrun(['report', '--mail=a@example.org', '--mail=again.eml'], {
      cwd: cwd(),
      env: { VGRUN_SMTP_URL: `smtp://localhost:${port}` },
    });
    expect(result.status).toBe(100);
    const sent = await simpleParser(received[0]?.message ?? '');
    const kept = await simpleParser(await readFile(join(cwd(), 'again.eml')));
    expect(sent.subject).toBe('[vgrun] findings: 1 in app.cgi, 100 bytes leaked');
    // One message, in two places.
    expect(kept.messageId).toBe(sent.messageId);
  });

  test('says nothing that --confidential keeps in the house', async () => {
    const result = await vgrun(['--confidential', '--mail=secret.eml', './app.cgi', '--token=hunter2'], {
      cwd: cwd(),
    });
    expect(result.status).toBe(100);
    const mail = await simpleParser(await readFile(join(cwd(), 'secret.eml')));
    const all = [mail.subject, mail.text, ...mail.attachments.map(({ content }) => content.toString())].join(
      '\n',
    );
    expect(all).not.toContain('hunter2');
    expect(all).toContain('100 bytes');
  });

  test('names a program of any name without giving it a header', async () => {
    const name = 'x\nBcc: spy@example.org\n\n<b>';
    await copyFile(examplePath('lost-100'), join(cwd(), name));
    await vgrun(['--mail=odd.eml', `./${name}`], { cwd: cwd() });
    const mail = await simpleParser(await readFile(join(cwd(), 'odd.eml')));
    expect(mail.bcc).toBeUndefined();
    expect(mail.subject).toBe(
      '[vgrun] findings: 1 in x\\x0aBcc: spy@example.org\\x0a\\x0a<b>, 100 bytes leaked',
    );
  });

  test('says where a report is that is too large for it', async () => {
    // A finding for each of very many places makes a long report.
    const calls = Array.from({ length: 6000 }, (_, at) => `void f${at}(void) { lose(${at + 1}); }`).join(
      '\n',
    );
    const uses = Array.from({ length: 6000 }, (_, at) => `f${at}();`).join('\n');
    compileC(
      join(cwd(), 'many'),
      `#include <stdlib.h>\nvoid lose(int n) { volatile char *p = malloc(n); p = 0; }\n${calls}\nint main(void) {\n${uses}\nreturn 0; }`,
    );
    const result = await vgrun(
      ['--mail=large.eml', '--report=json=large.json', '--report=junit=small.xml', './many'],
      { cwd: cwd() },
    );
    expect(result.status).toBe(100);
    const size = (await readFile(join(cwd(), 'large.json'))).length;
    const bytes = await readFile(join(cwd(), 'large.eml'));
    expect(bytes.length).toBeLessThan(15 * 1024 * 1024);
    const mail = await simpleParser(bytes);
    const names = mail.attachments.map(({ filename }) => filename);
    expect(size).toBeGreaterThan(10 * 1024 * 1024);
    expect(names).toEqual(['report.html', 'small.xml']);
    expect(mail.text?.replace(/\s+/g, ' ')).toMatch(
      new RegExp(`large\\.json is too large for a mail\\. On \\S+ it is ${join(cwd(), 'large.json')}`),
    );
  });

  test('is asked for by a config, whose mistakes are told as the config’s', async () => {
    const place = join(cwd(), 'configured');
    await mkdir(place);
    await copyFile(examplePath('lost-100'), join(place, 'app.cgi'));
    const write = (settings: unknown) =>
      writeFile(join(place, 'vgrun.config.json'), JSON.stringify(settings));
    await write({ mail: ['mails/night.eml'], mailFrom: 'scan@example.org', mailIf: 'not-clean' });
    const missing = await vgrun(['./app.cgi'], { cwd: place });
    expect([missing.status, missing.stderr]).toEqual([
      125,
      expect.stringContaining(`vgrun.config.json: "mail[0]": ${join(place, 'mails')} does not exist`),
    ]);
    await mkdir(join(place, 'mails'));
    expect((await vgrun(['./app.cgi'], { cwd: place })).status).toBe(100);
    const mail = await simpleParser(await readFile(join(place, 'mails/night.eml')));
    expect(mail.from?.value[0]?.address).toBe('scan@example.org');
    await write({ mail: ['nobody'] });
    expect((await vgrun(['./app.cgi'], { cwd: place })).stderr).toContain('vgrun.config.json: "mail[0]": ');
    // Reading a run again is no reason to mail it again.
    expect((await vgrun(['report'], { cwd: place })).status).toBe(100);
  });

  test('keeps what is said to the mail server from the program', async () => {
    compileC(
      join(cwd(), 'says-environment'),
      '#include <stdio.h>\nextern char **environ;\nint main(void) { for (char **e = environ; *e; e++) puts(*e); return 0; }',
    );
    const { stdout } = await vgrun(['--mail=env.eml', './says-environment'], {
      cwd: cwd(),
      env: { VGRUN_SMTP_URL: 'smtp://ann:s3cret@h', VGRUN_SMTP_PASSWORD: 's3cret', KEPT: 'yes' },
    });
    expect(stdout).toContain('KEPT=yes');
    expect(stdout).not.toMatch(/VGRUN_SMTP|s3cret/);
  });

  test.each([
    [['--mail=ann'], '--mail=ann: "ann" is no mail address'],
    [['--mail=a@b,,c@d'], '--mail=a@b,,c@d: an address is missing'],
    [['--mail=a@b\nBcc: c@d'], 'is no mail address'],
    [['--mail=a@b', '--mail-from=x@y,z@y'], '--mail-from=x@y,z@y: a mail is from one address'],
    [['--mail=no/such/x.eml'], '/no/such does not exist'],
    [['--mail=x.eml', '--report=json=x.eml'], '--report json=x.eml: x.eml is where the mail goes'],
    [['--mail-if=sometimes'], '--mail-if cannot be "sometimes"'],
  ])('that cannot be is refused before the run: %j', async (words, message) => {
    const place = join(cwd(), `refused-${encodeURIComponent(words.join(' '))}`.slice(0, 100));
    await mkdir(place, { recursive: true });
    const result = await vgrun([...words, '/bin/true'], { cwd: place });
    expect([result.status, result.stderr]).toEqual([125, expect.stringContaining(message)]);
    expect(await readdir(place)).toEqual([]);
    const again = await vgrun(['report', ...words, '.'], { cwd: place });
    expect(again.status).toBe(125);
  });
});

describe.skipIf(!canRun('valgrind') || !canRun('openssl'))('a mail server', () => {
  let certificate: Certificate;
  const login = { VGRUN_SMTP_USER: 'ann', VGRUN_SMTP_PASSWORD: 's3cret&word' };
  const words = ['report', '--mail=ann@example.org', '--mail-from=scan@example.org'];
  beforeAll(async () => {
    certificate = makeCertificate(cwd());
    await copyFile(examplePath('lost-100'), join(cwd(), 'app.cgi'));
    await vgrun(['./app.cgi'], { cwd: cwd() });
  });

  const keys = () => ({ key: certificate.key, cert: certificate.cert });
  const trust = () => ({ NODE_EXTRA_CA_CERTS: certificate.authority });

  /** Mails the last run. The report is there whatever comes of the mail. */
  async function send(env: Readonly<Record<string, string>>, more: readonly string[] = []) {
    const result = await vgrun([...words, ...more], { cwd: cwd(), env });
    expect(result.stdout).toContain('100 bytes in 1 block');
    expect(result.stderr).not.toMatch(/s3cret|\x1b|defect of vgrun/);
    return { status: result.status, said: result.stderr };
  }

  test('with STARTTLS gets the login encrypted', async () => {
    const { port, received } = await serve(keys());
    const sent = await send({ VGRUN_SMTP_URL: `smtp://localhost:${port}`, ...login, ...trust() });
    expect(sent).toEqual({ status: 100, said: 'vgrun: mailed to ann@example.org\n' });
    expect(received[0]).toMatchObject({ user: 'ann', encrypted: true });
  });

  test('that speaks TLS from the first byte gets the login of the URL', async () => {
    const { port, received } = await serve({ ...keys(), secure: true });
    const url = `smtps://ann:s3cret%26word@localhost:${port}`;
    expect((await send({ VGRUN_SMTP_URL: url, ...trust() })).status).toBe(100);
    expect(received[0]).toMatchObject({ user: 'ann', encrypted: true });
  });

  test.each([false, true])(
    'whose certificate nobody vouches for gets nothing (TLS at once: %j)',
    async (secure) => {
      const { port, received, passwords } = await serve({ ...keys(), secure });
      const url = `${secure ? 'smtps' : 'smtp'}://localhost:${port}`;
      const { status, said } = await send({ VGRUN_SMTP_URL: url, ...login });
      expect(status).toBe(125);
      expect(said).toMatch(
        /^vgrun: The mail was not sent: the certificate of localhost:\d+ is not trusted: .+\nhint: .*NODE_EXTRA_CA_CERTS/,
      );
      expect([received, passwords]).toEqual([[], []]);
    },
  );

  test('with a certificate of another name gets nothing', async () => {
    const { port, passwords } = await serve(keys());
    const { status, said } = await send({
      VGRUN_SMTP_URL: `smtp://127.0.0.1:${port}`,
      ...login,
      ...trust(),
    });
    expect(status).toBe(125);
    expect(said).toMatch(/the certificate of 127\.0\.0\.1:\d+ is not trusted: .*altnames/);
    expect(passwords).toEqual([]);
  });

  test('that cannot encrypt is never told a password', async () => {
    const { port, received, passwords } = await serve({
      disabledCommands: ['STARTTLS'],
      allowInsecureAuth: true,
    });
    const { status, said } = await send({ VGRUN_SMTP_URL: `smtp://localhost:${port}`, ...login });
    expect(status).toBe(125);
    expect(said).toMatch(
      /does not encrypt.*a password is never sent in the clear\nhint: name a server with STARTTLS/,
    );
    expect([received, passwords]).toEqual([[], []]);
  });

  test('that refuses the login is quoted, without the password', async () => {
    const { port, received } = await serve(keys());
    const { status, said } = await send({
      VGRUN_SMTP_URL: `smtp://localhost:${port}`,
      VGRUN_SMTP_USER: 'ann',
      VGRUN_SMTP_PASSWORD: 's3cret-but-wrong',
      ...trust(),
    });
    expect(status).toBe(125);
    expect(said).toMatch(
      /^vgrun: The mail was not sent: localhost:\d+ refused the login of ann: "535 No such login: ann … .*"\nhint: check VGRUN_SMTP_USER/,
    );
    expect(received).toEqual([]);
  });

  test('of this machine needs no certificate, as nothing leaves it', async () => {
    const { port, received } = await serve(keys());
    expect((await send({ VGRUN_SMTP_URL: `smtp://localhost:${port}` })).status).toBe(100);
    expect(received[0]?.encrypted).toBe(false);
  });

  test('that knows no recipient is quoted', async () => {
    const { port } = await serve(plain);
    const result = await vgrun(['report', '--mail=nobody@example.org'], {
      cwd: cwd(),
      env: { VGRUN_SMTP_URL: `smtp://localhost:${port}` },
    });
    expect(result.status).toBe(125);
    expect(result.stderr).toMatch(
      /does not take mail for nobody@example\.org: "550 No such mailbox here"\nhint: check/,
    );
  });

  test('that knows some of the recipients has the mail for them, and the others are told', async () => {
    const { port, received } = await serve(plain);
    const { status, said } = await send({ VGRUN_SMTP_URL: `smtp://localhost:${port}` }, [
      '--mail=nobody@example.org',
    ]);
    expect(status).toBe(125);
    expect(said).toContain('The mail was sent, but ');
    expect(said).toContain('refused it for nobody@example.org: "550 No such mailbox here"');
    expect(received[0]?.to).toEqual(['ann@example.org']);
  });

  test('that does not want the sender is quoted', async () => {
    const { port } = await serve(plain);
    const { status, said } = await send({ VGRUN_SMTP_URL: `smtp://localhost:${port}` }, [
      '--mail-from=evil@example.org',
    ]);
    expect(status).toBe(125);
    expect(said).toMatch(
      /does not take mail from evil@example\.org: "553 Sender not wanted"\nhint: .*--mail-from/,
    );
  });

  test('that takes only small messages is told about before the message is sent', async () => {
    const { port, received } = await serve({ ...plain, size: 1000 });
    const { status, said } = await send({ VGRUN_SMTP_URL: `smtp://localhost:${port}` });
    expect(status).toBe(125);
    expect(said).toMatch(/refused the message.*\nhint: if it is too large/);
    expect(received).toEqual([]);
  });

  test('that is not there is named', async () => {
    const { status, said } = await send({ VGRUN_SMTP_URL: 'smtp://localhost:1', ...login });
    expect(status).toBe(125);
    expect(said).toMatch(/there is no mail server at localhost:1 .*\nhint: name one: VGRUN_SMTP_URL/);
  });

  test.each([
    [{ VGRUN_SMTP_URL: 's3cret' }, 'VGRUN_SMTP_URL is no URL'],
    [{ VGRUN_SMTP_URL: 'http://ann:s3cret@h' }, 'begins neither with smtp:// nor with smtps://'],
    [{ VGRUN_SMTP_URL: 'smtp://ann:s3cret@h/x' }, 'has more than a server and a port'],
    [{ VGRUN_SMTP_URL: 'smtp://' }, 'VGRUN_SMTP_URL'],
    [{ VGRUN_SMTP_URL: 'smtp://ann@h' }, 'VGRUN_SMTP_PASSWORD is not set'],
    [{ VGRUN_SMTP_PASSWORD: 's3cret' }, 'VGRUN_SMTP_USER is not set'],
    [{ VGRUN_SMTP_URL: 'smtp://ann:s3cret%zz@h' }, 'has a % that begins no code'],
  ])('that is named wrongly (%j) is refused at once, without the password', async (env, message) => {
    const result = await vgrun(words, { cwd: cwd(), env });
    expect([result.status, result.stdout]).toEqual([125, '']);
    expect(result.stderr).toContain(message);
    expect(result.stderr).not.toContain('s3cret');
  });
});

describe('docs/mail.md', () => {
  const page = () => readFile(join(projectRoot, 'docs/mail.md'), 'utf8');
  const blocks = (text: string, language: string): readonly string[] =>
    [...text.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\``, 'gms'))].map(([, block = '']) => block);

  test.skipIf(!canRun('valgrind') || !canRun('bash'))('has commands that do what it says', async () => {
    const { port, received } = await serve(plain);
    const place = join(cwd(), 'page');
    await mkdir(place);
    await copyFile(examplePath('lost-100'), join(place, 'test'));
    await runPage('mail.md', place, [], { VGRUN_SMTP_URL: `smtp://localhost:${port}` });
    expect(received.map(({ to }) => to)).toEqual([
      ['team@example.org'],
      ['team@example.org'],
      ['a@example.org', 'b@example.org'],
    ]);
  });

  test('has a table for cron that prints what went wrong, and nothing else', async () => {
    const [table = ''] = blocks(await page(), 'crontab');
    const lines = table.trim().split('\n');
    const variables = lines.slice(0, -1).map((line) => /^(\w+)=(.*)$/.exec(line)?.slice(1, 3) ?? []);
    const [, command = ''] = /^(?:[\d*]+ ){5}(.*)$/.exec(lines.at(-1) ?? '') ?? [];
    expect(command).not.toContain('%');
    const place = join(cwd(), 'cron');
    await mkdir(join(place, 'captures'), { recursive: true });
    await writeFile(join(place, 'captures/a.txt'), '');
    const fake = join(place, 'vgrun');
    for (const [status, printed] of [
      [0, ''],
      [100, ''],
      [101, ''],
      [125, 'vgrun: said'],
    ] as const) {
      await writeFile(fake, `#!/bin/sh\necho "$@" >>words\necho vgrun: said >&2\nexit ${status}\n`);
      await chmod(fake, 0o755);
      // As cron does: with sh, and with the variables of the table and hardly any others.
      const { stdout } = await runProgram(
        'env',
        [
          '-i',
          ...variables.map(([name, value]) => `${name}=${name === 'PATH' ? `${place}:${value}` : value}`),
          'sh',
          '-c',
          command.replaceAll('/srv/scan', place).replaceAll('/srv/captures', `${place}/captures`),
        ],
        { cwd: '/' },
      );
      expect(stdout.trim(), `status ${status}`).toBe(printed);
    }
    const words = await readFile(join(place, 'words'), 'utf8');
    expect(words).toContain(`/srv/cgi-bin/app.cgi ${place}/captures/a.txt`);
  });

  test.skipIf(!canRun('systemd-analyze'))('has a service and a timer that systemd takes', async () => {
    const [service = '', timer = ''] = blocks(await page(), 'ini');
    const place = join(cwd(), 'units');
    await mkdir(place);
    await writeFile(join(place, 'vgrun-scan.service'), service);
    await writeFile(join(place, 'vgrun-scan.timer'), timer);
    const result = await runProgram(
      'systemd-analyze',
      ['verify', './vgrun-scan.service', './vgrun-scan.timer'],
      { cwd: place },
    );
    expect([result.status, result.stdout, result.stderr]).toEqual([0, '', '']);
  });
});
