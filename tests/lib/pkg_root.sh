#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# pkg_root.sh PACKAGE: print a folder with that Debian package, and what it needs and the machine lacks, unpacked
# and not installed: packages that exclude each other or would take over the machine's resolver. Kept between runs in
# $MESH_TEST_CACHE, default ${XDG_CACHE_HOME:-/var/cache}/meshd-tests. Says why and exits 77 where there is no
# source of packages.
set -e
pkg=$1
cache=${MESH_TEST_CACHE:-${XDG_CACHE_HOME:-/var/cache}/meshd-tests}
root=$cache/root/$pkg
[ -e "$root/.done" ] && echo "$root" && exit 0
no() { echo "package $pkg: $*" >&2; exit 77; }
command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null || no "there is no apt-get here"
mkdir -p "$cache/deb/$pkg/partial" "$root" 2>/dev/null || no "$cache cannot be written; say another MESH_TEST_CACHE"
exec 9>"$cache/lock"
flock 9
[ -e "$root/.done" ] && echo "$root" && exit 0
get() {
	apt-get -y -qq -o APT::Sandbox::User=root -o Dir::Cache::archives="$cache/deb/$pkg" -o Debug::NoLocking=1 \
		--no-install-recommends --download-only --reinstall install "$pkg" >"$cache/deb/$pkg/log" 2>&1
}
# Old package lists name files that are gone.
get || { apt-get update -qq >/dev/null 2>&1 && get; } || no "cannot be downloaded: $(tail -n 1 "$cache/deb/$pkg/log")"
for f in "$cache/deb/$pkg"/*.deb; do
	[ -f "$f" ] || no "nothing was downloaded"
	dpkg-deb -x "$f" "$root"
done
# Where /bin is /usr/bin: everything into usr, as the machine has it.
for d in bin sbin lib lib64; do
	[ -d "$root/$d" ] && [ -L "/$d" ] || continue
	mkdir -p "$root/usr/$d"
	cp -a "$root/$d/." "$root/usr/$d/"
	rm -rf "${root:?}/$d"
done
touch "$root/.done"
echo "$root"
