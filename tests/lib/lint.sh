#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Bans that a compiler does not see. Prints each offence; exit 1 if any.
cd "$(dirname "$0")/../.." || exit 1
bad=0
src=$(git ls-files '*.c' '*.h' | grep -v '^tests/')
complain() { [ -z "$1" ] || { printf '%s\n' "$1" | sed "s|^|$2: |"; bad=1; }; }
complain "$(grep -nE '\b(sprintf|strcpy|strcat|strncpy|strtok|atoi|atol|sscanf|gets|alloca|system|popen|vsprintf)[[:space:]]*\(' $src)" "banned function"
complain "$(grep -nE 'memcmp[[:space:]]*\([^)]*(mac|tag|token|secret|priv)' $src | grep -vE 'machine|nodekey_prefix')" "memcmp on a secret"
complain "$(grep -nwE 'TODO|FIXME|XXX' $src)" "left open"
for f in $(git ls-files '*.c' '*.h' '*.sh' Makefile '*.py'); do
	head -3 "$f" | grep -q 'SPDX-License-Identifier: GPL-2.0-or-later' || { echo "no SPDX line: $f"; bad=1; }
done
for f in $(git ls-files '*.sh'); do
	sh -n "$f" || { echo "does not parse: $f"; bad=1; }
done
exit $bad
