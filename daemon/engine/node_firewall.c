/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/engine/node_firewall.h"

#include "base/alloc.h"
#include "base/log.h"
#include "daemon/hands.h"
#include "netstack/nft_linux.h"
#include "netstack/sysctl_linux.h"

#include <stdio.h>
#include <stdlib.h>

#define STOP_MS 3000
#define SRC_VALID_MARK "/proc/sys/net/ipv4/conf/all/src_valid_mark"

struct node_firewall {
	struct loop *loop;
	char *tun;
	struct router_params params;
	void (*changed)(void *arg);
	void *arg;
	struct nft *nft;
	struct nft_monitor *monitor;
	struct hands *hands;
	bool applied; /* wanted is what the kernel has, or what the helper is at */
	bool settled; /* what an earlier run left is taken over, or away */
	struct fw_config wanted;
	bool marks_valid;  /* src_valid_mark is 1 */
	bool marks_told;   /* or that it cannot be set has been logged */
	char missing[200]; /* why there is no back end; "" if there is */
	char problem[HANDS_TEXT_MAX];
};

/* ---- what is wrong ---- */

static void set_problem(struct node_firewall *f, const char *text)
{
	if (strcmp(f->problem, text) == 0)
		return;
	snprintf(f->problem, sizeof(f->problem), "%s", text);
	if (text[0])
		log_warn("firewall: %s", text);
	f->changed(f->arg);
}

/* What failed, and what this kernel cannot do. */
static void note_nft(struct node_firewall *f, const struct router_report *rep)
{
	struct buf b;
	const char *lost;
	buf_init(&b, sizeof(f->problem) - 1);
	if (rep->failed)
		buf_add_str(&b, rep->first);
	for (size_t i = 0; (lost = nft_lost(f->nft, i)); i++) {
		buf_add_str(&b, buf_span(&b).len ? " " : "");
		buf_add_str(&b, lost);
	}
	set_problem(f, buf_cstr(&b));
	buf_fini(&b);
}

/* ---- the two back ends ---- */

static void on_hands_done(void *arg, int rc, const char *text)
{
	struct node_firewall *f = arg;
	if (rc == -ERR_STATE)
		return; /* a newer one is on its way */
	if (rc)
		f->applied = false; /* the next check tries again */
	set_problem(f, rc && !text[0] ? err_text(rc) : text);
}

static void put(struct node_firewall *f)
{
	struct router_report rep = { 0 };
	f->applied = f->settled = true;
	if (f->hands) {
		hands_firewall_apply(f->hands, f->tun, &f->params, &f->wanted, on_hands_done, f);
	} else if (f->nft) {
		f->applied = nft_apply(f->nft, &f->wanted, &rep) == 0;
		note_nft(f, &rep);
	}
}

static void take_away(struct node_firewall *f)
{
	struct router_report rep = { 0 };
	f->applied = false;
	f->settled = true;
	if (f->hands) {
		hands_firewall_down(f->hands, on_hands_done, f);
	} else if (f->nft) {
		(void)nft_down(f->nft, &rep);
		note_nft(f, &rep);
	}
}

/* ---- what others do to it ---- */

static void mend(struct node_firewall *f)
{
	log_warn("firewall: another program removed our rules; adding them again");
	put(f);
}

static void on_hands_checked(void *arg, int rc, const char *text)
{
	struct node_firewall *f = arg;
	if (rc == 0 || rc == -ERR_STATE || f->wanted.mode == RT_NETFILTER_OFF)
		return;
	if (rc == -ERR_NOENT) {
		mend(f);
		return;
	}
	f->applied = false; /* not known; the next look puts it there, and tells how that went */
	set_problem(f, text[0] ? text : err_text(rc));
}

void node_firewall_look(struct node_firewall *f)
{
	bool intact = true;
	if (f->wanted.mode == RT_NETFILTER_OFF)
		return;
	if (!f->applied)
		put(f);
	else if (f->nft && nft_check(f->nft, &intact) == 0 && !intact)
		mend(f);
	else if (f->hands && hands_firewall_check(f->hands, on_hands_checked, f) == -ERR_BUSY)
		return; /* what is under way sees to it */
}

