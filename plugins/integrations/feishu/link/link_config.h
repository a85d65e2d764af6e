/* How a connection is kept and how it is tried again: what the service says about it in discovery and in pongs, and the
 * waits between attempts. Pure functions. */
#ifndef FEISHU_LINK_CONFIG_H
#define FEISHU_LINK_CONFIG_H

#include <steward/json.h>

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
