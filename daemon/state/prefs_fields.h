/* SPDX-License-Identifier: GPL-2.0-or-later */
/* prefs_fields.h: the table of preferences that reading, writing, copying and editing walk over.
 * Only the prefs*.c files use it. */
#ifndef DAEMON_STATE_PREFS_FIELDS_H
#define DAEMON_STATE_PREFS_FIELDS_H

#include "daemon/state/prefs.h"

enum prefs_kind {
	KIND_STR,
	KIND_STR_OMIT, /* not written when empty */
	KIND_BOOL,
	KIND_BOOL_OMIT,
	KIND_TRI, /* true, false, null */
	KIND_TRI_OMIT,
	KIND_IP,
	KIND_STRINGS,
	KIND_STRINGS_OMIT,
	KIND_PREFIXES,
	KIND_PREFIXES_OMIT,
	KIND_MODE, /* enum netfilter_mode */
	KIND_PORT, /* not written when -1 */
	KIND_RAW,  /* any JSON */
	KIND_SUB,  /* lives in an object: parent names it */
};

struct prefs_entry {
	const char *name;
	const char *parent; /* "AutoUpdate", "AppConnector", or NULL */
	enum prefs_kind kind;
	size_t offset;
	bool sub_tri; /* KIND_SUB: tri-state instead of bool */
};

/* In the order of enum prefs_field, which is the order they are written in. */
extern const struct prefs_entry prefs_entries[PREFS_N_FIELDS];

static inline void *prefs_at(struct prefs *p, const struct prefs_entry *e)
{
	return (char *)p + e->offset;
}
static inline const void *prefs_at_const(const struct prefs *p, const struct prefs_entry *e)
{
	return (const char *)p + e->offset;
}

/* An initialised struct with every member zero (what a masked edit's absent members mean). */
void prefs_init_zero(struct prefs *p);
void prefs_field_copy(struct prefs *dst, const struct prefs *src, const struct prefs_entry *e);

#endif
