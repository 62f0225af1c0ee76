#!/bin/sh
# Passes all tests: sets up, builds, checks, tests. Arguments go to vitest: `sh scripts/test.sh test/live`.
# The last line is `N passed, N failed`.
. "$(dirname "$0")/setup.sh"

npm run --silent build

failed=0
npm run --silent check || {
  failed=1
  echo 'test: the check failed (npm run fix mends what can be mended by a machine)' >&2
}

results=$(mktemp)
trap 'rm -f "$results"' EXIT
npx --no-install vitest run --reporter=default --reporter=json --outputFile.json="$results" "$@" || failed=1
node -e '
  const text = require("node:fs").readFileSync(process.argv[1], "utf8");
  const { numPassedTests = 0, numFailedTests = 1, numPendingTests = 0 } = text === "" ? {} : JSON.parse(text);
  const skipped = numPendingTests > 0 ? `, ${numPendingTests} skipped` : "";
  console.log(`${numPassedTests} passed, ${numFailedTests} failed${skipped}`);
' "$results"
exit "$failed"
