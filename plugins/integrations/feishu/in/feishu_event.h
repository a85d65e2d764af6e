/* An event of the platform, as this plugin understands it: a message, or a click on a card. Reading is pure: it works
 * on parsed JSON and copies what it keeps, so that an event may outlive the work that read it. */
#ifndef FEISHU_EVENT_H
#define FEISHU_EVENT_H

#include <steward/json.h>

typedef enum { EVENT_OTHER = 0, EVENT_MESSAGE, EVENT_CARD } event_kind;

/* The ids of one person or bot; "" for an absent one. */
typedef struct {
    const char *user_id, *open_id, *union_id;
} event_person;

/* Its texts are never NULL, and they are trimmed. */
typedef struct {
    event_kind kind;
    const char *type, *event_id, *token;
    event_person person; /* the sender, or the person who clicked                      */
    const char *chat_id;
    /* a message */
    const char *message_id;   /* of the message, else the id of the event                   */
    const char *text;         /* readable, without the bot's own mention                    */
    bool is_group, mentioned; /* mentioned: the bot was; while it is unknown, anybody       */
    bool from_bot, from_self;
    /* a click */
    const char *name; /* of the person who clicked, "" when it did not come */
    const char *action, *action_id, *command_sha256;
    bool approved, has_value;
    void *memory; /* what the texts live in */
} event;

/* The content of a message, which is a JSON text inside the JSON: parse it for event_read(). NULL when there is none.
 */
const char *event_content(const sw_value *root, size_t *ret_len);
/* Reads an event. `root` is the whole; `content` is event_content(), parsed, or NULL when that is not JSON; `bot` is
 * the open_id of this bot, "" while it is unknown. false when there is no memory. Anything else that is odd makes an
 * event with empty fields. Call event_done() in any case. */
bool event_read(event *ret, const sw_value *root, const sw_value *content, const char *bot);
void event_done(event *e);

/* The first of user_id, open_id, union_id that is not empty. */
const char *event_person_id(const event_person *p);
/* Is one of its ids on the list? */
bool event_person_listed(const char *list, const event_person *p);

#endif
