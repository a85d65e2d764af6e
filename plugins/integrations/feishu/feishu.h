/* feishu: one Feishu or Lark app as a door to the Butler. plugin.c is the front door; README.md tells the way of a
 * message.
 *
 * Threads: routes, timers and tasks run on workers; callbacks of the connection and of HTTP calls on the outbound
 * threads, which only note something and hand on; write steps on the writer. What they share is in `feishu`, under its
 * lock, which is held for a few instructions and never while something waits. */
#ifndef FEISHU_H
#define FEISHU_H

#include "in/feishu_event.h"
#include "link/feishu_address.h"
#include "link/fragments.h"
#include "link/link_config.h"
#include <pthread.h>
#include <steward/outbound.h>
#include <steward/plugin.h>
#include <steward/service/chat.h>
#include <steward/service/feishu.h>
#include <steward/service/users.h>

enum {
    FEISHU_ERROR_MAX = 256,
    FEISHU_ID_MAX = 128,
    FEISHU_TOKEN_MAX = 4096,
    FEISHU_SECRET_MAX = 512,
    FEISHU_KEY_SIZE = 32,
    FEISHU_TICK_MS = 100,
    FEISHU_UUID_HOLDS_MS = 50 * 60 * 1000 /* a uuid sends once within an hour: we rely on less */
};

/* ---- the connector: the newest row of its table ---- */

/* Texts live as long as the piece of work that read them. */
typedef struct {
    int64_t id; /* 0: there is none, these are the defaults */
    const char *name, *app_id, *app_secret, *verification_token, *encrypt_key, *prefix, *callback_url;
    const char *chats, *people; /* lists: one item a line */
    bool enabled, allow_dm, allow_group, mention_required, ignore_bots, verified;
    int64_t rate, verified_ms, created_ms, updated_ms;
} connector;

/* ---- the connection (client.c) ---- */

typedef enum {
    CLIENT_OFF = 0, /* not wanted                                  */
    CLIENT_WAITING, /* until due_ms                                */
    CLIENT_ASKING,  /* discovery runs on the slow lane             */
    CLIENT_OPENING, /* the socket is being opened                  */
    CLIENT_OPEN
} client_phase;

/* What the connection is made for. A change of any of it means another connection. */
typedef struct {
    bool wanted;
    int64_t connector_id;
    char base[ADDRESS_MAX];
    char app_id[FEISHU_ID_MAX + 1];
    uint8_t key[FEISHU_KEY_SIZE]; /* SHA-256 of all, the secret too */
} client_target;

typedef struct {
    client_target target;
    client_phase phase;
    uint64_t attempt; /* number of the latest attempt: results of earlier ones are dropped */
    uint64_t handle;  /* of the socket, 0: there is none     */
    link_config config;
    int32_t service;
    int64_t due_ms; /* CLIENT_WAITING; all times monotonic */
    int64_t opened_ms, heard_ms, next_ping_ms;
    int64_t pinged_ms;  /* an unanswered ping is out since; 0: none */
    int64_t closing_ms; /* we asked for the end of `handle` then; 0: we did not */
    int64_t tick_ms, tick_wall_ms;
    unsigned failures; /* ends in a row without a connection that lasted */
    uint64_t connects;
    bool failing;                 /* more than a drop */
    char error[FEISHU_ERROR_MAX]; /* why the latest attempt ended; "" while it is well */
    char told[FEISHU_ERROR_MAX];  /* the one that the log has */
    char pong[512];               /* the latest configuration in a pong */
    fragments *parts;             /* the outbound thread's */
} client;

/* ---- events that wait to be stored (inbound.c) ---- */

typedef struct arrival arrival;

typedef struct {
    arrival *first, **last;
    size_t count, bytes;
    bool draining; /* a task takes them */
} inbox;

/* ---- messages on their way out (sender.c) ---- */

typedef struct sending sending;

enum { SENDER_LANES = 256, SENDER_LANE_SIZE = 96, SENDER_RETRIED = 64 };

/* The latest starts in one chat. */
typedef struct {
    char name[SENDER_LANE_SIZE];
    int64_t started[5]; /* a ring */
    unsigned next;
    int64_t used_ms;
} sender_lane;

typedef struct {
    sending *running; /* claimed or sent */
    unsigned running_count;
    sending *answered, *answered_last;
    bool pumping, again, settling;
    int64_t wake_ms; /* 0: nothing to wait for */
    sender_lane lanes[SENDER_LANES];
    char retried[SENDER_RETRIED][40]; /* uuids that had a second token */
    unsigned next_retried;
} sender;

