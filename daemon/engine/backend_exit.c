/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The exit node in use: decided anew when the map, the preferences or the network change, and while
 * one is used by looking every few seconds whether it answers. */
#include "base/alloc.h"
#include "base/log.h"
#include "base/rng.h"
#include "daemon/engine/backend_priv.h"
#include "daemon/engine/exit_node.h"

#include <stdlib.h>

#define LOOK_MS 2000
#define PROBE_GAP_S 5
#define AUTO_ID "auto:any" /* the id of "not known yet": no peer has it */
#define PRIOR_LIST "list:"

/* A question to a peer that failed whether it answers now. */
struct probe {
	struct backend *b;
	int64_t id;		/* 0: free */
	struct node_ping *ping; /* NULL: none on the way */
	mono_t next;
};

struct backend_exit {
	struct exit_memory memory;
	struct exit_watch watch;
	struct exit_choice choice; /* node: referenced */
	struct loop_timer timer;
	struct probe probes[EXIT_MEMORY_MAX];
};

const struct exit_choice *backend_exit_choice(const struct backend *b)
{
	return &b->exit->choice;
}

static void set_choice(struct backend_exit *e, const struct exit_choice *c)
{
	if (c->node)
		nm_node_ref(c->node);
	nm_node_unref(e->choice.node);
	e->choice = *c;
}

/* ---- deciding ---- */

static struct exit_in facts(struct backend *b)
{
	struct node_status s;
	node_status(b->node, &s);
	return (struct exit_in){
		.prefs = &b->prefs,
		.nm = b->nm,
		.report = node_netcheck_last(b->node),
		.home = s.home,
		.kept_map = b->cached != NULL,
		.now = loop_now(b->loop),
		.rng = rng_system(),
	};
}

static const char *name_of(const struct nm_node *n, struct log_esc_buf *esc)
{
	return n ? log_esc(span_str(n->name), esc) : "none: nothing leaves";
}

static void log_change(const struct exit_choice *from, const struct exit_choice *to)
{
	struct log_esc_buf a, b;
	if (from->node == to->node || (from->node && to->node && from->node->id == to->node->id))
		return;
	if (to->wanted)
		log_info("exit node: %s -> %s", from->wanted ? name_of(from->node, &a) : "off",
			 name_of(to->node, &b));
}

/* An exit node named by address becomes its stable id once the map knows it; what was decided for
 * the user is what the preferences show. True: they changed. */
static bool name_choice(struct backend *b, const struct exit_choice *c)
{
	struct prefs *p = &b->prefs;
	bool ours = *p->auto_exit_node || p->exit_node_priority.n;
	if (!c->wanted || !b->nm || (!ours && !(ip_is_set(p->exit_node_ip) && c->node)))
		return false;
	const char *id = c->node ? c->node->stable_id : AUTO_ID;
	if (strcmp(p->exit_node_id, id) == 0 && !ip_is_set(p->exit_node_ip))
		return false;
	str_set(&p->exit_node_id, id);
	p->exit_node_ip = (struct ip){ 0 };
	return true;
}

static void arm(struct backend *b)
{
	struct backend_exit *e = b->exit;
	mono_t next = e->choice.deadline;
	if (e->choice.node || e->memory.n)
		next = mono_min(next, mono_add_ms(loop_now(b->loop), LOOK_MS));
	loop_timer_arm(&e->timer, next);
}

/* True: the preferences name another one now. */
static bool decide(struct backend *b)
{
	if (!prefs_wants_exit_node(&b->prefs) && !b->exit->choice.wanted)
		return false;
	struct exit_in in = facts(b);
	struct exit_choice c;
	exit_node_choose(&in, &b->exit->memory, &c);
	log_change(&b->exit->choice, &c);
	if (b->exit->choice.wanted != c.wanted || b->exit->choice.node != c.node)
		backend_dns_refresh(b, NULL);
	set_choice(b->exit, &c);
	arm(b);
	if (!name_choice(b, &c))
		return false;
	backend_set_prefs(b, &b->prefs);
	backend_tell_hostinfo(b);
	return true;
}

void backend_apply(struct backend *b, const struct nm_change *ch)
{
	bool moved = decide(b);
	node_apply(b->node, b->nm, &b->prefs, moved ? NULL : ch);
	backend_dns_refresh(b, moved ? NULL : ch);
	backend_peerapi_apply(b);
}

