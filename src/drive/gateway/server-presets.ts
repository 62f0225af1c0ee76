// Owns what web servers do differently when they start a program: the presets, as data.
//
// Read off the real servers with a program that prints its environment (Apache 2.4 with mod_cgi, nginx 1.22 with
// Debian's fastcgi_params and fcgiwrap, lighttpd 1.4.69); Boa 0.94, which nobody packages any more, from its source.
/** Variables beyond RFC 3875 that servers set. */
export type Extension =
  | 'CONTEXT_DOCUMENT_ROOT'
  | 'CONTEXT_PREFIX'
  | 'DOCUMENT_ROOT'
  | 'DOCUMENT_URI'
  | 'HTTPS'
  | 'REDIRECT_STATUS'
  | 'REMOTE_PORT'
  | 'REQUEST_SCHEME'
  | 'REQUEST_URI'
  | 'SCRIPT_FILENAME'
  | 'SERVER_ADDR'
  | 'SERVER_ADMIN'
  | 'SERVER_SIGNATURE';

/** How a server makes the environment of a program. */
export interface Server {
  readonly name: string;
  /** URL path of the program, decoded; missing: found in the path of each request. */
  readonly scriptName?: string;
  /** Absolute; missing: the folder from which the program's URL path starts, or else the program's own. */
  readonly documentRoot?: string;
  /** Missing: as the request names it. */
  readonly serverName?: string;
  /** Missing: as the request names it. */
  readonly serverPort?: number;
  readonly software: string;
  readonly admin: string;
  /** Of the server, as the request reached it. */
  readonly address: string;
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly extensions: readonly Extension[];
  /** Header fields, in lower case, that it gives to no program. `proxy` never is, whoever the server (httpoxy.org). */
  readonly withheld: readonly string[];
  /** It gives a header field without a value. */
  readonly emptyFields: boolean;
  /** CONTENT_LENGTH, and with `empty` CONTENT_TYPE too, of a request without a body. */
  readonly noContent: 'unset' | 'empty' | 'zero';
  /** It sets CONTENT_LENGTH to 0 for a body of 0 bytes. */
  readonly zeroLength: boolean;
  /**
   * What it makes of `Authorization: Basic` and `Digest`. `checks`: a server that asks for a password has checked it
   * before it starts a program, and sets AUTH_TYPE and REMOTE_USER. `name`: REMOTE_USER alone, of Basic, unchecked.
   */
  readonly authorization: 'checks' | 'name' | 'no';
  /** It takes `//`, `/./` and `/../` out of the path. */
  readonly tidiesPath: boolean;
  /** Host names are in lower case: in SERVER_NAME, or in HTTP_HOST as well. */
  readonly lowerCase: 'no' | 'name' | 'host';
  /** It sets REMOTE_HOST, to the address where no name is known. */
  readonly remoteHost: boolean;
  /** It sets PATH_TRANSLATED where there is a PATH_INFO. */
  readonly pathTranslated: boolean;
  /**
   * A query without `=` becomes arguments of the program (RFC 3875, section 4.4); `escaped`: with a backslash before
   * what a shell would take for its own.
   */
  readonly searchWords: 'no' | 'plain' | 'escaped';
  /** Methods it knows; missing: all. */
  readonly methods?: readonly string[];
  /** Set for a program of one process for each request, whatever the request: what a wrapper adds. */
  readonly cgiEnvironment: Readonly<Record<string, string>>;
  /** Set always, whatever the request; null: never set. Bytes as latin1. */
  readonly environment: Readonly<Record<string, string | null>>;
}

/** Where every request comes from, and goes to. */
const onThisMachine = { address: '127.0.0.1', remoteAddress: '127.0.0.1', remotePort: 49152 };

