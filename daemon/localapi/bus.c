/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/localapi/bus.h"

#include "base/counters.h"
#include "base/rng.h"
#include "daemon/localapi/notify.h"
#include "daemon/localapi/peers_seen.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define ENGINE_POLL_MS 2000
#define RATE_LIMIT_S 3
/* The first message of a watcher may carry the whole network map. */
#define WATCHER_BYTES_MAX (128u << 20)
#define FELL_BEHIND "IPN bus consumer fell behind; closing watch"

struct watcher {
	struct list link;
	struct api_bus *bus;
	struct httpd_stream *stream;
	uint64_t mask;
	/* Messages the client's socket has not taken: where each ends, counted from the first byte.
	 */
	uint64_t ends[BUS_QUEUE_MESSAGES];
	size_t first, count;
	uint64_t sent;
	mono_t next_unimportant;
};

struct api_bus {
	struct loop *loop;
	struct backend *b;
	struct list watchers;
	size_t n_watchers;
	struct loop_timer engine_poll;
	struct loop_defer peers_changed;
	struct peers_seen seen;
};

static struct counter counters[] = { { "localapi_bus_fell_behind", 0 } };

/* ---- one watcher --------------------------------------------------------------------------- */

static void watcher_free(struct watcher *w)
{
	list_remove(&w->link);
	w->bus->n_watchers--;
	free(w);
}

static void on_close(void *arg)
{
	watcher_free(arg);
}

/* Forget what the socket has taken; false: the queue is full. */
static bool queue_has_room(struct watcher *w)
{
	uint64_t taken = w->sent - httpd_stream_queued(w->stream);
	while (w->count && w->ends[w->first] <= taken) {
		w->first = (w->first + 1) % BUS_QUEUE_MESSAGES;
		w->count--;
	}
	return w->count < BUS_QUEUE_MESSAGES;
}

static void cut_off(struct watcher *w)
{
	counter_inc(&counters[0]);
	struct notify n = { 0 };
	struct buf b;
	buf_init(&b, 4096);
	notify_set(&n, NF_ERR_MESSAGE, j_string(FELL_BEHIND));
	notify_write(&n, &b);
	notify_fini(&n);
	/* Without room even for this, the end of the stream says enough. */
	int rc = httpd_stream_send(w->stream, buf_span(&b), SIZE_MAX);
	(void)rc;
	httpd_stream_end(w->stream);
	buf_fini(&b);
	watcher_free(w);
}

/* w may be gone afterwards. */
static void watcher_send(struct watcher *w, struct span line)
{
	if (!queue_has_room(w) || httpd_stream_send(w->stream, line, WATCHER_BYTES_MAX)) {
		cut_off(w);
		return;
	}
	w->sent += line.len;
	w->ends[(w->first + w->count) % BUS_QUEUE_MESSAGES] = w->sent;
	w->count++;
}

static void watcher_tell(struct watcher *w, const struct notify *n)
{
	struct buf b;
	buf_init(&b, WATCHER_BYTES_MAX);
	notify_write(n, &b);
	if (buf_ok(&b))
		watcher_send(w, buf_span(&b));
	else
		cut_off(w);
	buf_fini(&b);
}

/* ---- the message after subscribing ---------------------------------------------------------- */

static json_t *health_for(struct api_bus *bus, uint64_t mask)
{
	json_t *health = backend_health(bus->b);
	if (mask & BUS_HEALTH_ACTIONS)
		return health;
	json_t *plain = health_without_actions(health);
	j_free(health);
	return plain;
}

static json_t *client_version(void)
{
	json_t *o = j_object();
	j_set_bool(o, "RunningLatest", true);
	return o;
}

static json_t *session_id(void)
{
	uint8_t b[8];
	char text[17];
	rng_fill(rng_system(), b, sizeof(b));
	hex_encode(span_of(b, sizeof(b)), text);
	return j_string(text);
}

static void initial_state(struct api_bus *bus, struct notify *n)
{
	enum ipn_state state = backend_state(bus->b);
	const char *url = backend_auth_url(bus->b);
	notify_set(n, NF_SESSION_ID, session_id());
	notify_set(n, NF_STATE, j_from_int(state));
	if (state == IPN_NEEDS_LOGIN && url && *url)
		notify_set(n, NF_BROWSE_TO_URL, j_string(url));
}

