# SPDX-License-Identifier: GPL-2.0-or-later
# dns_upstream.py ADDR MODE-FILE [--port P] [--record NAME=ADDRESS ...] [--default ADDRESS] [--ttl S]
# A DNS server, UDP and TCP, that does what the file says at the time of the query, one word and perhaps a number:
#   ok                     answer: the record of the name or the default; NXDOMAIN where there is neither
#   fail refuse nxdomain notimp formerr empty      with that code, or no record
#   header-only            FORMERR without the question
#   silent                 never
#   delay MS               late
#   truncate               TC by UDP, the whole by TCP
#   wrong-id wrong-question wrong-type wrong-opcode wrong-port query-bit   an answer that must not count, then none
#   other-names            the right question, and records of another name in front of the right one
#   case                   the question's letters in another case
#   liar N                 N answers that must not count with another address, then the right one
#   flood N                N copies of the right one
#   big N                  an answer of about N bytes
#   tcp-bytes tcp-hang tcp-close      TC by UDP; by TCP a byte at a time, nothing, half and then the end
#   junk                   bytes that are no message
# Each query is a line on standard output: "query udp|tcp CLIENT:PORT ID NAME TYPE".
import ipaddress
import random
import socket
import struct
import sys
import threading
import time

TYPES = {1: "A", 2: "NS", 5: "CNAME", 6: "SOA", 12: "PTR", 15: "MX", 16: "TXT", 28: "AAAA", 33: "SRV", 255: "ANY"}
WRONG = "192.0.2.66"


def arguments(argv):
    got = {"--port": ["53"], "--record": [], "--default": [], "--ttl": ["60"]}
    for name, value in zip(argv[2::2], argv[3::2]):
        got[name].append(value)
    return argv[0], argv[1], got


ADDR, MODE_FILE, OPT = arguments(sys.argv[1:])
PORT = int(OPT["--port"][-1])
TTL = int(OPT["--ttl"][-1])
RECORDS = dict(r.lower().split("=", 1) for r in OPT["--record"])
DEFAULT = OPT["--default"][-1] if OPT["--default"] else None


def mode():
    with open(MODE_FILE, encoding="ascii") as f:
        words = f.read().split()
    return words[0], int(words[1]) if len(words) > 1 else 0


