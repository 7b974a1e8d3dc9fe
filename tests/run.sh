#!/bin/bash
# tests/run.sh COMMAND...: runs each command (one argument, split at spaces), JOBS at a time, shows
# the output of those that fail and ends with "N passed, N failed". Counts test cases where the
# output does (cmocka, or a last line like its own), else the command itself.
set -u

# What a log says: PASSED FAILED SKIPPED. An exit status that the counts do not explain is a failure.
count() {
	awk -v status="$2" '
		/^\[  PASSED  \] [0-9]+ test/ { passed += $4 }
		/^\[  FAILED  \] [0-9]+ test/ { failed += $4 }
		/^\[  SKIPPED \] [0-9]+ test/ { skipped += $4 }
		/^[0-9]+ passed, [0-9]+ failed$/ { passed += $1; failed += $3 }
		/^skipped: / { said++ }
		END {
			if (!passed && !failed && !status)
				said ? skipped++ : passed++
			if (status && !failed)
				failed++
			print passed + 0, failed + 0, skipped + 0
		}' "$1"
}

one() {
	log=$(mktemp "$LOGS/XXXXXX")
	start=${EPOCHREALTIME/./}
	# shellcheck disable=SC2086 # a command and its words
	{ timeout -k 5 "${SECONDS_EACH:-120}" $1 >"$log" 2>&1 </dev/null; } 2>/dev/null
	status=$?
	read -r passed failed skipped <<<"$(count "$log" $status)"
	echo "$passed $failed $skipped" >>"$LOGS/counts"
	took=$(((${EPOCHREALTIME/./} - start) / 1000))
	verdict=ok
	[ "$failed" = 0 ] || verdict=FAIL
	{
		printf '  %-4s %5d ms %4d passed  %s\n' $verdict $took "$passed" "$1"
		grep -h '^skipped: ' "$log" | sed 's/^/       /'
		if [ "$failed" != 0 ]; then
			[ $status != 124 ] || echo "       ended after ${SECONDS_EACH:-120} seconds"
			grep -av '^\[ RUN  \|^\[       OK ' "$log" | tail -n 100 | sed 's/^/       | /'
		fi
	} >"$log.shown"
	cat "$log.shown" # one write, so that two that end together do not mix
}

if [ "${1:-}" = --one ]; then
	one "$2"
	exit 0
fi
LOGS=$(mktemp -d)
export LOGS
trap 'rm -rf "$LOGS"' EXIT
# One more than there are CPUs: some tests wait most of their time.
[ $# = 0 ] || printf '%s\0' "$@" | xargs -0 -n 1 -P "${JOBS:-$(($(nproc) + 1))}" "$0" --one
touch "$LOGS/counts"
awk '{ p += $1; f += $2; s += $3 }
     END { printf "%d passed, %d failed%s\n", p, f, s ? ", " s " skipped" : ""; exit f > 0 || !p }' \
	"$LOGS/counts"
