/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/lib/cm.h"

#include "base/crypto/crypto.h"
#include "magicsock/derp_wire.h"

#include <stdlib.h>

static struct span frame(uint8_t *mem, size_t room, uint8_t type, size_t len)
{
	struct wr w = wr_init(mspan_of(mem, room));
	wr_u8(&w, type);
	wr_be32(&w, (uint32_t)len);
	for (size_t i = 0; i < len; i++)
		wr_u8(&w, (uint8_t)i);
	return wr_span_of(&w);
}

/* Three frames, one of them longer than is kept, cut in two at every place. */
static void every_cut_gives_the_same_frames(void **state)
{
	uint8_t mem[512];
	size_t n = 0;
	static const uint32_t lens[] = { 0, 200, 7 };
	(void)state;
	for (size_t i = 0; i < 3; i++)
		n += frame(mem + n, sizeof(mem) - n, (uint8_t)(i + 1), lens[i]).len;
	for (size_t cut = 0; cut <= n; cut++) {
		struct derp_reader r;
		struct derp_frame f;
		size_t seen = 0;
		derp_reader_init(&r, 50);
		for (int half = 0; half < 2; half++) {
			/* exact copies: reading too far is seen by the sanitizer */
			size_t from = half ? cut : 0, len = half ? n - cut : cut;
			uint8_t *copy = malloc(len + !len);
			memcpy(copy, mem + from, len);
			struct span in = span_of(copy, len);
			while (derp_reader_next(&r, &in, &f) == 1) {
				assert_int_equal(f.type, seen + 1);
				assert_int_equal(f.len, lens[seen]);
				size_t kept = f.len < 50 ? f.len : 50;
				assert_int_equal(f.body.len, kept);
				if (kept)
					assert_int_equal(f.body.p[kept - 1], kept - 1);
				seen++;
			}
			assert_int_equal(in.len, 0);
			free(copy);
		}
		assert_int_equal(seen, 3);
		derp_reader_fini(&r);
	}
}

static void lengths_at_the_limit(void **state)
{
	static const struct {
		uint32_t len;
		int rc;
	} cases[] = { { 0, 1 },
		      { 31, 0 },
		      { 32, 0 },
		      { 1u << 20, 0 },
		      { (1u << 20) + 1, -ERR_TOOBIG },
		      { UINT32_MAX, -ERR_TOOBIG } };
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct derp_reader r;
		struct derp_frame f;
		uint8_t head[DERP_HEADER_LEN];
		struct wr w = wr_init(mspan_of(head, sizeof(head)));
		wr_u8(&w, 5);
		wr_be32(&w, cases[i].len);
		struct span in = wr_span_of(&w);
		derp_reader_init(&r, DERP_FRAME_MAX);
		assert_int_equal(derp_reader_next(&r, &in, &f), cases[i].rc);
		/* memory follows what came, not what was announced */
		assert_true(r.head.cap < 4096);
		if (cases[i].rc < 0) {
			struct span more = span_of("\6\0\0\0\0", 5);
			assert_int_equal(derp_reader_next(&r, &more, &f), cases[i].rc);
		}
		derp_reader_fini(&r);
	}
}

static void short_bodies(void **state)
{
	uint8_t b[40] = { 0 }, v;
	struct node_key k;
	struct span payload;
	struct ep ep;
	uint32_t x, y;
	bool home;
	uint8_t ping[DERP_PING_LEN];
	struct derp_frame f = { .type = DERP_RECV_PACKET, .len = 31, .body = span_of(b, 31) };
	(void)state;
	assert_int_equal(derp_packet_parse(&f, &k, &payload), -ERR_SHORT);
	assert_int_equal(derp_peer_gone_parse(&f, &k, &v), -ERR_SHORT);
	assert_int_equal(derp_peer_present_parse(&f, &k, &ep, &v), -ERR_SHORT);
	f.len = 7;
	f.body = span_of(b, 7);
	assert_int_equal(derp_ping_parse(&f, ping), -ERR_SHORT);
	assert_int_equal(derp_restarting_parse(&f, &x, &y), -ERR_SHORT);
	assert_int_equal(derp_note_preferred_parse(&f, &home), -ERR_PROTO);
	f.type = DERP_CLIENT_INFO;
	assert_int_equal(derp_client_info_key(&f, &k), -ERR_SHORT);
	f.len = DERP_CLIENT_INFO_MAX + 1;
	assert_int_equal(derp_client_info_key(&f, &k), -ERR_TOOBIG);
	f.type = DERP_PING;
	assert_int_equal(derp_client_info_key(&f, &k), -ERR_PROTO);
	f.len = DERP_KEY_LEN + DERP_PACKET_MAX + 1;
	assert_int_equal(derp_packet_parse(&f, &k, &payload), -ERR_TOOBIG);
}

/* A ServerInfo that was cut by the reader is refused, not parsed in part. */
static void cut_info_is_refused(void **state)
{
	struct box_key box = { { 1 } };
	struct derp_server_info info;
	uint8_t b[64] = { 0 };
	struct derp_frame f = { .type = DERP_SERVER_INFO, .len = 99, .body = span_of(b, 64) };
	(void)state;
	assert_int_equal(derp_server_info_open(&f, &box, &info), -ERR_TOOBIG);
	f.len = 39;
	f.body.len = 39;
	assert_int_equal(derp_server_info_open(&f, &box, &info), -ERR_SHORT);
}

static void ipv6_host_in_upgrade(void **state)
{
	char out[256];
	struct wr w = wr_init(mspan_of(out, sizeof(out)));
	(void)state;
	derp_upgrade_request_build(&w, "2001:db8::1", 8443, NULL);
	wr_u8(&w, 0);
	assert_non_null(strstr(out, "Host: [2001:db8::1]:8443\r\n"));
	assert_null(strstr(out, "Ideal-Node"));
}

static int setup(void **state)
{
	(void)state;
	return crypto_init();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_cut_gives_the_same_frames),
		cmocka_unit_test(lengths_at_the_limit),
		cmocka_unit_test(short_bodies),
		cmocka_unit_test(cut_info_is_refused),
		cmocka_unit_test(ipv6_host_in_upgrade),
	};
	return cmocka_run_group_tests(tests, setup, NULL);
}
