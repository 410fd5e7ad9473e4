/* SPDX-License-Identifier: GPL-2.0-or-later */
/* up_wait.h: what a person sees between `up` and Running. */
#ifndef CLI_UP_WAIT_H
#define CLI_UP_WAIT_H

#include "cli/cli.h"
#include "cli/localapi_client.h"

struct up_wait {
	struct cli *c;
	bool json;
	bool quiet_url;	     /* an auth key was given: no URL is shown */
	bool force_reauth;   /* done only with another node key */
	const char *old_url; /* pending before, may be NULL */
	const char *old_key;
	const char *control_url;
	mono_t deadline;
	/* progress */
	bool said, running, new_key;
	char *shown_url;
};

/* Reads the bus until the node runs. Returns the exit code; errors are printed. */
int up_wait_running(struct up_wait *w, struct lapi_stream *bus);

#endif
