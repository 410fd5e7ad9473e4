/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is wrong, in words for the user (shared/spec/cli-localapi.md 8). Each item is computed when
 * somebody asks; a timer tells watchers when one becomes visible by the passing of time alone. */
#include "base/alloc.h"
#include "base/crypto/crypto.h"
#include "daemon/engine/backend_priv.h"
#include "base/log.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define WARM_UP_S 5
#define RELAY_DELAY_S 10
#define POLL_DELAY_S 480
#define MAP_SILENCE_S 125
#define EXPIRY_LOOK_S 86400
#define HEALTH_ITEMS_MAX 32
#define HEALTH_TEXT_MAX 512

struct item {
	const char *code;
	const char *severity;
	const char *title;
	char text[HEALTH_TEXT_MAX];
	bool impacts;
};

struct items {
	struct item v[HEALTH_ITEMS_MAX];
	size_t n;
	mono_t next; /* earliest moment when time alone changes the list */
	bool only_next; /* nothing else is wanted: leave out what time does not change */
};

static void __attribute__((format(printf, 6, 7)))
add(struct items *l, const char *code, const char *severity, const char *title, bool impacts,
    const char *fmt, ...)
{
	if (l->n == HEALTH_ITEMS_MAX)
		return;
	struct item *i = &l->v[l->n++];
	*i =
	    (struct item){ .code = code, .severity = severity, .title = title, .impacts = impacts };
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(i->text, sizeof(i->text), fmt, ap);
	va_end(ap);
}

/* Has it been so for that long? If not yet, note when it will have been. */
static bool since(struct items *l, mono_t now, mono_t start, int64_t seconds)
{
	mono_t at = mono_add_s(start, seconds);
	if (mono_due(at, now))
		return true;
	l->next = mono_min(l->next, at);
	return false;
}

static const char *region_name(const struct backend *b, int id)
{
	const struct derp_region *r = b->nm && b->nm->derp ? derp_map_find(b->nm->derp, id) : NULL;
	return r && r->name && r->name[0] ? r->name : "home";
}

static void relay_items(const struct backend *b, struct items *l, mono_t now)
{
	struct node_status s;
	node_status(b->node, &s);
	if (s.home == 0) {
		if (since(l, now, b->want_running_at, RELAY_DELAY_S))
			add(l, "no-derp-home", "medium", "No home relay server", true,
			    "Tailscale could not connect to any relay server. Check your Internet "
			    "connection.");
		return;
	}
	if (!s.home_connected) {
		if (since(l, now, s.home_since, RELAY_DELAY_S))
			add(l, "no-derp-connection", "medium", "Relay server unavailable", true,
			    "Tailscale could not connect to the '%s' relay server. Your Internet "
			    "connection might be down, or the server might be temporarily "
			    "unavailable.",
			    region_name(b, s.home));
		return;
	}
	if (since(l, now, s.home_last_frame, MAP_SILENCE_S))
		add(l, "derp-timed-out", "medium", "Relay server timed out", true,
		    "Tailscale hasn't heard from the '%s' relay server in %" PRId64
		    "s. The server might be temporarily unavailable, or your Internet connection "
		    "might be down.",
		    region_name(b, s.home), mono_diff_ns(now, s.home_last_frame) / NS_PER_S);
}

/* "iptables" or "nftables" if the network or the preferences ask for one; NULL. */
static const char *firewall_asked(const struct backend *b)
{
	if (b->nm && nm_node_cap(b->nm->self, "linux-netfilter?v=iptables"))
		return "iptables";
	if (b->nm && nm_node_cap(b->nm->self, "linux-netfilter?v=nftables"))
		return "nftables";
	const char *kind = b->prefs.netfilter_kind;
	return kind && kind[0] ? kind : NULL;
}

/* The interface is chosen at the start, before the sandbox closes. */
static void firewall_items(const struct backend *b, struct items *l, const struct node_status *s)
{
	const char *asked = firewall_asked(b);
	const char *used = strncmp(s->firewall_kind, "ipt", 3) == 0 ? "iptables" : "nftables";
	if (b->prefs.netfilter_mode == NETFILTER_OFF)
		return;
	if (s->firewall_missing)
		add(l, "firewall", "medium", "No firewall", true,
		    "Neither nftables nor iptables can be used, so that nothing is forwarded or "
		    "masqueraded for the tailnet and the host's own rules may block it: %s. "
		    "Install "
		    "one, or type: meshctl set --netfilter-mode=off",
		    s->firewall_problem);
	else if (s->firewall_problem[0])
		add(l, "firewall", "medium", "Firewall is incomplete", true,
		    "Firewall rules could not be set: %s", s->firewall_problem);
	if (asked && s->firewall_kind[0] && strcmp(asked, used) != 0 &&
	    (strcmp(asked, "iptables") == 0 || strcmp(asked, "nftables") == 0))
		add(l, "firewall-kind", "low", "Other firewall asked for", false,
		    "%s is asked for, %s is in use. Start meshd with TS_DEBUG_FIREWALL_MODE=%s.",
		    asked, used, asked);
}

