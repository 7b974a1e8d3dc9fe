#!/bin/sh
# Random events, as the program writes them, against the schema that is published.
set -eu
cd "$(dirname "$0")/.."

events=$(mktemp)
trap 'rm -f "$events"' EXIT
OUTLAY_EVENTS_OUT=$events build/asan/tests/unit/budget/verdict >/dev/null 2>&1 ||
	{ echo "no events: build/asan/tests/unit/budget/verdict fails"; exit 1; }
tests/schema.py <"$events"
