/* SPDX-License-Identifier: GPL-2.0-or-later */
/* filter_parse.h: the control server's FilterRule JSON to plain rules. Pure. spec/routing.md 7.1.
 */
#ifndef NETSTACK_FILTER_PARSE_H
#define NETSTACK_FILTER_PARSE_H

#include "base/json.h"
#include "netstack/filter.h"

#define FLT_RULES_MAX 65536    /* rules in one filter */
#define FLT_ENTRIES_MAX 262144 /* sources and destinations of all rules together */

struct flt_parse_error {
	char text[160]; /* what is wrong and in which rule, without input bytes */
};

/* One SrcIPs or DstPorts.IP string: "*", address, CIDR without host bits, "a-b".
 * Fills 1 or 2 ranges and *n. 0 or -ERR_SYNTAX. */
MUST_CHECK int flt_ipset_parse(struct span text, struct ip_range out[static 2], size_t *n);

/* Append the rules of a JSON array (or null) to out. A source or destination text that does not
 * parse is left out, the first one noted in err->text (which is "" otherwise), and 0 is returned.
 * -ERR_UNSUPPORTED (SrcBits, Bits), -ERR_SYNTAX (wrong JSON types), -ERR_TOOBIG, -ERR_NOMEM: the
 * whole set is refused, out is empty. */
MUST_CHECK int flt_rules_parse(const json_t *array, struct flt_rules *out,
			       struct flt_parse_error *err);

#endif