/* Another program on this host uses our numbers. */
static void rival_items(struct items *l, const struct router_rivals *r)
{
	char text[PREFIX_TEXT_MAX];
	if (r->rules)
		add(l, "marks-collide", "medium", "Packet marks collide", true,
		    "Another program uses packet marks of ours: see rule %u of `ip rule` (mark "
		    "%#x/%#x). Traffic may take the wrong way. Start meshd with other bits, for "
		    "example --fwmark=0x8000000/0xc000000.",
		    r->priority, r->mark, r->mask);
	if (r->routes)
		add(l, "table-shared", "low", "Routing table is shared", false,
		    "Another program has %u routes in our routing table, for example %s. If it is "
		    "not meant, start meshd with another --route-table.",
		    r->routes, prefix_encode(r->route, text));
}

static void node_items(const struct backend *b, struct items *l)
{
	struct node_status s;
	node_status(b->node, &s);
	if (!s.have_udp4)
		add(l, "no-udp4-bind", "medium", "NAT traversal setup failure", true,
		    "Tailscale couldn't listen for incoming UDP connections.");
	if (!s.tun_ok)
		add(l, "tun", "high", "Interface lost", true,
		    "The interface %s is gone: another program removed it. Restart meshd.",
		    b->tun_name);
	if (s.router_problem[0])
		add(l, "router", "medium", "Routes are incomplete", true,
		    "Routes could not be set: %s", s.router_problem);
	if (s.filter_void)
		add(l, "invalid-packet-filter", "high", "Invalid packet filter", true,
		    "The coordination server sent a packet filter that names peers which are not "
		    "signed; all of it is ignored, and nobody may reach this machine. Ask who runs "
		    "the coordination server.");
	rival_items(l, s.rivals);
	firewall_items(b, l, &s);
	if (b->reduced[0])
		add(l, "sandbox", "low", "Reduced hardening", false,
		    "This kernel or container lacks parts of the daemon's sandbox: %s.",
		    b->reduced);
}

static void poll_items(const struct backend *b, struct items *l, mono_t now)
{
	struct log_esc_buf esc;
	const char *because = b->control_error[0] ? " Last error: " : "";
	const char *error = log_esc(span_str(b->control_error), &esc);
	if (b->cached)
		add(l, "kept-netmap", "medium", "Working from the kept network map", false,
		    "The coordination server has not answered yet; using the kept network map of "
		    "the last run.%s%s",
		    because, error);
	else if (!b->nm && b->control_error[0])
		add(l, "no-netmap", "high", "No network map", true,
		    "The coordination server has not answered yet.%s%s", because, error);
	if (!b->polling) {
		mono_t start = b->had_poll ? b->poll_lost_at : b->want_running_at;
		if (since(l, now, start, POLL_DELAY_S))
			add(l, "not-in-map-poll", "medium", "Out of sync", false,
			    "Unable to connect to the Tailscale coordination server to synchronize "
			    "the state of your tailnet. Peer reachability might degrade over "
			    "time.");
		return;
	}
	/* Keep-alives change no state, so nobody tells of them: ask. */
	mono_t heard = ctl_get_state(b->ctl).last_message;
	if (since(l, now, heard, MAP_SILENCE_S))
		add(l, "mapresponse-timeout", "medium", "Network map response timeout", false,
		    "Tailscale hasn't received a network map from the coordination server in "
		    "%" PRId64 "s.",
		    mono_diff_ns(now, heard) / NS_PER_S);
}

static bool logged_out(const struct backend *b)
{
	return b->state == IPN_NEEDS_LOGIN ||
	       (b->state == IPN_NO_STATE && b->profiles && !backend_has_node_key(b));
}

static void add_item(void *arg, const struct backend_item *i)
{
	add(arg, i->code, i->severity, i->title, i->impacts, "%s", i->text);
}

/* Nor can the page be opened here on which to log in. */
static void guard_item(const struct backend *b, struct items *l)
{
	if (backend_guards(b))
		add(l, "exit-node-guard", "high", "Traffic is dropped", true,
		    "Traffic to the Internet is dropped: an exit node is chosen, and this machine "
		    "is not connected to its network. Type: meshctl up, and open a login page on "
		    "another machine; or stop using an exit node: meshctl set --exit-node=");
}

