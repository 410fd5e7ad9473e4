/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/lib/fake_bus.h"

#include "base/dbus_priv.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define WAIT_S 30

/* What base/dbus_priv.h has not. */
static struct {
	int (*request_name)(sd_bus *, const char *, uint64_t);
	int (*add_filter)(sd_bus *, sd_bus_slot **, sd_bus_fn *, void *);
	int (*wait)(sd_bus *, uint64_t);
	int (*is_method_call)(sd_bus_message *, const char *, const char *);
	const char *(*member)(sd_bus_message *);
	int (*rewind)(sd_bus_message *, int);
	int (*at_end)(sd_bus_message *, int);
	int (*peek_type)(sd_bus_message *, char *, const char **);
	sd_bus_message *(*ref)(sd_bus_message *);
	int (*new_return)(sd_bus_message *, sd_bus_message **);
	int (*new_error)(sd_bus_message *, sd_bus_message **, const char *, const char *, ...);
	int (*send)(sd_bus *, sd_bus_message *, uint64_t *);
} fb;

static bool load_more(void)
{
	static const struct {
		const char *name;
		void *at;
	} all[] = {
		{ "sd_bus_request_name", &fb.request_name },
		{ "sd_bus_add_filter", &fb.add_filter },
		{ "sd_bus_wait", &fb.wait },
		{ "sd_bus_message_is_method_call", &fb.is_method_call },
		{ "sd_bus_message_get_member", &fb.member },
		{ "sd_bus_message_rewind", &fb.rewind },
		{ "sd_bus_message_at_end", &fb.at_end },
		{ "sd_bus_message_peek_type", &fb.peek_type },
		{ "sd_bus_message_ref", &fb.ref },
		{ "sd_bus_message_new_method_return", &fb.new_return },
		{ "sd_bus_message_new_method_errorf", &fb.new_error },
		{ "sd_bus_send", &fb.send },
	};
	void *lib = dlopen("libsystemd.so.0", RTLD_NOW);
	for (size_t i = 0; lib && i < ARRAY_LEN(all); i++)
		if (!(*(void **)all[i].at = dlsym(lib, all[i].name)))
			return false;
	return lib != NULL;
}

static void path_in(const struct fake_bus *b, const char *name, char out[static 128])
{
	snprintf(out, 128, "%s/%s", b->dir, name);
}

static char *read_all(const struct fake_bus *b, const char *name)
{
	char path[128];
	struct buf text;
	path_in(b, name, path);
	buf_init(&text, 1 << 24);
	FILE *f = fopen(path, "re");
	char chunk[4096];
	for (size_t n; f && (n = fread(chunk, 1, sizeof(chunk), f)) > 0;)
		buf_add(&text, chunk, n);
	if (f)
		fclose(f);
	char *s = xstrndup(text.len ? (const char *)text.p : "", text.len);
	buf_fini(&text);
	return s;
}

static void write_all(const struct fake_bus *b, const char *name, const char *text)
{
	char path[128], temp[128];
	path_in(b, name, path);
	path_in(b, "new", temp);
	FILE *f = fopen(temp, "we");
	if (!f || fputs(text, f) < 0 || fclose(f) != 0 || rename(temp, path) != 0)
		abort();
}

static void wait_until(bool (*fn)(const struct fake_bus *), const struct fake_bus *b)
{
	for (int i = 0; i < WAIT_S * 100 && !fn(b); i++)
		usleep(10000);
	if (!fn(b)) {
		fprintf(stderr, "the fake bus does not start\n");
		abort();
	}
}

/* ---- the bus ---- */

static bool listens(const struct fake_bus *b)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	char path[128];
	path_in(b, "run/dbus/system_bus_socket", path);
	snprintf(sa.sun_path, sizeof(sa.sun_path), "%.100s", path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool yes = connect(fd, (struct sockaddr *)&sa, sizeof(sa)) == 0;
	close(fd);
	return yes;
}

void fake_bus_again(struct fake_bus *b)
{
	char conf[160];
	snprintf(conf, sizeof(conf), "--config-file=%s/conf", b->dir);
	b->daemon = fork();
	if (b->daemon == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		execlp("dbus-daemon", "dbus-daemon", conf, "--nofork", "--nopidfile", "--nosyslog",
		       NULL);
		_exit(127);
	}
	wait_until(listens, b);
}

