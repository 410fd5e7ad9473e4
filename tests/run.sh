#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Run test programs one after the other; a program's output is shown only if it fails.
# Exit codes: 0 passed, 77 skipped (the reason, its last line, is shown), anything else failed.
# Last line: "N passed, N failed[, N skipped]".
pass=0 fail=0 skip=0
out=$(mktemp) || exit 1
trap 'rm -f "$out"' EXIT
trap 'exit 130' INT TERM
for t in "$@"; do
	if timeout -k 5 "${TEST_TIMEOUT:-120}" "$t" >"$out" 2>&1; then
		pass=$((pass + 1))
	else
		rc=$?
		if [ "$rc" = 77 ]; then
			skip=$((skip + 1))
			echo "SKIPPED $t: $(tail -n 1 "$out")"
		else
			fail=$((fail + 1))
			echo "FAILED ($rc) $t"
			sed 's/^/    /' "$out"
		fi
	fi
done
if [ "$skip" -gt 0 ]; then
	echo "$pass passed, $fail failed, $skip skipped"
else
	echo "$pass passed, $fail failed"
fi
[ "$fail" = 0 ]
