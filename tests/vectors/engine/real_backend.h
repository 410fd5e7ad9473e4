/* SPDX-License-Identifier: GPL-2.0-or-later */
/* real_backend.h: a backend as the daemon has it, with its state in memory and no interface, that
 * never meets a server; a test may hand it a map. */
#ifndef TESTS_VECTORS_ENGINE_REAL_BACKEND_H
#define TESTS_VECTORS_ENGINE_REAL_BACKEND_H

#include "base/alloc.h"
#include "base/crypto/aead_batch.h"
#include "base/crypto/crypto.h"
#include "base/log.h"
#include "daemon/engine/backend_priv.h"
#include "tests/lib/cm.h"
#include "tests/lib/vec.h"

#include <stdio.h>
#include <stdlib.h>

struct fixture {
	struct loop *loop;
	struct net *net;
	struct backend *b;
};

static inline int fixture_setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));
	char *why = NULL;
	struct backend_opts o = {
		.state_path = "mem:", .tun_name = "mesh-test", .no_tun = true, .osdns_fd = -1
	};
	log_set_level(LOG_ERROR);
	assert_int_equal(crypto_init(), 0);
	assert_int_equal(aead_batch_init(NULL), 0);
	f->loop = loop_new();
	f->net = net_new(f->loop, NULL);
	f->b = backend_new(f->net, &o, &why);
	if (!f->b)
		fail_msg("%s", why);
	backend_run_state(f->b);
	*state = f;
	return 0;
}

static inline int fixture_teardown(void **state)
{
	struct fixture *f = *state;
	backend_free(f->b);
	net_free(f->net);
	loop_free(f->loop);
	free(f);
	return 0;
}

#define A_NODE_KEY(c) "nodekey:" c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c

/* A first message of a server: this node, an ordinary peer, and one with everything. */
#define A_MAP                                                                                      \
	"{\"Node\":{\"ID\":1,\"StableID\":\"n1\",\"Name\":\"self.tail.example.com.\",\"User\":1,"  \
	"\"Key\":\"" A_NODE_KEY(                                                                   \
	    "01") "\",\"KeyExpiry\":\"2050-08-30T12:00:00Z\","                                     \
		  "\"Machine\":\"mkey:" A_HEX                                                      \
		  "\",\"Addresses\":[\"100.64.0.1/32\",\"fd7a:115c:a1e0::1/128\"],"                \
		  "\"AllowedIPs\":[\"100.64.0.1/32\",\"fd7a:115c:a1e0::1/128\",\"10.9.0.0/16\"],"  \
		  "\"HomeDERP\":1,\"MachineAuthorized\":true,\"Created\":\"2026-05-02T12:00:"      \
		  "00Z\","                                                                         \
		  "\"Hostinfo\":{\"OS\":\"linux\",\"Hostname\":\"self\"}},"                        \
		  "\"Peers\":[{\"ID\":2,\"StableID\":\"n2\",\"Name\":\"two.tail.example.com.\","   \
		  "\"User\":1,"                                                                    \
		  "\"Key\":\"" A_NODE_KEY(                                                         \
		      "02") "\",\"DiscoKey\":\"discokey:" A_HEX "\","                              \
			    "\"Addresses\":[\"100.64.0.2/32\"],\"AllowedIPs\":[\"100.64.0.2/"      \
			    "32\"],"                                                               \
			    "\"Endpoints\":[\"192.0.2.2:41641\"],\"HomeDERP\":1,\"Online\":true,"  \
			    "\"MachineAuthorized\":true,\"Hostinfo\":{\"OS\":\"linux\","           \
			    "\"Hostname\":\"two\"}},"                                              \
			    "{\"ID\":3,\"StableID\":\"n3\",\"Name\":\"three.tail.example.com.\","  \
			    "\"User\":2,\"Sharer\":1,"                                             \
			    "\"Key\":\"" A_NODE_KEY(                                               \
				"03") "\",\"KeyExpiry\":\"2020-01-01T00:00:00Z\",\"Expired\":"     \
				      "true,"                                                      \
				      "\"Addresses\":[\"100.64.0.3/32\"],"                         \
				      "\"AllowedIPs\":[\"100.64.0.3/32\",\"10.1.0.0/"              \
				      "16\",\"0.0.0.0/0\",\"::/0\"],"                              \
				      "\"PrimaryRoutes\":[\"10.1.0.0/16\"],\"Tags\":[\"tag:x\"],"  \
				      "\"LastSeen\":\"2026-05-01T00:00:00Z\",\"Online\":false,"    \
				      "\"HomeDERP\":1,"                                            \
				      "\"CapMap\":{\"cap\":[{}]},\"MachineAuthorized\":true,"      \
				      "\"Hostinfo\":{\"OS\":\"linux\",\"Hostname\":\"three\","     \
				      "\"ShareeNode\":true,"                                       \
				      "\"Services\":[{\"Proto\":\"peerapi4\",\"Port\":4000}]}}],"  \
				      "\"UserProfiles\":[{\"ID\":1,\"LoginName\":\"alice@example." \
				      "com\",\"DisplayName\":\"Alice\"},"                          \
				      "{\"ID\":2,\"LoginName\":\"bob\",\"DisplayName\":\"Bob\"}]," \
				      "\"Domain\":\"tail.example.com\"}"
#define A_HEX "0404040404040404040404040404040404040404040404040404040404040404"

static inline void give_map(struct fixture *f)
{
	struct map_result res;
	const char *why = "";
	f->b->cached = map_session_new();
	if (map_session_apply(f->b->cached, span_str(A_MAP), wall_now(), &res, &why) != 0)
		fail_msg("%s", why);
	f->b->nm = map_session_netmap(f->b->cached);
	assert_int_equal(f->b->nm->n_peers, 2);
	f->b->prefs.want_running = true;
	f->b->prefs.logged_out = false;
	f->b->state = IPN_RUNNING;
}

#endif
