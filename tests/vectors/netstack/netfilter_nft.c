/* SPDX-License-Identifier: GPL-2.0-or-later */
/* netfilter.json: the reference's rules after each configuration do to packets what ours in
 * nf_tables do, but for what is different on purpose, which is listed here. Every kind of packet is
 * sent through both, on a host that accepts by itself and on one that drops. */
#include "tests/lib/vec.h"
#include "tests/unit/netstack/nft_eval.h"
#include "tests/unit/netstack/nft_run.h"

#include "netstack/nft_linux.h"

#define TUN "tailscale0"
#define MASK 0x00ff0000u
#define BYPASS 0x00080000u
#define SUBNET 0x00040000u

struct step {
	const char *name;
	struct fw_config cfg;
	bool cleaned; /* nothing of ours is there */
};

static size_t packets, failed;

/* ---- what is different on purpose ---- */

static bool is_tun(const char *name)
{
	return strcmp(name, TUN) == 0;
}

static bool outside(const struct ev_packet *p)
{
	return p->iif[0] && strcmp(p->iif, "lo") != 0 && !is_tun(p->iif);
}

static bool in_list(const struct prefix_list *l, struct ip ip)
{
	for (size_t i = 0; i < l->n; i++)
		if (prefix_contains(l->v[i], ip))
			return true;
	return false;
}

static bool guarded(const struct step *s, const struct ev_packet *p)
{
	return !s->cfg.no_guard && in_list(&s->cfg.guard, p->src);
}

static bool in_cgnat(struct ip ip)
{
	return ip.fam == IP_V4 && ip.b[0] == 100 && (ip.b[1] & 0xc0) == 64;
}

static bool nodivert(const struct step *s)
{
	return s->cfg.mode == RT_NETFILTER_NODIVERT && !s->cleaned;
}

typedef bool difference_fn(const struct step *s, const struct ev_packet *p,
			   const struct ev_outcome *ref, const struct ev_outcome *ours);

static bool own_address_from_outside(const struct step *s, const struct ev_packet *p,
				     const struct ev_outcome *ref, const struct ev_outcome *ours)
{
	return !ref->dropped && ours->dropped && outside(p) && in_list(&s->cfg.self, p->dst);
}

static bool guard_is_ours_alone(const struct step *s, const struct ev_packet *p,
				const struct ev_outcome *ref, const struct ev_outcome *ours)
{
	return ref->dropped && !ours->dropped && outside(p) && in_cgnat(p->src) && !guarded(s, p);
}

static bool guard_of_ipv6(const struct step *s, const struct ev_packet *p,
			  const struct ev_outcome *ref, const struct ev_outcome *ours)
{
	return !ref->dropped && ours->dropped && p->fam == 6 && outside(p) && guarded(s, p);
}

static bool loopback_is_trusted(const struct step *s, const struct ev_packet *p,
				const struct ev_outcome *ref, const struct ev_outcome *ours)
{
	(void)s;
	return ref->dropped && !ours->dropped && strcmp(p->iif, "lo") == 0 && in_cgnat(p->src);
}

static bool port_lost_after_nodivert(const struct step *s, const struct ev_packet *p,
				     const struct ev_outcome *ref, const struct ev_outcome *ours)
{
	unsigned port = p->fam == 4 ? s->cfg.port4 : s->cfg.port6;
	return ref->dropped && !ours->dropped && !p->oif[0] && p->dport == port &&
	       strcmp(s->name, "on after nodivert") == 0;
}

/* Where the reference appends the rule for a new port, the guard has dropped already. */
static bool new_port_before_guard(const struct step *s, const struct ev_packet *p,
				  const struct ev_outcome *ref, const struct ev_outcome *ours)
{
	return ref->dropped && !ours->dropped && !p->oif[0] && p->dport == s->cfg.port4 &&
	       guarded(s, p) && s->cfg.port4 == 50000;
}

static bool nodivert_drops(const struct step *s, const struct ev_packet *p,
			   const struct ev_outcome *ref, const struct ev_outcome *ours)
{
	return nodivert(s) && !ref->dropped && ours->dropped && outside(p) && guarded(s, p);
}