typedef struct {
    char text[FEISHU_TOKEN_MAX + 1];
    uint8_t key[FEISHU_KEY_SIZE]; /* of the target it was made for */
    int64_t fresh_until_ms;       /* 0: there is none */
    int64_t retry_ms;             /* after a failure  */
    unsigned failures;
    bool asking;
    char told[FEISHU_ERROR_MAX];
} token_cache;

/* Who this app's bot is, and how many connections it has. */
typedef struct {
    char open_id[FEISHU_ID_MAX + 1];
    int64_t retry_ms;
    bool asking, known;
    uint64_t counted_for; /* the attempt whose connections were counted */
} bot_info;

/* Made by start(), freed by stop(). */
typedef struct {
    sw_host *host;
    const sw_users_service *users;
    const sw_chat_service *chat;
    const sw_approvals_service *approvals;
    void *users_self, *chat_self, *approvals_self;

    pthread_mutex_t lock; /* guards all below */
    bool paused;          /* the plugin is disabled */
    uint64_t changes;     /* of connector or options */
    bool look;            /* the connector is to be read again */
    int64_t look_ms;      /* or then */
    client client;
    inbox inbox;
    sender sender;
    token_cache token;
    bot_info bot;
    int64_t last_event_ms; /* wall clock */
    uint64_t events, dropped;
} feishu;

/* ---- connector.c ---- */

connector connector_default(void);
/* As the API shows it, secrets masked. `status`: client_status(). */
void connector_write(sw_json *out, const char *key, const connector *c, const char *status);
/* Takes the members of a body. Sticky errors. */
void connector_take(sw_request *req, connector *c, const sw_value *body);
/* Does `after` need another verification? */
bool connector_reset_needed(const connector *before, const connector *after);
/* The id in the path; sticky "invalid connector id". */
int64_t connector_path_id(sw_request *req);

/* ---- supervise.c: what the client is to do ---- */

/* The connector or an option has changed. At a commit or anywhere else; never blocks. */
void supervise_changed(feishu *f);
/* In a write step that changes the connector: after the commit. */
void supervise_changed_later(sw_tx *tx);
/* Every FEISHU_TICK_MS, and when something changed. */
sw_status supervise_tick(sw_request *req);
/* The base URL and key of a connector. */
void target_of(feishu *f, const connector *c, client_target *ret);
bool connector_has_credentials(const connector *c);
/* An event's token, when both sides have one, must be the connector's. */
bool connector_token_good(const connector *c, const char *token);

/* ---- client.c, client_events.c, discovery.c ---- */

/* Under the lock. */
void client_want(feishu *f, const client_target *target);
void client_tick(feishu *f, int64_t now_ms);
/* The attempt or the connection has ended; the next one follows in its time. `error`: one line, no secrets. */
void client_ended(feishu *f, link_end how, const char *error);
/* Ends the socket; `ended` follows. */
void client_hang_up(feishu *f, int code);
/* not_connected, connecting, connected, error: for a connector. Takes the lock. */
const char *client_status(feishu *f, const connector *c);
/* The callbacks of a socket. */
extern const sw_ws_call CLIENT_CALLS;
bool client_ping(feishu *f);
/* On the slow lane; the tag is the attempt. */
sw_status discover(sw_request *req);
/* Sends an ack, or drops it when that connection is gone. */
void client_ack(feishu *f, const arrival *a, const char *payload);

/* ---- inbound.c, accept.c, decision.c ---- */

/* An event from the frame on: owned by the inbox, then by the task or step that works on it. */
struct arrival {
    arrival *next;
    feishu *f;
    uint64_t handle; /* of the socket it came by */
    int64_t came_ms; /* monotonic */
    char *frame;     /* the frame that completed it: its ack is built on it */
    size_t frame_len;
    char *payload; /* the event's JSON */
    size_t len;
    event e;
    char *answer;    /* a click's answer, made by the step; NULL: none */
    uint64_t number; /* in order of arrival */
    unsigned tries;  /* steps that storage could not take */
};

void arrival_free(arrival *a);
/* On the outbound thread. Takes `a`. */
void inbound_push(feishu *f, arrival *a);
/* Starts the draining task when there is something and none runs. Under the lock. */
void inbound_wake(feishu *f);
void inbound_done(feishu *f);
/* Write steps; the argument is an arrival. */
sw_status accept_step(sw_tx *tx, void *arg);
sw_status decision_step(sw_tx *tx, void *arg);
/* The bridge admin; SW_NOT_FOUND. */
sw_status bridge_admin(feishu *f, sw_db *db, sw_user *ret);

/* ---- api.c: the REST API ---- */

