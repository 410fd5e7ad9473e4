/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Durations as Go reads and prints them. */
#include "base/alloc.h"
#include "base/mono.h"
#include "cli/flags.h"

#include <inttypes.h>

static const struct unit {
	const char *name;
	int64_t ns;
} units[] = {
	{ "ns", 1 },	   { "us", 1000 },	   { "\xc2\xb5s", 1000 },    { "ms", NS_PER_MS },
	{ "s", NS_PER_S }, { "m", 60 * NS_PER_S }, { "h", 3600 * NS_PER_S },
};

/* Longest match: "ms" before "m". */
static const struct unit *unit_at(const char *s, size_t *len)
{
	const struct unit *best = NULL;
	*len = 0;
	for (size_t i = 0; i < ARRAY_LEN(units); i++) {
		size_t n = strlen(units[i].name);
		if (n > *len && strncmp(s, units[i].name, n) == 0) {
			best = &units[i];
			*len = n;
		}
	}
	return best;
}

/* One "12.5s" off the front of *s; added to *total. */
static int add_part(const char **s, int64_t *total)
{
	int64_t whole = 0, part = 0, scale = 1;
	size_t digits = 0, n;
	const char *p = *s;
	for (; *p >= '0' && *p <= '9'; p++, digits++)
		if (__builtin_mul_overflow(whole, 10, &whole) ||
		    __builtin_add_overflow(whole, *p - '0', &whole))
			return -ERR_RANGE;
	if (*p == '.') {
		for (p++; *p >= '0' && *p <= '9'; p++, digits++) {
			if (scale < NS_PER_S) {
				part = part * 10 + (*p - '0');
				scale *= 10;
			}
		}
	}
	const struct unit *u = unit_at(p, &n);
	if (!digits || !u)
		return -ERR_SYNTAX;
	int64_t ns, fraction = (int64_t)((double)part * (double)u->ns / (double)scale);
	if (__builtin_mul_overflow(whole, u->ns, &ns) ||
	    __builtin_add_overflow(ns, fraction, &ns) || __builtin_add_overflow(*total, ns, total))
		return -ERR_RANGE;
	*s = p + n;
	return 0;
}

int duration_decode(const char *text, int64_t *ns)
{
	bool negative = *text == '-';
	const char *s = text + (*text == '-' || *text == '+');
	int64_t total = 0;
	if (!*s)
		return -ERR_SYNTAX;
	if (strcmp(s, "0") != 0) {
		while (*s) {
			int rc = add_part(&s, &total);
			if (rc)
				return rc;
		}
	}
	*ns = negative ? -total : total;
	return 0;
}

/* n/scale with up to nine decimals, without zeros at the end. */
static void decimal(struct wr *w, uint64_t n, uint64_t scale, const char *unit)
{
	wr_fmt(w, "%" PRIu64, n / scale);
	uint64_t rest = n % scale;
	if (rest)
		wr_str(w, ".");
	for (; rest; rest = rest % scale) {
		rest *= 10;
		wr_fmt(w, "%" PRIu64, rest / scale);
	}
	wr_str(w, unit);
}

const char *duration_encode(int64_t ns, char out[static DURATION_MAX])
{
	struct wr w = wr_init(mspan_of(out, DURATION_MAX - 1));
	uint64_t n = ns < 0 ? 0 - (uint64_t)ns : (uint64_t)ns;
	if (ns < 0)
		wr_str(&w, "-");
	if (n == 0) {
		wr_str(&w, "0s");
	} else if (n < 1000) {
		wr_fmt(&w, "%" PRIu64 "ns", n);
	} else if (n < (uint64_t)NS_PER_MS) {
		decimal(&w, n, 1000, "\xc2\xb5s");
	} else if (n < (uint64_t)NS_PER_S) {
		decimal(&w, n, (uint64_t)NS_PER_MS, "ms");
	} else {
		const uint64_t minute = 60 * (uint64_t)NS_PER_S;
		if (n >= 60 * minute)
			wr_fmt(&w, "%" PRIu64 "h", n / (60 * minute));
		if (n >= minute)
			wr_fmt(&w, "%" PRIu64 "m", n / minute % 60);
		decimal(&w, n % minute, (uint64_t)NS_PER_S, "s");
	}
	out[wr_len(&w)] = '\0';
	return out;
}
