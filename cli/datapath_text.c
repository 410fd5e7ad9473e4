/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/datapath_text.h"

#include "cli/text.h"

#include <inttypes.h>

static void add_text(struct buf *b, const json_t *o, const char *name)
{
	const char *s = j_str(o, name);
	text_clean(b, s ? s : "?");
}

static void add_aead(struct buf *b, const json_t *aead)
{
	const json_t *usable = j_get(aead, "Usable");
	buf_add_str(b, "aead: ");
	add_text(b, aead, "Used");
	for (size_t i = 0; i < j_len(usable); i++) {
		const char *name = j_text(j_at(usable, i));
		buf_add_str(b, i ? ", " : " (usable: ");
		text_clean(b, name ? name : "?");
	}
	buf_add_str(b, j_len(usable) ? ")\n" : "\n");
}

static void add_steps(struct buf *b, const json_t *o)
{
	const json_t *steps = j_get(o, "Steps");
	for (size_t i = 0; i < j_len(steps); i++) {
		const json_t *step = j_at(steps, i);
		buf_add_str(b, "  ");
		add_text(b, step, "Step");
		buf_add_str(b, "\t");
		if (j_bool(step, "Active", false))
			buf_add_str(b, "on");
		else
			add_text(b, step, "Why");
		buf_add_str(b, "\n");
	}
}

static void add_sock(struct buf *b, const json_t *s)
{
	int64_t wanted = j_int(s, "WantedBuffer", 0) / 1024;
	buf_add_str(b, "udp ");
	add_text(b, s, "Family");
	buf_fmt(b, " port %" PRId64 "\n", j_int(s, "Port", 0));
	add_steps(b, s);
	buf_fmt(b, "  receive buffer\t%" PRId64 " of %" PRId64 " KiB\n",
		j_int(s, "ReceiveBuffer", 0) / 1024, wanted);
	buf_fmt(b, "  send buffer\t%" PRId64 " of %" PRId64 " KiB\n",
		j_int(s, "SendBuffer", 0) / 1024, wanted);
	buf_fmt(b, "  queue drops\t%" PRId64 "\n", j_int(s, "QueueDrops", 0));
}

static void add_counters(struct buf *b, json_t *counters)
{
	buf_add_str(b, "counters\n");
	for (void *it = j_iter(counters); it; it = j_iter_next(counters, it)) {
		buf_add_str(b, "  ");
		text_clean(b, j_iter_key(it));
		buf_fmt(b, "\t%" PRId64 "\n", j_integer(j_iter_value(it)));
	}
}

void datapath_text(const json_t *d, struct buf *out)
{
	const json_t *tun = j_get(d, "TUN"), *udp = j_get(d, "UDP");
	add_aead(out, j_get(d, "AEAD"));
	buf_fmt(out, "workers: %" PRId64 "\n", j_int(d, "Workers", 0));
	if (tun) {
		buf_add_str(out, "tun ");
		add_text(out, tun, "Name");
		buf_add_str(out, "\n");
		add_steps(out, tun);
	}
	for (size_t i = 0; i < j_len(udp); i++)
		add_sock(out, j_at(udp, i));
	if (j_is_object(j_get(d, "Counters")))
		add_counters(out, j_get(d, "Counters"));
}
