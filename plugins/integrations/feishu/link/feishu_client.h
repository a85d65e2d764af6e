/* The one connection to the platform. supervise.c decides whether it is wanted, feishu_client.c asks for an address,
 * opens the connection, keeps it and replaces it. */
#ifndef FEISHU_CLIENT_H
#define FEISHU_CLIENT_H

#include "connector.h"
#include "link/fragments.h"
#include "link/link_config.h"
#include <steward/outbound.h>

enum { FEISHU_ERROR_MAX = 256, FEISHU_KEY_SIZE = 32 };

typedef enum {
    CLIENT_OFF = 0, /* not wanted                                  */
    CLIENT_WAITING, /* until due_ms                                */
    CLIENT_ASKING,  /* discovery runs on the slow lane             */
    CLIENT_OPENING, /* the socket is being opened                  */
    CLIENT_OPEN
} client_phase;

/* What the connection is made for. When any of it changes, another connection is needed. */
typedef struct {
    bool wanted;
    int64_t connector_id;
    char base[ADDRESS_MAX]; /* of the REST API */
    char app_id[FEISHU_ID_MAX + 1];
    uint8_t key[FEISHU_KEY_SIZE]; /* SHA-256 of everything, the secret too */
} client_target;

/* All times are monotonic, but for tick_wall_ms. */
typedef struct {
    client_target target;
    client_phase phase;
    uint64_t attempt; /* number of the latest attempt: results of earlier ones are dropped */
    uint64_t handle;  /* of the socket; 0 when there is none */
    link_config config;
    int32_t service;
    int64_t due_ms; /* when the next attempt begins, in CLIENT_WAITING */
    int64_t opened_ms, heard_ms, next_ping_ms;
    int64_t pinged_ms;  /* since then a ping has had no answer; 0 when none is out */
    int64_t closing_ms; /* when we asked for the end of `handle`; 0 when we did not */
    int64_t tick_ms, tick_wall_ms;
    unsigned failures; /* ends in a row without a connection that lasted */
    uint64_t connects;
    bool failing;                 /* this is more than a dropped connection */
    char error[FEISHU_ERROR_MAX]; /* why the latest attempt ended; "" while all is well */
    char told[FEISHU_ERROR_MAX];  /* the error that the integration log has */
    char pong[512];               /* the latest configuration that came in a pong */
    fragments *parts;             /* used by the outbound thread alone */
} client;

/* ---- feishu_client.c; under the lock, but for client_status() ---- */

/* Says what the connection must be. Closes one that is not this. */
void client_want(feishu *f, const client_target *target);
void client_tick(feishu *f, int64_t now_ms);
/* What the API calls the state of this connector: not_connected, connecting, connected, error. Takes the lock. */
const char *client_status(feishu *f, const connector *c);

/* ---- supervise.c ---- */

/* What a connection of this connector is made for. */
void target_of(feishu *f, const connector *c, client_target *ret);
/* The connector or an option has changed. Any thread; never blocks. */
void supervise_changed(feishu *f);
/* The same, from a write step that changes the connector: it takes effect after the commit. */
void supervise_changed_later(sw_tx *tx);
/* A timer's work, and a task after a change. */
sw_status supervise_tick(sw_request *req);

#endif
