/* SPDX-License-Identifier: GPL-2.0-or-later */
/* jd.h: decode members of a JSON object the way the reference's decoder does: absent and null give
 * the zero value, a wrong type or malformed text is an error (sticky, like the byte reader),
 * unknown members do not matter (shared/spec/control.md 14). Pure. */
#ifndef DAEMON_CONTROL_JD_H
#define DAEMON_CONTROL_JD_H

#include "base/ip.h"
#include "base/json.h"
#include "base/keys.h"
#include "daemon/control/arena.h"

struct jd {
	const json_t *obj;
	struct arena *arena; /* for lists; NULL where none are read */
	int err;	     /* 0, -ERR_SYNTAX, -ERR_TOOBIG; the first one stays */
	const char *why;     /* the member's name; static */
};

/* obj must be an object, or nil (then everything is absent). */
struct jd jd_init(const json_t *obj, struct arena *a);
void jd_fail(struct jd *d, int err, const char *name);

int64_t jd_int(struct jd *d, const char *name);
int32_t jd_int32(struct jd *d, const char *name);
uint16_t jd_u16(struct jd *d, const char *name);
bool jd_bool(struct jd *d, const char *name);
enum j_tri jd_tri(struct jd *d, const char *name);
/* "" if absent; borrowed from the tree; cut at a NUL inside. */
const char *jd_str(struct jd *d, const char *name);
wall_t jd_time(struct jd *d, const char *name);
struct ip jd_ip(struct jd *d, const char *name);	 /* "" is unset */
const json_t *jd_object(struct jd *d, const char *name); /* NULL if absent */
const json_t *jd_array(struct jd *d, const char *name);
void jd_node_key(struct jd *d, const char *name, struct node_key *out);
void jd_machine_key(struct jd *d, const char *name, struct machine_key *out);
void jd_disco_key(struct jd *d, const char *name, struct disco_key *out);

/* Lists from the arena; *n is 0 if absent. More than max: -ERR_TOOBIG. */
const char **jd_strings(struct jd *d, const char *name, size_t max, uint32_t *n);
/* Empty strings are skipped; host bits are kept. */
struct prefix *jd_prefixes(struct jd *d, const char *name, size_t max, uint32_t *n);
/* Empty strings and those beyond max are skipped; zones are refused. */
struct ep *jd_endpoints(struct jd *d, const char *name, size_t max, uint32_t *n);
uint8_t *jd_base64(struct jd *d, const char *name, uint32_t *n);

#endif
