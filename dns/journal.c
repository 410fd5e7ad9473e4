/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dns/journal.h"

#include "base/crypto/crypto.h"

#include <string.h>

#define FIRST "meshd dns journal 1\n"
#define FIRST_ANY "meshd dns journal "
#define HEX_LEN (2 * HASH_LEN)
#define END_LEN (4 + HEX_LEN + 1) /* "end ", digits, newline */

static const char *const was_names[] = { "nothing", "file", "link" };

/* ---- build -------------------------------------------------------------------------- */

static const char *hex_of(const uint8_t hash[static HASH_LEN], char out[static HEX_LEN + 1])
{
	hex_encode(span_of(hash, HASH_LEN), out);
	return out;
}

static void add_wrote(struct buf *out, const char *word, const struct dns_wrote *w)
{
	char hex[HEX_LEN + 1];
	if (w->len)
		buf_fmt(out, "%s %zu %s\n", word, w->len, hex_of(w->hash, hex));
}

static void add_direct(const struct dns_journal *j, struct buf *out)
{
	buf_fmt(out, "phase %s\n", j->restoring ? "restoring" : "set");
	buf_fmt(out, "way %s\n", j->in_place ? "in-place" : "rename");
	buf_fmt(out, "was %s %o %u %u\n", was_names[j->was], j->perm, j->uid, j->gid);
	if (j->has_text) {
		buf_fmt(out, "text %zu\n", j->text.len);
		buf_add_span(out, j->text);
		buf_add_str(out, "\n");
	}
	add_wrote(out, "wrote", &j->wrote);
	add_wrote(out, "or", &j->or);
}

void dns_journal_build(const struct dns_journal *j, struct buf *out)
{
	uint8_t hash[HASH_LEN];
	char hex[HEX_LEN + 1];
	buf_add_str(out, FIRST);
	buf_fmt(out, "mode %s\n", dns_os_mode_name(j->mode));
	if (j->mode == DNS_OS_DIRECT)
		add_direct(j, out);
	blake2s_hash(hash, buf_span(out), span_of(NULL, 0));
	buf_fmt(out, "end %s\n", hex_of(hash, hex));
}

/* ---- parse -------------------------------------------------------------------------- */

struct in {
	struct span left;
	bool bad;
};

/* What follows `word` on the next line; empty and bad if another line is there. */
static struct span line_of(struct in *in, const char *word)
{
	size_t n = strlen(word);
	const uint8_t *nl = in->left.len ? memchr(in->left.p, '\n', in->left.len) : NULL;
	size_t len = nl ? (size_t)(nl - in->left.p) : 0;
	if (in->bad || !nl || len < n || memcmp(in->left.p, word, n) != 0) {
		in->bad = true;
		return span_of("", 0);
	}
	struct span rest = span_of(in->left.p + n, len - n);
	in->left = span_from(in->left, len + 1);
	return rest;
}

static struct span word_of(struct span *line)
{
	const uint8_t *blank = line->len ? memchr(line->p, ' ', line->len) : NULL;
	struct span word = span_of(line->p, blank ? (size_t)(blank - line->p) : line->len);
	*line = span_from(*line, word.len + (blank != NULL));
	return word;
}

static uint64_t number_of(struct in *in, struct span text, uint64_t max)
{
	uint64_t v = 0;
	if (u64_decode(text, max, &v) != 0)
		in->bad = true;
	return v;
}

static unsigned octal_of(struct in *in, struct span text)
{
	unsigned v = 0;
	if (text.len == 0 || text.len > 4)
		in->bad = true;
	for (size_t i = 0; i < text.len && !in->bad; i++) {
		if (text.p[i] < '0' || text.p[i] > '7')
			in->bad = true;
		v = v << 3 | (text.p[i] & 7u);
	}
	return v;
}

/* Index of text in names. */
static unsigned one_of(struct in *in, struct span text, const char *const *names, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (span_eq_str(text, names[i]))
			return i;
	in->bad = true;
	return 0;
}

static void take_hash(struct in *in, struct span text, uint8_t out[static HASH_LEN])
{
	if (text.len != HEX_LEN || hex_decode(text, out, HASH_LEN) != 0)
		in->bad = true;
}

