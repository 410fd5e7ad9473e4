/* SPDX-License-Identifier: GPL-2.0-or-later */
/* inner.h: the least look into a decrypted packet that WireGuard needs: where it ends and who sent
 * it. Pure; input untrusted. Spec: datapath.md 2.8 step 5. */
#ifndef WG_INNER_H
#define WG_INNER_H

#include "base/ip.h"

/* Length of the IP packet at the start of a plaintext, without its padding; 0 if it is none:
 * version not 4 or 6, shorter than its header, or longer than what is there. */
size_t wg_inner_len(struct span plaintext);
/* Addresses of a packet for which wg_inner_len was not 0. */
struct ip wg_inner_source(struct span packet);
struct ip wg_inner_destination(struct span packet);

#endif
