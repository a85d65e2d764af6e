/* PATCH /api/chat/threads/:thread_id: changes the title, summary, pinned or archived of an own thread. A worker reads
 * the body; the write step applies it. */
#include "threads/threads.h"

typedef struct {
    int64_t id, owner_id;
    const char *title, *summary; /* NULL when it stays */
    int pinned, archived;        /* -1 when it stays */
} thread_patch;

static sw_status apply(sw_tx *tx, void *arg)
{
    const thread_patch *patch = arg;
    int64_t now = sw_tx_now(tx);
    thread_row t;
    sw_status found = thread_get(sw_tx_db(tx), patch->id, &t);

    if (found != SW_OK && found != SW_NOT_FOUND)
        return found;
    if (found == SW_NOT_FOUND || t.owner_id != patch->owner_id)
        return thread_missing(sw_tx_request(tx));
    if (patch->title)
        t.title = patch->title;
    if (patch->summary)
        t.summary = patch->summary;
    if (patch->pinned >= 0)
        t.is_pinned = patch->pinned != 0;
    if (patch->archived == 0)
        t.archived_ms = 0;
    else if (patch->archived > 0 && !t.archived_ms)
        t.archived_ms = now;
    t.updated_ms = now;
    SW_TRY(thread_change(tx, &t));
    thread_write(sw_tx_reply(tx, 200), NULL, &t);
    return SW_OK;
}

static bool given(sw_request *req, const char *name)
{
    const sw_value *value = sw_value_get(sw_body(req), name);
    return value && sw_value_type(value) != SW_JSON_NULL;
}

sw_status patch_thread(sw_request *req)
{
    size_t summary_max = (size_t)sw_option_int(sw_request_host(req), "summary_max");
    thread_patch *patch = sw_alloc(req, 1, sizeof *patch);

    if (!patch)
        return SW_NO_MEMORY;
    patch->id = sw_path_id(req, "thread_id");
    patch->owner_id = sw_request_principal(req)->user_id;
    patch->pinned = sw_body_bool(req, "is_pinned", -1);
    patch->archived = sw_body_bool(req, "is_archived", -1);
    if (given(req, "title")) {
        patch->title = thread_title_read(req, NULL);
        if (!patch->title)
            sw_invalid(req, "invalid_request", "title must not be empty");
    }
    if (given(req, "summary"))
        patch->summary = sw_body_text_or(req, "summary", summary_max, "");
    SW_TRY(sw_check(req));
    return sw_write(req, apply, patch);
}