static bool nodivert_marks(const struct step *s, const struct ev_packet *p,
			   const struct ev_outcome *ref, const struct ev_outcome *ours)
{
	return nodivert(s) && !ref->dropped && !ours->dropped && is_tun(p->iif) && p->oif[0] &&
	       ours->masqueraded == s->cfg.snat && ours->mark == ((p->mark & ~MASK) | SUBNET) &&
	       ours->ct_mark == ref->ct_mark;
}

/* The reference's mark loses the bits of others, packet's and connection's alike. */
static bool foreign_bits_stay(const struct step *s, const struct ev_packet *p,
			      const struct ev_outcome *ref, const struct ev_outcome *ours)
{
	(void)s;
	return ref->dropped == ours->dropped && ref->masqueraded == ours->masqueraded &&
	       ((ref->mark ^ ours->mark) & MASK) == 0 &&
	       ((ref->ct_mark ^ ours->ct_mark) & MASK) == 0 &&
	       ((p->mark ^ ours->mark) & ~MASK) == 0 && ((p->ct_mark ^ ours->ct_mark) & ~MASK) == 0;
}

/* Values that are not ours are not carried over. */
static bool only_our_values(const struct step *s, const struct ev_packet *p,
			    const struct ev_outcome *ref, const struct ev_outcome *ours)
{
	uint32_t v = (p->iif[0] ? p->ct_mark : p->mark) & MASK;
	(void)s;
	return ref->dropped == ours->dropped && v != 0 && v != BYPASS && v != SUBNET &&
	       ours->ct_mark == p->ct_mark;
}

/* A mark that came back does not open the way for a forged source. */
static bool guard_before_marks(const struct step *s, const struct ev_packet *p,
			       const struct ev_outcome *ref, const struct ev_outcome *ours)
{
	return !ref->dropped && ours->dropped && guarded(s, p) && outside(p) && is_tun(p->oif) &&
	       (p->ct_mark & MASK) == SUBNET;
}

static bool nothing_left_behind(const struct step *s, const struct ev_packet *p,
				const struct ev_outcome *ref, const struct ev_outcome *ours)
{
	(void)ref;
	return s->cleaned && !ours->dropped && ours->mark == p->mark && ours->ct_mark == p->ct_mark;
}

static struct {
	const char *name;
	difference_fn *fn;
	size_t seen;
} differences[] = {
	{ "own addresses only by the tunnel", own_address_from_outside, 0 },
	{ "guarded are known addresses, not all of 100.64/10", guard_is_ours_alone, 0 },
	{ "IPv6 is guarded too", guard_of_ipv6, 0 },
	{ "loopback is trusted", loopback_is_trusted, 0 },
	{ "port rules outlive nodivert", port_lost_after_nodivert, 0 },
	{ "a new port comes before the guard", new_port_before_guard, 0 },
	{ "nodivert: drops stay", nodivert_drops, 0 },
	{ "nodivert: marks and masquerade stay", nodivert_marks, 0 },
	{ "bits of others stay", foreign_bits_stay, 0 },
	{ "marks of others are not carried over", only_our_values, 0 },
	{ "the guard comes before marks", guard_before_marks, 0 },
	{ "clean-up leaves nothing", nothing_left_behind, 0 },
};

static bool on_purpose(const struct step *s, const struct ev_packet *p,
		       const struct ev_outcome *ref, const struct ev_outcome *ours)
{
	for (size_t i = 0; i < ARRAY_LEN(differences); i++)
		if (differences[i].fn(s, p, ref, ours)) {
			differences[i].seen++;
			return true;
		}
	return false;
}

/* ---- packets ---- */

static bool same(const struct ev_outcome *a, const struct ev_outcome *b)
{
	if (a->dropped || b->dropped)
		return a->dropped == b->dropped;
	return a->masqueraded == b->masqueraded && a->mark == b->mark && a->ct_mark == b->ct_mark;
}

