/* SPDX-License-Identifier: GPL-2.0-or-later */
/* world.h: a small registry for tests: keys made of a number, joins in one line. */
#ifndef TESTS_COORDINATOR_WORLD_H
#define TESTS_COORDINATOR_WORLD_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/crypto/crypto.h"
#include "daemon/coordinator/authkeys.h"
#include "daemon/coordinator/policy.h"
#include "daemon/coordinator/registry.h"
#include "daemon/coordinator/routes.h"

#define NOW ((wall_t){ 1800000000, 0 })

static inline struct machine_key mkey(uint8_t n)
{
	struct machine_key k = { { 1, n } };

	return k;
}

static inline struct node_key nkey(uint8_t n)
{
	struct node_key k = { { 2, n } };

	return k;
}

static inline struct disco_key dkey(uint8_t n)
{
	struct disco_key k = { { 3, n } };

	return k;
}

static inline json_t *json(const char *text)
{
	struct j_error err = { "" };
	json_t *v = j_parse(span_str(text), 1 << 20, &err);

	if (!v)
		fail_msg("test JSON: %s", err.text);
	return v;
}

/* A node of that user (made if new) with machine, node and disco keys n and host name. tags: "" or
 * a list. */
static inline struct node *join(struct registry *r, uint8_t n, const char *user, const char *host,
				const char *tags)
{
	struct user *u = registry_user_add(r, user, NOW);
	struct strv list = { 0 };
	json_t *info = j_object();
	struct join j = { .machine = mkey(n),
			  .key = nkey(n),
			  .user = u->id,
			  .tags = &list,
			  .hostinfo = info,
			  .cap = 131 };
	struct node *node;
	struct node_report rep = { .disco = dkey(n) };

	j_set_str(info, "Hostname", host);
	strv_split(&list, tags);
	node = registry_join(r, &j, NOW);
	assert_non_null(node);
	registry_report(r, node, &rep);
	strv_fini(&list);
	j_free(info);
	return node;
}

static inline void announce(struct registry *r, struct node *n, const char *routes, bool approve)
{
	json_t *info = j_copy(n->hostinfo), *arr = j_array();
	struct strv list = { 0 };
	struct prefixes p = { 0 };
	struct node_report rep = { .hostinfo = info };

	strv_split(&list, routes);
	for (size_t i = 0; i < list.n; i++)
		j_add_str(arr, list.v[i]);
	j_set(info, "RoutableIPs", arr);
	prefixes_from_json(&p, arr, 100);
	registry_report(r, n, &rep);
	if (approve)
		routes_approve(r, n, &p);
	prefixes_fini(&p);
	strv_fini(&list);
	j_free(info);
}

#endif