export const presets: readonly Server[] = [
  {
    name: 'none',
    software: 'vgrun',
    admin: '',
    ...onThisMachine,
    extensions: [],
    // Section 4.1.18: what carries credentials or is in other variables SHOULD go, what is of the connection MAY.
    withheld: [
      'authorization',
      'proxy-authorization',
      'content-length',
      'content-type',
      'connection',
      'keep-alive',
      'proxy-connection',
      'te',
      'trailer',
    ],
    emptyFields: true,
    noContent: 'unset',
    zeroLength: true,
    authorization: 'checks',
    tidiesPath: false,
    lowerCase: 'no',
    remoteHost: true,
    pathTranslated: true,
    searchWords: 'plain',
    cgiEnvironment: {},
    environment: {},
  },
  {
    name: 'apache',
    software: 'Apache/2.4 (Unix)',
    admin: 'webmaster@localhost',
    ...onThisMachine,
    extensions: [
      'HTTPS',
      'SERVER_SIGNATURE',
      'SERVER_ADDR',
      'DOCUMENT_ROOT',
      'REQUEST_SCHEME',
      'CONTEXT_PREFIX',
      'CONTEXT_DOCUMENT_ROOT',
      'SERVER_ADMIN',
      'SCRIPT_FILENAME',
      'REMOTE_PORT',
      'REQUEST_URI',
    ],
    withheld: ['authorization', 'proxy-authorization', 'content-length', 'content-type'],
    emptyFields: true,
    noContent: 'unset',
    zeroLength: true,
    authorization: 'checks',
    tidiesPath: true,
    lowerCase: 'name',
    remoteHost: false,
    pathTranslated: true,
    searchWords: 'escaped',
    cgiEnvironment: {},
    // As Debian's apache2ctl starts it.
    environment: { PATH: '/usr/local/bin:/usr/bin:/bin' },
  },
  {
    name: 'nginx',
    software: 'nginx/1.24.0',
    admin: '',
    ...onThisMachine,
    extensions: [
      'REQUEST_URI',
      'DOCUMENT_URI',
      'DOCUMENT_ROOT',
      'REQUEST_SCHEME',
      'HTTPS',
      'REMOTE_PORT',
      'SERVER_ADDR',
      'REDIRECT_STATUS',
      'SCRIPT_FILENAME',
    ],
    withheld: [],
    emptyFields: true,
    // fastcgi_params passes $content_type and $content_length on, empty or not.
    noContent: 'empty',
    // $remote_user is the name of the Basic credentials; there is no variable for AUTH_TYPE.
    zeroLength: true,
    authorization: 'name',
    tidiesPath: true,
    lowerCase: 'no',
    remoteHost: false,
    pathTranslated: false,
    searchWords: 'no',
    // fcgiwrap takes its own environment along, and libfcgi in it tells the role.
    cgiEnvironment: { PATH: '/usr/local/bin:/usr/bin:/bin', FCGI_ROLE: 'RESPONDER' },
    environment: {},
  },
  {
    name: 'lighttpd',
    software: 'lighttpd/1.4.69',
    admin: '',
    ...onThisMachine,
    extensions: [
      'REQUEST_URI',
      'REDIRECT_STATUS',
      'SCRIPT_FILENAME',
      'DOCUMENT_ROOT',
      'REQUEST_SCHEME',
      'HTTPS',
      'SERVER_ADDR',
      'REMOTE_PORT',
    ],
    withheld: ['content-type'],
    emptyFields: false,
    noContent: 'zero',
    zeroLength: true,
    authorization: 'checks',
    tidiesPath: true,
    lowerCase: 'host',
    remoteHost: false,
    pathTranslated: true,
    searchWords: 'no',
    cgiEnvironment: {},
    environment: {},
  },
  {
    name: 'boa',
    software: 'Boa/0.94.13',
    admin: 'webmaster@localhost',
    ...onThisMachine,
    extensions: ['DOCUMENT_ROOT', 'SERVER_ADMIN', 'REMOTE_PORT'],
    withheld: ['content-length', 'content-type'],
    emptyFields: true,
    noContent: 'unset',
    zeroLength: false,
    authorization: 'no',
    tidiesPath: true,
    lowerCase: 'no',
    remoteHost: false,
    pathTranslated: true,
    searchWords: 'plain',
    methods: ['GET', 'HEAD', 'POST'],
    cgiEnvironment: {},
    environment: { PATH: '/bin:/usr/bin:/usr/local/bin' },
  },
];
