// A confidential report holds no arguments, no source text and no quotes of logs, in any format.
import { expect, test } from 'vitest';
import { withoutSecrets } from '../../src/analyze/confidential.ts';
import { analyze } from '../../src/analyze/index.ts';
import type { Profile } from '../../src/model/profile.ts';
import type { Report } from '../../src/model/report.ts';
import { formatsFor, reporterNames } from '../../src/report/index.ts';
import { pprofText, rendered } from '../report/validators.ts';
import { counts, finding, manifest, whole } from './records.ts';
import { launch, outer, replay, request } from './replays.ts';

const secret = 'hunter2-is-the-password';

const profile: Profile = {
  format: 'massif',
  measures: [{ name: 'bytes', title: 'bytes', unit: 'bytes' }],
  primary: 0,
  totals: [7],
  frames: [{ function: 'main', file: 'main.c', line: 3 }],
  trees: [{ parents: [-1], frames: [0], values: [[7]] }],
  functions: [],
  files: [],
  notes: [
    `cmd: ./list ${secret}`,
    `desc: --massif-out-file=${secret}`,
    `cmdline : perf record ./list ${secret}`,
    'Trigger: Program termination',
  ],
};

test.each(reporterNames)('%s', async (format) => {
  const made = await analyze(
    whole(
      1,
      [
        finding(1, 'InvalidRead', { unique: '0x0', details: [`Data: <${secret}> 68 75 6E`] }),
        { type: 'message', image: 1, source: 'client', text: secret },
        { type: 'problem', problem: { code: 'odd', level: 'warning', message: 'odd', quote: secret } },
        counts(1, { '0x0': 1 }),
        { type: 'profile', image: 1, profile },
      ],
      { argv: ['./list', `--password=${secret}`], instrumentArgv: [`--log-file=${secret}`] },
    ),
    {
      vgrun: '0.1.0',
      manifest: manifest({ command: ['./list', secret], toolOptions: [`--log-file=${secret}`] }),
    },
  );
  const [first] = made.findings;
  const report: Report = {
    ...made,
    profiles: (made.profiles ?? []).map((each) => ({
      ...each,
      sources: [{ file: 0, firstLine: 3, lines: [`login("${secret}");`] }],
    })),
    findings:
      first === undefined
        ? []
        : [
            {
              ...first,
              excerpt: { firstLine: 9, lines: [`char *p = "${secret}";`] },
              raw: { artifact: 'a.xml', offset: 0, text: `<error>${secret}</error>`, cut: false },
            },
          ],
  };
  const text = async (given: Report) => {
    const all = await rendered(given, format, { all: true });
    return format === 'pprof' ? pprofText(all) : all;
  };
  expect(await text(withoutSecrets(report))).not.toContain(secret);
  if (['json', 'pprof'].includes(format)) {
    expect(await text(report)).toContain(secret);
    expect(await text(withoutSecrets(report))).toContain('Trigger: Program termination');
  }
});

test.each(reporterNames)('%s, of a replay', async (format) => {
  const asked = request(1, {
    target: `/${secret}?x=1`,
    source: { name: `${secret}.har`, entry: 1 },
    answer: { status: 200, location: `/${secret}`, reason: secret, contentType: secret, bodyBytes: 3 },
    faults: [`It says ${secret}.`],
    unmet: [`It is not ${secret}.`],
    lost: [`It broke off after ${secret}.`],
  });
  const of = replay([
    asked,
    request(2, { target: '/' }),
    request(3, { target: `/${secret}${'x'.repeat(200)}` }),
  ]);
  const message = `request 1 GET /${secret}?x=1: ${asked.lost[0]}`;
  const report = await analyze(
    [1, 3].flatMap((image) => whole(image, [finding(image, 'InvalidRead')], { launch: image })),
    {
      vgrun: '0.1.0',
      manifest: outer(of, 3, { problems: [{ code: 'lost', level: 'incomplete', message, hint: message }] }),
      launches: [1, 2, 3].map((number) =>
        launch([{ request: number, pass: 1 }], { exit: { how: 'exited', code: 3 } }),
      ),
    },
  );
  if (!formatsFor(report).includes(format)) return;
  expect(await rendered(withoutSecrets(report), format, { all: true })).not.toContain(secret);
  if (format === 'json') expect(await rendered(report, format)).toContain(secret);
});