static void take_mode(struct in *in, struct dns_journal *out)
{
	struct span name = line_of(in, "mode ");
	for (unsigned m = DNS_OS_NONE + 1; m < DNS_OS_MODES; m++)
		if (span_eq_str(name, dns_os_mode_name((enum dns_os_mode)m)))
			out->mode = (enum dns_os_mode)m;
	if (out->mode == DNS_OS_NONE)
		in->bad = true;
}

static bool is_next(const struct in *in, const char *word)
{
	size_t n = strlen(word);
	return in->left.len >= n && memcmp(in->left.p, word, n) == 0;
}

static void take_wrote(struct in *in, const char *word, struct dns_wrote *out)
{
	if (!is_next(in, word))
		return;
	struct span line = line_of(in, word);
	out->len = number_of(in, word_of(&line), UINT32_MAX);
	take_hash(in, line, out->hash);
	if (out->len == 0)
		in->bad = true;
}

static void take_text(struct in *in, struct dns_journal *out)
{
	static const char word[] = "text ";
	if (!is_next(in, word))
		return;
	uint64_t n = number_of(in, line_of(in, word), DNS_JOURNAL_TEXT_MAX);
	if (in->bad || n >= in->left.len || in->left.p[n] != '\n') {
		in->bad = true;
		return;
	}
	out->has_text = true;
	out->text = span_of(in->left.p, n);
	in->left = span_from(in->left, n + 1);
}

static void take_direct(struct in *in, struct dns_journal *out)
{
	static const char *const phases[] = { "set", "restoring" };
	static const char *const ways[] = { "rename", "in-place" };
	out->restoring = one_of(in, line_of(in, "phase "), phases, 2);
	out->in_place = one_of(in, line_of(in, "way "), ways, 2);
	struct span was = line_of(in, "was ");
	out->was = (enum dns_was)one_of(in, word_of(&was), was_names, 3);
	out->perm = octal_of(in, word_of(&was));
	out->uid = (unsigned)number_of(in, word_of(&was), UINT32_MAX);
	out->gid = (unsigned)number_of(in, was, UINT32_MAX);
	take_text(in, out);
	take_wrote(in, "wrote ", &out->wrote);
	take_wrote(in, "or ", &out->or);
	bool link = out->was == DNS_WAS_LINK;
	if (link && (!out->has_text || out->text.len == 0 || out->text.len >= PATH_MAX ||
		     memchr(out->text.p, 0, out->text.len)))
		in->bad = true;
	if (out->was == DNS_WAS_NOTHING && out->has_text)
		in->bad = true;
}

static bool end_matches(struct span in)
{
	uint8_t want[HASH_LEN], hash[HASH_LEN];
	struct in end = { .left = span_from(in, in.len - END_LEN) };
	take_hash(&end, line_of(&end, "end "), want);
	blake2s_hash(hash, span_of(in.p, in.len - END_LEN), span_of(NULL, 0));
	return !end.bad && end.left.len == 0 &&
	       span_eq(span_of(want, HASH_LEN), span_of(hash, HASH_LEN));
}

int dns_journal_parse(struct span in, struct dns_journal *out)
{
	*out = (struct dns_journal){ 0 };
	if (in.len < strlen(FIRST) + END_LEN || in.len > DNS_JOURNAL_MAX ||
	    memcmp(in.p, FIRST_ANY, strlen(FIRST_ANY)) != 0 || !end_matches(in))
		return -ERR_SYNTAX;
	if (memcmp(in.p, FIRST, strlen(FIRST)) != 0)
		return -ERR_TYPE;
	struct in body = { .left =
			       span_of(in.p + strlen(FIRST), in.len - strlen(FIRST) - END_LEN) };
	take_mode(&body, out);
	if (out->mode == DNS_OS_DIRECT)
		take_direct(&body, out);
	return body.bad || body.left.len ? -ERR_SYNTAX : 0;
}

/* ---- ours? -------------------------------------------------------------------------- */

struct dns_wrote dns_wrote_of(struct span text)
{
	struct dns_wrote w = { .len = text.len };
	blake2s_hash(w.hash, text, span_of(NULL, 0));
	return w;
}

static bool wrote_eq(const struct dns_wrote *a, const struct dns_wrote *b)
{
	return a->len == b->len && span_eq(span_of(a->hash, HASH_LEN), span_of(b->hash, HASH_LEN));
}

bool dns_journal_wrote(const struct dns_journal *j, struct span text)
{
	struct dns_wrote w = dns_wrote_of(text);
	return text.len && (wrote_eq(&w, &j->wrote) || wrote_eq(&w, &j->or));
}
