// Takes out of a report what must not leave the house: command lines, source text, and quotes of logs that may hold them.
import type { ReportProfile } from '../model/profile-report.ts';
import type { Finding, Report } from '../model/report.ts';

/**
 * The report without arguments of programs and of the instrument, source excerpts, raw log excerpts, messages of the
 * program, quotes in problems, contents of blocks, and of profiles without source text and notes that hold command lines. Names of programs, functions and files stay: without them there is no report.
 */
export function withoutSecrets(report: Report): Report {
  return {
    ...report,
    ...(report.run && {
      run: { ...report.run, command: report.run.command.slice(0, 1), toolOptions: [] },
    }),
    findings: report.findings.map(withoutExcerpts),
    ...(report.profiles && { profiles: report.profiles.map(withoutSources) }),
    processes: report.processes.map((process) => ({ ...process, argv: process.argv.slice(0, 1) })),
    messages: report.messages.filter(({ source }) => source === 'fatal-signal'),
    problems: report.problems.map(({ quote: _, ...problem }) => problem),
  };
}

/** Nor the first bytes of blocks, which logs of heaps quote: `Data: <hello world > 68 65 6C …`. */
function withoutExcerpts({ excerpt: _, raw: __, witnesses, ...finding }: Finding): Finding {
  return {
    ...finding,
    details: finding.details.filter((detail) => !detail.startsWith('Data: ')),
    ...(witnesses && { witnesses: witnesses.map(withoutExcerpts) }),
  };
}

// `cmd: ./server --password=x`, `cmdline : perf record ./server`, `desc: --massif-out-file=/home/ann/massif.out`,
// `Command: ./server`
const commandNote = /^\s*(?:cmd|command)|(?:^|\s)--?[a-z]/i;

function withoutSources({ sources: _, ...profile }: ReportProfile): ReportProfile {
  return { ...profile, notes: profile.notes.filter((note) => !commandNote.test(note)) };
}
