/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dns/type_name.h"

#include "base/alloc.h"

#include <strings.h>

static const struct {
	const char *word;
	uint16_t type;
} types[] = {
	{ "A", DNS_A },		{ "AAAA", DNS_AAAA }, { "ALL", DNS_ANY }, { "CNAME", DNS_CNAME },
	{ "HINFO", DNS_HINFO }, { "MINFO", 14 },      { "MX", DNS_MX },	  { "NS", DNS_NS },
	{ "OPT", DNS_OPT },	{ "PTR", DNS_PTR },   { "SOA", DNS_SOA }, { "SRV", DNS_SRV },
	{ "TXT", DNS_TXT },	{ "WKS", 11 },
};

const char *dns_type_find(const char *word, uint16_t *type)
{
	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		if (strcasecmp(types[i].word, word) != 0)
			continue;
		if (type)
			*type = types[i].type;
		return types[i].word;
	}
	return NULL;
}
