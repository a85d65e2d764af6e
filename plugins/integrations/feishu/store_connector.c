/* The connector and its table, of which the newest row counts. Each secret is sealed with a key from master.key, under
 * a label of its own. Any thread may read, on its own connection; writing is done in write steps. routes/connector.c
 * shows it and takes it from the API. */
#include "feishu.h"
#include <string.h>

enum { NEWEST, ADD, CHANGE, VERIFIED, ENABLE };

static const sw_statement STATEMENTS[] = {
    [NEWEST] = {.name = "connector_newest",
                .sql = "SELECT id, connector_name, enabled, app_id, app_secret, verification_token, encrypt_key,"
                       " allow_dm, allow_group_mention, mention_required, prefix_command, ignore_bot_messages,"
                       " rate_limit_per_minute, callback_url, allowed_chat_ids, user_whitelist, callback_verified,"
                       " last_verified_ms, created_ms, updated_ms, allow_everyone FROM feishu_connectors"
                       " ORDER BY id DESC LIMIT 1"},
    [ADD] = {.name = "connector_add",
             .sql = "INSERT INTO feishu_connectors (connector_name, enabled, app_id, app_secret, verification_token,"
                    " encrypt_key, allow_dm, allow_group_mention, mention_required, prefix_command,"
                    " ignore_bot_messages, rate_limit_per_minute, callback_url, allowed_chat_ids, user_whitelist,"
                    " created_ms, updated_ms, allow_everyone)"
                    " VALUES (?1, 0, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?15, ?16)"},
    [CHANGE] = {.name = "connector_change",
                .sql = "UPDATE feishu_connectors SET connector_name = ?2, enabled = ?3, app_id = ?4, app_secret = ?5,"
                       " verification_token = ?6, encrypt_key = ?7, allow_dm = ?8, allow_group_mention = ?9,"
                       " mention_required = ?10, prefix_command = ?11, ignore_bot_messages = ?12,"
                       " rate_limit_per_minute = ?13, callback_url = ?14, allowed_chat_ids = ?15,"
                       " user_whitelist = ?16, callback_verified = ?17, last_verified_ms = NULLIF(?18, 0),"
                       " updated_ms = ?19, allow_everyone = ?20"
                       " WHERE id = ?1"},
    [VERIFIED] = {.name = "connector_verified",
                  .sql = "UPDATE feishu_connectors SET callback_verified = 1, last_verified_ms = ?2, updated_ms = ?2"
                         " WHERE id = ?1"},
    [ENABLE] = {.name = "connector_enable",
                .sql = "UPDATE feishu_connectors SET enabled = ?2, updated_ms = ?3 WHERE id = ?1"},
};

const sw_table CONNECTOR_STATEMENTS = SW_TABLE(STATEMENTS);

enum { SEAL_OVERHEAD = 28 };

static const char LABEL_SECRET[] = "feishu.app_secret";
static const char LABEL_TOKEN[] = "feishu.verification_token";
static const char LABEL_ENCRYPT[] = "feishu.encrypt_key";

connector connector_default(void)
{
    return (connector){.name = "Feishu Butler Connector",
                       .app_id = "",
                       .app_secret = "",
                       .verification_token = "",
                       .encrypt_key = "",
                       .prefix = "",
                       .callback_url = "",
                       .chats = "",
                       .people = "",
                       .allow_dm = true,
                       .allow_group = true,
                       .ignore_bots = true,
                       .rate = 30};
}

bool connector_has_credentials(const connector *c)
{
    return *c->app_id && *c->app_secret;
}

bool connector_open_to_somebody(const connector *c)
{
    return *c->chats || *c->people || c->allow_everyone;
}

