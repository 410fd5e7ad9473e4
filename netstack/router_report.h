/* SPDX-License-Identifier: GPL-2.0-or-later */
/* router_report.h: what went wrong while routes were set, in words for the person who can help.
 * Pure. */
#ifndef NETSTACK_ROUTER_REPORT_H
#define NETSTACK_ROUTER_REPORT_H

#include "netstack/router.h"

struct router_report {
	unsigned failed; /* steps that failed; the others were done all the same */
	bool passing;	 /* some of them for want of memory, or since another held something: worth
			  * another router_want in some seconds */
	char first[200]; /* the first failure: request, reason, what to do; "" if none */
};

/* Counts a step that failed (rc not 0) and keeps the text of the first. */
void router_note(struct router_report *rep, const char *what, const char *object, int rc);
void router_note_prefix(struct router_report *rep, const char *what, struct prefix p, int rc);
/* A failure in words of its own. */
void router_note_text(struct router_report *rep, const char *text);

#endif
