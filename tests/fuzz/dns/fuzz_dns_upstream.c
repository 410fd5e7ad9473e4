/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Addresses of resolvers as control spells them, one a line: whatever they are, at most so many are
 * asked, each where it says, and never ourselves. */
#include "tests/fuzz/fuzz.h"

#include "base/alloc.h"
#include "dns/upstream.h"

#include <stdlib.h>

enum { LINES_MAX = 80 };

static void check(const struct dns_target *t)
{
	if (t->kind == DNS_UP_BAD || (t->kind == DNS_UP_PLAIN) != !t->url)
		abort();
	if (t->kind == DNS_UP_HTTPS && (t->n_addrs == 0 || t->n_addrs > DNS_DOH_ADDRS_MAX))
		abort();
	if (t->kind != DNS_UP_HTTPS && (ip_is_service(t->ep.ip) || t->ep.port == 0))
		abort();
	if (!memchr(t->scope, 0, sizeof(t->scope)))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	struct dns_upstream v[LINES_MAX];
	struct dns_target out[DNS_GROUP_MAX];
	struct dns_upstreams ups = { v, 0 };
	char *text = xstrndup(len ? (const char *)p : "", len), *at = text, *end;
	size_t bad, n;

	for (; at && ups.n < LINES_MAX; at = end) {
		end = strchr(at, '\n');
		if (end)
			*end++ = '\0';
		v[ups.n++] = (struct dns_upstream){ .addr = at };
	}
	n = dns_schedule(&ups, out, &bad);
	if (n > DNS_GROUP_MAX || bad > ups.n)
		abort();
	while (n > 0) {
		check(&out[--n]);
		dns_target_fini(&out[n]);
	}
	free(text);
	return 0;
}

bool fuzz_seed(size_t i, struct span *out)
{
	static const char *const seeds[] = {
		"1.1.1.1\n8.8.8.8\n2606:4700:4700::1111\n192.0.2.1:5353\n[2001:db8::1]:53",
		"https://dns.nextdns.io/c3a884?x=1\nhttps://dns.controld.com/abc\ntls://1.1.1.1",
		"http://100.64.0.3:12345/dns-query\nfe80::1%eth0\n2a07:a8c0::c3:a884\nbogus\n",
		"http://[fd7a:115c:a1e0::53]/\n100.100.100.100\n",
	};

	*out = span_str(i < ARRAY_LEN(seeds) ? seeds[i] : "");
	return i < ARRAY_LEN(seeds);
}
