#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# os_root.sh FOLDER READY [PACKAGE-ROOT...]: in a mount namespace of its own, make /etc, /run and /var/lib private, lay
# unpacked packages over them and over /usr, write our process id into READY, and keep the namespace alive.
set -e
dir=$1 ready=$2
shift 2
[ "$(readlink /proc/self/ns/mnt)" != "$(readlink /proc/$PPID/ns/mnt)" ] || { echo "not in a namespace of its own"; exit 1; }
usr= var=
mount -t tmpfs -o mode=755,size=256m tmpfs "$dir"
cp -a /etc "$dir/etc"
for r in "$@"; do
	[ ! -d "$r/etc" ] || cp -a "$r/etc/." "$dir/etc/"
	[ ! -d "$r/usr" ] || usr="$r/usr:$usr"
	[ ! -d "$r/var/lib" ] || var="$r/var/lib:$var"
done
mkdir "$dir/var" "$dir/var.work"
[ -z "$usr" ] || mount -t overlay -o "lowerdir=$usr/usr,ro" overlay /usr
mount -t overlay -o "lowerdir=$var/var/lib,upperdir=$dir/var,workdir=$dir/var.work" overlay /var/lib
mount --bind "$dir/etc" /etc
mount -t tmpfs -o mode=755,size=64m tmpfs /run
mkdir -p /run/lock
rm -f /etc/resolv.conf # it leads to servers that are not here
echo "# no name server" >/etc/resolv.conf
echo "hosts: files dns" >/etc/nsswitch.new
[ ! -f /etc/nsswitch.conf ] || grep -v '^hosts:' /etc/nsswitch.conf >>/etc/nsswitch.new || true
mv /etc/nsswitch.new /etc/nsswitch.conf
echo $$ >"$ready.new"
mv "$ready.new" "$ready"
exec sleep infinity
