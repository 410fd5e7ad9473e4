/* SPDX-License-Identifier: GPL-2.0-or-later */
/* handlers.h: the handlers of all endpoint families, for the routing table. */
#ifndef DAEMON_LOCALAPI_HANDLERS_H
#define DAEMON_LOCALAPI_HANDLERS_H

#include "daemon/localapi/req.h"

/* status.c */
void api_status(struct api_req *r);
void api_cert_domains(struct api_req *r);
void api_derpmap(struct api_req *r);
void api_services(struct api_req *r);
void api_peer_by_id(struct api_req *r);
void api_user_profile(struct api_req *r);
/* dns.c */
void api_dns_config(struct api_req *r);
void api_dns_osconfig(struct api_req *r);
void api_dns_query(struct api_req *r);
/* prefs.c */
void api_prefs(struct api_req *r);
void api_check_prefs(struct api_req *r);
void api_reload_config(struct api_req *r);
/* exit_node.c */
void api_suggest_exit_node(struct api_req *r);
void api_set_use_exit_node(struct api_req *r);
/* login.c */
void api_start(struct api_req *r);
void api_login_interactive(struct api_req *r);
void api_logout(struct api_req *r);
void api_reset_auth(struct api_req *r);
/* watch.c */
void api_watch_ipn_bus(struct api_req *r);
/* ping.c */
void api_ping(struct api_req *r);
/* whois.c */
void api_whois(struct api_req *r);
/* profiles.c */
void api_profiles(struct api_req *r);
/* debug.c */
void api_debug(struct api_req *r);
void api_component_logging(struct api_req *r);
void api_disconnect_control(struct api_req *r);
void api_bugreport(struct api_req *r);
/* netcheck.c */
void api_netcheck(struct api_req *r);
/* metrics.c */
void api_usermetrics(struct api_req *r);
void api_metrics(struct api_req *r);
/* checks.c: what the CLI asks before it advertises or updates */
void api_check_ip_forwarding(struct api_req *r);
void api_no_warning(struct api_req *r);
void api_so_mark(struct api_req *r);
void api_update_check(struct api_req *r);
void api_upload_client_metrics(struct api_req *r);
/* absent.c: endpoints of features this version does not have */
void api_serve_config(struct api_req *r);
void api_query_feature(struct api_req *r);
void api_file_targets(struct api_req *r);
void api_tka_status(struct api_req *r);
void api_drive_shares(struct api_req *r);
void api_cert(struct api_req *r);
void api_dial(struct api_req *r);
void api_set_expiry_sooner(struct api_req *r);
void api_shutdown(struct api_req *r);
void api_unsupported(struct api_req *r);

#endif
