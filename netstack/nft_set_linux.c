/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netstack/nft_set_linux.h"

#include "base/hash.h"

#include <linux/netfilter/nf_tables.h>

#include <arpa/inet.h>
#include <string.h>

/* Types of keys and their byte order, as nft knows them when it lists a set; the kernel only stores
 * them. */
#define TYPE_IPADDR 7
#define TYPE_IP6ADDR 8
static const uint8_t big_endian_keys[] = { 0 /* KEYBYTEORDER */, 4, 2, 0, 0, 0 };

/* An interval is two elements: its first address, and the first behind it, flagged. */
#define ELEMENT_BYTES 40
#define ELEMENTS_PER_MESSAGE (NFT_MSG_ROOM / ELEMENT_BYTES - 8)

static const struct nft_step step_set = { NFT_PART_SETS, "make a set of guarded addresses" };
static const struct nft_step step_elements = { NFT_PART_SETS, "fill a set of guarded addresses" };

void nft_set_new(const struct nft_at *at, const struct nft_set *set, uint32_t id)
{
	bool v4 = set->fam == IP_V4;
	struct nlmsghdr *h =
	    nft_batch_add(at->b, at->s, NFT_MSG_NEWSET, at->fam, NLM_F_CREATE, step_set);
	mnl_attr_put_strz(h, NFTA_SET_TABLE, at->table);
	mnl_attr_put_strz(h, NFTA_SET_NAME, set->name);
	mnl_attr_put_u32(h, NFTA_SET_FLAGS, htonl(NFT_SET_INTERVAL));
	mnl_attr_put_u32(h, NFTA_SET_KEY_TYPE, htonl(v4 ? TYPE_IPADDR : TYPE_IP6ADDR));
	mnl_attr_put_u32(h, NFTA_SET_KEY_LEN, htonl(v4 ? 4 : 16));
	mnl_attr_put_u32(h, NFTA_SET_ID, htonl(id));
	mnl_attr_put(h, NFTA_SET_USERDATA, sizeof(big_endian_keys), big_endian_keys);
}

/* ---- elements ---- */

struct writer {
	const struct nft_at *at;
	const struct nft_set *set;
	uint16_t type; /* NFT_MSG_NEWSETELEM, NFT_MSG_DELSETELEM */
	struct nlmsghdr *h;
	struct nlattr *list;
	unsigned n;
};

static void writer_end(struct writer *w)
{
	if (w->h)
		mnl_attr_nest_end(w->h, w->list);
	w->h = NULL;
	w->n = 0;
}

static void writer_begin(struct writer *w)
{
	uint16_t flags = w->type == NFT_MSG_NEWSETELEM ? NLM_F_CREATE : 0;
	w->h = nft_batch_add(w->at->b, w->at->s, w->type, w->at->fam, flags, step_elements);
	mnl_attr_put_strz(w->h, NFTA_SET_ELEM_LIST_TABLE, w->at->table);
	mnl_attr_put_strz(w->h, NFTA_SET_ELEM_LIST_SET, w->set->name);
	w->list = mnl_attr_nest_start(w->h, NFTA_SET_ELEM_LIST_ELEMENTS);
}

static void put_element(struct writer *w, struct ip ip, bool end)
{
	struct nlattr *elem = mnl_attr_nest_start(w->h, NFTA_LIST_ELEM);
	if (end)
		mnl_attr_put_u32(w->h, NFTA_SET_ELEM_FLAGS, htonl(NFT_SET_ELEM_INTERVAL_END));
	struct nlattr *key = mnl_attr_nest_start(w->h, NFTA_SET_ELEM_KEY);
	mnl_attr_put(w->h, NFTA_DATA_VALUE, ip_len(ip), ip.b);
	mnl_attr_nest_end(w->h, key);
	mnl_attr_nest_end(w->h, elem);
	w->n++;
}

/* false: the range ends with the family's last address, and so without an end. */
static bool range_end(const struct ip_range *r, struct ip *end)
{
	*end = r->last;
	for (size_t i = ip_len(*end); i-- > 0;)
		if (++end->b[i])
			return true;
	return false;
}