static void on_foreign_change(void *arg)
{
	node_firewall_look(arg);
}

/* ---- life ---- */

static void open_nft(struct node_firewall *f)
{
	struct router_report rep = { 0 };
	f->nft = nft_new(f->tun, &f->params, &rep);
	if (!f->nft) {
		snprintf(f->missing, sizeof(f->missing), "%s", rep.first);
		return;
	}
	f->monitor = nft_monitor_new(f->loop, f->nft, on_foreign_change, f);
	if (!f->monitor)
		log_warn("firewall: cannot watch for changes by others; looking now and then");
}

struct node_firewall *node_firewall_new(struct loop *l, const struct node_firewall_opts *o)
{
	struct node_firewall *f = xcalloc(1, sizeof(*f));
	f->loop = l;
	f->tun = xstrdup(o->tun);
	f->params = *o->params;
	f->changed = o->changed;
	f->arg = o->arg;
	if (o->hands_fd >= 0)
		f->hands = hands_new(l, o->hands_fd);
	else
		open_nft(f);
	return f;
}

void node_firewall_free(struct node_firewall *f)
{
	if (!f)
		return;
	nft_monitor_free(f->monitor);
	nft_free(f->nft);
	hands_free(f->hands);
	fw_config_fini(&f->wanted);
	free(f->tun);
	free(f);
}

/* ---- what it should be ---- */

/* Without it the kernel leaves marks out of its reverse-path check. Never put back: another agent
 * may count on it. */
static void make_marks_valid(struct node_firewall *f)
{
	if (f->marks_valid)
		return;
	int rc = sysctl_write(SRC_VALID_MARK, 1);
	f->marks_valid = rc == 0;
	if (rc && !f->marks_told)
		log_warn("firewall: cannot set net.ipv4.conf.all.src_valid_mark: %s", err_text(rc));
	f->marks_told = true;
}

void node_firewall_apply(struct node_firewall *f, const struct fw_config *cfg)
{
	if (cfg->mode == RT_NETFILTER_OFF) {
		node_firewall_down(f, false);
		return;
	}
	if (fw_marks_connections(cfg))
		make_marks_valid(f);
	if (f->applied && fw_config_eq(&f->wanted, cfg))
		return;
	fw_config_fini(&f->wanted);
	fw_config_copy(&f->wanted, cfg);
	put(f);
}

void node_firewall_down(struct node_firewall *f, bool wait)
{
	bool had = f->wanted.mode != RT_NETFILTER_OFF || !f->settled;
	fw_config_fini(&f->wanted);
	if (had)
		take_away(f);
	if (f->hands && wait && hands_finish(f->hands, STOP_MS) != 0)
		log_warn("firewall: rules may be left in iptables; type: meshd --cleanup");
}

const char *node_firewall_problem(const struct node_firewall *f)
{
	return node_firewall_missing(f) ? f->missing : f->problem;
}

bool node_firewall_missing(const struct node_firewall *f)
{
	return !f->nft && !f->hands;
}

const char *node_firewall_kind(const struct node_firewall *f)
{
	if (f->hands)
		return "ipt-forced";
	return f->nft ? "nft-default" : "";
}

json_t *node_firewall_debug(struct node_firewall *f)
{
	static const char *const modes[] = { "off", "nodivert", "on" };
	bool intact = f->applied;
	json_t *o = j_object();
	j_set_str(o, "Mode", modes[f->wanted.mode]);
	j_set_str(o, "Kind", f->hands ? "iptables" : f->nft ? "nftables" : "none");
	if (f->applied && f->nft && nft_check(f->nft, &intact) != 0)
		intact = false;
	j_set_bool(o, "Applied", intact);
	j_set_int(o, "Port4", f->wanted.port4);
	j_set_int(o, "Port6", f->wanted.port6);
	j_set_bool(o, "SNAT", f->wanted.snat);
	j_set_bool(o, "Stateful", f->wanted.stateful);
	j_set_int(o, "Guarded", (int64_t)f->wanted.guard.n);
	j_set_str(o, "Problem", node_firewall_problem(f));
	return o;
}
