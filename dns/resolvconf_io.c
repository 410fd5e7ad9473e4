/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dns/resolvconf_io.h"

#include "base/alloc.h"
#include "base/fs.h"

#include <stdlib.h>

int resolvconf_read(const char *path, struct resolvconf *out)
{
	struct buf text;
	buf_init(&text, RESOLVCONF_MAX);
	int rc = fs_read(path, &text);
	if (rc == 0)
		(void)!resolvconf_parse(buf_span(&text), out);
	buf_fini(&text);
	return rc;
}

static bool take_stubs_out(struct dns_os_config *c)
{
	size_t kept = 0, n = c->n_servers;
	for (size_t i = 0; i < n; i++)
		if (!dns_server_is_stub(&c->servers[i]))
			c->servers[kept++] = c->servers[i];
	c->n_servers = kept;
	return kept < n;
}

bool resolvconf_without_us(const char *run, struct dns_os_config *c)
{
	resolvconf_strip_ours(c);
	if (!take_stubs_out(c))
		return false;
	char *path = xasprintf("%s/systemd/resolve/resolv.conf", run);
	struct resolvconf uplinks = { 0 };
	if (resolvconf_read(path, &uplinks) == 0) {
		resolvconf_strip_ours(&uplinks.config);
		for (size_t i = 0; i < uplinks.config.n_servers; i++)
			dns_os_config_add_server(c, &uplinks.config.servers[i]);
	}
	resolvconf_fini(&uplinks);
	free(path);
	return true;
}