static void print_outcome(const char *who, const struct ev_outcome *o)
{
	printf("  %s: %s%s mark %x ct mark %x\n", who, o->dropped ? "dropped" : "passed",
	       o->masqueraded ? ", masqueraded," : "", o->mark, o->ct_mark);
}

static void compare(const struct step *s, const struct ev_packet *p, const struct ev_world *ref,
		    const struct ev_world *ours, const char *host)
{
	struct ev_outcome a = ev_packet_run(ref, *p), b = ev_packet_run(ours, *p);
	char src[IP_TEXT_MAX], dst[IP_TEXT_MAX];
	packets++;
	if (same(&a, &b) || on_purpose(s, p, &a, &b) || failed++ > 20)
		return;
	printf("%s, host %s: iif '%s' oif '%s' %s -> %s:%u state %u mark %x ct mark %x\n", s->name,
	       host, p->iif, p->oif, ip_encode(p->src, src), ip_encode(p->dst, dst), p->dport,
	       p->ct_state, p->mark, p->ct_mark);
	print_outcome("reference", &a);
	print_outcome("ours", &b);
}

struct way {
	const char *iif, *oif;
};

static const struct way ways[] = {
	{ "lo", "" },	    { TUN, "" },  { "eth0", "" }, { TUN, "eth0" }, { "eth0", TUN },
	{ "eth0", "eth1" }, { TUN, TUN }, { "", "eth0" }, { "", TUN },
};
static const char *const sources[] = {
	"100.64.0.1", "100.64.0.2",	   "100.64.0.9",	"100.99.9.9",  "100.115.92.7",
	"192.0.2.7",  "fd7a:115c:a1e0::1", "fd7a:115c:a1e0::7", "2001:db8::7",
};
static const char *const targets[] = { "100.64.0.1", "100.64.0.9", "192.168.50.2",
				       "fd7a:115c:a1e0::1", "2001:db8::1" };
static const unsigned ports[] = { 41641, 41642, 50000, 53 };
static const unsigned states[] = { EV_NEW, EV_ESTABLISHED, EV_RELATED, EV_UNTRACKED, EV_INVALID };
static const uint32_t marks[][2] = { /* packet's, connection's */
				     { 0, 0 },	      { 0, BYPASS },	 { 0x1, BYPASS | 0x300 },
				     { BYPASS, 0 },   { BYPASS, 0x300 }, { 0, SUBNET },
				     { 0x120000, 0 }, { 0, 0x120000 }
};

static void each_content(const struct step *s, struct ev_packet p, const struct ev_world *ref,
			 const struct ev_world *ours, const char *host)
{
	for (size_t i = 0; i < ARRAY_LEN(ports); i++)
		for (size_t j = 0; j < ARRAY_LEN(states); j++)
			for (size_t k = 0; k < ARRAY_LEN(marks); k++) {
				p.dport = ports[i];
				p.ct_state = states[j];
				p.mark = marks[k][0];
				p.ct_mark = marks[k][1];
				compare(s, &p, ref, ours, host);
			}
}

static void each_packet(const struct step *s, const struct ev_world *ref,
			const struct ev_world *ours, const char *host)
{
	for (size_t w = 0; w < ARRAY_LEN(ways); w++)
		for (size_t i = 0; i < ARRAY_LEN(sources); i++)
			for (size_t j = 0; j < ARRAY_LEN(targets); j++) {
				struct ev_packet p = { .iif = ways[w].iif, .oif = ways[w].oif };
				p.src = ev_ip(sources[i]);
				p.dst = ev_ip(targets[j]);
				p.fam = p.src.fam == IP_V4 ? 4 : 6;
				if (p.src.fam == p.dst.fam)
					each_content(s, p, ref, ours, host);
			}
}

static void set_host(struct ev_world *w, bool drops)
{
	ev_set_policy(w, "ip", "INPUT", "input", drops);
	ev_set_policy(w, "ip", "FORWARD", "forward", drops);
	ev_set_policy(w, "ip6", "INPUT", "input", drops);
	ev_set_policy(w, "ip6", "FORWARD", "forward", drops);
}

