#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Who may include whom (STYLE: rooms). Prints each broken rule; exit 1 if any.
cd "$(dirname "$0")/../.." || exit 1
bad=0
complain() { [ -z "$1" ] || { printf '%s\n' "$1" | sed "s|^|$2: |"; bad=1; }; }
inc() { grep -nHE '^#include "' "$@" 2>/dev/null; }

complain "$(inc base/*.[ch] base/crypto/*.[ch] | grep -v '"base/')" "base includes only base"
for r in wg magicsock netstack dns; do
	complain "$(inc $r/*.[ch] | grep -vE "\"(base|$r)/")" "$r includes only base and itself"
done
complain "$(inc daemon/peerapi/*.[ch] | grep -vE '"(base|daemon/peerapi)/')" "peerapi includes only base and itself"
complain "$(inc cli/*.[ch] | grep -vE '"(base|cli)/')" "cli includes only base and itself"
complain "$(inc daemon/*.[ch] daemon/*/*.[ch] | grep -E '"(cli|tests)/')" "daemon never includes cli or tests"
complain "$(inc daemon/dataplane/*.[ch] daemon/control/*.[ch] daemon/state/*.[ch] |
	grep -E '"daemon/(engine|localapi|coordinator)/')" "only localapi stands above the engine"
complain "$(inc daemon/engine/*.[ch] | grep -E '"daemon/(localapi|coordinator)/')" "the engine knows no server"

# One door file per library.
door() { # header pattern, allowed files (regex)
	complain "$(grep -nHE "^#include <($1)" $(git ls-files '*.c' '*.h' | grep -vE "^tests/|$2"))" "only the door includes it"
}
door 'jansson' '^base/json'
door 'curl/' '^base/(net|stream|httpc)[a-z_]*\.[ch]$'
door 'ares' '^base/resolve'
door 'uv\.h' '^base/(loop[a-z_]*|net|stream|httpc|resolve|conn|httpd)\.[ch]$'
door 'microhttpd' '^base/httpd'
door 'nghttp2/' '^daemon/control/h2'
door 'zstd' '^daemon/(control/(map_wire|zstd)[a-z_]*|coordinator/[a-z_]*)\.c$'
door 'sodium' '^base/'
door 'blake2' '^base/crypto/'
door 'openssl/' '^base/'
door 'netlink/' '^netstack/[a-z_]*_linux[a-z_]*\.[ch]$'
door 'libmnl/|libnftnl/' '^netstack/nft_[a-z_]*\.[ch]$'
exit $bad
