// A confidential report holds no arguments, no source text and no quotes of logs, in any format.
import { expect, test } from 'vitest';
import { withoutSecrets } from '../../src/analyze/confidential.ts';
import { analyze } from '../../src/analyze/index.ts';
import type { Report } from '../../src/model/report.ts';
import { render, reporterNames } from '../../src/report/index.ts';
import { counts, finding, manifest, whole } from './records.ts';

const secret = 'hunter2-is-the-password';

test.each(reporterNames)('%s', async (format) => {
  const made = await analyze(
    whole(
      1,
      [
        finding(1, 'InvalidRead', { unique: '0x0' }),
        { type: 'message', image: 1, source: 'client', text: secret },
        { type: 'problem', problem: { code: 'odd', level: 'warning', message: 'odd', quote: secret } },
        counts(1, { '0x0': 1 }),
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
    let all = '';
    for await (const piece of render(given, format, { all: true })) all += piece;
    return all;
  };
  expect(await text(withoutSecrets(report))).not.toContain(secret);
  if (format === 'json') expect(await text(report)).toContain(secret);
});
