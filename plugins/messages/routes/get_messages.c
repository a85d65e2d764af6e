/* GET /api/messages: lists messages, newest first, filtered, in pages; search.c finds the rows. On a worker, but for
 * the note at the start.
 *
 * With after_id alone a page has the first rows after it, so that whoever asks again from the highest id sees all of
 * them; they are turned round at the end, and what a page has no room for is its newest part.
 *
 * `since` and `until` are turned into a range of ids. As long as the clock is not set back, at_ms never goes back from
 * row to row, so the first row of a time is found by bisecting ids. This takes about twenty lookups for a million rows,
 * and needs no index on at_ms. The first id after the clock was set back is noted, at the start of a process or with
 * that row, and each stretch of ids between two notes is bisected by itself. */
#include "../messages.h"

#include <string.h>

enum { AT, LAST, CLOCK_STEPS, CLOCK_STEP_ADD };

static const sw_statement STATEMENTS[] = {
    [AT] = {.name = "at", .sql = "SELECT id, at_ms FROM messages WHERE id >= ?1 ORDER BY id LIMIT 1"},
    [LAST] = {.name = "last", .sql = "SELECT id, at_ms FROM messages WHERE id > 0 ORDER BY id DESC LIMIT 1"},
    [CLOCK_STEPS] = {.name = "clock_steps", .sql = "SELECT from_id FROM messages_clock ORDER BY from_id"},
    [CLOCK_STEP_ADD] = {.name = "clock_step_add", .sql = "INSERT OR IGNORE INTO messages_clock (from_id) VALUES (?1)"},
};

const sw_table TIME_STATEMENTS = SW_TABLE(STATEMENTS);

/* ---- ids and times ---- */

static sw_status id_and_time(sw_status begun, sw_rows *rows, int64_t *ret_id, int64_t *ret_at_ms)
{
    SW_TRY(begun);
    bool any = sw_rows_next(rows);
    int64_t id = any ? sw_rows_int(rows, 0) : 0, at_ms = any ? sw_rows_int(rows, 1) : 0;
    SW_TRY(sw_rows_done(rows));
    *ret_id = id;
    *ret_at_ms = at_ms;
    return SW_OK;
}

/* The first row at or after `id`; *ret_id is 0 when there is none. */
static sw_status row_at(sw_db *db, int64_t id, int64_t *ret_id, int64_t *ret_at_ms)
{
    sw_rows *rows = NULL;
    sw_status begun = sw_db_query(db, &STATEMENTS[AT], 0, &rows, "i", id);
    return id_and_time(begun, rows, ret_id, ret_at_ms);
}

sw_status store_last(sw_db *db, int64_t *ret_id, int64_t *ret_at_ms)
{
    sw_rows *rows = NULL;
    sw_status begun = sw_db_query(db, &STATEMENTS[LAST], 0, &rows, "");
    return id_and_time(begun, rows, ret_id, ret_at_ms);
}

static sw_status clock_steps(sw_db *db, sw_rows **ret)
{
    return sw_db_query(db, &STATEMENTS[CLOCK_STEPS], 0, ret, "");
}

static sw_status clock_step_add(sw_tx *tx, int64_t from_id)
{
    return sw_tx_exec(tx, &STATEMENTS[CLOCK_STEP_ADD], NULL, "i", from_id);
}

/* The first id in [from, to] whose row is not older than `at_ms`, or to + 1 when there is none. */
static sw_status first_not_before(sw_db *db, int64_t from, int64_t to, int64_t at_ms, int64_t *ret)
{
    int64_t low = from, high = to + 1;

    while (low < high) {
        int64_t middle = low + (high - low) / 2, id, at;
        SW_TRY(row_at(db, middle, &id, &at));
        if (id == 0 || id > to || at >= at_ms)
            high = middle;
        else
            low = id + 1;
    }
    *ret = low;
    return SW_OK;
}

/* Widens [*low, *high] by the rows of one stretch that are in the range of time. */
static sw_status add_stretch(sw_db *db, const message_filter *f, int64_t from, int64_t to, int64_t *low, int64_t *high)
{
    int64_t first, past;

    SW_TRY(first_not_before(db, from, to, f->since_ms, &first));
    if (f->until_ms == INT64_MAX)
        past = to + 1;
    else
        SW_TRY(first_not_before(db, from, to, f->until_ms + 1, &past));
    if (first < past) {
        *low = first < *low ? first : *low;
        *high = past - 1 > *high ? past - 1 : *high;
    }
    return SW_OK;
}

