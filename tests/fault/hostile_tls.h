/* SPDX-License-Identifier: GPL-2.0-or-later */
/* hostile_tls.h: TLS in front of the hostile server, since nodes reach relays over TLS alone. */
#ifndef TESTS_FAULT_HOSTILE_TLS_H
#define TESTS_FAULT_HOSTILE_TLS_H

/* Make a certificate; exits on failure. */
void hostile_tls_init(void);
/* If the client begins with TLS: a process of its own carries the bytes, and the result is a socket
 * with what is inside. Else fd itself. -1: the client left. */
int hostile_tls_front(int fd);

#endif
