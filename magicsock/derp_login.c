/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The boxes of a DERP login: ClientInfo and ServerInfo. */
#include "magicsock/derp_wire.h"

#include "base/alloc.h"
#include "base/json.h"

#include <stdlib.h>

#define MESH_KEY_LEN 32

struct span derp_client_info_json(void)
{
	return span_str("{\"version\":2,\"CanAckPings\":true}");
}

void derp_server_info_json(struct wr *w, const struct derp_server_info *info)
{
	wr_fmt(w, "{\"version\":%d", info->version);
	if (info->rate)
		wr_fmt(w, ",\"TokenBucketBytesPerSecond\":%llu,\"TokenBucketBytesBurst\":%llu",
		       (unsigned long long)info->rate, (unsigned long long)info->burst);
	wr_str(w, "}");
}

/* Nonce and box to a JSON object (new). */
static int open_json(struct span boxed, const struct box_key *box, json_t **out)
{
	struct rd r = rd_init(boxed);
	uint8_t nonce[BOX_NONCE_LEN];
	rd_copy(&r, nonce, sizeof(nonce));
	struct span sealed = rd_rest(&r);
	if (!rd_ok(&r) || sealed.len < BOX_OVERHEAD)
		return -ERR_SHORT;
	size_t len = sealed.len - BOX_OVERHEAD;
	uint8_t *plain = try_calloc(1, len + 1);
	if (!plain)
		return -ERR_NOMEM;
	int rc = box_open(plain, box, nonce, sealed);
	if (!rc) {
		*out = j_parse(span_of(plain, len), len, NULL);
		rc = j_is_object(*out) ? 0 : -ERR_SYNTAX;
		if (rc)
			j_free(*out);
	}
	free(plain);
	return rc;
}

/* Absent or empty is fine; else 64 hex digits. We mesh with nobody, so the value does not matter.
 */
static int check_mesh_key(const json_t *v, bool *has)
{
	struct span text = j_span(v, "meshKey");
	uint8_t key[MESH_KEY_LEN];
	*has = text.len > 0;
	if (!*has)
		return 0;
	int rc = hex_decode(text, key, sizeof(key));
	wipe(key, sizeof(key));
	return rc;
}

int derp_client_info_open(const struct derp_frame *f, const struct box_key *box,
			  struct derp_client_info *out)
{
	struct node_key key;
	int rc = derp_client_info_key(f, &key);
	if (rc)
		return rc;
	json_t *v;
	rc = open_json(span_from(f->body, DERP_KEY_LEN), box, &v);
	if (rc)
		return rc;
	struct derp_client_info info = {
		.version = (int)j_int(v, "version", 0),
		.can_ack_pings = j_bool(v, "CanAckPings", false),
		.is_prober = j_bool(v, "IsProber", false),
	};
	rc = check_mesh_key(v, &info.has_mesh_key);
	j_free(v);
	if (!rc)
		*out = info;
	return rc;
}

static uint64_t positive(int64_t v)
{
	return v > 0 ? (uint64_t)v : 0;
}

int derp_server_info_open(const struct derp_frame *f, const struct box_key *box,
			  struct derp_server_info *out)
{
	json_t *v;
	if (f->body.len != f->len)
		return -ERR_TOOBIG;
	int rc = open_json(f->body, box, &v);
	if (rc)
		return rc;
	*out = (struct derp_server_info){
		.version = (int)j_int(v, "version", 0),
		.rate = positive(j_int(v, "TokenBucketBytesPerSecond", 0)),
		.burst = positive(j_int(v, "TokenBucketBytesBurst", 0)),
	};
	j_free(v);
	return 0;
}
