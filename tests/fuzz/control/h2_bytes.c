/* SPDX-License-Identifier: GPL-2.0-or-later */
/* HTTP/2 bytes into our client and our server; what it answers stays bounded. The first byte
 * chooses the end and whether the callbacks react. */
#include "tests/fuzz/control/seeds.h"

#include "daemon/control/h2.h"

#define ANSWER_MAX (8u << 20)

struct end {
	struct h2 *h;
	bool server, react;
	size_t open;
};

static void on_head(void *arg, int32_t id, const struct h2_head *head)
{
	struct end *e = arg;
	must(head->n_fields <= H2_HEADERS_MAX, "bounded fields");
	if (!e->server || !e->react)
		return;
	if (h2_respond(e->h, id, 200, NULL, 0, true) == 0 &&
	    h2_write(e->h, id, span_str("hello")) == 0 && id % 3 == 0)
		must(h2_finish(e->h, id) == 0, "a stream that takes bytes can end");
	if (id % 5 == 0)
		h2_reset(e->h, id, 8);
}

static void on_data(void *arg, int32_t id, struct span data)
{
	struct end *e = arg;
	if (e->react)
		h2_consume(e->h, id, data.len);
}

static void on_end(void *arg, int32_t id)
{
	(void)arg;
	(void)id;
}

static void on_close(void *arg, int32_t id, uint32_t code)
{
	struct end *e = arg;
	(void)code;
	must(h2_queued(e->h, id) <= H2_BODY_QUEUE_MAX, "bounded queue");
}

static void on_goaway(void *arg, int32_t last)
{
	(void)arg;
	(void)last;
}

static const struct h2_ops OPS = { .on_head = on_head,
				   .on_data = on_data,
				   .on_end = on_end,
				   .on_close = on_close,
				   .on_goaway = on_goaway };

static void ask(struct h2 *h)
{
	struct h2_request rq = { .method = "POST",
				 .scheme = "https",
				 .authority = "x",
				 .path = "/machine/map",
				 .body = span_str("{}") };
	must(h2_request(h, &rq) > 0, "a request");
	must(h2_request(h, &rq) > 0, "another");
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	struct end e = { .server = len && p[0] & 1, .react = len && p[0] & 2 };
	struct buf out;
	struct span in = span_of(p + (len > 0), len - (len > 0));
	int err = 0;
	e.h = h2_new(e.server, &OPS, &e);
	if (!e.server)
		ask(e.h);
	buf_init(&out, ANSWER_MAX);
	while (in.len && !err) {
		size_t n = in.len < 97 ? in.len : 97;
		buf_reset(&out);
		err = h2_recv(e.h, span_of(in.p, n));
		if (!err)
			err = h2_send(e.h, &out, 65536);
		in = span_from(in, n);
	}
	h2_free(e.h);
	buf_fini(&out);
	return 0;
}

static bool recorded(const char *member, uint8_t first, struct span *out)
{
	static uint8_t bytes[65536];
	static json_t *file;
	if (!file)
		file = vec_load("control_noise.json");
	json_t *s = j_get(file, "http_session");
	const json_t *recs = j_get(s, member);
	size_t n = 0;
	bytes[n++] = first;
	/* the server's first three records are its early payload */
	for (size_t i = first & 1 ? 0 : 3; i < j_len(recs); i++) {
		struct span hex = j_text_span(j_at(recs, i));
		if (n + hex.len / 2 > sizeof(bytes) || hex_decode(hex, bytes + n, hex.len / 2))
			return false;
		n += hex.len / 2;
	}
	*out = span_of(bytes, n);
	return true;
}

bool fuzz_seed(size_t i, struct span *out)
{
	static const char client[] = "\3PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0"
				     "\0\0\4\1\5\0\0\0\1\x83\x87\x84\x41";
	static const char server[] = "\2\0\0\0\4\0\0\0\0\0\0\0\1\1\4\0\0\0\1\x88";
	if (i == 0)
		*out = span_of(client, sizeof(client) - 1);
	else if (i == 1)
		*out = span_of(server, sizeof(server) - 1);
	else if (i < 4 && seeds_have_vectors())
		return i == 2 ? recorded("client_plaintexts_by_record", 3, out)
			      : recorded("server_plaintexts_by_record", 2, out);
	else
		return false;
	return true;
}
