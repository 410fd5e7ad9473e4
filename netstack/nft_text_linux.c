/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netstack/nft_priv.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

bool nft_is_unsupported(int err)
{
	switch (err) {
	case ENOENT: /* an expression, a type of chain or of set */
	case EINVAL:
	case ENOSYS:
	case EOPNOTSUPP:
	case EAFNOSUPPORT:
	case EPROTONOSUPPORT:
		return true;
	default:
		return false;
	}
}

/* What to do about it. */
static const char *advice(const struct nft_refusal *r)
{
	switch (r->err) {
	case EPERM:
		return r->step.what ? "another program owns it, see: nft list tables"
				    : "meshd needs CAP_NET_ADMIN, start it as root";
	case ERESTART:
	case EINTR:
		return "other programs change it all the time, see: nft monitor";
	case EMSGSIZE:
	case ENOBUFS:
		return "type: sysctl -w net.core.wmem_max=8388608";
	default:
		break;
	}
	if (!r->step.what && nft_is_unsupported(r->err))
		return "type: modprobe nf_tables";
	return "see: nft list ruleset";
}

static int code(int err)
{
	switch (err) {
	case EPERM:
		return -ERR_PERM;
	case ENOMEM:
		return -ERR_NOMEM;
	case EBUSY:
		return -ERR_BUSY;
	case ERESTART:
	case EINTR:
		return -ERR_AGAIN;
	default:
		return nft_is_unsupported(err) ? -ERR_UNSUPPORTED : -ERR_IO;
	}
}

int nft_report_refusal(struct router_report *rep, const struct nft_refusal *r)
{
	const char *what = r->step.what ? r->step.what : "use it";
	if (rep->failed++ == 0)
		snprintf(rep->first, sizeof(rep->first), "nftables: cannot %s: %s; %s", what,
			 strerror(r->err), advice(r));
	return code(r->err);
}

uint32_t nft_parts_of(const struct fw_config *want)
{
	uint32_t parts = 0;
	if (want->mode == RT_NETFILTER_OFF)
		return 0;
	if (!want->no_guard || want->self.n > 0)
		parts |= 1u << NFT_PART_SETS;
	if (want->stateful)
		parts |= 1u << NFT_PART_STATEFUL;
	if (fw_marks_connections(want))
		parts |= 1u << NFT_PART_CONNMARK;
	if (want->snat)
		parts |= 1u << NFT_PART_SNAT4 | 1u << NFT_PART_SNAT6;
	return parts;
}

const char *nft_loss(enum nft_part part)
{
	switch (part) {
	case NFT_PART_SETS:
		return "forged tailnet addresses are let in: this kernel's nftables has no "
		       "interval sets; use a kernel that has them";
	case NFT_PART_STATEFUL:
		return "stateful filtering is off: this kernel's nftables has no ct; type: "
		       "modprobe nft_ct";
	case NFT_PART_CONNMARK:
		return "strict reverse-path filters may drop our traffic: no ct marks in this "
		       "kernel's nftables; type: modprobe nft_ct";
	case NFT_PART_SNAT4:
		return "forwarded traffic is not masqueraded: this kernel's nftables has no masq; "
		       "type: modprobe nft_masq";
	case NFT_PART_SNAT6:
		return "forwarded IPv6 traffic is not masqueraded: this kernel's nftables has no "
		       "masq for it; type: modprobe nft_masq";
	case NFT_PART_BASE:
	case NFT_PART_INET:
	case NFT_PART_IPV6:
		break;
	}
	return NULL;
}
