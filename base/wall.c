/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Text and TAI64N forms of wall time. */
#include "base/mono.h"

#include <stdio.h>

#define DAY INT64_C(86400)
#define YEAR_1 INT64_C(-62135596800) /* 0001-01-01T00:00:00Z */
#define YEAR_2 (YEAR_1 + 365 * DAY)
#define YEAR_9999_END INT64_C(253402300799) /* 9999-12-31T23:59:59Z */
#define TAI64_EPOCH UINT64_C(0x400000000000000a)

struct civil {
	unsigned year, month, day;
};

static bool is_leap(unsigned y)
{
	return (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;
}

static unsigned days_in_month(unsigned y, unsigned m)
{
	static const uint8_t days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	return m == 2 && is_leap(y) ? 29 : days[m - 1];
}

/* Days before 1 January of year y, counted from 0001-01-01. */
static int64_t days_before_year(unsigned y)
{
	int64_t n = (int64_t)y - 1;
	return n * 365 + n / 4 - n / 100 + n / 400;
}

static int64_t days_of_civil(struct civil c)
{
	int64_t d = days_before_year(c.year);
	for (unsigned m = 1; m < c.month; m++)
		d += days_in_month(c.year, m);
	return d + c.day - 1;
}

static struct civil civil_of_days(int64_t days)
{
	/* 146097 days are 400 years; the estimate is at most one year too late */
	struct civil c = { (unsigned)(days * 400 / 146097) + 1, 1, 1 };
	if (days_before_year(c.year + 1) <= days)
		c.year++;
	if (days_before_year(c.year) > days)
		c.year--;
	days -= days_before_year(c.year);
	while (days >= days_in_month(c.year, c.month))
		days -= days_in_month(c.year, c.month++);
	c.day = (unsigned)days + 1;
	return c;
}

static unsigned rd_digits(struct rd *r, size_t n)
{
	struct span s = rd_take(r, n);
	unsigned v = 0;
	for (size_t i = 0; i < s.len; i++) {
		if (s.p[i] < '0' || s.p[i] > '9')
			r->bad = true;
		v = v * 10 + (s.p[i] - '0');
	}
	return v;
}

static void rd_expect(struct rd *r, char c)
{
	if (rd_u8(r) != (uint8_t)c)
		r->bad = true;
}

/* ".digits" if there: 1..9 of them */
static int32_t rd_fraction(struct rd *r)
{
	if (rd_left(r) == 0 || *r->p != '.')
		return 0;
	rd_skip(r, 1);
	int32_t v = 0;
	int n = 0;
	for (; rd_left(r) && *r->p >= '0' && *r->p <= '9' && n < 9; n++)
		v = v * 10 + (rd_u8(r) - '0');
	if (n == 0)
		r->bad = true;
	for (; n < 9; n++)
		v *= 10;
	return v;
}

/* "Z" or "+hh:mm"; seconds east of UTC. *ok is cleared when a value is out of range. */
static int64_t rd_zone(struct rd *r, bool *ok)
{
	uint8_t c = rd_u8(r);
	if (c == 'Z')
		return 0;
	if (c != '+' && c != '-')
		r->bad = true;
	unsigned h = rd_digits(r, 2);
	rd_expect(r, ':');
	unsigned m = rd_digits(r, 2);
	*ok = h <= 23 && m <= 59;
	int64_t s = (int64_t)h * 3600 + (int64_t)m * 60;
	return c == '-' ? -s : s;
}

static bool civil_valid(struct civil c)
{
	return c.year >= 1 && c.month >= 1 && c.month <= 12 && c.day >= 1 &&
	       c.day <= days_in_month(c.year, c.month);
}

int wall_decode(struct span text, wall_t *out)
{
	struct rd r = rd_init(text);
	struct civil c;
	bool zone_ok = true;
	c.year = rd_digits(&r, 4);
	rd_expect(&r, '-');
	c.month = rd_digits(&r, 2);
	rd_expect(&r, '-');
	c.day = rd_digits(&r, 2);
	rd_expect(&r, 'T');
	unsigned hour = rd_digits(&r, 2);
	rd_expect(&r, ':');
	unsigned min = rd_digits(&r, 2);
	rd_expect(&r, ':');
	unsigned sec = rd_digits(&r, 2);
	int32_t ns = rd_fraction(&r);
	int64_t zone = rd_zone(&r, &zone_ok);
	if (!rd_done(&r))
		return -ERR_SYNTAX;
	if (!civil_valid(c) || hour > 23 || min > 59 || sec > 59 || !zone_ok)
		return -ERR_RANGE;
	int64_t s = YEAR_1 + days_of_civil(c) * DAY + hour * 3600 + min * 60 + sec - zone;
	if (s > YEAR_9999_END)
		return -ERR_RANGE;
	*out = s < YEAR_2 ? WALL_ZERO : (wall_t){ s, ns };
	return 0;
}

void wall_encode(wall_t t, char out[static RFC3339_MAX])
{
	int64_t s = wall_is_zero(t) || t.s < YEAR_1 ? YEAR_1 : t.s;
	if (s > YEAR_9999_END)
		s = YEAR_9999_END;
	int64_t rel = s - YEAR_1;
	struct civil c = civil_of_days(rel / DAY);
	unsigned sod = (unsigned)(rel % DAY);
	char frac[12] = "";
	if (t.ns > 0 && t.ns < NS_PER_S) {
		int n = snprintf(frac, sizeof(frac), ".%09d", (int)t.ns);
		while (frac[n - 1] == '0')
			frac[--n] = 0;
	}
	snprintf(out, RFC3339_MAX, "%04u-%02u-%02uT%02u:%02u:%02u%sZ", c.year, c.month, c.day,
		 sod / 3600, sod / 60 % 60, sod % 60, frac);
}

void wall_tai64n(wall_t t, uint8_t out[static 12])
{
	struct wr w = wr_init(mspan_of(out, 12));
	wr_be64(&w, TAI64_EPOCH + (uint64_t)t.s);
	wr_be32(&w, (uint32_t)t.ns & ~UINT32_C(0xffffff));
}
