// Which options curl has and which of them take a value: the table that tells a URL from the value of an option.

/** What an option does to a request. Those named `nothing` concern the connection or the answer alone. */
export type CurlMeaning =
  | 'nothing'
  | 'request'
  | 'header'
  | 'data'
  | 'data-raw'
  | 'data-binary'
  | 'data-urlencode'
  | 'json'
  | 'get'
  | 'form'
  | 'form-string'
  | 'cookie'
  | 'user-agent'
  | 'referer'
  | 'user'
  | 'bearer'
  | 'other-auth'
  | 'head'
  | 'compressed'
  | 'url'
  | 'upload-file'
  | 'http1.0'
  | 'http1.1'
  | 'http2'
  | 'range'
  | 'path-as-is'
  | 'next';

export interface CurlOption {
  readonly meaning: CurlMeaning;
  readonly takesValue: boolean;
}

const withValue: Readonly<Record<string, CurlMeaning>> = {
  request: 'request',
  header: 'header',
  data: 'data',
  'data-ascii': 'data',
  'data-raw': 'data-raw',
  'data-binary': 'data-binary',
  'data-urlencode': 'data-urlencode',
  json: 'json',
  form: 'form',
  'form-string': 'form-string',
  cookie: 'cookie',
  'user-agent': 'user-agent',
  referer: 'referer',
  user: 'user',
  'oauth2-bearer': 'bearer',
  url: 'url',
  'upload-file': 'upload-file',
  range: 'range',
};

const flags: Readonly<Record<string, CurlMeaning>> = {
  get: 'get',
  head: 'head',
  compressed: 'compressed',
  'http1.0': 'http1.0',
  'http1.1': 'http1.1',
  http2: 'http2',
  'http2-prior-knowledge': 'http2',
  http3: 'http2',
  'http3-only': 'http2',
  'path-as-is': 'path-as-is',
  next: 'next',
  digest: 'other-auth',
  ntlm: 'other-auth',
  negotiate: 'other-auth',
  anyauth: 'other-auth',
};

const ignoredWithValue =
  'abstract-unix-socket cacert capath cert cert-type ciphers connect-timeout connect-to cookie-jar dns-servers dump-header expect100-timeout happy-eyeballs-timeout-ms hostpubmd5 interface keepalive-time key key-type limit-rate local-port max-filesize max-redirs max-time netrc-file noproxy output output-dir parallel-max pass pinnedpubkey preproxy proto proto-default proto-redir proxy proxy-header proxy-user rate resolve retry retry-delay retry-max-time socks4 socks4a socks5 socks5-hostname speed-limit speed-time stderr tls-max tls13-ciphers trace trace-ascii trace-config unix-socket write-out';
const ignoredFlags =
  'basic create-dirs disable fail fail-early fail-with-body globoff include insecure ipv4 ipv6 keepalive location location-trusted netrc netrc-optional no-buffer no-keepalive no-progress-meter no-sessionid parallel post301 post302 post303 progress-bar progress-meter proxy-insecure proxytunnel raw remote-header-name remote-name remote-name-all remote-time remove-on-error retry-all-errors retry-connrefused show-error show-headers silent ssl ssl-reqd sslv2 sslv3 styled-output tcp-fastopen tcp-nodelay tlsv1 tlsv1.0 tlsv1.1 tlsv1.2 tlsv1.3 trace-ids trace-time tr-encoding verbose xattr';

const shortNames: Readonly<Record<string, string>> = {
  X: 'request',
  H: 'header',
  d: 'data',
  F: 'form',
  b: 'cookie',
  A: 'user-agent',
  e: 'referer',
  u: 'user',
  T: 'upload-file',
  r: 'range',
  G: 'get',
  I: 'head',
  ':': 'next',
  '0': 'http1.0',
  o: 'output',
  x: 'proxy',
  U: 'proxy-user',
  m: 'max-time',
  c: 'cookie-jar',
  w: 'write-out',
  D: 'dump-header',
  E: 'cert',
  y: 'speed-time',
  Y: 'speed-limit',
  k: 'insecure',
  L: 'location',
  s: 'silent',
  S: 'show-error',
  v: 'verbose',
  i: 'include',
  f: 'fail',
  g: 'globoff',
  '#': 'progress-bar',
  N: 'no-buffer',
  O: 'remote-name',
  J: 'remote-header-name',
  R: 'remote-time',
  q: 'disable',
  Z: 'parallel',
  p: 'proxytunnel',
  n: 'netrc',
  '1': 'tlsv1',
  '2': 'sslv2',
  '3': 'sslv3',
  '4': 'ipv4',
  '6': 'ipv6',
};

const longOptions: ReadonlyMap<string, CurlOption> = new Map<string, CurlOption>([
  ...Object.entries(withValue).map(([name, meaning]) => [name, { meaning, takesValue: true }] as const),
  ...Object.entries(flags).map(([name, meaning]) => [name, { meaning, takesValue: false }] as const),
  ...ignoredWithValue.split(' ').map((name) => [name, { meaning: 'nothing', takesValue: true }] as const),
  ...ignoredFlags.split(' ').map((name) => [name, { meaning: 'nothing', takesValue: false }] as const),
]);

/** By its name without dashes; `--no-…` turns a flag off, which is as if it were not there. */
export function longOption(name: string): CurlOption | undefined {
  const option = longOptions.get(name);
  if (option !== undefined || !name.startsWith('no-')) return option;
  return longOptions.get(name.slice(3))?.takesValue === false
    ? { meaning: 'nothing', takesValue: false }
    : undefined;
}

/** By its letter. */
export function shortOption(letter: string): CurlOption | undefined {
  return longOptions.get(shortNames[letter] ?? '');
}
