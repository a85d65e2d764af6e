/* An event of the platform, as this plugin understands it: a message, or a click on a card. Reading is pure: it works
 * on parsed JSON and copies what it keeps, so that an event may outlive the work that read it. */
#ifndef FEISHU_EVENT_H
#define FEISHU_EVENT_H

#include "common/buf.h"
#include <steward/json.h>

typedef enum { EVENT_OTHER = 0, EVENT_MESSAGE, EVENT_CARD } event_kind;

/* The ids of one person or bot; "" when absent. */
typedef struct {
    const char *user_id, *open_id, *union_id;
} event_person;

/* Texts are never NULL, and trimmed but for `text` of a card's value. */
typedef struct {
    event_kind kind;
    const char *type, *event_id, *token;
    event_person person; /* sender, or who clicked                                     */
    const char *chat_id;
    /* a message */
    const char *message_id;   /* of the message, else the event's id; "": neither           */
    const char *text;         /* readable, without the bot's own mention                    */
    bool is_group, mentioned; /* mentioned: this bot, or anybody while the bot is unknown   */
    bool from_bot, from_self;
    /* a click */
    const char *name; /* of who clicked, "" when it did not come                    */
    const char *action, *action_id;
    bool approved, has_value;
    void *memory; /* what the texts live in */
} event;

/* The content of a message: a JSON text inside the JSON; NULL: there is none. Parse it for event_read(). */
const char *event_content(const sw_value *root, size_t *ret_len);
/* `root`: the whole event; `content`: event_content() parsed, NULL when it is no JSON; `bot`: open_id of this bot, ""
 * while unknown. false: no memory. Anything else that is odd makes an event with empty fields. event_done() it in any
 * case. */
bool event_read(event *ret, const sw_value *root, const sw_value *content, const char *bot);
void event_done(event *e);

/* The first of user_id, open_id, union_id that is not blank. */
const char *event_person_id(const event_person *p);
/* Is one of its ids on the list? */
bool event_person_listed(const char *list, const event_person *p);

/* ---- feishu_text.c ---- */

/* Adds the text of a message: `type` as the platform names it, `content` its parsed content (NULL: no JSON, then `raw`
 * is taken as it is), `mentions` its list. Mentions of `bot` (an open_id) vanish; while the bot is unknown (""), one
 * that the text begins with. */
void text_readable(buf *out, sw_str type, const sw_value *content, sw_str raw, const sw_value *mentions,
                   const char *bot);

#endif
