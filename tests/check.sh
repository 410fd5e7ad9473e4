#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Every test, on a machine that may have nothing but a shell and apt. Needs root for namespaces.
# The last line is "N passed, N failed, N skipped".
cd "$(dirname "$0")/.." || exit 1
sh tests/lib/deps.sh all || exit 1
exec sh tests/lib/check_all.sh