static void compare_rulesets(const struct step *s, char *ref_text, char *our_text)
{
	struct ev_world *ref = ev_read(ref_text), *ours = ev_read(our_text);
	for (int drops = 0; drops < 2; drops++) {
		set_host(ref, drops);
		set_host(ours, drops);
		each_packet(s, ref, ours, drops ? "drops" : "accepts");
	}
	ev_free(ref);
	ev_free(ours);
}

/* ---- steps ---- */

static char *joined(const json_t *lines)
{
	size_t cap = 1;
	for (size_t i = 0; i < j_len(lines); i++)
		cap += strlen(j_text(j_at(lines, i))) + 1;
	char *out = xcalloc(1, cap), *at = out;
	for (size_t i = 0; i < j_len(lines); i++)
		at += snprintf(at, cap - (size_t)(at - out), "%s\n", j_text(j_at(lines, i)));
	return out;
}

static void read_prefixes(struct prefix_list *out, const json_t *list, bool tailnet_only)
{
	for (size_t i = 0; i < j_len(list); i++) {
		struct prefix p;
		if (prefix_decode(j_text_span(j_at(list, i)), &p))
			exit(1);
		if (!tailnet_only || ip_is_tailnet(p.ip))
			prefix_list_add(out, p);
	}
	prefix_list_sort(out);
}

static void read_config(struct fw_config *c, const json_t *o)
{
	const char *mode = j_str(o, "NetfilterMode");
	uint16_t port4 = c->port4, port6 = c->port6;
	fw_config_fini(c);
	c->mode = strcmp(mode, "on") == 0	  ? RT_NETFILTER_ON
		  : strcmp(mode, "nodivert") == 0 ? RT_NETFILTER_NODIVERT
						  : RT_NETFILTER_OFF;
	c->port4 = port4;
	c->port6 = port6;
	c->snat = j_bool(o, "SNATSubnetRoutes", false);
	c->stateful = j_bool(o, "StatefulFiltering", false);
	c->no_guard = j_bool(o, "RemoveCGNATDropRule", false);
	read_prefixes(&c->self, j_get(o, "LocalAddrs"), false);
	read_prefixes(&c->guard, j_get(o, "LocalAddrs"), false);
	read_prefixes(&c->guard, j_get(o, "Routes"), true);
}

static void take(struct step *s, struct nft *n, const json_t *o)
{
	struct router_report rep = { 0 };
	s->name = j_str(o, "name");
	s->cleaned = true;
	if (strcmp(s->name, "clean-up after crash") == 0) {
		nft_cleanup(&rep);
	} else if (strcmp(s->name, "close") == 0) {
		assert_int_equal(nft_down(n, &rep), 0);
	} else if (strcmp(s->name, "up") != 0) {
		s->cleaned = false;
		if (strcmp(s->name, "magicsock port change") == 0)
			s->cfg.port4 = 50000;
		else
			read_config(&s->cfg, j_get(o, "config"));
		assert_int_equal(nft_apply(n, &s->cfg, &rep), 0);
	}
	assert_string_equal(rep.first, "");
}

int main(void)
{
	static const struct router_params params = ROUTER_PARAMS_DEFAULT;
	const json_t *steps = j_get(vec_load("netfilter.json"), "nftables");
	struct router_report rep;
	netns_need_root();
	nft_need_tools();
	struct nft *n = nft_new(TUN, &params, &rep);
	struct step s = { .cfg = { .port4 = 41641, .port6 = 41642 } };
	for (size_t i = 0; i < j_len(steps); i++) {
		take(&s, n, j_at(steps, i));
		char *ref = joined(j_get(j_at(steps, i), "nft")), *ours = ruleset();
		compare_rulesets(&s, ref, ours);
		free(ref);
		free(ours);
	}
	for (size_t i = 0; i < ARRAY_LEN(differences); i++) {
		printf("%8zu %s\n", differences[i].seen, differences[i].name);
		failed += differences[i].seen == 0;
	}
	printf("%zu steps, %zu packets, %zu failed\n", j_len(steps), packets, failed);
	fw_config_fini(&s.cfg);
	nft_free(n);
	return failed || j_len(steps) < 16;
}