class Query:
    def __init__(self, msg):
        self.id, self.flags = struct.unpack(">HH", msg[:4])
        at = 12
        labels = []
        while msg[at]:
            labels.append(msg[at + 1 : at + 1 + msg[at]])
            at += 1 + msg[at]
        self.name = ".".join(l.decode("ascii", "replace") for l in labels)
        self.wire = msg[12 : at + 1]
        self.type, self.cls = struct.unpack(">HH", msg[at + 1 : at + 5])
        self.raw = msg

    def record(self, name, address):
        ip = ipaddress.ip_address(address)
        return name + struct.pack(">HHIH", 1 if ip.version == 4 else 28, 1, TTL, len(ip.packed)) + ip.packed

    def reply(self, rcode=0, answers=(), flags=0, ident=None, wire=None, qtype=None, question=True):
        head = 0x8000 | 0x0080 | (self.flags & 0x0100) | flags | rcode
        msg = struct.pack(">HHHHHH", self.id if ident is None else ident, head, int(question), len(answers), 0, 0)
        if question:
            msg += (wire or self.wire) + struct.pack(">HH", qtype or self.type, self.cls)
        return msg + b"".join(answers)

    def address(self):
        return RECORDS.get(self.name.lower(), DEFAULT)

    def good(self, **kw):
        address = self.address()
        if address is None:
            return self.reply(rcode=3, **kw)
        ip = ipaddress.ip_address(address)
        fits = self.type in (255, 1 if ip.version == 4 else 28)
        return self.reply(answers=[self.record(self.wire, address)] if fits else [], **kw)

    def lie(self, **kw):
        return self.reply(answers=[self.record(kw.get("wire") or self.wire, WRONG)], **kw)

    def big(self, size):
        chunk = self.wire + struct.pack(">HHIH", 16, 1, TTL, 201) + b"\xc8" + b"x" * 200
        return self.reply(answers=[chunk] * max(1, (size - 12 - len(self.wire) - 4) // len(chunk)))


def other_name(wire):
    return bytes([wire[0]]) + b"z" * wire[0] + wire[1 + wire[0] :] if wire[0] else b"\x01z\x00"


def swap_case(wire):
    return bytes(b ^ 0x20 if 65 <= b & 0xDF <= 90 and b > 63 else b for b in wire)


# Messages in order; the address to send from is the socket's, or another port for "other".
def replies(q, what, n, tcp):
    if what == "delay":
        time.sleep(n / 1000)
        what = "ok"
    codes = {"fail": 2, "refuse": 5, "nxdomain": 3, "notimp": 4, "formerr": 1, "empty": 0}
    if what in codes:
        return [q.reply(rcode=codes[what])]
    if what in ("truncate", "tcp-bytes", "tcp-hang", "tcp-close"):
        return [q.good()] if tcp else [q.reply(flags=0x0200)]
    if what == "liar":
        lies = []
        for i in range(n):
            lies.append([q.lie(ident=q.id ^ (1 + i % 65535)), q.lie(wire=other_name(q.wire)), q.lie(qtype=16)][i % 3])
        return lies + [q.good()]
    table = {
        "ok": lambda: [q.good()],
        "header-only": lambda: [q.reply(rcode=1, question=False)],
        "silent": lambda: [],
        "wrong-id": lambda: [q.lie(ident=q.id ^ 0x5A5A)],
        "wrong-question": lambda: [q.lie(wire=other_name(q.wire))],
        "wrong-type": lambda: [q.lie(qtype=16)],
        "wrong-opcode": lambda: [q.lie(flags=0x2000)],
        "wrong-port": lambda: [] if tcp else [q.lie()],
        "query-bit": lambda: [q.raw],
        "other-names": lambda: [q.reply(answers=[q.record(other_name(q.wire), WRONG), q.record(q.wire, q.address() or WRONG)])],
        "case": lambda: [q.good(wire=swap_case(q.wire))],
        "flood": lambda: [q.good()] * n,
        "big": lambda: [q.big(n)],
        "junk": lambda: [random.randbytes(40), b"", b"\x00" * 12, random.randbytes(3)],
    }
    return table[what]()


def log(proto, peer, q):
    print(f"query {proto} {peer[0]}:{peer[1]} {q.id} {q.name}. {TYPES.get(q.type, q.type)}", flush=True)


def serve_datagram(sock, msg, peer):
    q = Query(msg)
    log("udp", peer, q)
    what, n = mode()
    out = sock
    if what == "wrong-port":
        out = socket.socket(sock.family, socket.SOCK_DGRAM)
        out.bind((ADDR, 0))
    for r in replies(q, what, n, False):
        out.sendto(r, peer)


def send_tcp(conn, what, msg):
    data = struct.pack(">H", len(msg)) + msg
    if what == "tcp-bytes":
        for b in data:
            conn.sendall(bytes([b]))
            time.sleep(0.005)
    elif what == "tcp-close":
        conn.sendall(data[: len(data) // 2])
        conn.shutdown(socket.SHUT_RDWR)
    elif what != "tcp-hang":
        conn.sendall(data)


def read_exactly(conn, n):
    data = b""
    while len(data) < n:
        part = conn.recv(n - len(data))
        if not part:
            raise EOFError
        data += part
    return data


def serve_connection(conn, peer):
    conn.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        while True:
            (size,) = struct.unpack(">H", read_exactly(conn, 2))
            q = Query(read_exactly(conn, size))
            log("tcp", peer, q)
            what, n = mode()
            for r in replies(q, what, n, True):
                send_tcp(conn, what, r)
    except (EOFError, OSError):
        conn.close()


def guarded(fn, *args):
    try:
        fn(*args)
    except Exception as e:  # a query that is none must not end the server
        print(f"dropped: {e!r}", flush=True)


def accept_loop(listener):
    while True:
        conn, peer = listener.accept()
        threading.Thread(target=guarded, args=(serve_connection, conn, peer), daemon=True).start()


def main():
    family = socket.AF_INET6 if ":" in ADDR else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((ADDR, PORT))
    listener.listen(64)
    threading.Thread(target=accept_loop, args=(listener,), daemon=True).start()
    sock = socket.socket(family, socket.SOCK_DGRAM)
    sock.bind((ADDR, PORT))
    while True:
        msg, peer = sock.recvfrom(65535)
        if mode()[0] == "delay":
            threading.Thread(target=guarded, args=(serve_datagram, sock, msg, peer), daemon=True).start()
        else:
            guarded(serve_datagram, sock, msg, peer)


main()
