/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which relay of a region to dial, on which addresses, and how to verify it. */
#include "magicsock/derp_client_priv.h"

#include "base/alloc.h"

#define DIAL_TOTAL_MS 10000
#define DIAL_NODE_MS 1500

/* The first dialable node at or behind i; n_nodes if none. */
static size_t next_node(const struct derp_region *r, size_t i)
{
	while (i < r->n_nodes && r->nodes[i].stun_only)
		i++;
	return i;
}

static bool set_tls(struct stream_opts *o, const struct derp_node *n)
{
	static const enum stream_verify verify[] = {
		[DERP_TLS_HOST] = STREAM_VERIFY,
		[DERP_TLS_CERT_NAME] = STREAM_VERIFY_NAME,
		[DERP_TLS_PIN] = STREAM_VERIFY_SHA256,
		[DERP_TLS_NONE] = STREAM_VERIFY_NONE,
	};
	enum derp_tls how = derp_node_tls(n, o->cert_sha256);
	if (how == DERP_TLS_BAD)
		return false;
	o->verify = verify[how];
	o->cert_name = n->cert_name;
	return true;
}

static void open_stream(struct derp_link *c, const struct ip *addrs, size_t n_addrs)
{
	const struct derp_region *r = derp_link_region(c);
	const struct derp_node *n = &r->nodes[c->node];
	bool last = next_node(r, c->node + 1) == r->n_nodes;
	int64_t left = mono_diff_ns(c->dial_deadline, loop_now(c->mgr->loop)) / NS_PER_MS;
	struct stream_opts o = {
		.host = n->host,
		.port = derp_node_port(n),
		.tls = true,
		.addrs = addrs,
		.n_addrs = n_addrs,
		.timeout_ms = (int)(last || left < DIAL_NODE_MS ? left : DIAL_NODE_MS),
	};
	if (!set_tls(&o, n)) {
		derp_link_fail(c, "the relay map names a malformed certificate pin");
		return;
	}
	derp_link_set_state(c, LINK_CONNECTING);
	c->stream = stream_open(c->mgr->net, &o, &derp_link_stream_ops, c);
}

/* Keep those of allowed families, the preferred family first (the other races it 200 ms later). */
static size_t sort_addrs(const struct derp_link *c, const struct derp_node *n, const struct ip *in,
			 size_t n_in, struct ip *out)
{
	enum ip_family order[2] = { IP_V4, IP_V6 };
	size_t n_out = 0;
	struct ip unused;
	if (c->mgr->have_v6) {
		order[0] = IP_V6;
		order[1] = IP_V4;
	}
	for (size_t f = 0; f < 2; f++)
		for (size_t i = 0; i < n_in; i++)
			if (in[i].fam == order[f] && n_out < RESOLVE_MAX &&
			    derp_node_addr(n, order[f], &unused) != DERP_ADDR_OFF)
				out[n_out++] = in[i];
	return n_out;
}

static void on_resolved(void *arg, int err, const struct ip *addrs, size_t n)
{
	struct derp_link *c = arg;
	struct ip sorted[RESOLVE_MAX];
	c->resolve = NULL;
	const struct derp_node *node = &derp_link_region(c)->nodes[c->node];
	size_t n_sorted = err ? 0 : sort_addrs(c, node, addrs, n, sorted);
	if (n_sorted) {
		open_stream(c, sorted, n_sorted);
		return;
	}
	derp_link_set_text(c, "the relay's name has no address");
	derp_dial_node(c, c->node + 1);
}

/* Addresses in the map come first; else DNS, through the stream unless a family is switched off. */
void derp_dial_node(struct derp_link *c, size_t i)
{
	const struct derp_region *r = derp_link_region(c);
	c->node = next_node(r, i);
	if (c->node == r->n_nodes) {
		char text[DERP_TEXT_MAX];
		memcpy(text, c->text, sizeof(text));
		derp_link_fail(c, text[0] ? text : "the region has no relay to dial");
		return;
	}
	const struct derp_node *n = &r->nodes[c->node];
	struct ip literal[2], sorted[RESOLVE_MAX];
	enum derp_addr a4 = derp_node_addr(n, IP_V4, &literal[0]);
	enum derp_addr a6 = derp_node_addr(n, IP_V6, &literal[a4 == DERP_ADDR_LITERAL]);
	size_t n_literal = (a4 == DERP_ADDR_LITERAL) + (a6 == DERP_ADDR_LITERAL);
	if (n_literal) {
		open_stream(c, sorted, sort_addrs(c, n, literal, n_literal, sorted));
	} else if (a4 == DERP_ADDR_DNS && a6 == DERP_ADDR_DNS) {
		open_stream(c, NULL, 0);
	} else if (a4 == DERP_ADDR_DNS || a6 == DERP_ADDR_DNS) {
		derp_link_set_state(c, LINK_RESOLVING);
		c->resolve = resolve_start(c->mgr->net, n->host, on_resolved, c);
	} else {
		derp_link_set_text(c, "the relay map switches both address families off");
		derp_dial_node(c, i + 1);
	}
}

void derp_dial_start(struct derp_link *c, mono_t now)
{
	c->dial_deadline = mono_add_ms(now, DIAL_TOTAL_MS);
	c->text[0] = '\0';
	derp_link_set_state(c, LINK_RESOLVING);
	derp_dial_node(c, 0);
}
