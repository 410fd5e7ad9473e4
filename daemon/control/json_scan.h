/* SPDX-License-Identifier: GPL-2.0-or-later */
/* json_scan.h: walk over one JSON text without building a tree: members of an object, elements of
 * an array, as spans. So a map message of 10,000 peers is parsed one peer at a time. The whole
 * grammar is checked (RFC 8259, nesting to J_DEPTH_MAX) except UTF-8. Pure. */
#ifndef DAEMON_CONTROL_JSON_SCAN_H
#define DAEMON_CONTROL_JSON_SCAN_H

#include "base/bytes.h"

struct json_scan {
	struct rd r;
	char close; /* '}' or ']' */
	bool first;
};

/* One value with white space around it and nothing else? 0, -ERR_SYNTAX, -ERR_TOOBIG (nesting). */
MUST_CHECK int json_check(struct span text);
/* Start on an object or array that json_check accepted (or a span this scanner gave out).
 * -ERR_TYPE if it is something else. */
MUST_CHECK int json_scan_start(struct json_scan *s, struct span value, char open);
/* Next element; false at the end. key is the raw text between the quotes, empty for arrays. */
bool json_scan_next(struct json_scan *s, struct span *key, struct span *value);
bool json_scan_is_null(struct span value);

#endif
