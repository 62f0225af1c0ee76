#!/bin/sh
# Shows what vgrun does: sets up, builds, and runs the article's programs. Ends with 0 when each gave what its
# comment says, which for a program with a fault is vgrun's status 100.
tests=no
. "$(dirname "$0")/setup.sh"

npm run --silent build
make -s -C examples-c

misses=0
# show PROGRAM TOOL: options and status are those of the comment at the top of the program.
show() {
  source=$(ls examples-c/"$1".c*)
  options=$(sed -n "s|^// options $2: ||p" "$source")
  wanted=$(sed -n "s|^// outcome $2: .*status \([0-9]*\).*|\1|p" "$source")
  [ "$2" = memcheck ] || options="--tool=$2 $options"
  printf '\n\n$ npx vgrun %s./examples-c/build/%s\n' "${options:+$options }" "$1"
  status=0
  # shellcheck disable=SC2086 # a list of words
  node dist/cli.js $options "./examples-c/build/$1" || status=$?
  if [ "$status" -ne "$wanted" ]; then
    printf 'try: %s ended with status %s, not %s\n' "$1" "$status" "$wanted" >&2
    misses=$((misses + 1))
  fi
}

for program in new-char lost-100 reachable-100 uninitialised invalid-access double-free mismatched-free overlap \
  fork netlink; do
  show $program memcheck
done
for program in data-race lock-order; do
  show $program helgrind
done
show data-race drd

printf '\n\n========== guest-book, a CGI program, and what a browser sent it\n'
status=0
node dist/cli.js cgi ./examples-c/build/cgi/guest-book examples-c/cgi/captures/guest-book.har || status=$?
[ "$status" -eq 100 ] || misses=$((misses + 1))

printf '\n\n'
if [ "$misses" -eq 0 ]; then
  echo 'try: every program gave what the comment at its top says. What a kind means: npx vgrun explain Leak_DefinitelyLost'
else
  echo "try: $misses of the programs did not behave" >&2
  exit 1
fi
