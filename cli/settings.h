/* SPDX-License-Identifier: GPL-2.0-or-later */
/* settings.h: the preferences a person can set, by the names of their flags: one table behind `up`,
 * `set` and `get`. Pure. */
#ifndef CLI_SETTINGS_H
#define CLI_SETTINGS_H

#include "cli/flags.h"
#include "cli/prefs_fields.h"

/* Values of the flags; strings are borrowed and never NULL. */
struct setting_values {
	bool accept_dns, advertise_connector, advertise_exit_node, auto_update, lan_access,
	    report_posture, shields_up, snat, ssh, stateful, update_check, webclient;
	const char *accept_routes, *advertise_routes, *advertise_tags, *exit_node, *hostname,
	    *login_server, *netfilter_mode, *nickname, *operator_user, *relay_port,
	    *relay_endpoints;
};

enum { SETTING_UP = 1, SETTING_SET = 2, SETTING_LOGIN = 4 };

struct setting {
	const char *name;
	enum flag_kind kind;
	size_t offset;	/* into struct setting_values */
	unsigned verbs; /* where it is a flag */
	enum prefs_field field;
	bool inverted;		/* the preference is the opposite of the flag */
	bool unsupported;	/* this version refuses it when it asks for something */
	const char *up_default; /* as `up --help` shows it; NULL: none */
	const char *help;
};

extern const struct setting settings[];
extern const size_t n_settings;

const struct setting *setting_find(const char *name);
/* The defaults of `up` for the flags of one verb. */
void setting_defaults(struct setting_values *v);
/* Fill flags[] (room for n_settings) with those of a verb, bound to v. Returns how many. */
size_t setting_flags(unsigned verb, struct setting_values *v, struct flag *flags);
/* What a flag would have to say to give this preference: "true", "10.0.0.0/8", "". Appended.
 * status is for exit nodes, stored as an id. */
void setting_text(const struct setting *s, const json_t *prefs, const json_t *status,
		  struct buf *out);
bool setting_is_bool(const struct setting *s);
/* The given flag that this version does not offer, or NULL. */
const char *setting_refused(struct flag_set *set, const struct setting_values *v);

#endif