static bool in_use(const struct backend *b)
{
	return b->nm && b->prefs.want_running &&
	       (b->state == IPN_RUNNING || b->state == IPN_STARTING);
}

/* Those who tell of new facts may be in the middle of the node: it is changed in the next turn. */
void backend_exit_refresh(struct backend *b)
{
	if (in_use(b) && prefs_wants_exit_node(&b->prefs))
		loop_timer_arm_ms(&b->exit->timer, 0);
}

static bool same_list(const struct prefs_strings *x, const struct prefs_strings *y)
{
	if (x->n != y->n)
		return false;
	for (size_t i = 0; i < x->n; i++)
		if (strcmp(x->v[i], y->v[i]) != 0)
			return false;
	return true;
}

void backend_exit_on_edit(struct backend *b, const struct prefs *p)
{
	const struct prefs *was = &b->prefs;
	if (strcmp(was->auto_exit_node, p->auto_exit_node) != 0 ||
	    strcmp(was->exit_node_id, p->exit_node_id) != 0 ||
	    !same_list(&was->exit_node_priority, &p->exit_node_priority))
		b->exit->memory.home = EXIT_HOME_ANEW;
}

void backend_exit_on_link_change(struct backend *b)
{
	b->exit->memory.home = EXIT_HOME_ANEW;
	backend_exit_refresh(b);
}

/* ---- does it answer ---- */

static void on_probed(void *arg, const struct node_pong *r)
{
	struct probe *p = arg;
	struct backend *b = p->b;
	mono_t now = loop_now(b->loop);
	p->ping = NULL;
	p->next = mono_add_s(now, PROBE_GAP_S);
	exit_memory_silent(&b->exit->memory, p->id, r->err != NULL, now);
	backend_exit_refresh(b);
}

static struct probe *probe_of(struct backend_exit *e, int64_t id)
{
	struct probe *empty = NULL;
	for (size_t i = 0; i < ARRAY_LEN(e->probes); i++) {
		if (e->probes[i].id == id)
			return &e->probes[i];
		if (!e->probes[i].ping)
			empty = &e->probes[i];
	}
	if (empty)
		*empty = (struct probe){ .id = id };
	return empty;
}

/* A peer that speaks plain WireGuard knows no TSMP. */
static void probe(struct backend *b, const struct nm_node *n, mono_t now)
{
	struct probe *p = probe_of(b->exit, n->id);
	if (!p || p->ping || !mono_due(p->next, now) || !n->n_addresses)
		return;
	p->b = b;
	p->ping = node_ping(b->node, &n->key, n->addresses[0].ip,
			    n->flags & NM_WIREGUARD_ONLY ? NODE_PING_ICMP : NODE_PING_TSMP, 0,
			    on_probed, p);
}

static void probe_failed(struct backend *b, mono_t now)
{
	const struct exit_memory *m = &b->exit->memory;
	for (size_t i = 0; i < m->n; i++) {
		const struct nm_node *n = netmap_peer(b->nm, m->v[i].id);
		if (n && n->online != J_FALSE && exit_record_wants_probe(&m->v[i], now))
			probe(b, n, now);
	}
}

static void look_at_choice(struct backend *b, mono_t now)
{
	struct backend_exit *e = b->exit;
	const struct nm_node *n = e->choice.node;
	struct node_peer_status s = { 0 };
	bool heard;
	if (!n || !node_peer_status(b->node, &n->key, &s))
		return;
	bool silent =
	    exit_watch_look(&e->watch, n->id, s.rx_bytes, s.tx_bytes, s.waiting, now, &heard);
	if (silent && !exit_memory_is_silent(&e->memory, n->id)) {
		struct log_esc_buf esc;
		log_warn("exit node %s does not answer", name_of(n, &esc));
		exit_memory_silent(&e->memory, n->id, true, now);
	} else if (heard) {
		exit_memory_silent(&e->memory, n->id, false, now);
	}
}

static void on_timer(struct loop_timer *t, mono_t now)
{
	struct backend *b = t->arg;
	if (!in_use(b) || !prefs_wants_exit_node(&b->prefs))
		return;
	look_at_choice(b, now);
	probe_failed(b, now);
	enum exit_why before = b->exit->choice.why;
	if (decide(b))
		node_apply(b->node, b->nm, &b->prefs, NULL);
	if (before != b->exit->choice.why)
		backend_notify(b, NOTIFY_HEALTH, NULL);
}

/* ---- life ---- */

