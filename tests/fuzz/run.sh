#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Run every libFuzzer target of a build for RUNS executions each, keeping what it finds in
# <build>/corpus/<target>. Stops at the first crash.
build=$1 runs=$2
for src in tests/fuzz/*/*.c; do
	t=$build/${src%.c}
	corpus=$build/corpus/$(basename "$t")
	mkdir -p "$corpus"
	echo "$t"
	"$t" -runs="$runs" -max_len=65536 -timeout=5 -rss_limit_mb=2048 -artifact_prefix="$corpus/" \
		-print_final_stats=0 -verbosity=0 "$corpus" || exit 1
done
