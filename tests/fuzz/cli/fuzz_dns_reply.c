/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The message of `dns query`: any bytes. What is shown is printable ASCII and of bounded size. */
#include "tests/fuzz/fuzz.h"

#include "base/alloc.h"
#include "cli/dns_query_text.h"

#include <stdlib.h>

/* A byte of the message may become four of text, a compressed name 255 of them, per record. */
#define TEXT_MAX (64u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	struct dns_reply reply;
	struct buf b;
	int rc = dns_reply_parse(span_of(p, len), &reply);
	if (rc) {
		if (reply.answers || (rc == -ERR_SHORT) != (len < 12))
			abort();
		return 0;
	}
	if ((reply.answers == NULL) != (reply.rcode != 0) ||
	    j_len(reply.answers) > DNS_REPLY_ANSWERS_MAX)
		abort();
	const struct dns_query_view v = { "a\033[m", "A", NULL, false, &reply };
	buf_init(&b, TEXT_MAX);
	dns_query_text(&v, &b);
	const char *s = buf_cstr(&b);
	if (!buf_ok(&b))
		abort();
	for (; *s; s++)
		if ((uint8_t)*s >= 0x7f || ((uint8_t)*s < ' ' && *s != '\n'))
			abort();
	j_free(dns_query_json(&v));
	buf_fini(&b);
	j_free(reply.answers);
	return 0;
}

#define HEAD(answers) "\0\1\x81\x80\0\1\0" answers "\0\0\0\0\1a\7example\0\0\1\0\1"

bool fuzz_seed(size_t i, struct span *out)
{
	static const struct {
		const char *p;
		size_t len;
	} seeds[] = {
#define S(text) { text, sizeof(text) - 1 }
		S("\0\1\x81\x83\0\1\0\0\0\0\0\0\1a\0\0\1\0\1"),
		S(HEAD("\1") "\xc0\x0c\0\1\0\1\0\0\0\5\0\4\x64\x40\0\2"),
		S(HEAD("\2") "\xc0\x0c\0\x10\0\1\0\0\1\x2c\0\7\3a\"b\2\\c\xc0\x0c\0\x1c\0\1\0\0\0\1\0\x10"
			     "\xfd\x7a\x11\x5c\xa1\xe0\0\0\0\0\0\0\0\0\0\1"),
		S(HEAD("\2") "\xc0\x0c\0\x0f\0\1\0\0\1\x2c\0\x07\0\x0a\2mx\xc0\x0e\xc0\x0c\0\x21\0\1\0\0"
			     "\1\x2c\0\x0a\0\1\0\2\0\3\1t\xc0\x0e"),
		S(HEAD("\1") "\xc0\x0c\0\6\0\1\0\0\1\x2c\0\x1d\2ns\xc0\x0e\1h\xc0\x0e\0\0\0\1\0\0\0\2\0\0\0\3"
			     "\0\0\0\4\0\0\0\5"),
		S(HEAD("\1") "\xc0\x1e\0\1\0\1\0\0\0\5\0\4\x64\x40\0\2"), /* points at itself */
		S(HEAD("\1") "\3.\\\xff\0\0\x41\0\1\0\0\0\5\0\2\1\2"),
	};
	if (i >= ARRAY_LEN(seeds))
		return false;
	*out = span_of(seeds[i].p, seeds[i].len);
	return true;
}