void backend_exit_init(struct backend *b)
{
	b->exit = xcalloc(1, sizeof(*b->exit));
	b->exit->choice.deadline = MONO_NEVER;
	loop_timer_init(b->loop, &b->exit->timer, on_timer, b);
}

void backend_exit_forget(struct backend *b)
{
	struct backend_exit *e = b->exit;
	for (size_t i = 0; i < ARRAY_LEN(e->probes); i++) {
		if (e->probes[i].ping)
			node_ping_cancel(e->probes[i].ping);
		e->probes[i] = (struct probe){ .id = 0 };
	}
	bool wanted = prefs_wants_exit_node(&b->prefs);
	set_choice(e, &(struct exit_choice){ .wanted = wanted,
					     .why = wanted ? EXIT_UNKNOWN : EXIT_OFF,
					     .deadline = MONO_NEVER });
	e->memory = (struct exit_memory){ 0 };
	e->watch = (struct exit_watch){ 0 };
	loop_timer_cancel(&e->timer);
}

void backend_exit_free(struct backend *b)
{
	if (!b->exit)
		return;
	backend_exit_forget(b);
	free(b->exit);
	b->exit = NULL;
}

/* ---- off and on ---- */

static char *prior_of(const struct prefs *p)
{
	if (!p->exit_node_priority.n)
		return xstrdup(*p->auto_exit_node ? AUTO_ID : p->exit_node_id);
	struct buf list;
	buf_init(&list, 1u << 16);
	for (size_t i = 0; i < p->exit_node_priority.n; i++)
		buf_fmt(&list, "%s%s", i ? "," : PRIOR_LIST, p->exit_node_priority.v[i]);
	char *text = xstrdup(buf_cstr(&list));
	buf_fini(&list);
	return text;
}

/* As a client would set it. New. */
static json_t *edit_to(const char *prior)
{
	json_t *e = j_object();
	j_set_bool(e, "ExitNodeIDSet", true);
	j_set_bool(e, "ExitNodeIPSet", true);
	if (strncmp(prior, PRIOR_LIST, strlen(PRIOR_LIST)) == 0) {
		json_t *list = j_array();
		char *copy = xstrdup(prior + strlen(PRIOR_LIST)), *rest = copy;
		for (char *name; (name = strsep(&rest, ","));)
			j_add_str(list, name);
		free(copy);
		j_set(e, "ExitNodePriority", list);
		j_set_bool(e, "ExitNodePrioritySet", true);
	} else if (strcmp(prior, AUTO_ID) == 0) {
		j_set_str(e, "AutoExitNode", "any");
		j_set_bool(e, "AutoExitNodeSet", true);
	} else {
		j_set_str(e, "ExitNodeID", prior);
	}
	return e;
}

int backend_use_exit_node(struct backend *b, bool on, json_t **result, char **why)
{
	bool is_on = prefs_wants_exit_node(&b->prefs);
	if (on && !is_on && !*b->prefs.internal_exit_node_prior) {
		*why = xstrdup("no exit node IP to enable & prior exit node IP was never resolved "
			       "an a node");
		return -ERR_NOENT;
	}
	if (on == is_on) {
		*result = backend_prefs(b);
		return 0;
	}
	char *prior = on ? xstrdup(b->prefs.internal_exit_node_prior) : prior_of(&b->prefs);
	json_t *edit = edit_to(on ? prior : "");
	struct prefs p;
	prefs_init(&p);
	prefs_copy(&p, &b->prefs);
	int rc = prefs_edit(&p, edit, NULL, why);
	str_set(&p.internal_exit_node_prior, prior);
	if (rc == 0)
		rc = backend_accept_prefs(b, &p, result, why);
	prefs_fini(&p);
	j_free(edit);
	free(prior);
	return rc;
}

json_t *backend_suggest_exit_node(struct backend *b, char **why)
{
	struct exit_in in = facts(b);
	const struct nm_node *n;
	if (exit_node_suggest(&in, b->exit->memory.chosen, &n) != 0) {
		*why = xstrdup("no preferred DERP, try again later");
		return NULL;
	}
	json_t *o = j_object();
	j_set_str(o, "ID", n ? n->stable_id : "");
	j_set_str(o, "Name", n ? n->name : "");
	json_t *place =
	    n && *n->location ? j_parse(span_str(n->location), NM_STRING_MAX, NULL) : NULL;
	if (place)
		j_set(o, "Location", place);
	return o;
}
