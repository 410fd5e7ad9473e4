/* SPDX-License-Identifier: GPL-2.0-or-later */
/* logins.h: registrations that wait for a person to approve them (control.md 7.4). Kept in memory
 * only, bounded in number and age. Pure. */
#ifndef COORDINATOR_LOGINS_H
#define COORDINATOR_LOGINS_H

#include "base/list.h"
#include "daemon/coordinator/registry.h"

#define LOGIN_MAX 1024
#define LOGIN_LIFE_S (15 * 60)
#define LOGIN_ID_LEN 24
#define LOGIN_PATH "/register/"

struct login {
	struct list link;
	char id[LOGIN_ID_LEN + 1];
	struct machine_key machine;
	struct node_key key;
	json_t *hostinfo; /* may be NULL */
	int cap;
	mono_t made;
	bool approved;
	int64_t user; /* once approved */
};

struct logins {
	struct list all; /* oldest first */
	size_t n;
};

void logins_init(struct logins *l);
void logins_fini(struct logins *l);
/* The oldest gives way above LOGIN_MAX; a machine's earlier one for the same key is found again. */
struct login *login_add(struct logins *l, struct rng *rng, const struct machine_key *machine,
			const struct node_key *key, json_t *hostinfo, int cap, mono_t now);
struct login *login_find(struct logins *l, const char *id);
/* By the URL a client waits on: the id behind the last LOGIN_PATH. */
struct login *login_by_url(struct logins *l, const char *url);
void login_remove(struct logins *l, struct login *g);
void logins_expire(struct logins *l, mono_t now);

#endif