static void end_process(int *pid)
{
	if (*pid > 0) {
		kill(*pid, SIGKILL);
		waitpid(*pid, NULL, 0);
	}
	*pid = 0;
}

void fake_bus_kill(struct fake_bus *b)
{
	char path[128];
	end_process(&b->daemon);
	path_in(b, "run/dbus/system_bus_socket", path);
	unlink(path);
}

static bool on_path(const char *program)
{
	for (const char *d = getenv("PATH"); d && *d; d += strspn(d, ":")) {
		char path[256];
		size_t n = strcspn(d, ":");
		snprintf(path, sizeof(path), "%.*s/%s", (int)n, d, program);
		if (access(path, X_OK) == 0)
			return true;
		d += n;
	}
	return false;
}

bool fake_bus_start(struct fake_bus *b)
{
	char path[128];
	if (dbus_missing() || !load_more() || !on_path("dbus-daemon")) {
		fprintf(stderr, "skipped: no %s here\n",
			on_path("dbus-daemon") ? "libsystemd.so.0" : "dbus-daemon");
		return false;
	}
	*b = (struct fake_bus){ 0 };
	snprintf(b->dir, sizeof(b->dir), "/tmp/fake_bus.XXXXXX");
	if (!mkdtemp(b->dir))
		abort();
	path_in(b, "run", path);
	mkdir(path, 0755);
	path_in(b, "etc", path);
	mkdir(path, 0755);
	path_in(b, "run/dbus", path);
	mkdir(path, 0755);
	snprintf(b->address, sizeof(b->address), "unix:path=%s/run/dbus/system_bus_socket", b->dir);
	char *conf = xasprintf(
	    "<!DOCTYPE busconfig PUBLIC \"-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN\" "
	    "\"http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd\"><busconfig>"
	    "<type>session</type><listen>%s</listen><servicedir>%s/services</servicedir>"
	    "<auth>EXTERNAL</auth><policy "
	    "context=\"default\">"
	    "<allow user=\"*\"/><allow own=\"*\"/><allow send_destination=\"*\"/>"
	    "<allow receive_sender=\"*\"/></policy></busconfig>",
	    b->address, b->dir);
	write_all(b, "conf", conf);
	free(conf);
	path_in(b, "services", path);
	mkdir(path, 0755);
	char *service = xasprintf("[D-BUS Service]\nName=org.freedesktop.resolve1\n"
				  "Exec=/bin/sh -c 'echo woken >>%s/woken'\n",
				  b->dir);
	write_all(b, "services/resolve1.service", service);
	free(service);
	write_all(b, "script", "");
	write_all(b, "calls", "");
	fake_bus_again(b);
	return true;
}

void fake_bus_stop(struct fake_bus *b)
{
	static const char *const files[] = { "conf",
					     "script",
					     "calls",
					     "ready",
					     "etc/nsswitch.conf",
					     "etc/resolv.conf",
					     "woken",
					     "services/resolve1.service",
					     "services",
					     "woken",
					     "services/resolve1.service",
					     "services",
					     "run/dbus",
					     "run",
					     "etc",
					     "" };
	fake_peer_stop(b);
	fake_bus_kill(b);
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		char path[128];
		path_in(b, files[i], path);
		remove(path);
	}
}

int fake_bus_woken(const struct fake_bus *b)
{
	char *text = read_all(b, "woken");
	int n = 0;
	for (const char *s = text; (s = strchr(s, '\n')); s++)
		n++;
	free(text);
	return n;
}

/* ---- the peer: what it was called with ---- */

static void print_value(sd_bus_message *m, FILE *f);

static void print_all(sd_bus_message *m, FILE *f, const char *between)
{
	for (bool first = true; fb.at_end(m, 0) == 0; first = false) {
		if (!first)
			fputs(between, f);
		print_value(m, f);
	}
}

static void print_container(sd_bus_message *m, char type, const char *contents, FILE *f)
{
	const char *ends = type == 'a' ? "[]" : type == 'r' ? "()" : type == 'e' ? "{}" : "<>";
	const void *bytes;
	size_t n;
	if (type == 'a' && strcmp(contents, "y") == 0) {
		sd.message_read_array(m, 'y', &bytes, &n);
		for (size_t i = 0; i < n; i++)
			fprintf(f, "%02x", ((const uint8_t *)bytes)[i]);
		return;
	}
	sd.message_enter_container(m, type, contents);
	fputc(ends[0], f);
	print_all(m, f, ",");
	fputc(ends[1], f);
	sd.message_exit_container(m);
}

