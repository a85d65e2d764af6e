/* The REST API of the platform: calls and what their answers mean, the access token, and what the platform knows about
 * this app. */
#ifndef FEISHU_API_H
#define FEISHU_API_H

#include "connector.h"
#include "link/feishu_client.h"
#include <steward/outbound.h>

enum { FEISHU_TOKEN_MAX = 4096 };

typedef struct {
    int http_status;      /* 0 when no answer came                                       */
    int64_t code;         /* of the JSON; -1 when there was none                         */
    const char *text;     /* msg of the JSON, or why no answer came; one line            */
    const sw_value *data; /* member "data"; NULL when there was none                     */
    const sw_value *root;
    bool token_bad; /* the token is no longer good */
    bool too_many;  /* too many calls              */
    bool unsent;
} api_answer;

typedef struct {
    char text[FEISHU_TOKEN_MAX + 1];
    uint8_t key[FEISHU_KEY_SIZE]; /* of the target it was made for */
    int64_t fresh_until_ms;       /* 0 when there is no token */
    int64_t retry_ms;             /* after a failure: not before then */
    unsigned failures;
    bool asking; /* a task is under way */
    char told[FEISHU_ERROR_MAX];
} token_cache;

/* Who this app's bot is, and how many connections the app has. */
typedef struct {
    char open_id[FEISHU_ID_MAX + 1];
    int64_t retry_ms;
    bool asking, known;
    uint64_t counted_for; /* the attempt whose connections were counted */
} bot_info;

/* ---- calls; all memory is the request's ---- */

/* A call that is waited for, on the slow lane. `token` and `body` may be NULL. */
sw_status api_call(sw_request *req, const char *method, const char *base, const char *path, const char *token,
                   const char *body, api_answer *ret);
/* Makes sense of an answer that came another way. */
void api_read(sw_request *req, const sw_http_answer *answer, api_answer *ret);
/* "code=%d msg=%s[ http_status=%d]", or the transport's error. */
const char *api_failure(sw_request *req, const api_answer *a);

/* ---- the token ---- */

/* Copies a fresh token into `out`. When there is none it is false, and a task asks for one, unless one runs or has just
 * failed. Under the lock. */
bool token_ready(feishu *f, const uint8_t key[FEISHU_KEY_SIZE], int64_t now_ms, char out[FEISHU_TOKEN_MAX + 1]);
/* Forgets that token. Under the lock. */
void token_bad(feishu *f, const char *text);
/* Gives the cached token or asks for one, and waits (slow lane). On SW_OK either ret_answer->code is 0 and `out` is
 * filled, or ret_answer tells the failure. */
sw_status token_get(sw_request *req, const connector *c, char out[FEISHU_TOKEN_MAX + 1], api_answer *ret_answer);
/* Asks the platform without looking into the cache. */
sw_status token_ask(sw_request *req, const connector *c, const char *base, api_answer *ret_answer,
                    const char **ret_token, int64_t *ret_expire_s);

/* ---- the survey ---- */

/* Starts a task that asks who the bot is and whether others take its events, unless that is known. Under the lock. */
void survey_wanted(feishu *f, int64_t now_ms);

#endif
