/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What comes to the helper process, from a daemon in a stranger's hands: any bytes. A request that
 * is taken says the same when it is built again, and the text fed to iptables-restore holds just
 * the commands that we have, one a line, in printable signs. The same bytes are also read as a
 * reply and as lines of iptables-save. */
#include "tests/fuzz/fuzz.h"
#include "tests/unit/daemon/hands_request.h"

#include <stdlib.h>

static void must(bool good)
{
	if (!good)
		abort();
}

static void read_lines(struct span s, struct ipt_seen *seen)
{
	ipt_seen_init(seen);
	while (s.len) {
		const uint8_t *end = memchr(s.p, '\n', s.len);
		size_t n = end ? (size_t)(end - s.p) : s.len;
		ipt_seen_line(seen, span_of(s.p, n));
		s = span_from(s, n + 1);
	}
}

static void check_line(const char *line)
{
	static const char *const starts[] = { "*",   ":ts-",   "-A ts-", "-I ",
					      "-D ", "-F ts-", "-X ts-", "COMMIT" };
	size_t i = 0;
	while (i < ARRAY_LEN(starts) && strncmp(line, starts[i], strlen(starts[i])) != 0)
		i++;
	must(i < ARRAY_LEN(starts));
	for (; *line; line++)
		must(*line >= ' ' && *line < 0x7f && !strchr("\"'`\\;#$", *line));
}

static void check_texts(const struct hands_request *r, const struct ipt_seen *seen)
{
	struct ipt_want w = { .tun = r->tun, .params = &r->params, .cfg = &r->cfg };
	for (int i = 0; i < 2 * IPT_TABLES; i++) {
		struct buf b;
		buf_init(&b, IPT_TEXT_MAX);
		ipt_apply_text(&w, i < IPT_TABLES ? IP_V4 : IP_V6, i % IPT_TABLES, seen, &b);
		if (buf_ok(&b)) {
			buf_cstr(&b);
			for (char *rest = (char *)b.p, *line; (line = strsep(&rest, "\n"));)
				if (rest)
					check_line(line);
		}
		buf_fini(&b);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	static uint8_t again[HANDS_REQUEST_MAX];
	struct hands_request r;
	struct hands_reply reply;
	struct ipt_seen seen;
	struct span s = span_of(p, len);
	read_lines(s, &seen);
	if (hands_request_parse(s, &r) == 0) {
		int n = hands_request_build(&r, mspan_of(again, sizeof(again)));
		must(n == (int)len && memcmp(again, p, len) == 0);
		if (r.verb == HANDS_FW_APPLY)
			check_texts(&r, &seen);
	}
	hands_request_fini(&r);
	if (hands_reply_parse(s, &reply) == 0)
		must(memchr(reply.text, 0, sizeof(reply.text)) && reply.rc <= 0);
	return 0;
}

bool fuzz_seed(size_t i, struct span *out)
{
	static const char saved[] =
	    "*filter\n:ts-input - [0:0]\n-A INPUT -j ts-input\n"
	    "-A FORWARD -i eth0 -j ts-forward\n-A ts-input -i m -j ACCEPT\n";
	static uint8_t msg[HANDS_REQUEST_MAX];
	struct hands_request r = usual_request();
	int n = 0;
	if (i == 1 || i == 2)
		r.verb = i == 1 ? HANDS_FW_DOWN : HANDS_FW_CHECK;
	if (i < 3)
		n = hands_request_build(&r, mspan_of(msg, sizeof(msg)));
	hands_request_fini(&r);
	if (i == 3) {
		struct hands_reply reply = { .id = 1, .rc = -ERR_IO, .text = "iptables nat: no" };
		n = (int)hands_reply_build(&reply, mspan_of(msg, sizeof(msg)));
	}
	*out = i == 4 ? span_of(saved, sizeof(saved) - 1) : span_of(msg, (size_t)n);
	return i < 5;
}