/* Narrows after_id and before_id to the rows from since_ms to until_ms, both included. */
static sw_status narrow(sw_db *db, message_filter *f, int64_t since_ms, int64_t until_ms)
{
    int64_t last, last_at, from = 1, low = INT64_MAX, high = 0;
    sw_rows *steps;

    f->since_ms = since_ms;
    f->until_ms = until_ms;
    SW_TRY(store_last(db, &last, &last_at));
    SW_TRY(clock_steps(db, &steps));
    while (sw_rows_next(steps)) {
        int64_t next = sw_rows_int(steps, 0);
        SW_TRY(add_stretch(db, f, from, next - 1, &low, &high));
        from = next;
        f->check_time = true;
    }
    SW_TRY(sw_rows_done(steps));
    SW_TRY(add_stretch(db, f, from, last, &low, &high));
    if (low > high) {
        f->before_id = f->after_id; /* no row is of that time */
        return SW_OK;
    }
    f->after_id = low - 1 > f->after_id ? low - 1 : f->after_id;
    f->before_id = high + 1 < f->before_id ? high + 1 : f->before_id;
    return SW_OK;
}

sw_status time_range_note_step(sw_tx *tx)
{
    messages_state *state = sw_tx_state(tx);
    int64_t last, last_at;

    SW_TRY(store_last(sw_tx_db(tx), &last, &last_at));
    if (state->latest_ms < last_at)
        state->latest_ms = last_at;
    return last > 0 && sw_tx_now(tx) < last_at ? clock_step_add(tx, last + 1) : SW_OK;
}

/* ---- the route ---- */

enum { PAGE_DEFAULT = 50, PAGE_MAX = 200, TEXT_MAX = 256, OFFSET_MAX = INT32_MAX };

/* A copy of `text` with its ASCII letters in lower (`from` 'A') or upper case (`from` 'a'). */
static const char *in_case(sw_request *req, const char *text, char from)
{
    char *copy = sw_strdup(req, text);

    for (char *at = copy; at && *at; at++)
        if (*at >= from && *at <= from + 25)
            *at = (char)(*at ^ 0x20);
    return copy;
}

static sw_status read_filter(sw_request *req, message_filter *f)
{
    *f = (message_filter){
        .agent_id = sw_query_text(req, "agent_id", MESSAGE_AGENT_MAX, ""),
        .level = in_case(req, sw_query_text(req, "level", MESSAGE_LEVEL_MAX, ""), 'a'),
        .text = in_case(req, sw_query_text(req, "q", TEXT_MAX, ""), 'A'),
        .offset = sw_query_int(req, "offset", 0, 0, OFFSET_MAX),
        .limit = sw_query_int(req, "limit", PAGE_DEFAULT, 1, PAGE_MAX),
        .after_id = sw_query_int(req, "after_id", 0, 0, INT64_MAX - 1),
        .before_id = sw_query_int(req, "before_id", INT64_MAX, 1, INT64_MAX),
        .oldest_first = sw_query_has(req, "after_id") && !sw_query_has(req, "before_id"),
    };
    if (!f->level || !f->text)
        return SW_NO_MEMORY;
    int64_t since = sw_query_time(req, "since", INT64_MIN);
    int64_t until = sw_query_time(req, "until", INT64_MAX);
    SW_TRY(sw_check(req));
    return since == INT64_MIN && until == INT64_MAX ? SW_OK : narrow(sw_request_db(req), f, since, until);
}

/* The rest of a page that ended early: what to set in the same query. */
static sw_status tell_rest(sw_request *req, const message_filter *f, const message_page *page)
{
    const char *name = f->oldest_first ? "after_id" : "before_id";
    const char *rest = sw_printf(req, "%s=%lld&offset=%lld", name, (long long)page->last_id, (long long)page->skip);

    if (!rest)
        return SW_NO_MEMORY;
    sw_reply_header(req, "X-Truncated", "true");
    sw_reply_header(req, "X-Next-Page", rest);
    return SW_OK;
}

sw_status get_messages(sw_request *req)
{
    sw_host *host = sw_request_host(req);
    message_filter f;

    SW_TRY(read_filter(req, &f));
    message_page page = {
        .req = req,
        .reply = sw_reply_json(req, 200),
        .skip = *f.text ? f.offset : 0,
        .left = f.limit,
        .texts = f.oldest_first ? sw_alloc(req, (size_t)f.limit, sizeof *page.texts) : NULL,
        .bytes_max = (size_t)sw_option_core_int(host, "limits.page_bytes"),
        .budget = {.bytes_left = sw_option_int(host, "search_bytes"), .cpu_ms = sw_option_int(host, "search_time")},
    };
    if (f.oldest_first && !page.texts)
        return SW_NO_MEMORY;
    sw_json_array_begin(page.reply, NULL);
    SW_TRY(search_run(sw_request_db(req), &f, &page));
    if (page.failed)
        return SW_NO_MEMORY;
    while (page.count > 0) {
        sw_str text = page.texts[--page.count];
        sw_json_raw(page.reply, NULL, text.at, text.len);
    }
    sw_json_array_end(page.reply);
    return page.truncated ? tell_rest(req, &f, &page) : SW_OK;
}