static void tell_initial(struct watcher *w)
{
	const uint64_t any = BUS_INITIAL_STATE | BUS_INITIAL_PREFS | BUS_INITIAL_NETMAP |
			     BUS_INITIAL_DRIVE | BUS_INITIAL_OUTGOING | BUS_INITIAL_HEALTH |
			     BUS_INITIAL_SUGGESTED | BUS_INITIAL_CLIENT_VERSION |
			     BUS_INITIAL_STATUS;
	struct api_bus *bus = w->bus;
	struct notify n = { 0 };
	if (!(w->mask & any))
		return;
	if (w->mask & BUS_INITIAL_STATE)
		initial_state(bus, &n);
	if (w->mask & BUS_INITIAL_PREFS)
		notify_set(&n, NF_PREFS, backend_prefs(bus->b));
	if (w->mask & BUS_INITIAL_NETMAP) {
		notify_set(&n, NF_SELF_CHANGE, backend_self_node(bus->b));
		notify_set(&n, NF_NETMAP, backend_netmap(bus->b));
	}
	if (w->mask & BUS_INITIAL_STATUS)
		notify_set(&n, NF_INITIAL_STATUS, backend_status(bus->b, true));
	if (w->mask & BUS_INITIAL_HEALTH)
		notify_set(&n, NF_HEALTH, health_for(bus, w->mask));
	if (w->mask & BUS_INITIAL_CLIENT_VERSION)
		notify_set(&n, NF_CLIENT_VERSION, client_version());
	watcher_tell(w, &n);
	notify_fini(&n);
}

/* ---- changes -----------------------------------------------------------------------------------
 */

static bool anybody(const struct api_bus *bus, uint64_t mask)
{
	LIST_EACH (it, (struct list *)(uintptr_t)&bus->watchers)
		if (LIST_ENTRY(it, struct watcher, link)->mask & mask)
			return true;
	return false;
}

static void tell_everybody(struct api_bus *bus, const struct notify *n)
{
	LIST_EACH (it, &bus->watchers)
		watcher_tell(LIST_ENTRY(it, struct watcher, link), n);
}

/* Traffic figures go to those who asked, and to rate-limited ones at most every RATE_LIMIT_S. */
static void tell_engine(struct api_bus *bus)
{
	mono_t now = loop_now(bus->loop);
	struct notify n = { 0 };
	if (!anybody(bus, BUS_ENGINE))
		return;
	notify_set(&n, NF_ENGINE, backend_engine_status(bus->b));
	LIST_EACH (it, &bus->watchers) {
		struct watcher *w = LIST_ENTRY(it, struct watcher, link);
		if (!(w->mask & BUS_ENGINE))
			continue;
		if ((w->mask & BUS_RATE_LIMIT) && mono_before(now, w->next_unimportant))
			continue;
		w->next_unimportant = mono_add_s(now, RATE_LIMIT_S);
		watcher_tell(w, &n);
	}
	notify_fini(&n);
}

static void on_engine_poll(struct loop_timer *t, mono_t now)
{
	struct api_bus *bus = t->arg;
	(void)now;
	tell_engine(bus);
	if (anybody(bus, BUS_ENGINE))
		loop_timer_arm_ms(t, ENGINE_POLL_MS);
}

static void tell_health(struct api_bus *bus)
{
	LIST_EACH (it, &bus->watchers) {
		struct watcher *w = LIST_ENTRY(it, struct watcher, link);
		struct notify n = { 0 };
		notify_set(&n, NF_HEALTH, health_for(bus, w->mask));
		watcher_tell(w, &n);
		notify_fini(&n);
	}
}

static json_t *profiles_of(struct backend *b, const json_t *nodes)
{
	json_t *profiles = j_object();
	for (size_t i = 0; i < j_len(nodes); i++) {
		int64_t id = j_int(j_at(nodes, i), "User", 0);
		char key[24];
		snprintf(key, sizeof(key), "%" PRId64, id);
		json_t *p = j_has(profiles, key) ? NULL : backend_user_profile(b, id);
		if (p)
			j_set(profiles, key, p);
	}
	return profiles;
}

/* What changed since the last time; the first look only remembers. */
static void look_at_peers(struct api_bus *bus, struct notify *n)
{
	json_t *nodes = backend_peers(bus->b);
	json_t *changed, *removed;
	peers_seen_update(&bus->seen, nodes, &changed, &removed);
	j_free(nodes);
	if (j_len(changed))
		notify_set(n, NF_USER_PROFILES, profiles_of(bus->b, changed));
	if (j_len(changed))
		notify_set(n, NF_PEERS_CHANGED, changed);
	else
		j_free(changed);
	if (j_len(removed))
		notify_set(n, NF_PEERS_REMOVED, removed);
	else
		j_free(removed);
}

static void on_peers_changed(struct loop_defer *d)
{
	struct api_bus *bus = d->arg;
	struct notify n = { 0 };
	if (!anybody(bus, BUS_PEER_CHANGES)) {
		peers_seen_fini(&bus->seen);
		return;
	}
	look_at_peers(bus, &n);
	if (notify_has(&n, NF_PEERS_CHANGED) || notify_has(&n, NF_PEERS_REMOVED)) {
		LIST_EACH (it, &bus->watchers) {
			struct watcher *w = LIST_ENTRY(it, struct watcher, link);
			if (w->mask & BUS_PEER_CHANGES)
				watcher_tell(w, &n);
		}
	}
	notify_fini(&n);
}

