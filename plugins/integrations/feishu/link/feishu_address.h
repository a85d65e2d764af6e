/* Addresses: which domain the connector speaks to, and what a connection's URL tells. Pure. */
#ifndef FEISHU_ADDRESS_H
#define FEISHU_ADDRESS_H

#include <steward/base.h>

enum { ADDRESS_MAX = 300 };

/* The base of the REST API from the option ws_url, which only carries the domain: https://host[:port]; http:// when the
 * URL is ws:// or http:// and its host a loopback address. Without a usable host: https://open.feishu.cn. */
void address_base(const char *ws_url, char out[ADDRESS_MAX]);
/* service_id of the query; 0: missing or no int32. */
int32_t address_service(const char *url);
/* The host alone, for a log: a connection's URL holds secrets. */
void address_host(const char *url, char out[ADDRESS_MAX]);

#endif
