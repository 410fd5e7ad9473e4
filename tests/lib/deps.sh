#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Install what building and testing need on Debian, if something is missing. "build" as the first
# argument leaves out what only the tests use. Needs root only when something is missing.
build='build-essential pkg-config libsodium-dev libcurl4-openssl-dev libssl-dev libjansson-dev libc-ares-dev
libnl-3-dev libnl-route-3-dev libmnl-dev libnftnl-dev libuv1-dev libnghttp2-dev libzstd-dev libmicrohttpd-dev
libb2-dev ca-certificates iproute2'
demo='nftables iputils-ping procps'
tests='iptables libcmocka-dev curl jq openssl perl socat strace clang libclang-rt-14-dev git netcat-openbsd python3 wireguard-go wireguard-tools
iperf3 bind9-dnsutils dnsmasq-base dbus'

want="$build"
case "${1:-all}" in
build) ;;
demo) want="$build $demo" ;;
*) want="$build $demo $tests" ;;
esac

missing=
for p in $want; do
	dpkg-query -W -f '${db:Status-Status}\n' "$p" 2>/dev/null | grep -qx installed || missing="$missing $p"
done
[ -n "$missing" ] || exit 0
if ! command -v apt-get >/dev/null; then
	echo "These packages are missing (Debian names):$missing" >&2
	exit 1
fi
if [ "$(id -u)" != 0 ]; then
	echo "Missing packages; type: sudo apt-get install$missing" >&2
	exit 1
fi
echo "Installing:$missing"
export DEBIAN_FRONTEND=noninteractive
# Old package lists name files that are gone; fresh ones cost seconds.
apt-get update -qq && apt-get install -y -qq --no-install-recommends $missing >/dev/null
