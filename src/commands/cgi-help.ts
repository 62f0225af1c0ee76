// Owns `vgrun cgi --help`.
import { cgiOptions } from '../tools/_shared/cgi-options.ts';
import { layOut, ownRow } from './help.ts';

const usage = `Usage: vgrun cgi [options] program capture… [-- arguments]

Replays captured requests against a CGI, FastCGI or SCGI program under an
instrument: sets its environment as a web server does, gives it the body,
checks what it answers, and says what each request loses or breaks.

A capture is a file with requests as text (HttpWatch, Burp, mitmproxy, curl -v),
a HAR file of a browser, a file with curl commands, a URL, - for standard
input, or a "Copy as cURL" pasted after the program.

  vgrun cgi ./app.cgi request.txt
  vgrun cgi ./app.fcgi session.har --repeat=100 --warm-up=5
  vgrun cgi ./app.cgi curl 'http://localhost/app.cgi?a=1' -H 'Cookie: vid=1'

`;

const more = `The other options are those of a run: --tool=NAME, --leak-check=full,
--report FORMAT=FILE, --timeout=TIME (for one answer, 300 s unless said) and
what vgrun --help lists. Exit status: as for a run; 1 when an answer was wrong
and nothing else. docs/cgi.md is the manual.
`;

/** @param columns width of the terminal. */
export function cgiHelp(columns: number): string {
  const groups = [...new Set(cgiOptions.map(({ group }) => group))];
  const sections = groups.map((group) => ({
    heading: group,
    rows: cgiOptions.filter((option) => option.group === group).map(row),
  }));
  const help = { heading: 'And', rows: [{ left: '-h, --help', right: 'show help' }] };
  return `${usage}${layOut([...sections, help], Math.max(columns, 40))}${more}`;
}

/** Options of one letter stand in front, as everywhere. */
function row(option: (typeof cgiOptions)[number]): ReturnType<typeof ownRow> {
  const { left, right } = ownRow(option);
  return { left: option.short === undefined ? `    ${left}` : left, right };
}
