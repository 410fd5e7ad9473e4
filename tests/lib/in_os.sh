#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# in_os.sh NAMESPACE command...: as in_ns.sh, but where lib.sh gave the namespace an /etc and a /run of its own,
# there.
[ -s "$OS_DIR/$1.os" ] || exec sh "$(dirname "$0")/in_ns.sh" "$@"
read -r pid <"$OS_DIR/$1.os"
shift
exec nsenter -t "$pid" -n -m -w "$@"
