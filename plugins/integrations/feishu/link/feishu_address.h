/* URLs: which domain the connector speaks to, and what the URL of a connection tells. Pure functions. */
#ifndef FEISHU_ADDRESS_H
#define FEISHU_ADDRESS_H

#include <steward/base.h>

enum { ADDRESS_MAX = 300 };

/* Makes the base of the REST API, https://host[:port], from the option ws_url, of which only the host counts. It is
 * http:// when the URL is ws:// or http:// and its host a loopback address, and https://open.feishu.cn when the URL has
 * no usable host. */
void address_base(const char *ws_url, char out[ADDRESS_MAX]);
/* The service_id in the query; 0 when it is missing or not an int32. */
int32_t address_service(const char *url);
/* The host alone, for a log, since the URL of a connection holds secrets. */
void address_host(const char *url, char out[ADDRESS_MAX]);

#endif
