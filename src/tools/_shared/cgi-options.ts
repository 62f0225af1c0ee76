// Owns the table of options that only `vgrun cgi` has. Read as vgrun's own are; see own-options.ts.
import type { OwnOption } from './own-options.ts';

/** The heading under which help lists it. */
export type CgiGroup = 'Which requests' | 'Environment' | 'Replay' | 'Answers';

/** Every option of `vgrun cgi` beside those of a run, in the order of help. */
export const cgiOptions: readonly OwnOption<CgiGroup>[] = [
  {
    name: '--entries',
    type: 'text',
    metavar: 'LIST',
    summary: 'only these of each capture: 1,3-5',
    group: 'Which requests',
  },
  {
    name: '--url',
    type: 'text',
    metavar: 'PATTERN',
    summary: 'only those with such a URL: */app.cgi?*, or /regular expression/',
    group: 'Which requests',
  },
  {
    name: '--method',
    type: 'text',
    metavar: 'LIST',
    summary: 'only these methods: POST,PUT',
    group: 'Which requests',
  },
  {
    name: '--status',
    type: 'text',
    metavar: 'LIST',
    summary: 'only those that were answered so when they were captured: 200,5xx',
    group: 'Which requests',
  },
  {
    name: '--preset',
    type: 'list',
    metavar: 'NAME',
    summary: 'environment as apache, nginx, lighttpd, boa or none make it, or one of the config',
    group: 'Environment',
    default: 'apache',
  },
  {
    name: '--script-name',
    type: 'text',
    metavar: 'PATH',
    summary: 'the part of the URL that is the program; what follows is PATH_INFO',
    group: 'Environment',
  },
  {
    name: '--document-root',
    type: 'text',
    metavar: 'DIR',
    summary: 'DOCUMENT_ROOT, and what PATH_TRANSLATED begins with',
    group: 'Environment',
  },
  {
    name: '--env',
    type: 'list',
    metavar: 'NAME[=VALUE]',
    summary: 'a variable for the program; without a value: that of this shell; @FILE: those of a file',
    group: 'Environment',
  },
  {
    name: '--env-file',
    type: 'list',
    metavar: 'FILE',
    summary: 'the same as --env=@FILE: NAME=VALUE on each line',
    group: 'Environment',
  },
  {
    name: '--chdir',
    type: 'text',
    metavar: 'DIR',
    summary: "where the program stands; default: the program's own folder",
    group: 'Environment',
  },
  {
    name: '--print-env',
    type: 'boolean',
    summary: 'only show the environment of each request, secrets and all',
    group: 'Environment',
  },
  {
    name: '--print-command',
    type: 'boolean',
    summary: 'only show the shell lines that do the same by hand',
    group: 'Environment',
  },
  {
    name: '--mode',
    type: 'choice',
    metavar: 'MODE',
    choices: ['auto', 'cgi', 'fastcgi', 'scgi'],
    summary: 'how the program is asked: auto, cgi, fastcgi or scgi',
    group: 'Replay',
    default: 'auto',
  },
  {
    name: '--connect',
    type: 'text',
    metavar: 'ADDRESS',
    summary: 'where it listens by itself: unix:/run/app.sock or tcp:127.0.0.1:9000',
    group: 'Replay',
  },
  {
    name: '--repeat',
    type: 'count',
    metavar: 'N',
    summary: 'send all requests N times',
    group: 'Replay',
    default: '1',
  },
  {
    name: '--warm-up',
    type: 'count',
    metavar: 'N',
    summary: 'and N times before that, which are not counted',
    group: 'Replay',
    default: '0',
  },
  {
    name: '--jobs',
    short: '-j',
    type: 'count',
    metavar: 'N',
    summary: 'how many requests at once',
    group: 'Replay',
    default: '1',
  },
  {
    name: '--growth',
    type: 'boolean',
    summary: 'measure what each request takes, by memcheck in a served program; on unless --no-growth',
    group: 'Replay',
  },
  {
    name: '--expect',
    type: 'list',
    metavar: 'WHAT',
    summary: 'what answers must be: har, status=200, type=text/html, body=FILE, …',
    group: 'Answers',
  },
  {
    name: '--show-answers',
    type: 'boolean',
    summary: 'write the answers to standard output',
    group: 'Answers',
  },
  {
    name: '--keep-requests',
    type: 'boolean',
    summary: 'keep the requests in the run directory, secrets and all',
    group: 'Answers',
  },
];

/** What was said of them. */
export interface CgiSettings {
  readonly entries?: string;
  readonly url?: string;
  readonly method?: string;
  readonly status?: string;
  readonly preset: readonly string[];
  readonly scriptName?: string;
  readonly documentRoot?: string;
  readonly env: readonly string[];
  readonly envFile: readonly string[];
  readonly chdir?: string;
  readonly printEnv: boolean;
  readonly printCommand: boolean;
  readonly mode: 'auto' | 'cgi' | 'fastcgi' | 'scgi';
  readonly connect?: string;
  readonly repeat: number;
  readonly warmUp: number;
  readonly jobs: number;
  /** Missing: where it can be measured. */
  readonly growth?: boolean;
  readonly expect: readonly string[];
  readonly showAnswers: boolean;
  readonly keepRequests: boolean;
}

/** What holds when nothing is said. */
export const cgiDefaults: CgiSettings = {
  preset: [],
  env: [],
  envFile: [],
  printEnv: false,
  printCommand: false,
  mode: 'auto',
  repeat: 1,
  warmUp: 0,
  jobs: 1,
  expect: [],
  showAnswers: false,
  keepRequests: false,
};
