/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/net_priv.h"
#include "base/net_curl.h"

#include <ctype.h>
#include <dirent.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

struct net *net_new(struct loop *l, const struct net_opts *opts)
{
	struct net *n = xcalloc(1, sizeof(*n));
	const char *ca = opts && opts->ca_file ? opts->ca_file : secure_getenv("SSL_CERT_FILE");

	n->loop = l;
	if (ca && *ca)
		n->ca_file = xstrdup(ca);
	if (opts) {
		n->fwmark = opts->fwmark;
		str_set(&n->dns_servers, opts->dns_servers);
	}
	return n;
}

void net_free(struct net *n)
{
	if (!n)
		return;
	curl_pump_free(n->http);
	curl_pump_free(n->http_unmarked);
	resolver_free(n->resolver);
	free(n->ca_file);
	free(n->dns_servers);
	free(n->scratch);
	free(n);
}

struct loop *net_loop(struct net *n)
{
	return n->loop;
}

void net_mark(struct net *n, int fd)
{
	/* Without the right to set it the node still works as long as nothing is routed into the
	 * tunnel that should not be. */
	if (n->fwmark)
		(void)setsockopt(fd, SOL_SOCKET, SO_MARK, &n->fwmark, sizeof(n->fwmark));
}

void net_mark_to(struct net *n, int fd, struct ip dst)
{
	if (!ip_is_loopback(dst))
		net_mark(n, fd);
}

void net_set_dns_servers(struct net *n, const char *servers)
{
	if (str_cmp(n->dns_servers, servers) == 0)
		return;
	str_set(&n->dns_servers, servers);
	if (n->resolver)
		resolver_refresh(n->resolver);
}

void net_note_good(struct net *n, const char *name, struct ip ip)
{
	if (good_addrs_note(&n->good, name, ip) && n->on_good)
		n->on_good(n->on_good_arg);
}

void net_good_encode(const struct net *n, struct buf *out)
{
	good_addrs_encode(&n->good, out);
}

void net_good_decode(struct net *n, struct span text)
{
	good_addrs_decode(&n->good, text);
}

void net_on_good(struct net *n, void (*fn)(void *arg), void *arg)
{
	n->on_good = fn;
	n->on_good_arg = arg;
}

struct mspan net_scratch(struct net *n)
{
	if (!n->scratch)
		n->scratch = xcalloc(1, NET_SCRATCH);
	return mspan_of(n->scratch, NET_SCRATCH);
}

bool net_host_ok(const char *host)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789-_.";
	size_t len = strlen(host);
	struct ip ip;

	if (ip_decode(span_str(host), &ip) == 0)
		return true;
	return len > 0 && len <= 253 && host[0] != '.' && !strstr(host, "..") &&
	       strspn(host, allowed) == len;
}

/* ---- trust store ---------------------------------------------------------------------- */

/* "0a1b2c3d.0", as openssl rehash names its links */
static bool is_hash_name(const char *s)
{
	for (int i = 0; i < 8; i++)
		if (!isxdigit((unsigned char)s[i]))
			return false;
	return s[8] == '.' && s[9] == '0' && s[10] == '\0';
}

static bool has_hashed_certs(const char *path)
{
	DIR *d = opendir(path);
	struct dirent *e;
	bool found = false;

	if (!d)
		return false;
	while (!found && (e = readdir(d)))
		found = is_hash_name(e->d_name);
	closedir(d);
	return found;
}

/* A hashed directory is preferred: it loads the one root that is needed, not all of them. */
void net_find_ca(struct net *n)
{
	static const char dir[] = "/etc/ssl/certs";
	static const char *const bundles[] = { "/etc/ssl/certs/ca-certificates.crt",
					       "/etc/pki/tls/certs/ca-bundle.crt",
					       "/etc/ssl/ca-bundle.pem", "/etc/ssl/cert.pem" };

	if (n->ca_file || n->ca_path)
		return;
	if (has_hashed_certs(dir)) {
		n->ca_path = dir;
		return;
	}
	for (size_t i = 0; i < ARRAY_LEN(bundles); i++) {
		if (access(bundles[i], R_OK) == 0) {
			n->ca_file = xstrdup(bundles[i]);
			return;
		}
	}
	n->ca_path = dir;
}

/* ---- proxies -------------------------------------------------------------------------- */

static const char *env_either(const char *lower, const char *upper)
{
	const char *v = secure_getenv(lower);

	return v && *v ? v : secure_getenv(upper);
}

const char *net_proxy_for(bool tls, const char *host)
{
	struct proxy_env env = {
		.https = env_either("https_proxy", "HTTPS_PROXY"),
		/* HTTP_PROXY could come from a request header of a CGI program */
		.http = secure_getenv("http_proxy"),
		.all = env_either("all_proxy", "ALL_PROXY"),
		.no = env_either("no_proxy", "NO_PROXY"),
	};

	return proxy_for(&env, tls, host);
}