typedef struct {
    int http_status;      /* 0: no answer                                          */
    int64_t code;         /* of the JSON; -1: there was none                       */
    const char *text;     /* msg of the JSON, or why there was no answer; one line */
    const sw_value *data; /* member "data", NULL                                   */
    const sw_value *root;
    bool unsent;
} api_answer;

/* Makes sense of an answer; texts live in the request. */
void api_read(sw_request *req, const sw_http_answer *answer, api_answer *ret);
/* A call that is waited for (slow lane). `token` NULL: without; `body` NULL: none. */
sw_status api_call(sw_request *req, const char *method, const char *base, const char *path, const char *token,
                   const char *body, api_answer *ret);
/* Does the code say that the token is no longer good? */
bool api_token_bad(const api_answer *a);
/* "code=%d msg=%s[ http_status=%d]", or the transport's error. In the request's memory. */
const char *api_failure(sw_request *req, const api_answer *a);

/* ---- token.c ---- */

/* A cached token into `out`; false: there is none that is fresh. Under the lock. */
bool token_cached(feishu *f, const uint8_t key[FEISHU_KEY_SIZE], int64_t now_ms, char out[FEISHU_TOKEN_MAX + 1]);
/* Asks for one, by a task, unless that is under way or has just failed. Under the lock. */
void token_wanted(feishu *f, int64_t now_ms);
/* Forgets that token. Under the lock. */
void token_bad(feishu *f, const char *text);
/* Waited for, slow lane. The cached one, or a new one. SW_OK with ret_answer->code 0 and `out` filled, or the failure
 * there. */
sw_status token_get(sw_request *req, const connector *c, char out[FEISHU_TOKEN_MAX + 1], api_answer *ret_answer);
/* Asks the platform, without the cache. */
sw_status token_ask(sw_request *req, const connector *c, const char *base, api_answer *ret_answer,
                    const char **ret_token, int64_t *ret_expire_s);

/* ---- survey.c ---- */

/* Who the bot is, and whether somebody else takes its events: by a task when that is not known. Under the lock. */
void survey_wanted(feishu *f, int64_t now_ms);

/* ---- outbox.c: rows in the transaction of what causes them ---- */

/* A text to where that conversation came from, in pieces. */
sw_status outbox_reply(feishu *f, sw_tx *tx, int64_t conversation_id, const char *text, size_t len);
sw_status outbox_card(feishu *f, sw_tx *tx, const sw_approval_event *a);
sw_status outbox_result(feishu *f, sw_tx *tx, const sw_approval_event *a);
/* {"text":…} in the memory of the request. `text` is cut at *len, which becomes less when not all fits into `max`. */
const char *outbox_text_content(sw_json *out, const char *text, size_t *len, size_t max);

/* Where messages go. */
typedef struct {
    const char *type, *id; /* receive_id_type, receive_id; id "": nowhere */
    const char *reply_to;  /* "": no reply                                */
} destination;

/* The chat a conversation came from, else the first allowed one; `any`: else where the newest accepted message came
 * from. */
sw_status destination_find(sw_db *db, const connector *c, int64_t conversation_id, bool any, destination *ret);

/* ---- sender.c, settle.c ---- */

/* There may be something to send. Takes the lock; never blocks. */
void sender_kick(feishu *f);
void sender_kick_later(sw_tx *tx);
/* Under the lock. */
void sender_tick(feishu *f, int64_t now_ms);
void sender_done(feishu *f);

/* ---- notes.c: the integration log ---- */

/* In a step. */
sw_status note(sw_tx *tx, int64_t connector_id, const char *level, const char *action, const char *format, ...)
    SW_PRINTF(5, 6);
/* From anywhere, in a step of its own; lost when the queue is full. */
void note_later(feishu *f, int64_t connector_id, const char *level, const char *action, const char *format, ...)
    SW_PRINTF(5, 6);

/* ---- service.c, health.c, upkeep.c, events/, routes/ ---- */

extern const sw_feishu_service FEISHU_SERVICE;
bool feishu_health(sw_request *req, sw_json *out);
sw_status upkeep_step(sw_tx *tx, bool *ret_more);
sw_status on_chat_stored(sw_tx *tx, const void *data);
sw_status on_approval_requested(sw_tx *tx, const void *data);
sw_status on_approval_decided(sw_tx *tx, const void *data);
sw_status on_store_reset(sw_tx *tx, const void *data);
sw_status get_connector(sw_request *req);
sw_status post_connector(sw_request *req);
sw_status patch_connector(sw_request *req);
sw_status post_verify(sw_request *req);
sw_status post_test_message(sw_request *req);
sw_status patch_enable(sw_request *req);
sw_status get_logs(sw_request *req);

#endif
