// The report as one HTML file that works from anywhere and asks for nothing: markup, style, script and data.
//
// The content security policy names the hashes of the only script and the only style there are, so nothing that a target
// says could run even if it became markup. Data is compressed and in base64: it holds no character that means anything
// to HTML.
import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import type { ReportProfile } from '../model/profile-report.ts';
import type { Report } from '../model/report.ts';
import { escapeXml } from './flame-svg.ts';
import { notices, script, style } from './html-page/page.tsx?page';
import type { Summary } from './html-page/payload.ts';
import { encodeDetails, encodeIndex } from './html-payload.ts';
import { encodeProfile, profileHead } from './html-profile.ts';
import { summaryMarkup } from './html-summary.ts';
import type { Reporter } from './reporter.ts';

/** `--report html=FILE`. */
export const html: Reporter = { name: 'html', render: renderHtml };

function* renderHtml(report: Report): Generator<string> {
  const policy = [
    "default-src 'none'",
    `script-src '${hashOf(script)}'`,
    `style-src '${hashOf(style)}'`,
    'img-src data:',
    "base-uri 'none'",
    "form-action 'none'",
  ].join('; ');
  yield `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="generator" content="vgrun ${escapeXml(report.vgrun)}">
<title>${escapeXml(titleOf(report))}</title>
<!--
This page contains:

${notices.replaceAll('--', '- -')}-->
<style>${style}</style>
<script>${script}</script>
</head>
<body>
<div id="app">
<main class="static">
`;
  yield* summaryMarkup(report);
  yield '</main>\n</div>\n';
  const { findings: _, profiles, ...rest } = report;
  const summary: Summary = { ...rest, ...(profiles && { profiles: profiles.map(profileHead) }) };
  yield block('summary', Buffer.from(JSON.stringify(summary)));
  yield* indexBlocks(report);
  let chunk = 0;
  for (const details of encodeDetails(report)) yield block(`details-${chunk++}`, Buffer.from(details), 1);
  for (const [number, profile] of (profiles ?? []).entries()) yield* profileBlocks(profile, number);
  yield '</body>\n</html>\n';
}

/** In a function of its own, so that what the index takes in memory is free before the details are written. */
function* indexBlocks(report: Report): Generator<string> {
  const { columns, strings } = encodeIndex(report);
  yield block('columns', columns, 3);
  yield block('strings', Buffer.from(JSON.stringify([...strings])), 3);
}

function* profileBlocks(profile: ReportProfile, number: number): Generator<string> {
  const { json, texts, columns } = encodeProfile(profile);
  yield block(`profile-${number}`, Buffer.from(json), 3);
  yield block(`profile-${number}-texts`, Buffer.from(texts), 3);
  yield block(`profile-${number}-columns`, columns, 3);
}

function block(id: string, bytes: Uint8Array, level = 6): string {
  const data = gzipSync(bytes, { level }).toString('base64');
  return `<script type="application/octet-stream" id="${id}">${data}</script>\n`;
}

function hashOf(text: string): string {
  return `sha256-${createHash('sha256').update(text).digest('base64')}`;
}

function titleOf({ outcome, run, tool }: Report): string {
  const program = run?.command[0];
  const name = program?.slice(program.lastIndexOf('/') + 1);
  return `${outcome}: ${name === undefined || name === '' ? tool.name : `${name} under ${tool.name}`}`;
}
