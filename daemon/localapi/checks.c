/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Small questions the CLI asks before it advertises routes, serves or updates. */
#include "daemon/localapi/handlers.h"

#include <stdlib.h>

static void warning(struct api_req *r, const char *text)
{
	api_error_json(r, 200, "Warning", text);
}

void api_check_ip_forwarding(struct api_req *r)
{
	char *text = backend_ip_forwarding_warning(r->b);
	warning(r, text ? text : "");
	free(text);
}

/* UDP segmentation is used only where the kernel offers it; there is nothing to set or to say. */
void api_no_warning(struct api_req *r)
{
	warning(r, "");
}

void api_so_mark(struct api_req *r)
{
	json_t *o = j_object();
	j_set_bool(o, "UseSOMark", true);
	api_json(r, 200, J_COMPACT, o);
}

/* Updates are the distribution's; nobody is asked. */
void api_update_check(struct api_req *r)
{
	api_text(r, 200, "{\"RunningLatest\":true}");
}

/* Taken and dropped: nothing is uploaded anywhere. */
void api_upload_client_metrics(struct api_req *r)
{
	api_json(r, 200, J_COMPACT, j_object());
}
