/* SPDX-License-Identifier: GPL-2.0-or-later */
/* meshcoord: a small coordination server, DERP relay and STUN server. Verbs: man meshcoord. */
#include "base/alloc.h"
#include "base/crypto/crypto.h"
#include "base/log.h"
#include "daemon/coordinator/admin.h"
#include "daemon/coordinator/admin_io.h"
#include "daemon/coordinator/commands.h"
#include "daemon/coordinator/serve.h"
#include "daemon/coordinator/show.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define DEFAULT_STATE "/var/lib/meshcoord"
#define DEFAULT_DOMAIN "mesh.internal"
#define STUN_PORT 3478

static void usage(FILE *to)
{
	fprintf(to, "usage: meshcoord serve --listen ADDR:PORT --url URL --state DIR [--stun "
		    "ADDR:PORT|off]\n"
		    "                 [--tls-cert FILE --tls-key FILE] [--base-domain NAME] "
		    "[--policy FILE]\n"
		    "                 [--dns FILE] [--verbose]\n"
		    "       meshcoord VERB [ARGUMENTS] --state DIR [--json]\n\n");
	for (const struct command *c = commands; c->verb; c++)
		fprintf(to, "  %-18s %-28s %s\n", c->verb, c->args, c->about);
	fprintf(to, "\n  authkey create takes [--reusable] [--ephemeral] [--tags tag:a,tag:b] "
		    "[--expiry 24h] [--user NAME]\n"
		    "  --state defaults to " DEFAULT_STATE "\n");
}

static __attribute__((format(printf, 1, 2))) int complain(const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "meshcoord: ");
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, "\n");
	return 2;
}

/* ---- serve ---- */

static bool domain_ok(const char *s)
{
	char label[LABEL_MAX + 2];

	if (!*s || strlen(s) > 200)
		return false;
	for (;;) {
		size_t n = strcspn(s, ".");

		if (n > LABEL_MAX)
			return false;
		memcpy(label, s, n);
		label[n] = 0;
		if (!label_ok(label))
			return false;
		if (!s[n])
			return true;
		s += n + 1;
	}
}

static bool stun_endpoint(const struct options *o, struct ep listen, struct ep *out)
{
	const char *text = o->value[OPT_STUN];

	*out = (struct ep){ 0 };
	if (!text) {
		*out = (struct ep){ listen.ip, STUN_PORT };
		return true;
	}
	return strcmp(text, "off") == 0 || (ep_decode(span_str(text), out) == 0 && out->port);
}

/* Exit status, or 0 and conf filled. */
static int serve_options(const struct options *o, struct coord_conf *conf)
{
	const char *domain = o->value[OPT_BASE_DOMAIN] ? o->value[OPT_BASE_DOMAIN] : DEFAULT_DOMAIN;
	const char *url = o->value[OPT_URL];

	if (!o->value[OPT_LISTEN] || ep_decode(span_str(o->value[OPT_LISTEN]), &conf->listen) < 0)
		return complain("serve needs --listen ADDR:PORT, such as 0.0.0.0:8080");
	if (!url || !*url)
		return complain(
		    "serve needs --url, what the machines type, such as http://10.0.0.1:8080");
	conf->url = xstrdup(url);
	while (*conf->url && conf->url[strlen(conf->url) - 1] == '/')
		conf->url[strlen(conf->url) - 1] = 0;
	if (!url_split(conf->url, &conf->host, &conf->port))
		return complain("--url %s: not http://host[:port] or https://host[:port]", url);
	if (!stun_endpoint(o, conf->listen, &conf->stun))
		return complain("--stun %s: not ADDR:PORT or off", o->value[OPT_STUN]);
	if (!o->value[OPT_TLS_CERT] != !o->value[OPT_TLS_KEY])
		return complain("--tls-cert and --tls-key go together");
	if (!domain_ok(domain))
		return complain("--base-domain %s: not a domain name in lower case", domain);
	conf->base_domain = xstrdup(domain);
	conf->state_dir = xstrdup(o->value[OPT_STATE]);
	str_set(&conf->policy_file, o->value[OPT_POLICY]);
	str_set(&conf->dns_file, o->value[OPT_DNS]);
	str_set(&conf->tls_cert, o->value[OPT_TLS_CERT]);
	str_set(&conf->tls_key, o->value[OPT_TLS_KEY]);
	return 0;
}