sw_status connector_warn(sw_tx *tx)
{
    feishu *f = sw_tx_state(tx);
    connector c;
    sw_status found = connector_newest(f, sw_tx_db(tx), &c);

    if (found == SW_NOT_FOUND || (found == SW_OK && (!c.enabled || connector_open_to_somebody(&c))))
        return SW_OK;
    SW_TRY(found);
    sw_log(f->host, SW_LOG_WARN,
           "the connector is enabled and lists nobody, so it takes no message and sends no approval card: set "
           "user_whitelist or allowed_chat_ids, or allow_everyone");
    return note(tx, c.id, "error", "nobody_allowed",
                "Nobody is on user_whitelist or allowed_chat_ids, and allow_everyone is not set: no message is taken");
}

bool connector_token_good(const connector *c, const char *token)
{
    size_t len = strlen(token), wanted = strlen(c->verification_token);

    if (len == 0 || wanted == 0)
        return true;
    return len == wanted && sw_equal_secret(token, c->verification_token, len);
}

/* ---- secrets ---- */

/* An empty text is stored as NULL: *ret has no bytes then. */
static sw_status seal(feishu *f, sw_db *db, const char *label, const char *plain, sw_str *ret)
{
    size_t len = strlen(plain);

    *ret = (sw_str){NULL, 0};
    if (len == 0)
        return SW_OK;
    uint8_t *sealed = sw_db_alloc(db, 1, len + SEAL_OVERHEAD);
    if (!sealed)
        return SW_NO_MEMORY;
    SW_TRY(sw_seal(f->host, label, plain, len, sealed));
    *ret = (sw_str){(const char *)sealed, len + SEAL_OVERHEAD};
    return SW_OK;
}

static sw_status unseal(feishu *f, sw_db *db, const char *label, const sw_rows *row, int column, const char **ret)
{
    sw_str sealed = sw_rows_view(row, column);

    *ret = "";
    if (sealed.len <= SEAL_OVERHEAD)
        return SW_OK;
    char *plain = sw_db_alloc(db, 1, sealed.len - SEAL_OVERHEAD + 1);
    if (!plain)
        return SW_NO_MEMORY;
    if (sw_unseal(f->host, label, sealed.at, sealed.len, (uint8_t *)plain) == SW_OK)
        *ret = plain;
    else
        sw_log(f->host, SW_LOG_ERROR, "%s cannot be decrypted with this master key: set it again", label + 7);
    return SW_OK;
}

typedef struct {
    sw_str secret, token, encrypt;
} sealed_three;

static sw_status seal_three(feishu *f, sw_tx *tx, const connector *c, sealed_three *ret)
{
    sw_db *db = sw_tx_db(tx);

    SW_TRY(seal(f, db, LABEL_SECRET, c->app_secret, &ret->secret));
    SW_TRY(seal(f, db, LABEL_TOKEN, c->verification_token, &ret->token));
    return seal(f, db, LABEL_ENCRYPT, c->encrypt_key, &ret->encrypt);
}

/* ---- reading ---- */

static sw_status read_row(feishu *f, sw_db *db, const sw_rows *row, connector *ret)
{
    *ret = (connector){
        .id = sw_rows_int(row, 0),
        .name = sw_rows_text(row, 1),
        .enabled = sw_rows_int(row, 2) != 0,
        .app_id = sw_rows_text(row, 3),
        .allow_dm = sw_rows_int(row, 7) != 0,
        .allow_group = sw_rows_int(row, 8) != 0,
        .mention_required = sw_rows_int(row, 9) != 0,
        .prefix = sw_rows_text(row, 10),
        .ignore_bots = sw_rows_int(row, 11) != 0,
        .rate = sw_rows_int(row, 12),
        .callback_url = sw_rows_text(row, 13),
        .chats = sw_rows_text(row, 14),
        .people = sw_rows_text(row, 15),
        .verified = sw_rows_int(row, 16) != 0,
        .verified_ms = sw_rows_int(row, 17),
        .created_ms = sw_rows_int(row, 18),
        .updated_ms = sw_rows_int(row, 19),
        .allow_everyone = sw_rows_int(row, 20) != 0,
    };
    SW_TRY(unseal(f, db, LABEL_SECRET, row, 4, &ret->app_secret));
    SW_TRY(unseal(f, db, LABEL_TOKEN, row, 5, &ret->verification_token));
    return unseal(f, db, LABEL_ENCRYPT, row, 6, &ret->encrypt_key);
}

