/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/control/hostinfo.h"

#include "base/alloc.h"

#include <stdio.h>
#include <string.h>

static void set_text(json_t *o, const char *name, const char *s)
{
	if (s && *s)
		j_set_str(o, name, s);
}

static void set_true(json_t *o, const char *name, bool v)
{
	if (v)
		j_set_bool(o, name, true);
}

static void set_strings(json_t *o, const char *name, const char *const *v, size_t n)
{
	json_t *arr = n ? j_array() : NULL;
	for (size_t i = 0; i < n; i++)
		j_add_str(arr, v[i]);
	if (arr)
		j_set(o, name, arr);
}

static void set_prefixes(json_t *o, const char *name, const struct prefix *v, size_t n)
{
	char text[PREFIX_TEXT_MAX];
	json_t *arr = n ? j_array() : NULL;
	for (size_t i = 0; i < n; i++)
		j_add_str(arr, prefix_encode(v[i], text));
	if (arr)
		j_set(o, name, arr);
}

static const char *service_name(uint8_t proto)
{
	switch (proto) {
	case NM_SERVICE_TCP:
		return "tcp";
	case NM_SERVICE_UDP:
		return "udp";
	case NM_SERVICE_PEERAPI4:
		return "peerapi4";
	case NM_SERVICE_PEERAPI6:
		return "peerapi6";
	case NM_SERVICE_PEERAPI_DNS:
		return "peerapi-dns-proxy";
	default:
		return NULL;
	}
}

static void set_services(json_t *o, const struct nm_service *v, size_t n)
{
	json_t *arr = j_array();
	for (size_t i = 0; i < n; i++) {
		const char *name = service_name(v[i].proto);
		json_t *s = name ? j_object() : NULL;
		if (!s)
			continue;
		j_set_str(s, "Proto", name);
		j_set_int(s, "Port", v[i].port);
		j_add(arr, s);
	}
	if (j_len(arr))
		j_set(o, "Services", j_ref(arr));
	j_free(arr);
}

static void set_latencies(json_t *o, const struct netinfo *n)
{
	json_t *map = j_object();
	for (size_t i = 0; i < n->n_latencies && i < HOSTINFO_LATENCIES_MAX; i++) {
		char key[32];
		snprintf(key, sizeof(key), "%d-%s", n->latencies[i].region,
			 n->latencies[i].v6 ? "v6" : "v4");
		j_set(map, key, j_from_num(n->latencies[i].seconds));
	}
	if (j_len(map))
		j_set(o, "DERPLatency", j_ref(map));
	j_free(map);
}

json_t *netinfo_to_json(const struct netinfo *n)
{
	json_t *o = j_object();
	j_set_tri(o, "MappingVariesByDestIP", n->mapping_varies_by_dest_ip);
	j_set_tri(o, "WorkingIPv6", n->working_ipv6);
	j_set_tri(o, "OSHasIPv6", n->os_has_ipv6);
	j_set_tri(o, "WorkingUDP", n->working_udp);
	j_set_tri(o, "WorkingICMPv4", n->working_icmpv4);
	set_true(o, "HavePortMap", n->have_port_map);
	j_set_tri(o, "UPnP", n->upnp);
	j_set_tri(o, "PMP", n->pmp);
	j_set_tri(o, "PCP", n->pcp);
	if (n->preferred_derp)
		j_set_int(o, "PreferredDERP", n->preferred_derp);
	set_text(o, "LinkType", n->link_type);
	set_latencies(o, n);
	set_text(o, "FirewallMode", n->firewall_mode);
	return o;
}

bool netinfo_differs(const struct netinfo *a, const struct netinfo *b)
{
	return a->mapping_varies_by_dest_ip != b->mapping_varies_by_dest_ip ||
	       a->working_ipv6 != b->working_ipv6 || a->os_has_ipv6 != b->os_has_ipv6 ||
	       a->working_udp != b->working_udp || a->working_icmpv4 != b->working_icmpv4 ||
	       a->upnp != b->upnp || a->pmp != b->pmp || a->pcp != b->pcp ||
	       a->have_port_map != b->have_port_map || a->preferred_derp != b->preferred_derp ||
	       str_cmp(a->link_type, b->link_type) != 0 ||
	       str_cmp(a->firewall_mode, b->firewall_mode) != 0;
}

static void set_system(json_t *o, const struct hostinfo *h)
{
	set_text(o, "IPNVersion", h->ipn_version);
	set_text(o, "BackendLogID", h->backend_log_id);
	set_text(o, "OS", h->os);
	set_text(o, "OSVersion", h->os_version);
	j_set_tri(o, "Container", h->container);
	set_text(o, "Distro", h->distro);
	set_text(o, "DistroVersion", h->distro_version);
	set_text(o, "DistroCodeName", h->distro_codename);
	j_set_tri(o, "Desktop", h->desktop);
	set_text(o, "Package", h->package);
	set_text(o, "Hostname", h->hostname);
}

json_t *hostinfo_to_json(const struct hostinfo *h)
{
	json_t *o = j_object();
	set_system(o, h);
	set_true(o, "ShieldsUp", h->shields_up);
	set_true(o, "NoLogsNoSupport", h->no_logs);
	set_text(o, "Machine", h->machine);
	set_text(o, "GoArch", h->go_arch);
	set_prefixes(o, "RoutableIPs", h->routable_ips, h->n_routable_ips);
	set_strings(o, "RequestTags", h->request_tags, h->n_request_tags);
	set_services(o, h->services, h->n_services);
	if (h->netinfo)
		j_set(o, "NetInfo", netinfo_to_json(h->netinfo));
	set_strings(o, "sshHostKeys", h->ssh_host_keys, h->n_ssh_host_keys);
	j_set_tri(o, "Userspace", h->userspace);
	j_set_tri(o, "UserspaceRouter", h->userspace_router);
	j_set_tri(o, "AppConnector", h->app_connector);
	set_text(o, "ExitNodeID", h->exit_node_id);
	j_set_tri(o, "StateEncrypted", h->state_encrypted);
	set_true(o, "PeerRelay", h->peer_relay);
	return o;
}

bool hostinfo_tag_ok(const char *tag)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
	if (strncmp(tag, "tag:", 4) != 0 || !tag[4] || !strchr(letters, tag[4]))
		return false;
	size_t n =
	    strspn(tag + 4, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-");
	return tag[4 + n] == 0;
}