static int run_serve(const struct options *o)
{
	const unsigned allowed = OPT_BIT(OPT_STATE) | OPT_BIT(OPT_LISTEN) | OPT_BIT(OPT_URL) |
				 OPT_BIT(OPT_STUN) | OPT_BIT(OPT_TLS_CERT) | OPT_BIT(OPT_TLS_KEY) |
				 OPT_BIT(OPT_BASE_DOMAIN) | OPT_BIT(OPT_POLICY) |
				 OPT_BIT(OPT_DNS) | OPT_BIT(OPT_VERBOSE);
	const char *foreign = options_foreign(o, allowed);
	struct coord_conf conf = { 0 };
	int rc;

	if (foreign)
		return complain("serve takes no --%s", foreign);
	if (o->n_words > 1)
		return complain("serve takes no argument \"%s\"", o->words[1]);
	if (o->value[OPT_VERBOSE])
		log_set_level(LOG_DEBUG);
	rc = serve_options(o, &conf);
	if (rc == 0)
		rc = serve(&conf);
	free(conf.url);
	free(conf.host);
	free(conf.base_domain);
	free(conf.state_dir);
	free(conf.policy_file);
	free(conf.dns_file);
	free(conf.tls_cert);
	free(conf.tls_key);
	return rc;
}

/* ---- the other verbs ---- */

static int show_reply(const struct command *c, const json_t *reply, bool as_json)
{
	const char *error = j_str(reply, "error");
	struct log_esc_buf esc;

	if (error) {
		fprintf(stderr, "meshcoord: %s\n", log_esc(span_str(error), &esc));
		return 1;
	}
	if (as_json)
		show_json(j_get(reply, "result"));
	else if (c->show)
		c->show(j_get(reply, "result"));
	return 0;
}

static int ask(const struct command *c, const struct options *o, size_t used)
{
	json_t *request = j_object(), *reply = NULL;
	char *path = xasprintf("%s/%s", o->value[OPT_STATE], ADMIN_SOCKET);
	int n = (int)(o->n_words - used), rc = 2;
	const char *why = "";
	char text[200] = "";

	j_set_str(request, "verb", c->verb);
	if (c->fill && !c->fill(request, o->words + used, n, o, &why)) {
		complain("%s: %s", c->verb, why);
	} else {
		reply = admin_ask(path, request, text);
		rc = reply ? show_reply(c, reply, o->value[OPT_JSON] != NULL) : 1;
		if (!reply)
			complain("%s", text);
	}
	j_free(request);
	j_free(reply);
	free(path);
	return rc;
}

static int run_command(const struct options *o)
{
	size_t used = 0;
	const struct command *c = command_find(o, &used);
	const char *foreign;
	int n;

	if (!c)
		return complain("unknown verb \"%s%s%s\"; see: meshcoord --help", o->words[0],
				o->n_words > 1 ? " " : "", o->n_words > 1 ? o->words[1] : "");
	foreign = options_foreign(o, c->options | OPT_BIT(OPT_STATE) | OPT_BIT(OPT_JSON));
	if (foreign)
		return complain("%s takes no --%s", c->verb, foreign);
	n = (int)(o->n_words - used);
	if (n < c->min || n > c->max)
		return complain("usage: meshcoord %s %s --state DIR", c->verb, c->args);
	return ask(c, o, used);
}

int main(int argc, char **argv)
{
	const char *why, *what;
	struct options o;

	if (!options_parse(argc, argv, &o, &why, &what))
		return complain("%s: %s; see: meshcoord --help", what, why);
	if (o.help || !o.n_words) {
		usage(o.help ? stdout : stderr);
		return o.help ? 0 : 2;
	}
	if (!o.value[OPT_STATE])
		o.value[OPT_STATE] = DEFAULT_STATE;
	if (strcmp(o.words[0], "version") == 0 && o.n_words == 1) {
		printf("meshcoord %s\n", MESH_VERSION);
		return 0;
	}
	return strcmp(o.words[0], "serve") == 0 ? run_serve(&o) : run_command(&o);
}
