/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/lapi_conn.h"

#include "cli/localapi_client.h"

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define RETRY_MS 250
#define RETRY_ABSENT_MS 2000
#define RETRY_STARTING_MS 5000
#define SAY_AFTER_MS 1000
#define DAEMON_NAME "meshd"
#define READ_SIZE 16384

/* ---- connecting --------------------------------------------------------------------------- */

static int connect_once(const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	if (strlen(path) >= sizeof(a.sun_path))
		return -ENAMETOOLONG;
	memcpy(a.sun_path, path, strlen(path));
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0)
		return fd;
	int e = errno;
	close(fd);
	return -e;
}

static bool is_daemon(const char *pid)
{
	char path[64], name[32] = "";
	if (*pid < '0' || *pid > '9' || strlen(pid) > 20)
		return false;
	snprintf(path, sizeof(path), "/proc/%s/comm", pid);
	FILE *f = fopen(path, "re");
	if (!f)
		return false;
	const char *got = fgets(name, sizeof(name), f);
	fclose(f);
	return got && strcmp(name, DAEMON_NAME "\n") == 0;
}

static bool daemon_is_there(void)
{
	DIR *d = opendir("/proc");
	bool found = false;
	for (struct dirent *e; d && !found && (e = readdir(d));)
		found = is_daemon(e->d_name);
	if (d)
		closedir(d);
	return found;
}

/* Whether waiting may help: nobody listens yet. */
static bool may_come(int rc)
{
	return rc == -ENOENT || rc == -ECONNREFUSED;
}

int lapi_dial(struct cli *c)
{
	bool said = false;
	for (int64_t waited = 0;; waited += RETRY_MS) {
		int fd = connect_once(c->socket);
		if (fd >= 0 || !may_come(fd))
			return fd;
		if (waited >= RETRY_STARTING_MS ||
		    (waited >= RETRY_ABSENT_MS && !daemon_is_there()))
			return fd;
		if (waited >= SAY_AFTER_MS && !said && c->err_is_tty) {
			fprintf(c->err, "waiting for meshd to answer on %s\n", c->socket);
			said = true;
		}
		cli_sleep_ms(c, RETRY_MS);
	}
}

/* ---- bytes ------------------------------------------------------------------------------------
 */

void lapi_conn_init(struct lapi_conn *k, int fd)
{
	*k = (struct lapi_conn){ .fd = fd };
	buf_init(&k->raw, HTTP1_HEAD_MAX + READ_SIZE);
	buf_init(&k->text, LAPI_ANSWER_MAX);
}

void lapi_conn_fini(struct lapi_conn *k)
{
	close(k->fd);
	buf_fini(&k->raw);
	buf_fini(&k->text);
}

int lapi_conn_send(struct lapi_conn *k, struct span data)
{
	while (data.len) {
		ssize_t n = send(k->fd, data.p, data.len, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -ERR_IO;
		data = span_from(data, (size_t)n);
	}
	return 0;
}

static int wait_readable(int fd, mono_t deadline)
{
	for (;;) {
		int64_t ms = -1;
		if (!mono_is_never(deadline)) {
			int64_t ns = mono_diff_ns(deadline, mono_now());
			ms = ns <= 0 ? 0 : ns / NS_PER_MS + 1;
		}
		struct pollfd p = { .fd = fd, .events = POLLIN };
		int n = poll(&p, 1, ms > INT32_MAX ? INT32_MAX : (int)ms);
		if (n > 0)
			return 0;
		if (n == 0 && ms >= 0 && mono_due(deadline, mono_now()))
			return -ERR_TIMEOUT;
		if (n < 0 && errno != EINTR)
			return -ERR_IO;
	}
}

/* 0: something came; -ERR_CLOSED: nothing will. */
static int fill(struct lapi_conn *k, mono_t deadline)
{
	int rc = wait_readable(k->fd, deadline);
	if (rc)
		return rc;
	uint8_t *room = buf_reserve(&k->raw, READ_SIZE);
	if (!room)
		return -ERR_TOOBIG;
	ssize_t n = recv(k->fd, room, READ_SIZE, 0);
	if (n < 0)
		return errno == EINTR ? 0 : -ERR_CLOSED;
	if (n == 0)
		return -ERR_CLOSED;
	buf_commit(&k->raw, (size_t)n);
	return 0;
}

static int decode(struct lapi_conn *k)
{
	size_t used;
	int rc = http_body_feed(&k->body, buf_span(&k->raw), &k->text, &used);
	buf_drop(&k->raw, used);
	return rc ? rc : buf_ok(&k->text) ? 0 : -ERR_TOOBIG;
}

static int take_head(struct lapi_conn *k)
{
	struct http1_head head;
	int rc = http1_parse(buf_span(&k->raw), false, &head);
	if (rc)
		return rc;
	struct span version = http1_find(&head, "Tailscale-Version");
	if (version.len < sizeof(k->server_version)) {
		if (version.len)
			memcpy(k->server_version, version.p, version.len);
		k->server_version[version.len] = '\0';
	}
	k->status = head.status;
	rc = http_body_init(&k->body, &head);
	buf_drop(&k->raw, head.len);
	return rc ? rc : decode(k);
}

int lapi_conn_read_head(struct lapi_conn *k, mono_t deadline)
{
	for (;;) {
		int rc = take_head(k);
		if (rc == 0 && k->status >= 200)
			return 0;
		if (rc && rc != -ERR_AGAIN)
			return -ERR_PROTO;
		/* rc == 0 is an interim answer (100): the next head may be here already. */
		if (rc == -ERR_AGAIN && (rc = fill(k, deadline)))
			return rc;
	}
}

int lapi_conn_read_more(struct lapi_conn *k, mono_t deadline)
{
	if (k->body.done)
		return 0;
	int rc = fill(k, deadline);
	if (rc == -ERR_CLOSED)
		return http_body_end(&k->body);
	return rc ? rc : decode(k);
}
