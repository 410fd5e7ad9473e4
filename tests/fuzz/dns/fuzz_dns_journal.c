/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The journal of a run that was killed, with its end line made to fit, so that the rest is reached:
 * what reads is written the same. */
#include "tests/fuzz/fuzz.h"

#include "base/alloc.h"
#include "base/crypto/crypto.h"
#include "dns/journal.h"

#include <stdlib.h>

static void must(bool good)
{
	if (!good)
		abort();
}

static void sign(struct buf *b)
{
	uint8_t hash[HASH_LEN];
	char hex[2 * HASH_LEN + 1];
	blake2s_hash(hash, buf_span(b), span_of(NULL, 0));
	hex_encode(span_of(hash, sizeof(hash)), hex);
	buf_fmt(b, "end %s\n", hex);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	struct dns_journal a, b;
	struct buf in, out;
	(void)!dns_journal_parse(span_of(p, len), &a);
	buf_init(&in, len + 100);
	buf_init(&out, DNS_JOURNAL_MAX);
	buf_add(&in, p, len);
	sign(&in);
	if (dns_journal_parse(buf_span(&in), &a) == 0) {
		dns_journal_build(&a, &out);
		must(buf_ok(&out) && dns_journal_parse(buf_span(&out), &b) == 0);
		must(span_eq(a.text, b.text) && a.was == b.was && a.perm == b.perm);
	}
	buf_fini(&in);
	buf_fini(&out);
	return 0;
}

bool fuzz_seed(size_t i, struct span *out)
{
	static const char *const seeds[] = {
		"meshd dns journal 1\nmode direct\nphase set\nway rename\nwas file 644 0 0\n"
		"text 3\nabc\n"
		"wrote 1 0000000000000000000000000000000000000000000000000000000000000000\n",
		"meshd dns journal 1\nmode direct\nphase restoring\nway in-place\n"
		"was link 777 0 0\ntext 6\n../run\n"
		"wrote 1 0000000000000000000000000000000000000000000000000000000000000000\n",
		"meshd dns journal 1\nmode openresolv\n",
	};
	if (i >= ARRAY_LEN(seeds))
		return false;
	*out = span_str(seeds[i]);
	return true;
}
