// Starts real web servers in a folder of their own, each with a CGI program that writes out what it was given.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer } from 'node:net';
import { join } from 'node:path';

/** What the program was given, as bytes in latin1. */
export interface Given {
  /** The status the server answered with. */
  readonly status: number;
  readonly variables: ReadonlyMap<string, string>;
  readonly arguments: readonly string[];
}

export interface WebServer {
  readonly port: number;
  /** `<folder>/root`. */
  readonly documentRoot: string;
  /** At `/cgi-bin/app.cgi`, and with Apache `/scripts/app.cgi` for one outside of the document root. */
  readonly program: string;
  readonly ask: (request: string) => Promise<Given>;
  readonly stop: () => Promise<void>;
}

export const binaries = {
  apache: '/usr/sbin/apache2',
  nginx: '/usr/sbin/nginx',
  lighttpd: '/usr/sbin/lighttpd',
} as const;
const fcgiwrap = '/usr/sbin/fcgiwrap';

/** With CI=true a missing one fails. */
export function isThere(name: keyof typeof binaries): boolean {
  if (process.env.CI === 'true') return true;
  return existsSync(binaries[name]) && (name !== 'nginx' || existsSync(fcgiwrap));
}

/** Environment and arguments, each ended by a NUL, and an empty string between them. */
const program = `#include <stdio.h>
extern char **environ;
int main(int argc, char **argv) {
  printf("Content-Type: text/plain\\r\\n\\r\\n");
  for (char **one = environ; *one; one++) printf("%s%c", *one, 0);
  putchar(0);
  for (int i = 1; i < argc; i++) printf("%s%c", argv[i], 0);
  return 0;
}
`;

/** As Debian's apache2ctl starts it; nothing of the environment of the test is left. */
const environment = { PATH: '/usr/local/bin:/usr/bin:/bin' };

