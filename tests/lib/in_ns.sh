#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# in_ns.sh NAMESPACE command...: become that command in a network namespace (same process id).
# `ip netns exec` also gives the command its /sys and the files of /etc/netns, but it cannot where "/" is
# no mount point (a chroot); entering the namespace alone does for the tests then.
if [ -z "$NS_ENTER" ]; then
	NS_ENTER=nsenter
	ip netns exec "$1" true 2>/dev/null && NS_ENTER=ip
fi
[ "$NS_ENTER" = nsenter ] || exec ip netns exec "$@"
space=$1
shift
exec nsenter --net="/run/netns/$space" "$@"
