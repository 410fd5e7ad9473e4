/* SPDX-License-Identifier: GPL-2.0-or-later */
/* forward_trouble_io.c: when to tell that DNS does not work: no upstream has said anything for a
 * while. Whatever is said, even SERVFAIL, shows that somebody is there. */
#include "dns/forward_priv.h"

#include "base/log.h"

#include <stdio.h>

static void tell(struct dns_forward *f)
{
	if (f->on_trouble)
		f->on_trouble(f->trouble_arg);
}

static void on_timer(struct loop_timer *t, mono_t now)
{
	struct dns_forward *f = t->arg;

	(void)now;
	memcpy(f->trouble, f->pending, sizeof(f->trouble));
	tell(f);
}

void dns_trouble_init(struct dns_forward *f)
{
	loop_timer_init(f->loop, &f->trouble_timer, on_timer, f);
}

void dns_trouble_fini(struct dns_forward *f)
{
	loop_timer_cancel(&f->trouble_timer);
}

void dns_trouble_on_alive(struct dns_forward *f)
{
	bool told = f->trouble[0] != '\0';

	if (mono_is_zero(f->failing_since))
		return;
	f->failing_since = MONO_ZERO;
	f->trouble[0] = '\0';
	loop_timer_cancel(&f->trouble_timer);
	if (told)
		tell(f);
}

void dns_trouble_reset(struct dns_forward *f)
{
	dns_trouble_on_alive(f);
}

static void describe(const struct dns_group *g, char out[static TROUBLE_TEXT])
{
	struct wr w = wr_init(mspan_of(out, TROUBLE_TEXT - 1));
	size_t shown = g->list.n < 3 ? g->list.n : 3;
	struct log_esc_buf esc;

	wr_str(&w, g->list.n == 1 ? "the DNS server does not answer: "
				  : "the DNS servers do not answer: ");
	for (size_t i = 0; i < shown; i++)
		wr_fmt(&w, "%s%.100s", i ? ", " : "", log_esc(span_str(g->list.v[i].addr), &esc));
	if (g->list.n > shown)
		wr_fmt(&w, " and %zu more", g->list.n - shown);
	out[wr_len(&w)] = '\0';
}

void dns_trouble_on_silence(struct dns_forward *f, const struct dns_group *g, mono_t since)
{
	if (!mono_is_zero(f->failing_since))
		return;
	f->failing_since = since;
	describe(g, f->pending);
	loop_timer_arm(&f->trouble_timer, mono_add_ms(since, TROUBLE_MS));
}

const char *dns_forward_trouble(const struct dns_forward *f)
{
	return f->trouble;
}

void dns_forward_on_trouble(struct dns_forward *f, void (*fn)(void *arg), void *arg)
{
	f->on_trouble = fn;
	f->trouble_arg = arg;
}
