/* SPDX-License-Identifier: GPL-2.0-or-later */
/* faults.h: switches that `meshcoord debug` sets so that clients can be tested against a server
 * that misbehaves. All off in ordinary use. Pure. */
#ifndef COORDINATOR_FAULTS_H
#define COORDINATOR_FAULTS_H

#include <stdbool.h>
#include <stdint.h>

enum handshake_fault {
	HANDSHAKE_NORMAL,
	HANDSHAKE_CLOSE,  /* 101, then close */
	HANDSHAKE_SILENT, /* 101, then nothing */
	HANDSHAKE_ERROR,  /* 101, then a Noise error frame */
};

struct faults {
	bool no_keep_alive;
	bool no_early;
	bool no_zstd;
	bool no_relay;
	bool no_stun;
	enum handshake_fault handshake;
	int register_status;  /* HTTP status of the next registrations; 0: normal */
	int register_times;   /* how many */
	char retry_after[32]; /* header of those; "" : none */
	int64_t ephemeral_ms; /* from the end of the stream to removal; 0: EPHEMERAL_MS */
};

#define EPHEMERAL_MS 120000

#endif
