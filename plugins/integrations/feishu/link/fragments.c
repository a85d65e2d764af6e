/* Reassembly of events that came in parts. See fragments.h. */
#include "link/fragments.h"
#include "words.h"
#include <stdlib.h>
#include <string.h>

enum { ID_MAX = 128 };

typedef struct {
    char *bytes; /* owned; NULL until it came, or when it is empty */
    size_t len;
    bool came;
} part;

typedef struct group {
    struct group *next; /* newest first */
    char id[ID_MAX + 1];
    int sum, missing;
    size_t bytes;
    int64_t started_ms;
    part parts[];
} group;

struct fragments {
    group *groups;
    size_t count, bytes;
    char *joined; /* what the latest FRAGMENTS_WHOLE returned */
};

static void group_free(group *g)
{
    for (int i = 0; i < g->sum; i++)
        free(g->parts[i].bytes);
    free(g);
}

fragments *fragments_new(void)
{
    return calloc(1, sizeof(fragments));
}

void fragments_free(fragments *g)
{
    if (!g)
        return;
    while (g->groups) {
        group *next = g->groups->next;
        group_free(g->groups);
        g->groups = next;
    }
    free(g->joined);
    free(g);
}

static void drop(fragments *g, group *gone)
{
    for (group **at = &g->groups; *at; at = &(*at)->next)
        if (*at == gone) {
            *at = gone->next;
            g->count--;
            g->bytes -= gone->bytes;
            group_free(gone);
            return;
        }
}

size_t fragments_open(fragments *g, int64_t now_ms)
{
    for (group *at = g->groups; at;) {
        group *next = at->next;
        if (now_ms - at->started_ms >= FRAGMENTS_TIMEOUT_MS)
            drop(g, at);
        at = next;
    }
    return g->count;
}

/* false when there is no group but `keep`. */
static bool drop_oldest(fragments *g, const group *keep)
{
    group *oldest = NULL;

    for (group *at = g->groups; at; at = at->next)
        if (at != keep)
            oldest = at;
    if (oldest)
        drop(g, oldest);
    return oldest != NULL;
}

/* The group of that id; a new one when there is none. NULL when there is no memory, or the sum differs from that of the
 * first part. */
static group *group_of(fragments *g, sw_str id, int sum, int64_t now_ms)
{
    for (group *at = g->groups; at; at = at->next)
        if (text_is(id, at->id))
            return at->sum == sum ? at : NULL;
    if (g->count == FRAGMENTS_GROUPS_MAX)
        (void)drop_oldest(g, NULL);
    group *made = calloc(1, sizeof *made + (size_t)sum * sizeof(part));
    if (!made)
        return NULL;
    memcpy(made->id, id.at, id.len);
    made->sum = made->missing = sum;
    made->started_ms = now_ms;
    made->next = g->groups;
    g->groups = made;
    g->count++;
    return made;
}

static bool keep(fragments *g, group *at, int seq, sw_str payload)
{
    part *p = &at->parts[seq];
    char *copy = NULL;

    if (at->bytes - p->len + payload.len > FRAGMENTS_BYTES_MAX)
        return false;
    if (payload.len > 0) {
        copy = malloc(payload.len);
        if (!copy)
            return false;
        memcpy(copy, payload.at, payload.len);
    }
    at->bytes += payload.len - p->len;
    g->bytes += payload.len - p->len;
    at->missing -= p->came ? 0 : 1;
    free(p->bytes);
    *p = (part){.bytes = copy, .len = payload.len, .came = true};
    return true;
}

static bool join(fragments *g, const group *at, sw_str *ret)
{
    char *joined = malloc(at->bytes ? at->bytes : 1);
    size_t len = 0;

    if (!joined)
        return false;
    for (int i = 0; i < at->sum; i++) {
        if (at->parts[i].len > 0)
            memcpy(joined + len, at->parts[i].bytes, at->parts[i].len);
        len += at->parts[i].len;
    }
    free(g->joined);
    g->joined = joined;
    *ret = (sw_str){joined, len};
    return true;
}

fragments_answer fragments_add(fragments *g, const frame *f, int64_t now_ms, sw_str *ret_payload)
{
    sw_str id = frame_header_get(f, "message_id"), sum_text = frame_header_get(f, "sum");
    int sum = sum_text.len == 0 ? 1 : frame_header_number(f, "sum", FRAGMENTS_PARTS_MAX);
    int seq = frame_header_number(f, "seq", FRAGMENTS_PARTS_MAX);

    (void)fragments_open(g, now_ms);
    if (sum == 0 || sum == 1) {
        *ret_payload = f->payload.at ? f->payload : (sw_str){"", 0};
        return FRAGMENTS_WHOLE;
    }
    if (sum < 0 || seq < 0 || seq >= sum || id.len == 0 || id.len > ID_MAX || memchr(id.at, '\0', id.len))
        return FRAGMENTS_BAD;
    group *at = group_of(g, id, sum, now_ms);
    if (!at)
        return FRAGMENTS_BAD;
    while (g->bytes + f->payload.len > FRAGMENTS_TOTAL_MAX && drop_oldest(g, at))
        continue;
    if (!keep(g, at, seq, f->payload)) {
        drop(g, at);
        return FRAGMENTS_BAD;
    }
    if (at->missing > 0)
        return FRAGMENTS_PART;
    bool whole = join(g, at, ret_payload);
    drop(g, at);
    return whole ? FRAGMENTS_WHOLE : FRAGMENTS_BAD;
}
