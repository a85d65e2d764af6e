/* The connector: what an administrator has set up, one row. Only the newest row counts. Reading works on any
 * connection, writing in a write step. */
#ifndef FEISHU_CONNECTOR_H
#define FEISHU_CONNECTOR_H

#include <steward/plugin.h>

enum { FEISHU_ID_MAX = 128, FEISHU_SECRET_MAX = 512 };

typedef struct feishu feishu; /* the state of the plugin: feishu.h */

/* Its texts live as long as the request or the write step that read them. */
typedef struct {
    int64_t id; /* 0 when there is no connector yet: the rest is the defaults then */
    const char *name, *app_id, *app_secret, *verification_token, *encrypt_key, *prefix, *callback_url;
    const char *chats, *people; /* lists: one item a line */
    bool enabled, allow_dm, allow_group, mention_required, ignore_bots, verified;
    bool allow_everyone; /* may write when both lists are empty */
    int64_t rate, verified_ms, created_ms, updated_ms;
} connector;

extern const sw_table CONNECTOR_STATEMENTS;

connector connector_default(void);
bool connector_has_credentials(const connector *c);
/* Is anybody on a list, or everyone allowed? Else a connector that is enabled takes no message. */
bool connector_open_to_somebody(const connector *c);
/* At the start: says so of one that an older server has enabled. */
sw_status connector_warn(sw_tx *tx);
/* Whether an event's token is the connector's. It is good, too, when either of them is empty. */
bool connector_token_good(const connector *c, const char *token);
/* The id in the path. The error "invalid connector id" is sticky. */
int64_t connector_path_id(sw_request *req);

/* SW_NOT_FOUND when there is no connector. A secret that cannot be opened is read as "", and that is logged. */
sw_status connector_newest(feishu *f, sw_db *db, connector *ret);
/* The newest connector, for a route: it answers 404 when the connector has another id. */
sw_status connector_named(feishu *f, sw_request *req, sw_db *db, int64_t id, connector *ret);
/* The same with the id of the path, for a check step: sticky errors come first. */
sw_status connector_of_path(feishu *f, sw_request *req, connector *ret);
/* Sets the id and the times. */
sw_status connector_add(feishu *f, sw_tx *tx, connector *c);
/* Writes all members, and sets updated_ms. */
sw_status connector_change(feishu *f, sw_tx *tx, connector *c);
sw_status connector_set_verified(sw_tx *tx, int64_t id);
sw_status connector_set_enabled(sw_tx *tx, int64_t id, bool enabled);

#endif
