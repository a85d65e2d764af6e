/* Service "users/1": the table of users. It works on the connection of a check step and on that of a write step. Texts
 * live as long as the piece of work that the connection is lent to. */
#ifndef STEWARD_SERVICE_USERS_H
#define STEWARD_SERVICE_USERS_H

#include <steward/db.h>
#include <steward/tx.h>

SW_BEGIN_DECLS

/* Set `size` before you call a function that fills one: sw_user user = {.size = sizeof user}. */
typedef struct {
    uint32_t size; /* sizeof(sw_user)         */
    sw_role role;
    int64_t id;
    const char *name;
    const char *password_hash; /* "" for AGENT and BUTLER */
    int64_t generation;        /* the JWT claim `ver`     */
    int64_t created_ms;
    bool removed; /* only by_id_any() gives such users */
    sw_db *db;    /* where it was read; write() reads the rest of the row there */
} sw_user;

typedef struct {
    uint32_t size; /* sizeof(sw_users_service) */
    /* These functions find a user, on a worker or on the writer. When there is none they say SW_NOT_FOUND, and *ret
     * keeps its value. Only by_id_any() finds removed users. SW_INTERNAL: ret->size was not set. */
    sw_status (*by_id)(void *self, sw_db *db, int64_t id, sw_user *ret);
    sw_status (*by_id_any)(void *self, sw_db *db, int64_t id, sw_user *ret);
    sw_status (*by_name)(void *self, sw_db *db, const char *name, sw_user *ret); /* in any case */
    sw_status (*by_api_token)(void *self, sw_db *db, const char *token, size_t len, sw_user *ret);
    sw_status (*butler)(void *self, sw_db *db, sw_user *ret);
    /* Finds the ADMIN with the lowest id. */
    sw_status (*first_admin)(void *self, sw_db *db, sw_user *ret);
    /* Calls `each` for every ADMIN, in the order of ids, until it returns false. */
    sw_status (*each_admin)(void *self, sw_db *db, bool (*each)(void *arg, const sw_user *user), void *arg);
    /* Replaces the hash of a password, when a login has made a better one. It does so only while the hash is still
     * `old_hash`. The generation stays. */
    sw_status (*set_password_hash)(void *self, sw_tx *tx, int64_t id, const char *old_hash, const char *new_hash);
    /* Notes the latest report of an agent, which is shown as last_report. */
    sw_status (*note_report)(void *self, sw_tx *tx, int64_t id, const char *content);
    /* Writes the user object of the contract. (The answer to a login has a shorter one.) With `hint` it has token_hint.
     */
    void (*write)(void *self, sw_host *host, sw_json *out, const char *key, const sw_user *user, bool hint);
    /* For a plugin whose people are known to another machine: makes sure that there is a human of that name (in any
     * case) with that role. When there is none, it makes a row without a password. Another role is stored as PATCH does
     * it: with a new generation, and the sockets close. SW_INVALID: a human cannot have this name or role. SW_CONFLICT:
     * an agent or Butler has the name, or the last ADMIN would lose that role. */
    sw_status (*provide)(void *self, sw_tx *tx, const char *name, sw_role role, sw_user *ret);
    /* To change the password of a human, call password_allowed(), then sw_password_hash(), then change_password(). This
     * one checks the password by the rules of POST and PATCH. SW_INVALID: *ret_why says why, in a static text without
     * the password. Any thread. */
    sw_status (*password_allowed)(void *self, const char *password, const char **ret_why);
    /* Stores the hash as PATCH does it: with a new generation, so that every token from before is void, and the sockets
     * close. SW_NOT_FOUND: there is no such user. SW_CONFLICT: it is an agent or Butler, who have no password. */
    sw_status (*change_password)(void *self, sw_tx *tx, int64_t id, const char *hash);
    /* Since 1.2; look at `size` first. Who of the system has this name, in any case and without spaces around it? The
     * role of an AGENT, else 0. BUTLER for each name that a person may take for Butler's. A name of nobody costs no
     * query. */
    sw_status (*name_of_system)(void *self, sw_db *db, const char *name, sw_role *ret_role);
} sw_users_service;

SW_END_DECLS
#endif