/* The parts of a change that every watcher gets, in one message. */
static bool gather(struct api_bus *bus, unsigned what, const char *text, struct notify *n)
{
	if (what & NOTIFY_STATE)
		notify_set(n, NF_STATE, j_from_int(backend_state(bus->b)));
	if (what & NOTIFY_PREFS)
		notify_set(n, NF_PREFS, backend_prefs(bus->b));
	if (what & NOTIFY_SELF)
		notify_set(n, NF_SELF_CHANGE, backend_self_node(bus->b));
	if (what & NOTIFY_LOGIN_FINISHED)
		notify_set(n, NF_LOGIN_FINISHED, j_object());
	if ((what & NOTIFY_BROWSE_URL) && text)
		notify_set(n, NF_BROWSE_TO_URL, j_string(text));
	if ((what & NOTIFY_ERROR) && text)
		notify_set(n, NF_ERR_MESSAGE, j_string(text));
	for (size_t i = 0; i < NF_COUNT; i++)
		if (notify_has(n, (enum notify_field)i))
			return true;
	return false;
}

static void on_change(void *arg, unsigned what, const char *text)
{
	struct api_bus *bus = arg;
	struct notify n = { 0 };
	if (list_empty(&bus->watchers))
		return;
	if (gather(bus, what, text, &n))
		tell_everybody(bus, &n);
	notify_fini(&n);
	if (what & NOTIFY_HEALTH)
		tell_health(bus);
	if (what & NOTIFY_ENGINE)
		tell_engine(bus);
	/* A map delta may touch one peer of thousands, many times in a turn: look once, at its end.
	 */
	if (what & NOTIFY_NETMAP)
		loop_defer_arm(&bus->peers_changed);
}

/* ---- subscribing --------------------------------------------------------------------------------
 */

const char *bus_mask_problem(uint64_t mask)
{
	static const struct {
		uint64_t bit;
		const char *text;
	} new_style[] = {
		{ BUS_PEER_CHANGES,
		  "NotifyRateLimit is incompatible with new-style IPN bus subscription bits "
		  "ipn.NotifyPeerChanges" },
		{ 8192, "NotifyRateLimit is incompatible with new-style IPN bus subscription bits "
			"ipn.NotifyNoNetMap" },
		{ BUS_INITIAL_STATUS,
		  "NotifyRateLimit is incompatible with new-style IPN bus subscription bits "
		  "ipn.NotifyInitialStatus" },
		{ BUS_PEER_PATCHES,
		  "NotifyRateLimit is incompatible with new-style IPN bus subscription bits "
		  "ipn.NotifyPeerPatches" },
	};
	if (mask & BUS_IN_PROCESS)
		return "NotifyInProcessNoDisconnect is only valid for in-process IPN bus "
		       "subscribers";
	for (size_t i = 0; (mask & BUS_RATE_LIMIT) && i < ARRAY_LEN(new_style); i++)
		if (mask & new_style[i].bit)
			return new_style[i].text;
	return NULL;
}

int bus_watch(struct api_bus *bus, struct httpd_req *r, uint64_t mask)
{
	if (bus->n_watchers >= BUS_WATCHERS_MAX)
		return -ERR_FULL;
	bool first_peer_watcher = (mask & BUS_PEER_CHANGES) && !anybody(bus, BUS_PEER_CHANGES);
	struct watcher *w = xcalloc(1, sizeof(*w));
	w->bus = bus;
	w->mask = mask;
	w->stream = httpd_stream_start(r, 200, "application/json", on_close, w);
	list_push_back(&bus->watchers, &w->link);
	bus->n_watchers++;
	if (first_peer_watcher) {
		struct notify ignored = { 0 };
		look_at_peers(bus, &ignored);
		notify_fini(&ignored);
	}
	if ((mask & BUS_ENGINE) && !loop_timer_armed(&bus->engine_poll))
		loop_timer_arm_ms(&bus->engine_poll, ENGINE_POLL_MS);
	tell_initial(w);
	return 0;
}

/* ---- life ---- */

struct api_bus *bus_new(struct loop *l, struct backend *b)
{
	struct api_bus *bus = xcalloc(1, sizeof(*bus));
	bus->loop = l;
	bus->b = b;
	list_init(&bus->watchers);
	loop_timer_init(l, &bus->engine_poll, on_engine_poll, bus);
	loop_defer_init(l, &bus->peers_changed, on_peers_changed, bus);
	counters_register(counters, ARRAY_LEN(counters));
	backend_set_notify(b, on_change, bus);
	return bus;
}

void bus_free(struct api_bus *bus)
{
	if (!bus)
		return;
	backend_set_notify(bus->b, NULL, NULL);
	loop_timer_cancel(&bus->engine_poll);
	loop_defer_cancel(&bus->peers_changed);
	LIST_EACH (it, &bus->watchers) {
		struct watcher *w = LIST_ENTRY(it, struct watcher, link);
		httpd_stream_end(w->stream);
		watcher_free(w);
	}
	peers_seen_fini(&bus->seen);
	free(bus);
}