static void print_value(sd_bus_message *m, FILE *f)
{
	char type = 0;
	const char *contents;
	union {
		int32_t i;
		uint32_t u;
		uint64_t t;
		const char *s;
	} v;
	fb.peek_type(m, &type, &contents);
	if (strchr("arve", type)) {
		print_container(m, type, contents, f);
		return;
	}
	sd.message_read_basic(m, type, &v);
	if (strchr("sog", type))
		fputs(v.s, f);
	else if (type == 'b')
		fputs(v.i ? "true" : "false", f);
	else if (type == 'i')
		fprintf(f, "%d", v.i);
	else if (type == 't')
		fprintf(f, "%llu", (unsigned long long)v.t);
	else
		fprintf(f, "%u", v.u);
}

/* ---- the peer: what it answers ---- */

struct peer {
	const struct fake_bus *fake;
	sd_bus *bus;
	char *script;
	int used[64]; /* calls that each line of the script has met */
	sd_bus_message *servers;
};

static bool word(const char **s, char *out, size_t max)
{
	size_t n = strcspn(*s, " ");
	if (n == 0 || n >= max)
		return false;
	memcpy(out, *s, n);
	out[n] = '\0';
	*s += n + ((*s)[n] == ' ');
	return true;
}

/* The rest of the first line of this kind for that name; NULL if none. n: which line. */
static const char *line_for(struct peer *p, const char *kind, const char *name, int *n, char *line)
{
	*n = 0;
	for (const char *s = p->script; *s && *n < 64; s += strcspn(s, "\n") + 1, ++*n) {
		char a[64], b[64];
		snprintf(line, 512, "%.*s", (int)strcspn(s, "\n"), s);
		const char *rest = line;
		if (word(&rest, a, sizeof(a)) && word(&rest, b, sizeof(b)) && !strcmp(a, kind) &&
		    !strcmp(b, name))
			return rest;
		if (!s[strcspn(s, "\n")])
			break;
	}
	return NULL;
}

static bool fails(struct peer *p, const char *member, char *error, const char **text)
{
	static char line[512];
	int n;
	const char *rest = line_for(p, "call", member, &n, line);
	char count[16];
	if (!rest || !word(&rest, count, sizeof(count)) || !word(&rest, error, 128))
		return false;
	*text = rest;
	return strtol(count, NULL, 10) < 0 || p->used[n]++ < strtol(count, NULL, 10);
}

static void put_configuration(struct dbus_msg *msg, int priority, const char *interface,
			      const char *server, const char *server2, const char *domain)
{
	dbus_put(msg, "a{sv}", 5, "nameservers", "as", 2, server, server2, "domains", "as", 2,
		 domain, "~routed.example", "priority", "i", priority, "interface", "s", interface,
		 "vpn", "b", 0);
}

/* Of NetworkManager: in another order than that of their priorities. */
static void answer_configuration(struct dbus_msg *msg)
{
	dbus_open(msg, 'v', "aa{sv}");
	dbus_open(msg, 'a', "a{sv}");
	put_configuration(msg, 100, "eth1", "192.0.2.1", "not an address", "far.example");
	put_configuration(msg, -5, "eth0", "192.0.2.2", "fe80::1%eth0", "lan.example");
	put_configuration(msg, -50, "lo", "100.100.100.100", "100.100.100.100", "ours.example");
	dbus_close(msg);
	dbus_close(msg);
}

static void answer_property(struct peer *p, sd_bus_message *m, sd_bus_message *out)
{
	struct dbus_msg msg = { .m = out }, in = { .m = m };
	const char *interface = "", *name = "", *value;
	char line[512];
	int n;
	sd.message_read_basic(in.m, 's', &interface);
	sd.message_read_basic(in.m, 's', &name);
	value = line_for(p, "get", name, &n, line);
	if (strcmp(name, "Configuration") == 0 && !value) {
		answer_configuration(&msg);
		return;
	}
	if (strcmp(name, "DNS") != 0) {
		dbus_put(&msg, "v", "s", value ? value : "");
		return;
	}
	dbus_open(&msg, 'v', "a(iay)");
	if (p->servers && !value) {
		int32_t link;
		fb.rewind(p->servers, 1);
		sd.message_read_basic(p->servers, 'i', &link);
		sd.message_copy(out, p->servers, 0);
	} else {
		dbus_open(&msg, 'a', "(iay)");
		dbus_close(&msg);
	}
	dbus_close(&msg);
}

