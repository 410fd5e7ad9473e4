/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The stored addresses of hosts: whatever the state file says, what is taken from it reads back as
 * the same. */
#include "tests/fuzz/fuzz.h"

#include "base/good_addrs.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	static struct good_addrs a, b;
	struct buf text, again;
	good_addrs_decode(&a, span_of(p, len));
	if (a.n > GOOD_HOSTS_MAX)
		abort();
	buf_init(&text, GOOD_TEXT_MAX);
	buf_init(&again, GOOD_TEXT_MAX);
	good_addrs_encode(&a, &text);
	good_addrs_decode(&b, buf_span(&text));
	good_addrs_encode(&b, &again);
	if (!buf_ok(&text) || text.len != again.len ||
	    (text.len && memcmp(text.p, again.p, text.len) != 0))
		abort();
	for (size_t i = 0; i < a.n; i++)
		if (a.v[i].n == 0 || a.v[i].n > GOOD_ADDRS_MAX ||
		    good_addrs_find(&a, a.v[i].name) != &a.v[i])
			abort();
	buf_fini(&text);
	buf_fini(&again);
	return 0;
}

bool fuzz_seed(size_t i, struct span *out)
{
	static const char *const seeds[] = {
		"control.example.org 192.0.2.1 2001:db8::1\nrelay.example.org 192.0.2.2\n",
		"a.test nonsense 192.0.2.5\n\nb\na.test 192.0.2.6",
	};
	if (i >= sizeof(seeds) / sizeof(*seeds))
		return false;
	*out = span_str(seeds[i]);
	return true;
}
