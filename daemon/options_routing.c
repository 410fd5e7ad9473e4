/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/options_routing.h"

#include "base/bytes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define TABLE_DEFAULT 253 /* with main and local the tables that all hosts have */
#define TABLE_LOCAL 255
#define RULE_MAIN 32766
#define RULES_SPAN 100

/* Decimal, or hexadecimal after 0x; *end: what follows. False: no number of 32 bits. */
static bool number(const char *text, uint32_t *out, const char **end)
{
	bool hex = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
	const char *digits = hex ? text + 2 : text;
	char *stop;
	if (!(hex ? strchr("0123456789abcdefABCDEF", *digits) : strchr("0123456789", *digits)) ||
	    !*digits)
		return false;
	errno = 0;
	unsigned long long v = strtoull(digits, &stop, hex ? 16 : 10);
	*out = (uint32_t)v;
	*end = stop;
	return errno == 0 && v <= UINT32_MAX;
}

static bool whole_number(const char *text, uint32_t *out)
{
	const char *end;
	return number(text, out, &end) && !*end;
}

/* The mark of forwarded packets stands beside the one given: the bit below, or else the one above.
 */
static bool marks(const char *text, struct router_params *p)
{
	const char *end;
	uint32_t value, mask;
	if (!number(text, &value, &end) || *end != '/' || !whole_number(end + 1, &mask))
		return false;
	uint32_t below = value >> 1, above = value << 1;
	uint32_t other = below && !(below & ~mask) ? below : above;
	if (!value || (value & ~mask) || !other || (other & ~mask))
		return false;
	p->fwmark_mask = mask;
	p->fwmark_bypass = value;
	p->fwmark_subnet = other;
	return true;
}

static bool table(const char *text, struct router_params *p)
{
	uint32_t n;
	if (!whole_number(text, &n) || n == 0 || (n >= TABLE_DEFAULT && n <= TABLE_LOCAL))
		return false;
	p->table = n;
	return true;
}

static bool priority(const char *text, struct router_params *p)
{
	uint32_t n;
	if (!whole_number(text, &n) || n == 0 || n > RULE_MAIN - RULES_SPAN)
		return false;
	p->rule_base = n;
	return true;
}

int options_routing(const struct routing_words *w, struct router_params *out, const char **why)
{
	*out = ROUTER_PARAMS_DEFAULT;
	*why = NULL;
	if (w->fwmark && !marks(w->fwmark, out))
		*why = "-fwmark wants VALUE/MASK, both within 32 bits, VALUE inside MASK with a "
		       "free bit beside it: for example 0x80000/0xff0000";
	else if (w->route_table && !table(w->route_table, out))
		*why = "-route-table wants a number from 1 on that is not 253, 254 or 255 (tables "
		       "default, main, local)";
	else if (w->rule_priority && !priority(w->rule_priority, out))
		*why = "-rule-priority wants a number from 1 to 32666; the rules stand 10 to 70 "
		       "behind it, and must come before those of the main table";
	return *why ? -ERR_RANGE : 0;
}
