#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# What `make check` runs: each step is a make target that ends in its own "N passed, N failed" line or
# is a single test itself. A step that fails does not stop the later ones.
cd "$(dirname "$0")/../.." || exit 1
jobs=$(nproc 2>/dev/null || echo 2)
JOBS=${JOBS:-$jobs} # test programs at a time: many of them mostly wait
export JOBS
log=$(mktemp -d) || exit 1
trap 'rm -rf "$log"' EXIT
trap 'exit 130' INT TERM
pass=0 fail=0 skip=0
start=$(date +%s)

step() {
	echo "== $(($(date +%s) - start)) s: $1"
}

count() { # file: add up its "N passed, N failed[, N skipped]" lines
	set -- $(awk '/^[0-9]+ passed, [0-9]+ failed/ {p += $1; f += $3; s += $5} END {print p + 0, f + 0, s + 0}' "$1")
	pass=$((pass + $1)) fail=$((fail + $2)) skip=$((skip + $3))
}

suite() { # title, make arguments: programs that are counted one by one
	step "$1"
	shift
	make --no-print-directory -j"$jobs" "$@" >"$log/out" 2>&1
	rc=$?
	grep -E '^(SKIPPED|FAILED|    |[0-9]+ passed)|error|\*\*\*' "$log/out"
	before=$fail
	count "$log/out"
	[ $rc = 0 ] || [ $fail != $before ] || fail=$((fail + 1))
}

single() { # title, make arguments: one test, silent when it passes
	step "$1"
	shift
	if make --no-print-directory -j"$jobs" "$@" >"$log/out" 2>&1; then
		pass=$((pass + 1))
		tail -n "${SHOW:-0}" "$log/out"
	else
		fail=$((fail + 1))
		tail -n 60 "$log/out"
	fi
}

single "layers" check-layers
single "lint" lint
single "build, gcc, no warnings" CC=gcc WERROR=1 all test-programs
single "build, clang, no warnings" CC=clang BUILD=build-clang WERROR=1 all test-programs
single "purity" check-pure
single "headers compile alone" check-headers
suite "unit tests" unit
suite "known answers" vectors
suite "address and undefined behaviour sanitizer: unit, known answers, fuzz replay" asan
suite "thread sanitizer" tsan
SHOW=3 single "simulator" sim
suite "strangers" stranger
suite "network namespaces" netns
suite "official peers" interop
echo "== $(($(date +%s) - start)) s"
if [ $skip -gt 0 ]; then
	echo "$pass passed, $fail failed, $skip skipped"
else
	echo "$pass passed, $fail failed"
fi
[ $fail = 0 ]
