/* How a connection is made, kept and tried again: its URLs, what the service says about it in discovery and in pongs,
 * and the waits between attempts. Pure functions. */
#ifndef FEISHU_LINK_CONFIG_H
#define FEISHU_LINK_CONFIG_H

#include <steward/json.h>

/* ---- URLs ---- */

enum { ADDRESS_MAX = 300 };

/* Makes the base of the REST API, https://host[:port], from the option ws_url, of which only the host counts. It is
 * http:// when the URL is ws:// or http:// and its host a loopback address, and https://open.feishu.cn when the URL has
 * no usable host. */
void address_base(const char *ws_url, char out[ADDRESS_MAX]);
/* The service_id in the query; 0 when it is missing or not an int32. */
int32_t address_service(const char *url);
/* The host alone, for a log, since the URL of a connection holds secrets. */
void address_host(const char *url, char out[ADDRESS_MAX]);

/* ---- what the service configures ---- */

typedef struct {
    int64_t ping_ms;     /* PingInterval       */
    int64_t interval_ms; /* ReconnectInterval  */
    int64_t nonce_ms;    /* ReconnectNonce     */
    int64_t count;       /* ReconnectCount: it is never a reason to stop */
} link_config;

/* What an official client assumes before any answer. */
link_config link_config_default(void);
/* Takes each member that is a sane number; the other fields stay as they are. `v` may be any JSON. */
void link_config_take(link_config *c, const sw_value *v);

/* ---- waits ---- */

/* `step_ms` doubled so many times, but no more than `max_ms`. */
int64_t link_backoff(int64_t step_ms, int64_t times, int64_t max_ms);

typedef enum {
    LINK_DROPPED = 1, /* it had been open                                        */
    LINK_FAILED,      /* it was not made: the network, an error of the service   */
    LINK_REFUSED,     /* wrong credentials, forbidden: other clients give up     */
    LINK_CROWDED      /* too many connections of this app                        */
} link_end;

/* How long to wait before the next attempt. `failures` counts the ends in a row before this one, `step_ms` is the first
 * step (1 s; less only in tests), `chance` a random number. */
int64_t link_wait(const link_config *c, link_end end, unsigned failures, int64_t step_ms, uint32_t chance);

/* What the code in the answer of an endpoint means, and what the Handshake-* headers of a refusal do. */
link_end link_class_of_endpoint(int64_t code);
link_end link_class_of_handshake(int64_t status, int64_t auth_code);

#endif
