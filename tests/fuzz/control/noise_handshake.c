/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Both ends of the handshake against the other end's bytes: the HTTP answer, the response, the
 * initiation. */
#include "tests/fuzz/control/seeds.h"

#include "daemon/control/upgrade_wire.h"

static void as_client(struct span in)
{
	struct ts_client c;
	struct machine_priv m = { { 1 } };
	struct machine_key server = { { 9 } };
	struct rng_seeded r;
	uint8_t init[TS_INIT_LEN];
	char text[TS_ERROR_TEXT_MAX], why[128];
	struct ts_tx tx;
	struct ts_rx rx;
	size_t used = 0;
	if (upgrade_response_parse(in, &used, why) == 0)
		must(used <= in.len, "the head is within the input");
	rng_seeded_init(&r, 1);
	must(ts_client_start(&c, 131, &m, &server, &r.rng, init) == 0, "a start");
	int err = ts_client_finish(&c, in, &used, &tx, &rx, text);
	must(err != 0, "nobody guesses a response");
	must(strlen(text) < TS_ERROR_TEXT_MAX, "bounded text");
	ts_client_wipe(&c);
}

static void as_server(struct span in)
{
	struct machine_priv server = { { 1 } };
	struct machine_key client;
	struct rng_seeded r;
	uint8_t resp[TS_RESP_LEN];
	struct ts_tx tx;
	struct ts_rx rx;
	uint16_t version;
	const char *refusal;
	rng_seeded_init(&r, 1);
	must(ts_server_accept(&server, in, &r.rng, resp, &version, &client, &tx, &rx, &refusal) !=
		 0,
	     "nobody guesses an initiation");
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	as_client(span_of(p, len));
	as_server(span_of(p, len));
	return 0;
}

bool fuzz_seed(size_t i, struct span *out)
{
	static const char answer[] = "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\n"
				     "Upgrade: tailscale-control-protocol\r\n\r\n";
	static const uint8_t error[] = { 3, 0, 5, 'o', 'o', 'p', 's', '!' };
	if (i == 0) {
		*out = span_str(answer);
		return true;
	}
	if (i == 1) {
		*out = span_of(error, sizeof(error));
		return true;
	}
	if (i < 8)
		return seeds_hex("control_noise.json", "client_rejects", "server_sent", i - 2, out);
	return seeds_hex("control_noise.json", "server_rejects", "client_sent", i - 8, out);
}
