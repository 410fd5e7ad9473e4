/* SPDX-License-Identifier: GPL-2.0-or-later */
/* udp_run.h: which datagrams may travel as one run, that is in one send that the kernel cuts apart
 * (UDP_SEGMENT): all of one length, only the last may be shorter (shared/spec/datapath.md 7). Pure.
 */
#ifndef MAGICSOCK_UDP_RUN_H
#define MAGICSOCK_UDP_RUN_H

#include "base/ip.h"

#define UDP_RUN_MAX 64	      /* datagrams; what the oldest kernel takes */
#define UDP_RUN_BYTES4 65507u /* 65535 less IPv4 and UDP header */
#define UDP_RUN_BYTES6 65527u /* 65535 less UDP header */

/* Bytes of the first datagram of what is left of a run; segment 0: all of it is one. */
static inline size_t udp_run_first(size_t left, size_t segment)
{
	return segment && segment < left ? segment : left;
}

static inline size_t udp_run_bytes_max(uint8_t fam)
{
	return fam == IP_V6 ? UDP_RUN_BYTES6 : UDP_RUN_BYTES4;
}

/* May a datagram of len bytes join a run to the same destination that holds n datagrams, run_bytes
 * together, the first of which has `segment` bytes? One begins a run (n 0, run_bytes and segment
 * not looked at) if it is not empty and can be sent at all. A datagram that is shorter than segment
 * joins and ends the run: the next call sees that and refuses. */
static inline bool udp_run_takes(uint8_t fam, size_t run_bytes, uint16_t segment, size_t n,
				 size_t len)
{
	if (n == 0)
		return len > 0 && len <= udp_run_bytes_max(fam);
	return n < UDP_RUN_MAX && run_bytes == n * segment && len > 0 && len <= segment &&
	       run_bytes + len <= udp_run_bytes_max(fam);
}

#endif
