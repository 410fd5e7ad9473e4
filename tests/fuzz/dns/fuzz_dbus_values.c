/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What comes back over D-Bus, as values of any types in any nesting, made by the library itself: no
 * reader trusts that they are of the kind it asked for. Does nothing where the library is missing.
 */
#include "tests/fuzz/fuzz.h"

#include "base/dbus_priv.h"
#include "dns/nm_msg_io.h"
#include "dns/resolved_msg_io.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define DEPTH_MAX 6
#define VALUES_MAX 400

static int (*set_fd)(sd_bus *, int, int);
static int (*seal)(sd_bus_message *, uint64_t, uint64_t);
static int (*rewind_message)(sd_bus_message *, int);

/* Never gets an answer: it is there to make messages. */
static sd_bus *a_bus(void)
{
	static sd_bus *bus;
	static bool tried;
	int sv[2];
	void *lib = dlopen("libsystemd.so.0", RTLD_NOW);
	if (tried || dbus_missing() || !lib)
		return bus;
	tried = true;
	*(void **)&set_fd = dlsym(lib, "sd_bus_set_fd");
	*(void **)&seal = dlsym(lib, "sd_bus_message_seal");
	*(void **)&rewind_message = dlsym(lib, "sd_bus_message_rewind");
	if (!set_fd || !seal || !rewind_message ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, sv) != 0 ||
	    sd.new(&bus) < 0)
		return NULL;
	if (set_fd(bus, sv[0], sv[0]) < 0 || sd.start(bus) < 0)
		bus = NULL;
	return bus;
}

/* ---- values ---- */

struct maker {
	struct rd in;
	sd_bus_message *m;
	int left;
};

static const char *pick_text(struct maker *k)
{
	static const char *const texts[] = {
		"nameservers",
		"domains",
		"priority",
		"interface",
		"ipv4",
		"ipv6",
		"dns",
		"dns-search",
		"addresses",
		"192.0.2.1",
		"fe80::1%eth0",
		"lan.example",
		"~routed.example",
		"tun0",
		"",
		"fe80::1%a-zone-that-is-longer-than-any",
	};
	static char own[300];
	uint8_t b = rd_u8(&k->in);
	if (b < 240)
		return texts[b % ARRAY_LEN(texts)];
	struct span s = rd_take(&k->in, b - 240);
	for (size_t i = 0; i < s.len; i++)
		own[i] = (char)(s.p[i] % 127 + 1);
	own[s.len] = '\0';
	return own;
}

/* Length of the first whole type. */
static size_t type_len(const char *sig)
{
	size_t n = 0;
	if (*sig == 'a')
		return 1 + type_len(sig + 1);
	if (*sig != '(' && *sig != '{')
		return 1;
	for (int depth = 0;;) {
		depth += (sig[n] == '(' || sig[n] == '{') - (sig[n] == ')' || sig[n] == '}');
		n++;
		if (depth == 0)
			return n;
	}
}

static void make(struct maker *k, const char *sig, size_t len, int depth);

static void make_variant(struct maker *k, int depth)
{
	static const char *const kinds[] = { "aa{sv}", "a(iay)", "as", "i", "s",    "au",
					     "a{sv}",  "ay",	 "v",  "u", "(sv)", "aay" };
	const char *kind = kinds[rd_u8(&k->in) % ARRAY_LEN(kinds)];
	if (depth >= DEPTH_MAX)
		kind = "i";
	sd.message_open_container(k->m, 'v', kind);
	make(k, kind, strlen(kind), depth + 1);
	sd.message_close_container(k->m);
}

static void make_array(struct maker *k, const char *sig, size_t len, int depth)
{
	char inner[64];
	snprintf(inner, sizeof(inner), "%.*s", (int)len - 1, sig + 1);
	sd.message_open_container(k->m, 'a', inner);
	for (int n = rd_u8(&k->in) % 20; n > 0; n--)
		make(k, inner, len - 1, depth + 1);
	sd.message_close_container(k->m);
}