export async function startWebServer(name: keyof typeof binaries, folder: string): Promise<WebServer> {
  const root = join(folder, 'root');
  for (const path of ['root/cgi-bin', 'root/private', 'elsewhere', 'state']) {
    mkdirSync(join(folder, path), { recursive: true });
  }
  const path = join(root, 'cgi-bin', 'app.cgi');
  execFileSync('cc', ['-x', 'c', '-o', path, '-'], { input: program });
  copyFileSync(path, join(folder, 'elsewhere', 'app.cgi'));
  copyFileSync(path, join(root, 'private', 'app.cgi'));
  // Apache leaves root's rights before it starts a program.
  for (const one of ['', 'root', 'root/cgi-bin', 'root/private', 'elsewhere'])
    chmodSync(join(folder, one), 0o755);

  const port = await freePort();
  const children: ChildProcess[] = [];
  const said: string[] = [];
  const start = (file: string, words: readonly string[]) => {
    // Apache ends by a signal to its whole process group, which must not be that of the tests.
    const child = spawn(file, words, {
      cwd: folder,
      env: environment,
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    child.stdout.on('data', (bytes) => said.push(String(bytes)));
    child.stderr.on('data', (bytes) => said.push(String(bytes)));
    child.on('error', (error) => said.push(error.message));
    children.push(child);
    // What is detached would outlive a test that is broken off.
    process.once('exit', () => child.kill());
  };
  const config = join(folder, 'server.conf');
  writeFileSync(config, configurations[name](folder, port));
  if (name === 'apache') {
    const digest = createHash('sha1').update('word').digest('base64');
    writeFileSync(join(folder, 'users'), `ann:{SHA}${digest}\n`);
    start(binaries.apache, ['-D', 'FOREGROUND', '-f', config]);
  } else if (name === 'lighttpd') {
    writeFileSync(join(folder, 'users'), 'ann:word\n');
    start(binaries.lighttpd, ['-D', '-f', config]);
  } else {
    start(fcgiwrap, ['-s', `unix:${join(folder, 'state', 'socket')}`]);
    start(binaries.nginx, ['-c', config, '-e', join(folder, 'state', 'log')]);
  }
  await waitForPort(port, said);
  return {
    port,
    documentRoot: root,
    program: path,
    ask: (request) => ask(port, request),
    stop: async () => {
      for (const child of children) {
        const gone = new Promise((done) => child.once('exit', done));
        if (child.exitCode === null && child.kill('SIGTERM')) await gone;
      }
    },
  };
}

const configurations = {
  apache: (folder: string, port: number) => `
ServerRoot ${folder}
${[
  'mpm_prefork',
  'authz_core',
  'authz_user',
  'authn_core',
  'authn_file',
  'auth_basic',
  'alias',
  'mime',
  'cgi',
]
  .map((name) => `LoadModule ${name}_module /usr/lib/apache2/modules/mod_${name}.so`)
  .join('\n')}
Listen 127.0.0.1:${port}
ServerName localhost
ServerAdmin webmaster@localhost
User www-data
Group www-data
PidFile ${folder}/state/pid
Mutex file:${folder}/state
ErrorLog ${folder}/state/log
TypesConfig /dev/null
DocumentRoot ${folder}/root
StartServers 1
AddHandler cgi-script .cgi
<Directory ${folder}/root>
  Options +ExecCGI
</Directory>
ScriptAlias /scripts/ ${folder}/elsewhere/
<Location /private>
  AuthType Basic
  AuthName private
  AuthUserFile ${folder}/users
  Require valid-user
</Location>
`,
  lighttpd: (folder: string, port: number) => `
server.document-root = "${folder}/root"
server.bind = "127.0.0.1"
server.port = ${port}
server.modules = ("mod_auth", "mod_authn_file", "mod_cgi")
server.errorlog = "${folder}/state/log"
cgi.assign = (".cgi" => "")
auth.backend = "plain"
auth.backend.plain.userfile = "${folder}/users"
auth.require = ("/private" => ("method" => "basic", "realm" => "private", "require" => "valid-user"))
`,
  nginx: (folder: string, port: number) => {
    // Debian replaced HTTP_HOST in an update; nginx itself passes the field on as it was sent.
    const params = readFileSync('/etc/nginx/fastcgi_params', 'utf8').replace(
      /^fastcgi_param\s+HTTP_HOST.*$/gm,
      '',
    );
    writeFileSync(join(folder, 'fastcgi_params'), params);
    const places = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
    return `
daemon off; worker_processes 1; pid ${folder}/state/pid; ${process.getuid?.() === 0 ? 'user root;' : ''}
events {}
http {
  access_log off;
  ${places.map((place) => `${place}_temp_path ${folder}/state/${place};`).join('\n')}
  server {
    listen 127.0.0.1:${port}; server_name example.com; root ${folder}/root;
    location /cgi-bin/ {
      fastcgi_split_path_info ^(.+?\\.cgi)(/.*)$;
      fastcgi_pass unix:${folder}/state/socket;
      include ${folder}/fastcgi_params;
      fastcgi_param SCRIPT_FILENAME $document_root$fastcgi_script_name;
      fastcgi_param PATH_INFO $fastcgi_path_info if_not_empty;
    }
  }
}
`;
  },
} as const;

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address() as AddressInfo;
  await new Promise((done) => server.close(done));
  return port;
}

async function waitForPort(port: number, said: readonly string[]): Promise<void> {
  const deadline = Date.now() + 30_000;
  for (;;) {
    const isOpen = await new Promise<boolean>((done) => {
      const socket = connect(port, '127.0.0.1');
      socket.once('connect', () => done(socket.destroy() !== undefined));
      socket.once('error', () => done(false));
    });
    if (isOpen) return;
    if (Date.now() > deadline) throw new Error(`no server came up on port ${port}: ${said.join('')}`);
    await new Promise((done) => setTimeout(done, 30));
  }
}

function ask(port: number, request: string): Promise<Given> {
  return new Promise((done, fail) => {
    const pieces: Buffer[] = [];
    const socket = connect(port, '127.0.0.1', () => socket.write(Buffer.from(request, 'latin1')));
    socket.setTimeout(20_000, () => socket.destroy(new Error('the server does not answer')));
    socket.on('data', (bytes) => pieces.push(bytes));
    socket.on('error', fail);
    socket.on('end', () => {
      const text = Buffer.concat(pieces).toString('latin1');
      const start = text.indexOf('\r\n\r\n') + 4;
      const status = Number(/^HTTP\/1\.\d (\d+)/.exec(text)?.[1]);
      const body = /^transfer-encoding: *chunked/im.test(text.slice(0, start))
        ? unchunked(text.slice(start))
        : text.slice(start);
      const [first = '', second = ''] = body.split('\0\0', 2);
      const lines = status === 200 ? first.split('\0') : [];
      const variables = new Map<string, string>();
      for (const line of lines) {
        const equals = line.indexOf('=');
        const name = line.slice(0, equals);
        // getenv(3) finds the first one.
        if (!variables.has(name)) variables.set(name, line.slice(equals + 1));
      }
      done({ status, variables, arguments: second.split('\0').slice(0, -1) });
    });
  });
}

function unchunked(text: string): string {
  let whole = '';
  for (let at = 0; ; ) {
    const end = text.indexOf('\r\n', at);
    const length = Number.parseInt(text.slice(at, end), 16);
    if (!(length > 0)) return whole;
    whole += text.slice(end + 2, end + 2 + length);
    at = end + 4 + length;
  }
}
