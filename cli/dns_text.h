/* SPDX-License-Identifier: GPL-2.0-or-later */
/* dns_text.h: what `dns status` says. Pure. */
#ifndef CLI_DNS_TEXT_H
#define CLI_DNS_TEXT_H

#include "cli/dns_mode_text.h"

struct dns_view {
	const json_t *status, *prefs;
	const json_t *config; /* tailcfg.DNSConfig; NULL: no network map */
	const json_t *system; /* dns-osconfig; NULL: it could not be read */
	const char *system_error;
	bool all;
	struct dns_mode_view mode; /* its dns NULL: the daemon has no such view */
};

void dns_status_text(const struct dns_view *v, struct buf *out);
json_t *dns_status_json(const struct dns_view *v); /* new */
/* Appends a text, or a resolver ({"Addr", "BootstrapResolution"}). */
void dns_resolver_text(struct buf *out, const json_t *v);

#endif