/* Checks stop at the first failing one in the order stopped, login, poll, map age. */
static void collect(struct backend *b, struct items *l)
{
	mono_t now = loop_now(b->loop);
	l->n = 0;
	l->next = MONO_NEVER;
	const char *state = state_file_health(b->file);
	if (state || !b->profiles)
		add(l, "state-store-health", "high", "State cannot be used", true, "%s",
		    state ? state
			  : "The state file does not parse; it is left as it is. Move it away and "
			    "log in again.");
	else if (state_file_trouble(b->file))
		add(l, "state-store-health", "high", "State is not stored", false, "%s",
		    state_file_trouble(b->file));
	if (!l->only_next) {
		node_items(b, l);
		backend_dns_kept_item(b, add_item, l);
	}
	if (!b->profiles)
		return;
	if (b->login_error[0] || logged_out(b)) {
		struct log_esc_buf esc;
		if (b->login_error[0])
			add(l, "login-state", "medium", "Logged out", true,
			    "You are logged out. The last login error was: %s",
			    log_esc(span_str(b->login_error), &esc));
		else
			add(l, "login-state", "medium", "Logged out", true, "You are logged out.");
		guard_item(b, l);
		return;
	}
	if (!b->prefs.want_running) {
		add(l, "wantrunning-false", "medium", "Tailscale off", true,
		    "Tailscale is stopped.");
		return;
	}
	poll_items(b, l, now);
	if (!b->nm) {
		guard_item(b, l);
		return;
	}
	if (since(l, now, b->want_running_at, WARM_UP_S))
		relay_items(b, l, now);
	if (l->only_next)
		return;
	backend_route_items(b, add_item, l);
	backend_dns_items(b, add_item, l);
	for (size_t i = 0; i < b->nm->n_messages; i++) {
		struct log_esc_buf esc;
		add(l, b->nm->messages[i].id, "medium", b->nm->messages[i].title,
		    b->nm->messages[i].impacts_connectivity, "%s",
		    log_esc(span_str(b->nm->messages[i].text), &esc));
	}
}

json_t *backend_health_texts(struct backend *b)
{
	struct items *l = xcalloc(1, sizeof(*l));
	collect(b, l);
	json_t *a = j_array();
	for (size_t i = 0; i < l->n; i++)
		j_add_str(a, l->v[i].text);
	free(l);
	return a;
}

/* When our own key expires, the state changes by the passing of time too. */
static mono_t self_expiry(const struct backend *b, mono_t now)
{
	if (!b->nm || wall_is_zero(b->nm->self->key_expiry))
		return MONO_NEVER;
	int64_t left = b->nm->self->key_expiry.s - wall_now().s;
	if (left < 0)
		return MONO_NEVER;
	/* Looked at once a day at least: the wall clock may be set meanwhile. */
	return mono_add_s(now, left + 1 < EXPIRY_LOOK_S ? left + 1 : EXPIRY_LOOK_S);
}

mono_t backend_health_deadline(const struct backend *b)
{
	struct items *l = xcalloc(1, sizeof(*l));
	l->only_next = true;
	collect((struct backend *)(uintptr_t)b, l);
	mono_t next = mono_min(l->next, self_expiry(b, loop_now(b->loop)));
	free(l);
	return next;
}

json_t *backend_health(struct backend *b)
{
	struct items *l = xcalloc(1, sizeof(*l));
	collect(b, l);
	json_t *h = j_object();
	if (l->n == 0)
		j_set_null(h, "Warnings");
	json_t *w = l->n ? j_object() : NULL;
	for (size_t i = 0; i < l->n; i++) {
		json_t *o = j_object();
		uint8_t sum[HASH_LEN];
		char etag[2 * HASH_LEN + 1];
		blake2s_hash(sum, span_str(l->v[i].text), span_of(NULL, 0));
		hex_encode(span_of(sum, 4), etag);
		j_set_str(o, "WarnableCode", l->v[i].code);
		j_set_str(o, "Severity", l->v[i].severity);
		j_set_str(o, "Title", l->v[i].title);
		j_set_str(o, "Text", l->v[i].text);
		if (l->v[i].impacts)
			j_set_bool(o, "ImpactsConnectivity", true);
		j_set_str(o, "ETag", etag);
		j_set(w, l->v[i].code, o);
	}
	if (w)
		j_set(h, "Warnings", w);
	free(l);
	return h;
}
