/* SPDX-License-Identifier: GPL-2.0-or-later */
/* verdict.h: what became of a handshake message, each reason a counter ("wg_hs_<reason>"). */
#ifndef WG_VERDICT_H
#define WG_VERDICT_H

enum wg_verdict {
	WG_PASS = 0,	/* acted on */
	WG_DROP_KIND,	/* size or type; transport data is not for the device either */
	WG_DROP_NO_KEY, /* we have no private key now */
	WG_DROP_MAC1,	/* sent by somebody who does not know our public key */
	WG_DROP_COOKIE, /* under load without a valid mac2: answered with a cookie reply */
	WG_DROP_LOAD,	/* likewise, and its group of sources has had its cookies: not even read */
	WG_DROP_RATE,	/* under load: this source, or all together, ask too often */
	WG_DROP_NOISE,	/* does not decrypt, or a low-order point */
	WG_DROP_PEER,	/* authentic, from a key that is not a peer */
	WG_DROP_RELAY,	/* the relay named another sender than the message */
	WG_DROP_REPLAY, /* time stamp not newer than the last one accepted */
	WG_DROP_FLOOD,	/* within 20 ms of the last one accepted */
	WG_DROP_STATE,	/* answers nothing that we wait for */
	WG_VERDICTS
};

/* Name of its counter; never NULL. */
const char *wg_verdict_name(enum wg_verdict v);
/* Count one. Thread: any. */
void wg_verdict_count(enum wg_verdict v);
/* Make the counters visible in the metrics; once at start. */
void wg_counters_register(void);

#endif
