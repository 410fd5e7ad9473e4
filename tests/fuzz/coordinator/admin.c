/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Lines of the admin socket: each gets exactly one answer, an object with "result" or "error". */
#include "tests/fuzz/fuzz.h"

#include "base/log.h"
#include "daemon/coordinator/admin.h"
#include "daemon/coordinator/pings.h"
#include "daemon/coordinator/relay_io.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const char *const seeds[] = {
	"{\"verb\":\"authkey create\",\"tags\":\"tag:a,tag:b\",\"expiry_s\":60,\"user\":\"bob\"}",
	"{\"verb\":\"authkey list\"}",
	"{\"verb\":\"authkey expire\",\"id\":\"000000000000\"}",
	"{\"verb\":\"node list\"}",
	"{\"verb\":\"node rename\",\"node\":\"1\",\"name\":\"x\"}",
	"{\"verb\":\"node approve-routes\",\"node\":\"1\",\"routes\":\"10.0.0.0/8,::/0\"}",
	"{\"verb\":\"node routes\",\"node\":\"n\"}",
	"{\"verb\":\"node approve-login\",\"login\":\"http://x/register/0\",\"user\":\"a\"}",
	"{\"verb\":\"node expire\",\"node\":\"1\"}",
	"{\"verb\":\"node delete\",\"node\":\"1\"}",
	"{\"verb\":\"policy set\",\"text\":\"{}\"}",
	"{\"verb\":\"policy get\"}",
	"{\"verb\":\"debug filter\",\"json\":\"[]\"}",
	"{\"verb\":\"debug ping\",\"node\":\"1\"}",
	"{\"verb\":\"debug c2n\",\"node\":\"1\",\"request\":\"GET / HTTP/1.1\"}",
	"{\"verb\":\"debug register\",\"status\":429,\"times\":2,\"retry_after\":\"x\"}",
	"{\"verb\":\"debug handshake\",\"value\":\"silent\"}",
	"{\"verb\":\"debug delay\",\"node\":\"1\",\"ms\":5}",
	"{\"verb\":\"debug inject\",\"node\":\"1\",\"json\":\"{}\"}",
	"{\"verb\":\"debug relay\",\"value\":\"off\"}",
	"{\"verb\":\"debug stats\"}",
	"{\"verb\":\"debug ephemeral\",\"ms\":500}",
	"[]",
};

static struct loop *loop;
static char dir[] = "/dev/shm/mesh-fuzz.XXXXXX", dir_elsewhere[] = "/tmp/mesh-fuzz.XXXXXX";
static char *made;
static char state_path[64];

static void must(bool good)
{
	if (!good)
		abort();
}

static bool admit(void *arg, const struct node_key *key)
{
	(void)arg;
	(void)key;
	return true;
}

static void encode(void *arg, struct buf *out)
{
	coord_state_encode(&((struct coord *)arg)->st, out);
}

static void on_reply(void *arg, json_t *reply)
{
	must(j_is_object(reply) && j_has(reply, "result") != j_has(reply, "error"));
	j_free(reply);
	++*(int *)arg;
}

static void clean_up(void)
{
	unlink(state_path);
	rmdir(made);
	loop_free(loop);
}

/* State files go to memory where there is such a place. */
static void start(void)
{
	made = mkdtemp(dir);
	if (!made)
		made = mkdtemp(dir_elsewhere);
	must(made != NULL);
	snprintf(state_path, sizeof(state_path), "%s/state", made);
	loop = loop_new();
	log_set_level(LOG_ERROR);
	atexit(clean_up);
}

static void open_coord(struct coord *c, const struct coord_conf *conf, struct rng *rng)
{
	struct join j = { .machine = { { 1 } }, .key = { { 2 } }, .cap = 131 };
	json_t *info = j_object();

	*c = (struct coord){ .loop = loop, .rng = rng, .conf = conf, .derp_map = j_object() };
	coord_state_init(&c->st, rng);
	logins_init(&c->logins);
	list_init(&c->fronts);
	list_init(&c->conns);
	list_init(&c->map_sessions);
	list_init(&c->reg_waits);
	list_init(&c->pings);
	store_wait_init(&c->told);
	c->store = store_new(loop, state_path, encode, c);
	c->relay = relay_server_new(loop, &c->st.derp_key, rng, admit, c);
	coord_start(c);
	j.user = registry_user_add(&c->st.reg, "alice", (wall_t){ 1, 0 })->id;
	j_set_str(info, "Hostname", "n");
	j.hostinfo = info;
	registry_join(&c->st.reg, &j, (wall_t){ 1, 0 });
	j_free(info);
}

static void close_coord(struct coord *c)
{
	pings_stop(c);
	store_drain(c->store);
	coord_stop(c);
	relay_server_free(c->relay);
	store_free(c->store);
	policy_free(c->policy);
	logins_fini(&c->logins);
	j_free(c->derp_map);
	j_free(c->filter_override);
	coord_state_fini(&c->st);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	static char url[] = "http://x", domain[] = "mesh.internal";
	struct coord_conf conf = { .url = url, .base_domain = domain };
	struct rng_seeded rng;
	struct coord c;
	int answers = 0;

	if (!loop)
		start();
	conf.state_dir = made;
	rng_seeded_init(&rng, 1);
	open_coord(&c, &conf, &rng.rng);
	admin_start(&c, span_of(p, len), on_reply, &answers);
	close_coord(&c);
	must(answers == 1);
	return 0;
}

bool fuzz_seed(size_t i, struct span *out)
{
	if (i >= sizeof(seeds) / sizeof(seeds[0]))
		return false;
	*out = span_str(seeds[i]);
	return true;
}
