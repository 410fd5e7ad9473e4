/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/dataplane/counters.h"

#include "daemon/dataplane/worker.h"

static struct counter counters[DPC_N] = {
	[DPC_TX_NO_SNAPSHOT] = { .name = "dataplane_tx_drop_no_network" },
	[DPC_TX_NO_PEER] = { .name = "dataplane_tx_drop_no_peer" },
	[DPC_TX_SERVICE] = { .name = "dataplane_tx_drop_service" },
	[DPC_TX_REFUSED] = { .name = "dataplane_tx_reset_service" },
	[DPC_DNS_ANSWERED] = { .name = "dataplane_dns_answered" },
	[DPC_DNS_FORWARDED] = { .name = "dataplane_dns_forwarded" },
	[DPC_DNS_OVERLOAD] = { .name = "dataplane_dns_drop_overload" },
	[DPC_DNS_JUNK] = { .name = "dataplane_dns_drop_junk" },
	[DPC_DNS_STRANGER] = { .name = "dataplane_dns_drop_stranger" },
	[DPC_DNS_TCP] = { .name = "dataplane_dns_tcp_segments" },
	[DPC_TX_STAGED] = { .name = "dataplane_tx_staged" },
	[DPC_TX_STAGED_DROP] = { .name = "dataplane_tx_drop_staged" },
	[DPC_TX_TOO_BIG] = { .name = "dataplane_tx_drop_too_big" },
	[DPC_TX_BAD_FRAME] = { .name = "dataplane_tx_drop_bad_frame" },
	[DPC_TX_NO_PATH] = { .name = "dataplane_tx_drop_no_path" },
	[DPC_RX_JUNK] = { .name = "dataplane_rx_drop_junk" },
	[DPC_RX_OVERLOAD] = { .name = "dataplane_rx_drop_overload" },
	[DPC_RX_SHEDS] = { .name = "dataplane_rx_sheds" },
	[DPC_RX_NO_INDEX] = { .name = "dataplane_rx_drop_no_session" },
	[DPC_RX_AUTH] = { .name = "dataplane_rx_drop_auth" },
	[DPC_RX_REPLAY] = { .name = "dataplane_rx_duplicate" },
	[DPC_RX_EXPIRED] = { .name = "dataplane_rx_drop_expired" },
	[DPC_RX_WRONG_PEER] = { .name = "dataplane_rx_drop_wrong_peer" },
	[DPC_RX_INNER] = { .name = "dataplane_rx_drop_not_ip" },
	[DPC_RX_SOURCE] = { .name = "dataplane_rx_drop_source" },
	[DPC_RX_TUN] = { .name = "dataplane_rx_drop_tun" },
	[DPC_RING_FULL] = { .name = "dataplane_ring_full" },
};

void dp_counters_register(void)
{
	counters_register(counters, DPC_N);
	flt_counters_register();
}

void dp_count(enum dp_counter c, uint64_t n)
{
	counter_add(&counters[c], n);
}
