#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Run test programs, $JOBS at a time (default: one); a program's output is shown only if it fails.
# Exit codes: 0 passed, 77 skipped (the reason, its last line, is shown), anything else failed.
# Last line: "N passed, N failed[, N skipped]".

# One test, run by the second half of this script: its verdict is a file of $RUN_DIR.
if [ "$1" = --one ]; then
	t=$2
	out=$(mktemp "$RUN_DIR/out.XXXXXX") || exit 1
	shell=
	case $t in *.sh) shell=sh ;; esac
	# timeout makes a process group of its own, which a Ctrl-C does not reach: hand it on.
	timeout -k 20 "${TEST_TIMEOUT:-120}" $shell "$t" >"$out" 2>&1 &
	pid=$!
	trap 'kill $pid; wait $pid; exit 130' INT TERM
	wait $pid
	rc=$?
	case $rc in
	0) mktemp -q "$RUN_DIR/pass.XXXXXX" >/dev/null ;;
	77)
		mktemp -q "$RUN_DIR/skip.XXXXXX" >/dev/null
		echo "SKIPPED $t: $(tail -n 1 "$out")"
		;;
	*)
		mktemp -q "$RUN_DIR/fail.XXXXXX" >/dev/null
		{ echo "FAILED ($rc) $t" && sed 's/^/    /' "$out"; } >"$out.shown"
		cat "$out.shown"
		;;
	esac
	exit 0
fi

RUN_DIR=$(mktemp -d) || exit 1
export RUN_DIR
trap 'rm -rf "$RUN_DIR"' EXIT
trap 'exit 130' INT TERM
verdicts() { find "$RUN_DIR" -name "$1.*" | wc -l; }

[ $# = 0 ] || printf '%s\n' "$@" | xargs -n 1 -P "${JOBS:-1}" sh "$0" --one
pass=$(verdicts pass) skip=$(verdicts skip)
fail=$(($# - pass - skip)) # a test without a verdict has failed
if [ "$skip" -gt 0 ]; then
	echo "$pass passed, $fail failed, $skip skipped"
else
	echo "$pass passed, $fail failed"
fi
[ "$fail" = 0 ]