sw_status connector_newest(feishu *f, sw_db *db, connector *ret)
{
    sw_rows *rows = NULL;
    connector found;
    sw_status status = SW_NOT_FOUND;

    SW_TRY(sw_db_query(db, &STATEMENTS[NEWEST], 0, &rows, ""));
    if (sw_rows_next(rows))
        status = read_row(f, db, rows, &found);
    SW_TRY(sw_rows_done(rows));
    if (status == SW_OK)
        *ret = found;
    return status;
}

sw_status connector_named(feishu *f, sw_request *req, sw_db *db, int64_t id, connector *ret)
{
    connector newest = {.id = 0};
    sw_status found = connector_newest(f, db, &newest);

    if (found == SW_NOT_FOUND || (found == SW_OK && newest.id != id))
        return sw_fail(req, SW_NOT_FOUND, NULL, "feishu connector not found");
    if (found == SW_OK)
        *ret = newest;
    return found;
}

int64_t connector_path_id(sw_request *req)
{
    const char *text = sw_path_text(req, "id");
    int64_t id = 0;

    for (const char *at = text; *at; at++) {
        if (*at < '0' || *at > '9' || at - text >= 18) {
            id = 0;
            break;
        }
        id = id * 10 + (*at - '0');
    }
    if (id <= 0)
        sw_invalid(req, "invalid_parameter", "invalid connector id");
    return id;
}

sw_status connector_of_path(feishu *f, sw_request *req, connector *ret)
{
    int64_t id = connector_path_id(req);

    SW_TRY(sw_check(req));
    return connector_named(f, req, sw_request_db(req), id, ret);
}

/* ---- writing ---- */

sw_status connector_add(feishu *f, sw_tx *tx, connector *c)
{
    sealed_three s;

    SW_TRY(seal_three(f, tx, c, &s));
    c->created_ms = c->updated_ms = sw_tx_now(tx);
    SW_TRY(sw_tx_exec(tx, &STATEMENTS[ADD], NULL, "ssbbbiiisiisssii", c->name, c->app_id, (const void *)s.secret.at,
                      s.secret.len, (const void *)s.token.at, s.token.len, (const void *)s.encrypt.at, s.encrypt.len,
                      (int64_t)c->allow_dm, (int64_t)c->allow_group, (int64_t)c->mention_required, c->prefix,
                      (int64_t)c->ignore_bots, c->rate, c->callback_url, c->chats, c->people, c->created_ms,
                      (int64_t)c->allow_everyone));
    c->id = sw_tx_last_id(tx);
    return SW_OK;
}

sw_status connector_change(feishu *f, sw_tx *tx, connector *c)
{
    sealed_three s;

    SW_TRY(seal_three(f, tx, c, &s));
    c->updated_ms = sw_tx_now(tx);
    return sw_tx_exec(tx, &STATEMENTS[CHANGE], NULL, "isisbbbiiisiisssiiii", c->id, c->name, (int64_t)c->enabled,
                      c->app_id, (const void *)s.secret.at, s.secret.len, (const void *)s.token.at, s.token.len,
                      (const void *)s.encrypt.at, s.encrypt.len, (int64_t)c->allow_dm, (int64_t)c->allow_group,
                      (int64_t)c->mention_required, c->prefix, (int64_t)c->ignore_bots, c->rate, c->callback_url,
                      c->chats, c->people, (int64_t)c->verified, c->verified_ms, c->updated_ms,
                      (int64_t)c->allow_everyone);
}

sw_status connector_set_verified(sw_tx *tx, int64_t id)
{
    return sw_tx_exec(tx, &STATEMENTS[VERIFIED], NULL, "ii", id, sw_tx_now(tx));
}

sw_status connector_set_enabled(sw_tx *tx, int64_t id, bool enabled)
{
    return sw_tx_exec(tx, &STATEMENTS[ENABLE], NULL, "iii", id, (int64_t)enabled, sw_tx_now(tx));
}