static void answer_connection(sd_bus_message *out)
{
	struct dbus_msg msg = { .m = out };
	dbus_open(&msg, 'a', "{sa{sv}}");
	dbus_put(&msg, "{sa{sv}}", "connection", 1, "id", "s", "tun");
	dbus_put(&msg, "{sa{sv}}", "ipv4", 3, "method", "s", "manual", "dns", "au", 1, 16843009u,
		 "addresses", "aau", 0);
	dbus_put(&msg, "{sa{sv}}", "ipv6", 3, "method", "s", "manual", "routes", "a(ayuayu)", 0,
		 "may-fail", "b", 1);
	dbus_close(&msg);
	dbus_put(&msg, "t", (uint64_t)7);
}

static void answer(struct peer *p, sd_bus_message *m, const char *member, sd_bus_message *out)
{
	struct dbus_msg msg = { .m = out };
	if (!strcmp(member, "GetLink"))
		dbus_put(&msg, "o", "/org/freedesktop/resolve1/link/_37");
	else if (!strcmp(member, "GetDeviceByIpIface"))
		dbus_put(&msg, "o", "/org/freedesktop/NetworkManager/Devices/3");
	else if (!strcmp(member, "GetAppliedConnection"))
		answer_connection(out);
	else if (!strcmp(member, "Get"))
		answer_property(p, m, out);
}

static void record(struct peer *p, sd_bus_message *m, const char *member)
{
	char path[128];
	path_in(p->fake, "calls", path);
	FILE *f = fopen(path, "ae");
	if (!f)
		abort();
	fprintf(f, "%s ", member);
	print_all(m, f, " ");
	fputs("\n", f);
	fclose(f);
	fb.rewind(m, 1);
	if (!strcmp(member, "SetLinkDNS"))
		p->servers = fb.ref(m);
}

static int on_message(sd_bus_message *m, void *arg, sd_bus_error *e)
{
	struct peer *p = arg;
	const char *member = fb.member(m), *text = "";
	char error[128], line[512];
	sd_bus_message *out = NULL;
	int n;
	(void)e;
	if (!fb.is_method_call(m, NULL, NULL))
		return 0;
	char *now = read_all(p->fake, "script");
	if (!p->script || strcmp(now, p->script) != 0)
		memset(p->used, 0, sizeof(p->used));
	free(p->script);
	p->script = now;
	record(p, m, member);
	if (line_for(p, "hang", member, &n, line))
		return 1;
	if (fails(p, member, error, &text))
		fb.new_error(m, &out, error, "%s", text);
	else if (fb.new_return(m, &out) >= 0)
		answer(p, m, member, out);
	if (fb.send(p->bus, out, NULL) < 0)
		abort();
	sd.message_unref(out);
	return 1;
}

static void be_peer(const struct fake_bus *b, const char *names)
{
	struct peer p = { .fake = b };
	char name[128];
	if (sd.new(&p.bus) < 0 || sd.set_address(p.bus, b->address) < 0 ||
	    sd.set_bus_client(p.bus, 1) < 0 || sd.start(p.bus) < 0 ||
	    fb.add_filter(p.bus, NULL, on_message, &p) < 0)
		_exit(1);
	while (word(&names, name, sizeof(name)))
		if (fb.request_name(p.bus, name, 0) < 0)
			_exit(1);
	write_all(b, "ready", "");
	while (sd.process(p.bus, NULL) >= 0)
		fb.wait(p.bus, 1000000);
	_exit(0);
}

static bool is_ready(const struct fake_bus *b)
{
	char path[128];
	path_in(b, "ready", path);
	return access(path, F_OK) == 0;
}

void fake_peer_start(struct fake_bus *b, const char *names)
{
	char path[128];
	path_in(b, "ready", path);
	unlink(path);
	b->peer = fork();
	if (b->peer == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		be_peer(b, names);
	}
	wait_until(is_ready, b);
}

void fake_peer_stop(struct fake_bus *b)
{
	end_process(&b->peer);
}

void fake_peer_script(struct fake_bus *b, const char *script)
{
	write_all(b, "script", script);
}

char *fake_calls(const struct fake_bus *b)
{
	return read_all(b, "calls");
}

void fake_calls_forget(const struct fake_bus *b)
{
	write_all(b, "calls", "");
}
