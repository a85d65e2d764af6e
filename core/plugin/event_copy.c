/* Which members of the events' structs are texts: the table that makes deep copies possible. */
#include "core/plugin/event_copy.h"

#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <steward/event.h>
#include <string.h>

enum { EVENT_TEXTS_MAX = 12 };

typedef struct {
    const char *event;
    size_t size;
    unsigned text_count;
    size_t texts[EVENT_TEXTS_MAX]; /* offsets of const char * members */
} event_layout;

#define AT(type, member) offsetof(type, member)

static const event_layout LAYOUTS[] = {
    {SW_EVENT_USER_CREATED, sizeof(sw_user_event), 1, {AT(sw_user_event, username)}},
    {SW_EVENT_USER_ROLE_CHANGED, sizeof(sw_user_event), 1, {AT(sw_user_event, username)}},
    {SW_EVENT_USER_REMOVED, sizeof(sw_user_event), 1, {AT(sw_user_event, username)}},
    {SW_EVENT_TOKEN_CHANGED, sizeof(sw_token_event), 2, {AT(sw_token_event, username), AT(sw_token_event, raw_token)}},
    {SW_EVENT_MESSAGE_STORED,
     sizeof(sw_message_event),
     3,
     {AT(sw_message_event, agent_id), AT(sw_message_event, level), AT(sw_message_event, content)}},
    {SW_EVENT_CHAT_STORED,
     sizeof(sw_chat_event),
     3,
     {AT(sw_chat_event, type), AT(sw_chat_event, payload), AT(sw_chat_event, source)}},
#define APPROVAL_TEXTS                                                                                              \
    {                                                                                                               \
        AT(sw_approval_event, action_id), AT(sw_approval_event, target_agent_name), AT(sw_approval_event, command), \
            AT(sw_approval_event, reason), AT(sw_approval_event, status), AT(sw_approval_event, channel),           \
            AT(sw_approval_event, decided_by), AT(sw_approval_event, requester_name), AT(sw_approval_event, tool),  \
            AT(sw_approval_event, comment)                                                                          \
    }
    {SW_EVENT_APPROVAL_REQUESTED, sizeof(sw_approval_event), 10, APPROVAL_TEXTS},
    {SW_EVENT_APPROVAL_DECIDED, sizeof(sw_approval_event), 10, APPROVAL_TEXTS},
    {SW_EVENT_SOCKET_OPENED, sizeof(sw_socket_event), 0, {0}},
    {SW_EVENT_SOCKET_CLOSED, sizeof(sw_socket_event), 0, {0}},
};

struct event_copy {
    _Atomic unsigned refs;
    _Alignas(max_align_t) unsigned char data[]; /* the struct, then the bytes of its texts */
};

static const event_layout *layout_of(const char *event)
{
    for (size_t i = 0; i < sizeof LAYOUTS / sizeof LAYOUTS[0]; i++)
        if (strcmp(LAYOUTS[i].event, event) == 0)
            return &LAYOUTS[i];
    return NULL;
}

size_t event_size(const char *event)
{
    const event_layout *layout = layout_of(event);
    return layout ? layout->size : 0;
}

static const char *text_at(const unsigned char *data, size_t offset)
{
    const char *text;
    memcpy(&text, data + offset, sizeof text);
    return text ? text : "";
}

event_copy *event_copy_new(const char *event, const void *data, size_t len)
{
    const event_layout *layout = layout_of(event);
    size_t size = layout && layout->size > len ? layout->size : len;
    size_t extra = 0;
    /* A publisher built with an older header has not the last members: only those it has are read. */
    for (unsigned i = 0; layout && i < layout->text_count; i++)
        extra += layout->texts[i] + sizeof(char *) <= len ? strlen(text_at(data, layout->texts[i])) + 1 : 1;

    event_copy *copy = calloc(1, sizeof *copy + size + extra);
    if (!copy)
        return NULL;
    copy->refs = 1;
    if (len)
        memcpy(copy->data, data, len);
    char *to = (char *)copy->data + size;
    for (unsigned i = 0; layout && i < layout->text_count; i++) {
        size_t at = layout->texts[i];
        const char *text = text_at(copy->data, at); /* zero behind len */
        size_t bytes = strlen(text) + 1;
        memcpy(to, text, bytes);
        memcpy(copy->data + at, &to, sizeof to);
        to += bytes;
    }
    return copy;
}

const void *event_copy_data(const event_copy *copy)
{
    return copy->data;
}

void event_copy_ref(event_copy *copy)
{
    atomic_fetch_add_explicit(&copy->refs, 1, memory_order_relaxed);
}

void event_copy_unref(void *arg)
{
    event_copy *copy = arg;
    if (copy && atomic_fetch_sub_explicit(&copy->refs, 1, memory_order_acq_rel) == 1)
        free(copy);
}