static void put_range(struct writer *w, const struct ip_range *r)
{
	struct ip end;
	if (r->first.fam != w->set->fam)
		return;
	if (w->n + 2 > ELEMENTS_PER_MESSAGE)
		writer_end(w);
	if (!w->h)
		writer_begin(w);
	put_element(w, r->first, false);
	if (range_end(r, &end))
		put_element(w, end, true);
}

static int range_cmp(const struct ip_range *a, const struct ip_range *b)
{
	int c = ip_cmp(a->first, b->first);
	return c ? c : ip_cmp(a->last, b->last);
}

/* Ranges of a that are not, just so, in b. */
static void put_missing(struct writer *w, const struct ranges *a, const struct ranges *b)
{
	size_t j = 0;
	for (size_t i = 0; i < a->n; i++) {
		while (j < b->n && range_cmp(&b->v[j], &a->v[i]) < 0)
			j++;
		if (j == b->n || range_cmp(&b->v[j], &a->v[i]) != 0)
			put_range(w, &a->v[i]);
	}
	writer_end(w);
}

void nft_set_change(const struct nft_at *at, const struct nft_set *set, const struct ranges *from,
		    const struct ranges *to)
{
	struct writer w = { .at = at, .set = set, .type = NFT_MSG_DELSETELEM };
	put_missing(&w, from, to);
	w.type = NFT_MSG_NEWSETELEM;
	put_missing(&w, to, from);
}

/* ---- what is in it ---- */

/* Summed up, since the kernel lists elements in an order of its own. */
static uint64_t element_print(const uint8_t *key, size_t len, bool end)
{
	uint64_t x = fnv1a(end ? 0x9e3779b97f4a7c15 : FNV1A_START, span_of(key, len));
	return x ^ x >> 29;
}

uint64_t nft_set_print(const struct nft_set *set, const struct ranges *of)
{
	uint64_t sum = 0;
	struct ip end;
	for (size_t i = 0; i < of->n; i++) {
		const struct ip_range *r = &of->v[i];
		if (r->first.fam != set->fam)
			continue;
		sum += element_print(r->first.b, ip_len(r->first), false);
		if (range_end(r, &end))
			sum += element_print(end.b, ip_len(end), true);
	}
	return sum;
}

static const struct nlattr *nested(const struct nlattr *in, uint16_t type)
{
	const struct nlattr *a;
	mnl_attr_for_each_nested(a, in)
	{
		if (mnl_attr_get_type(a) == type)
			return a;
	}
	return NULL;
}

static uint64_t element_look(const struct nlattr *elem)
{
	const struct nlattr *flags = nested(elem, NFTA_SET_ELEM_FLAGS);
	const struct nlattr *key = nested(elem, NFTA_SET_ELEM_KEY);
	const struct nlattr *value = key ? nested(key, NFTA_DATA_VALUE) : NULL;
	bool end = flags && ntohl(mnl_attr_get_u32(flags)) & NFT_SET_ELEM_INTERVAL_END;
	return value ? element_print(mnl_attr_get_payload(value), mnl_attr_get_payload_len(value),
				     end)
		     : 0;
}

static int on_elements(const struct nlmsghdr *h, void *arg)
{
	const struct nlattr *list = nft_attr(h, NFTA_SET_ELEM_LIST_ELEMENTS), *a;
	if (!list)
		return MNL_CB_OK;
	mnl_attr_for_each_nested(a, list)
	{
		*(uint64_t *)arg += element_look(a);
	}
	return MNL_CB_OK;
}

int nft_set_look(struct nft_sock *s, uint8_t fam, const char *table, const struct nft_set *set,
		 uint64_t *print)
{
	NFT_ASK_BUFFER(buf);
	struct nlmsghdr *q = nft_ask_begin(s, buf, NFT_MSG_GETSETELEM, fam, true);
	mnl_attr_put_strz(q, NFTA_SET_ELEM_LIST_TABLE, table);
	mnl_attr_put_strz(q, NFTA_SET_ELEM_LIST_SET, set->name);
	*print = 0;
	return nft_ask(s, q, on_elements, print);
}
