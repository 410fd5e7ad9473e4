/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/coordinator/api.h"

static const char c2n_path[] = "/machine/c2n/";

/* Known to official clients, not offered here: they take 501 as "feature unavailable". */
static const char *const unavailable[] = {
	"/machine/ssh/action/", "/machine/set-dns",	  "/machine/set-device-attr",
	"/machine/audit-log",	"/machine/id-token",	  "/machine/feature/query",
	"/machine/webclient/",	"/machine/update-health",
};

void api_dispatch(struct node_req *q)
{
	bool post = strcmp(q->method, "POST") == 0;

	if (post && strcmp(q->path, "/machine/register") == 0) {
		api_register(q);
		return;
	}
	if (post && strcmp(q->path, "/machine/map") == 0) {
		api_map(q);
		return;
	}
	if (post && strncmp(q->path, c2n_path, sizeof(c2n_path) - 1) == 0) {
		api_c2n_answer(q, q->path + sizeof(c2n_path) - 1);
		return;
	}
	for (size_t i = 0; i < sizeof(unavailable) / sizeof(unavailable[0]); i++)
		if (strncmp(q->path, unavailable[i], strlen(unavailable[i])) == 0) {
			node_reply_text(q, 501, "not offered by meshcoord\n");
			return;
		}
	node_reply_text(q, 404, "not found\n");
}
