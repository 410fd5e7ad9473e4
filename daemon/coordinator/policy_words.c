/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/alloc.h"
#include "daemon/coordinator/policy_model.h"

#include <stdlib.h>

static bool refuse(const char **why, const char *text)
{
	*why = text;
	return false;
}

static bool take(struct target *out, enum target_kind kind, const char *name)
{
	*out = (struct target){ .kind = kind, .name = name ? xstrdup(name) : NULL };
	return true;
}

static bool autogroup(const char *text, bool destination, struct target *out, const char **why)
{
	if (strcmp(text, "autogroup:member") == 0)
		return take(out, TARGET_MEMBER, NULL);
	if (strcmp(text, "autogroup:tagged") == 0)
		return take(out, TARGET_TAGGED, NULL);
	if (strcmp(text, "autogroup:self") == 0 && destination)
		return take(out, TARGET_SELF, NULL);
	if (strcmp(text, "autogroup:self") == 0)
		return refuse(why, "autogroup:self can only be a destination");
	return refuse(why, "this autogroup is not supported (member, tagged and self are)");
}

static bool user_word(const char *text, struct target *out, const char **why)
{
	char *name = xstrndup(text, strcspn(text, "@"));

	*out = (struct target){ .kind = TARGET_USER, .name = name };
	if (user_name_ok(name))
		return true;
	target_fini(out);
	return refuse(why, "not a user name");
}

static bool group_word(const struct policy *p, const char *text, struct target *out,
		       const char **why)
{
	for (size_t i = 0; i < p->n_groups; i++)
		if (strcmp(p->groups[i].name, text) == 0) {
			take(out, TARGET_GROUP, text);
			out->group = i;
			return true;
		}
	return refuse(why, "this group is not defined in \"groups\"");
}

static bool address_word(const struct policy *p, const char *text, struct target *out,
			 const char **why)
{
	struct ip ip;

	take(out, TARGET_PREFIX, NULL);
	if (ip_decode(span_str(text), &ip) == 0) {
		out->prefix = prefix_host(ip);
		return true;
	}
	if (prefix_decode(span_str(text), &out->prefix) == 0)
		return prefix_eq(out->prefix, prefix_masked(out->prefix)) ||
		       refuse(why, "the prefix has bits set behind its length");
	for (size_t i = 0; i < p->n_hosts; i++)
		if (strcmp(p->hosts[i].name, text) == 0) {
			out->prefix = p->hosts[i].prefix;
			return true;
		}
	return refuse(why, "neither *, a user@, group:, tag:, autogroup:, an address, a prefix, "
			   "nor a name of \"hosts\"");
}

bool word_target(const struct policy *p, const char *text, bool destination, struct target *out,
		 const char **why)
{
	*out = (struct target){ 0 };
	if (strcmp(text, "*") == 0)
		return take(out, TARGET_ANY, NULL);
	if (strncmp(text, "autogroup:", 10) == 0)
		return autogroup(text, destination, out, why);
	if (strncmp(text, "group:", 6) == 0)
		return group_word(p, text, out, why);
	if (strncmp(text, "tag:", 4) == 0)
		return tag_ok(text) ? take(out, TARGET_TAG, text) : refuse(why, "not a tag name");
	if (strchr(text, '@'))
		return user_word(text, out, why);
	return address_word(p, text, out, why);
}

static bool port(struct span text, uint16_t *out)
{
	uint64_t v;

	if (u64_decode(text, 65535, &v) < 0)
		return false;
	*out = (uint16_t)v;
	return true;
}

bool word_ports(struct span text, struct port_range *out, const char **why)
{
	const uint8_t *dash = text.len ? memchr(text.p, '-', text.len) : NULL;
	size_t n = dash ? (size_t)(dash - text.p) : text.len;

	*out = (struct port_range){ 0, 65535 };
	if (span_eq_str(text, "*"))
		return true;
	if (!port(span_of(text.p, n), &out->first) ||
	    !port(dash ? span_from(text, n + 1) : text, &out->last))
		return refuse(why, "ports are *, a number, or a range like 80-90");
	return out->first <= out->last || refuse(why, "the port range ends before it begins");
}

bool word_proto(struct span text, struct service *s, const char **why)
{
	static const struct {
		const char *name;
		uint8_t protos[2];
		size_t n;
	} names[] = {
		{ "*", { 0 }, 0 },	  { "tcp", { 6 }, 1 },	      { "udp", { 17 }, 1 },
		{ "icmp", { 1, 58 }, 2 }, { "sctp", { 132 }, 1 },     { "igmp", { 2 }, 1 },
		{ "ipv4", { 4 }, 1 },	  { "ip-in-ip", { 4 }, 1 },   { "gre", { 47 }, 1 },
		{ "esp", { 50 }, 1 },	  { "ah", { 51 }, 1 },	      { "egp", { 8 }, 1 },
		{ "igp", { 9 }, 1 },	  { "ipv6-icmp", { 58 }, 1 },
	};
	uint64_t v;

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (span_eq_str(text, names[i].name)) {
			memcpy(s->protos, names[i].protos, sizeof(s->protos));
			s->n_protos = names[i].n;
			return true;
		}
	if (u64_decode(text, 255, &v) < 0)
		return refuse(why,
			      "not a protocol: a name like tcp, udp, icmp, or a number up to 255");
	s->protos[0] = (uint8_t)v;
	s->n_protos = 1;
	return true;
}

bool service_ok(const struct service *s, const char **why)
{
	uint8_t proto = s->protos[0];

	if (!s->n_protos || proto == 6 || proto == 17 || proto == 132)
		return true;
	return (s->ports.first == 0 && s->ports.last == 65535) ||
	       refuse(why, "this protocol has no ports: write * for them");
}

bool word_service(const char *text, struct service *out, const char **why)
{
	const char *colon = strchr(text, ':');

	*out = (struct service){ 0 };
	if (colon && !word_proto(span_of(text, (size_t)(colon - text)), out, why))
		return false;
	return word_ports(span_str(colon ? colon + 1 : text), &out->ports, why) &&
	       service_ok(out, why);
}