static void make_inside(struct maker *k, const char *sig, size_t len, int depth)
{
	char inner[64];
	snprintf(inner, sizeof(inner), "%.*s", (int)len - 2, sig + 1);
	sd.message_open_container(k->m, *sig == '(' ? 'r' : 'e', inner);
	make(k, inner, len - 2, depth + 1);
	sd.message_close_container(k->m);
}

static void make_basic(struct maker *k, char type)
{
	struct dbus_msg m = { .m = k->m };
	char sig[2] = { type, '\0' };
	if (type == 's')
		dbus_put(&m, sig, pick_text(k));
	else if (type == 'y')
		dbus_put(&m, sig, (int)rd_u8(&k->in));
	else
		dbus_put(&m, sig, rd_be32(&k->in));
}

static void make(struct maker *k, const char *sig, size_t len, int depth)
{
	for (size_t n; len > 0; sig += n, len -= n) {
		n = type_len(sig);
		if (--k->left < 0 && *sig != 'a') /* the rest is as short as can be */
			k->in = rd_init((struct span){ 0 });
		if (*sig == 'v')
			make_variant(k, depth);
		else if (*sig == 'a')
			make_array(k, sig, n, depth);
		else if (*sig == '(' || *sig == '{')
			make_inside(k, sig, n, depth);
		else
			make_basic(k, *sig);
	}
}

/* ---- readers ---- */

static struct dns_os_config some_config(void)
{
	struct dns_os_config c = { 0 };
	struct dns_server s = { 0 };
	if (ip_decode(span_str("100.100.100.100"), &s.ip) == 0)
		dns_os_config_add_server(&c, &s);
	dns_os_config_add_search(&c, "tail.example.com");
	return c;
}

static void read_all(sd_bus *bus, sd_bus_message *m)
{
	struct dbus_msg in = { .m = m }, out = { 0 };
	struct dns_os_config c = some_config(), got = { 0 };
	rewind_message(m, 1);
	(void)resolved_servers_are(&in, &c);
	rewind_message(m, 1);
	if (nm_get_configuration(&in, "tun0", &got) && got.n_servers > DNS_SERVERS_MAX)
		abort();
	rewind_message(m, 1);
	if (sd.message_new_method_call(bus, &out.m, "a.b", "/", "a.b", "c") < 0)
		abort();
	if (nm_put_settings(&c, "tun0", &in, &out) && !out.bad && seal(out.m, 1, 0) < 0)
		abort(); /* what we make of it is a whole message */
	sd.message_unref(out.m);
	dns_os_config_fini(&got);
	dns_os_config_fini(&c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const char *const replies[] = { "v", "a{sa{sv}}", "a(iay)", "s", "aa{sv}" };
	sd_bus *bus = a_bus();
	struct maker k = { .in = rd_init(span_of(data, len)), .left = VALUES_MAX };
	const char *reply = replies[rd_u8(&k.in) % ARRAY_LEN(replies)];
	if (!bus || sd.message_new_method_call(bus, &k.m, "a.b", "/", "a.b", "c") < 0)
		return 0;
	make(&k, reply, strlen(reply), 0);
	if (seal(k.m, 1, 0) >= 0)
		read_all(bus, k.m);
	sd.message_unref(k.m);
	return 0;
}

long fuzz_runs(void)
{
	return 5000;
}

bool fuzz_seed(size_t i, struct span *out)
{
	/* v of aa{sv}: two entries, nameservers and priority; a{sa{sv}} with ipv4; v of a(iay) */
	static const uint8_t seeds[][40] = {
		{ 0, 0, 2, 2, 0, 2, 2, 9, 10, 2, 3, 0, 0, 0, 5, 1, 1, 2, 1, 11 },
		{ 1, 2, 4, 2, 6, 5, 1, 1, 2, 3, 4, 7, 2, 1, 11, 5, 1, 8, 5, 0 },
		{ 0, 1, 1, 0, 0, 0, 2, 4, 100, 100, 100, 100 },
		{ 2, 1, 0, 0, 0, 2, 4, 100, 100, 100, 100 },
	};
	if (i >= ARRAY_LEN(seeds))
		return false;
	*out = span_of(seeds[i], sizeof(seeds[i]));
	return true;
}
