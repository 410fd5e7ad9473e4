/* SPDX-License-Identifier: GPL-2.0-or-later */
/* path.json: which path is better, what a datagram is, and how large MTU probes are. */
#include "tests/lib/vec.h"

#include "magicsock/demux.h"
#include "magicsock/path.h"

#include <stdio.h>
#include <stdlib.h>

static int failed, cases;

static void check(bool good, const char *what, const json_t *v)
{
	cases++;
	if (good)
		return;
	failed++;
	printf("wrong: %s: %s\n", what, j_str(v, "name"));
}

static struct path_quality quality(const json_t *v)
{
	struct path_quality q = {
		.vni = (uint32_t)j_int(v, "vni", 0),
		.latency_ns = j_int(v, "latency_ns", 0),
		.wire_mtu = (uint16_t)j_int(v, "wire_mtu", 0),
	};
	if (j_has(v, "addr"))
		check(ep_decode(j_span(v, "addr"), &q.ep) == 0, "address", v);
	return q;
}

static void better(const json_t *v)
{
	struct path_quality a = quality(j_get(v, "a")), b = quality(j_get(v, "b"));
	check(path_better(&a, &b) == j_bool(v, "a_is_better", false), "path_better", v);
}

static const char *class_name(enum ms_class c)
{
	switch (c) {
	case MS_STUN:
		return "stun";
	case MS_DISCO:
	case MS_GENEVE_DISCO:
		return "disco";
	case MS_WG:
	case MS_GENEVE_WG:
		break;
	}
	return "wireguard";
}

static void demux(const json_t *v)
{
	size_t n;
	uint8_t *p = vec_hex(v, "datagram", &n);
	struct geneve g = { .vni = 0 };
	enum ms_class c = ms_classify(span_of(p, n), &g);
	bool geneve = c == MS_GENEVE_DISCO || c == MS_GENEVE_WG;
	check(strcmp(class_name(c), j_str(v, "class")) == 0, "class", v);
	check(geneve == j_bool(v, "geneve", false), "geneve", v);
	if (geneve) {
		check(g.vni == (uint32_t)j_int(v, "vni", -1), "vni", v);
		check(g.control == j_bool(v, "control", false), "control", v);
	}
	free(p);
}

int main(void)
{
	json_t *v = vec_load("path.json");
	const json_t *list = j_get(v, "path_comparison");
	for (size_t i = 0; i < j_len(list); i++)
		better(j_at(list, i));
	list = j_get(v, "demultiplexing");
	for (size_t i = 0; i < j_len(list); i++)
		demux(j_at(list, i));
	check(j_int(v, "disco_ping_bytes", 0) == DISCO_PING_LEN, "ping size", v);
	check(j_int(v, "safe_wire_mtu", 0) == PATH_WIRE_MTU, "safe MTU", v);
	j_free(v);
	printf("%d checks, %d wrong\n", cases, failed);
	return failed || cases < 75;
}
