/* SPDX-License-Identifier: GPL-2.0-or-later */
/* status_text.h: the table of `status`. shared/spec/cli-localapi.md 10.4. Pure. */
#ifndef CLI_STATUS_TEXT_H
#define CLI_STATUS_TEXT_H

#include "base/json.h"
#include "base/mono.h"

struct status_view_opts {
	bool self, peers, active, header;
	wall_t now;
};

/* The whole text for a running node, appended to out. serve_config may be NULL. */
void status_text(const json_t *status, const json_t *serve_config, const struct status_view_opts *o,
		 struct buf *out);
/* "# Health check:" and its lines; nothing when healthy. */
void status_health_text(const json_t *status, struct buf *out);

#endif
