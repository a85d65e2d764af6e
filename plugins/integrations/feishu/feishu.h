/* feishu: one Feishu or Lark app as a door to the Butler. plugin.c is the front door; README.md tells the way of a
 * message through the rooms.
 *
 * Threads: routes, timers and tasks run on workers, write steps on the writer. Callbacks of the connection and of HTTP
 * calls run on the outbound threads: they only note something, and hand the work on. What they all share is the struct
 * below, under its lock. The lock is held for a few instructions, and never while something waits. */
#ifndef FEISHU_H
#define FEISHU_H

#include "api/feishu_api.h"
#include "connector.h"
#include "in/inbound.h"
#include "link/feishu_client.h"
#include "out/sender.h"
#include <pthread.h>
#include <steward/outbound.h>
#include <steward/plugin.h>
#include <steward/service/chat.h>
#include <steward/service/feishu.h>
#include <steward/service/users.h>

/* Made by start(), freed by stop(). */
struct feishu {
    sw_host *host;
    int64_t removed; /* by retention since the last line that said so; the writer's */
    const sw_users_service *users;
    const sw_chat_service *chat;
    const sw_approvals_service *approvals;
    void *users_self, *chat_self, *approvals_self;

    pthread_mutex_t lock; /* guards everything below */
    bool paused;          /* the plugin is disabled */
    uint64_t changes;     /* how often the connector or an option has changed */
    bool look;            /* the connector must be read again: now */
    int64_t look_ms;      /* or at this time */
    client client;
    inbox inbox;
    sender sender;
    token_cache token;
    bot_info bot;
    int64_t last_event_ms; /* wall clock */
    uint64_t events, dropped;
};

/* ---- feishu_log.c: the integration log, which tells an administrator why something did not happen ---- */

extern const sw_table LOG_STATEMENTS;

/* Adds a row, in a write step: one line, cut at 1 KiB. */
sw_status note(sw_tx *tx, int64_t connector_id, const char *level, const char *action, const char *format, ...)
    SW_PRINTF(5, 6);
/* The same from any thread, in a write step of its own. The row is lost when the writer's queue is full. `level` and
 * `action` must be literals. */
void note_later(feishu *f, int64_t connector_id, const char *level, const char *action, const char *format, ...)
    SW_PRINTF(5, 6);
/* Other plugins add rows in their own write steps. */
extern const sw_feishu_service FEISHU_SERVICE;

/* ---- store.c: the end of rows ---- */

extern const sw_table RETENTION_STATEMENTS, RESET_STATEMENTS;

/* Removes rows that are too old, some at a time. */
sw_status retention_step(sw_tx *tx, bool *ret_more);
sw_status on_store_reset(sw_tx *tx, const void *data);

/* ---- routes: routes/, and get_logs() in feishu_log.c ---- */

sw_status get_connector(sw_request *req);
sw_status post_connector(sw_request *req);
sw_status patch_connector(sw_request *req);
sw_status post_verify(sw_request *req);
sw_status post_test_message(sw_request *req);
sw_status patch_enable(sw_request *req);
sw_status get_logs(sw_request *req);

#endif
