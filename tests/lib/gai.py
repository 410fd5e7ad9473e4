# SPDX-License-Identifier: GPL-2.0-or-later
# gai.py NAME [4|6]: the addresses that the C library's getaddrinfo gives, one a line; exit 1 if none.
import socket
import sys

family = {"4": socket.AF_INET, "6": socket.AF_INET6}.get(sys.argv[2] if len(sys.argv) > 2 else "", socket.AF_UNSPEC)
try:
    found = socket.getaddrinfo(sys.argv[1], None, family, socket.SOCK_STREAM)
except socket.gaierror as e:
    print(e, file=sys.stderr)
    sys.exit(1)
for f in found:
    print(f[4][0])
