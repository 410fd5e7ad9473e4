/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dns/fqdn.h"

#include <string.h>

#define LABEL_MAX 63

static bool labels_ok(const char *s, size_t n)
{
	size_t label = 0;
	for (size_t i = 0; i < n; i++) {
		if (s[i] != '.') {
			label++;
			continue;
		}
		if (label == 0 || label > LABEL_MAX)
			return false;
		label = 0;
	}
	return n == 0 || (label > 0 && label <= LABEL_MAX);
}

int dns_fqdn_decode(const char *in, char out[static DNS_FQDN_MAX + 1])
{
	if (*in == '.' && *++in == '.')
		return -ERR_SYNTAX;
	size_t n = strnlen(in, DNS_FQDN_MAX + 2);
	if (n && in[n - 1] == '.')
		n--;
	if (n > DNS_FQDN_MAX || !labels_ok(in, n))
		return -ERR_SYNTAX;
	memcpy(out, in, n);
	out[n] = '\0';
	return 0;
}

void dns_fqdn_lower(char *name)
{
	for (; *name; name++)
		if (*name >= 'A' && *name <= 'Z')
			*name = (char)(*name - 'A' + 'a');
}

int dns_fqdn_clean(const char *in, char out[static DNS_FQDN_MAX + 1])
{
	int rc = dns_fqdn_decode(in, out);
	if (rc == 0)
		dns_fqdn_lower(out);
	return rc;
}

size_t dns_fqdn_labels(const char *name)
{
	size_t n = *name != '\0';
	for (; *name; name++)
		n += *name == '.';
	return n;
}

const char *dns_fqdn_parent(const char *name)
{
	const char *dot = strchr(name, '.');
	return dot ? dot + 1 : "";
}

bool dns_fqdn_below(const char *name, const char *suffix)
{
	size_t n = strlen(name), s = strlen(suffix);
	if (s == 0)
		return true;
	if (n < s || strcmp(name + n - s, suffix) != 0)
		return false;
	return n == s || name[n - s - 1] == '.';
}

static unsigned at(const char *s)
{
	return *s ? (unsigned char)*s : '.';
}

int dns_fqdn_cmp(const char *a, const char *b)
{
	while (*a && *b && *a == *b)
		a++, b++;
	unsigned x = at(a), y = at(b);
	if (x != y)
		return x < y ? -1 : 1;
	/* One is at its end, so that its final dot stands against a dot inside the other. */
	return *a ? 1 : *b ? -1 : 0;
}
