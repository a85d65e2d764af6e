/* duty-roster: who is on duty for which agent, when.
 *
 *   POST   /api/duty       {"agent_id":3,"person":"Ann","from":TIME,"to":TIME,"note":"…"}  201; 400; 409 on an overlap
 *   GET    /api/duty       ?agent_id=3&before_id=ID&limit=50   newest first
 *   GET    /api/duty/now   ?after_agent_id=ID&limit=50         who is on duty at this moment
 *   GET    /api/duty/:id   one shift
 *   DELETE /api/duty/:id   204; administrators only
 *
 * A TIME is RFC 3339 ("2026-03-05T21:42:08.123Z") or Unix milliseconds as a number. A shift covers from <= t < to.
 *
 * A stored message of level ERROR of an agent that somebody is on duty for becomes an incident, in the transaction that
 * stores the message; with the option notify every dashboard gets {"type":"DUTY_INCIDENT",...} after the commit. */
#include <steward/plugin.h>
#include <steward/service/users.h>

#include <string.h>

#define MAX_PAGE 200
#define NOTE_MAX 500
#define BATCH    200
#define DAY_MS   INT64_C(86400000)
#define KEEP_MS  (90 * DAY_MS)
#define TIME_MAX INT64_C(253402300799999) /* 9999-12-31T23:59:59.999Z: what the server can write */

/* ---- options ---- */

static const sw_option OPTIONS[] = {
    {.name = "max_shift",
     .type = SW_OPTION_DURATION,
     .default_value = "12h",
     .min = 15 * 60 * 1000,
     .max = 7 * DAY_MS,
     .flags = SW_OPTION_LIVE,
     .summary = "The longest shift that is taken; a longer one is refused."},
    {.name = "page",
     .type = SW_OPTION_INT,
     .default_value = "50",
     .min = 1,
     .max = MAX_PAGE,
     .summary = "How many shifts a list has when the client gives no limit."},
    {.name = "notify",
     .type = SW_OPTION_BOOL,
     .default_value = "true",
     .summary = "Whether dashboards get a DUTY_INCIDENT frame for every incident."},
};

/* ---- tables ---- */

static const sw_migration MIGRATIONS[] = {
    {"0001_shifts", "CREATE TABLE duty_roster_shifts ("
                    " id INTEGER PRIMARY KEY AUTOINCREMENT,"
                    " agent_id INTEGER NOT NULL,"
                    " person TEXT NOT NULL,"
                    " from_ms INTEGER NOT NULL,"
                    " to_ms INTEGER NOT NULL,"
                    " created_by TEXT NOT NULL,"
                    " created_ms INTEGER NOT NULL) STRICT;"
                    "CREATE INDEX duty_roster_shifts_agent ON duty_roster_shifts (agent_id, to_ms);"
                    "CREATE INDEX duty_roster_shifts_end ON duty_roster_shifts (to_ms);"
                    "CREATE TABLE duty_roster_incidents ("
                    " id INTEGER PRIMARY KEY AUTOINCREMENT,"
                    " shift_id INTEGER NOT NULL,"
                    " agent_id INTEGER NOT NULL,"
                    " person TEXT NOT NULL,"
                    " message_id INTEGER NOT NULL,"
                    " created_ms INTEGER NOT NULL) STRICT;"
                    "CREATE INDEX duty_roster_incidents_created ON duty_roster_incidents (created_ms)"},
    {"0002_note", "ALTER TABLE duty_roster_shifts ADD COLUMN note TEXT"},
};

/* ---- statements ---- */

#define COLUMNS "id, agent_id, person, from_ms, to_ms, note, created_by, created_ms"

static const char *const LIST_FILTERS[] = {" AND agent_id = ?2", NULL};

enum {
    OVERLAP,
    INSERT,
    LIST,
    NOW,
    ONE,
    REMOVE,
    ON_DUTY,
    COUNT_NOW,
    INCIDENT,
    REMOVE_AGENT,
    OLD_SHIFTS,
    OLD_INCIDENTS,
    RESET_SHIFTS,
    RESET_INCIDENTS,
    RESET_SEQUENCE
};

static const sw_statement STATEMENTS[] = {
    [OVERLAP] = {"overlap",
                 "SELECT id, person, from_ms, to_ms FROM duty_roster_shifts"
                 " WHERE agent_id = ?1 AND to_ms > ?2 AND from_ms < ?3 ORDER BY to_ms LIMIT 1",
                 NULL},
    [INSERT] = {"insert",
                "INSERT INTO duty_roster_shifts (agent_id, person, from_ms, to_ms, note, created_by, created_ms)"
                " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) RETURNING " COLUMNS,
                NULL},
    [LIST] = {"list", "SELECT " COLUMNS " FROM duty_roster_shifts WHERE id < ?1{clauses} ORDER BY id DESC LIMIT ?3",
              LIST_FILTERS},
    [NOW] = {"now",
             "SELECT " COLUMNS " FROM duty_roster_shifts WHERE to_ms > ?1 AND from_ms <= ?1 AND agent_id > ?2"
             " ORDER BY agent_id LIMIT ?3",
             NULL},
    [ONE] = {"one", "SELECT " COLUMNS " FROM duty_roster_shifts WHERE id = ?1", NULL},
    [REMOVE] = {"remove", "DELETE FROM duty_roster_shifts WHERE id = ?1", NULL},
    [ON_DUTY] =
        {"on_duty",
         "SELECT id, person FROM duty_roster_shifts WHERE agent_id = ?1 AND to_ms > ?2 AND from_ms <= ?2 LIMIT 1",
         NULL},
    [COUNT_NOW] = {"count_now", "SELECT count(*) FROM duty_roster_shifts WHERE to_ms > ?1 AND from_ms <= ?1", NULL},
    [INCIDENT] = {"incident",
                  "INSERT INTO duty_roster_incidents (shift_id, agent_id, person, message_id, created_ms)"
                  " VALUES (?1, ?2, ?3, ?4, ?5)",
                  NULL},
    [REMOVE_AGENT] = {"remove_agent", "DELETE FROM duty_roster_shifts WHERE agent_id = ?1", NULL},
    [OLD_SHIFTS] = {"old_shifts",
                    "DELETE FROM duty_roster_shifts WHERE id IN"
                    " (SELECT id FROM duty_roster_shifts WHERE to_ms <= ?1 ORDER BY to_ms LIMIT ?2)",
                    NULL},
    [OLD_INCIDENTS] = {"old_incidents",
                       "DELETE FROM duty_roster_incidents WHERE id IN (SELECT id FROM duty_roster_incidents"
                       " WHERE created_ms <= ?1 ORDER BY created_ms LIMIT ?2)",
                       NULL},
    [RESET_SHIFTS] = {"reset_shifts", "DELETE FROM duty_roster_shifts", NULL},
    [RESET_INCIDENTS] = {"reset_incidents", "DELETE FROM duty_roster_incidents", NULL},
    [RESET_SEQUENCE] = {"reset_sequence",
                        "DELETE FROM sqlite_sequence WHERE name IN ('duty_roster_shifts', 'duty_roster_incidents')",
                        NULL},
};

/* The current row, of COLUMNS. */
static void write_shift(sw_json *out, const sw_rows *rows)
{
    sw_json_object_begin(out, NULL);
    sw_json_int(out, "id", sw_rows_int(rows, 0));
    sw_json_int(out, "agent_id", sw_rows_int(rows, 1));
    sw_json_column(out, "person", rows, 2);
    sw_json_time(out, "from", sw_rows_int(rows, 3));
    sw_json_time(out, "to", sw_rows_int(rows, 4));
    sw_json_column(out, "note", rows, 5);
    sw_json_column(out, "created_by", rows, 6);
    sw_json_time(out, "created_at", sw_rows_int(rows, 7));
    sw_json_object_end(out);
}

/* ---- times in a body ---- */

/* `count` digits as a number, -1 when they are not all digits. The text is NUL-ended. */
static int digits(const char *at, int count)
{
    int value = 0;
    for (int i = 0; i < count; i++) {
        if (at[i] < '0' || at[i] > '9')
            return -1;
        value = value * 10 + (at[i] - '0');
    }
    return value;
}

static int64_t days_from_civil(int64_t y, int64_t m, int64_t d)
{
    y -= m <= 2;
    int64_t era = y / 400, yoe = y - era * 400;
    int64_t doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
    int64_t doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
    return era * 146097 + doe - 719468;
}

/* RFC 3339, from 1970 on, as Unix milliseconds; -1: it is none. */
static int64_t parse_time(const char *s)
{
    static const int DAYS[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    static const char SHAPE[] = "dddd-dd-ddTdd:dd:dd";
    for (size_t i = 0; SHAPE[i]; i++) {
        bool digit = s[i] >= '0' && s[i] <= '9';
        if (SHAPE[i] == 'd' ? !digit : s[i] != SHAPE[i] && !(SHAPE[i] == 'T' && (s[i] == 't' || s[i] == ' ')))
            return -1;
    }
    int year = digits(s, 4), month = digits(s + 5, 2), day = digits(s + 8, 2);
    int hour = digits(s + 11, 2), minute = digits(s + 14, 2), second = digits(s + 17, 2);
    if (year < 1970 || month < 1 || month > 12 || hour > 23 || minute > 59 || second > 59)
        return -1;
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    if (day < 1 || day > DAYS[month - 1] + (month == 2 && leap))
        return -1;

    int64_t ms = 0;
    s += 19;
    if (*s == '.') {
        int64_t unit = 100;
        if (digits(++s, 1) < 0)
            return -1;
        for (; *s >= '0' && *s <= '9'; s++, unit /= 10)
            ms += (*s - '0') * unit;
    }
    int64_t offset = 0; /* minutes */
    if (*s == 'Z' || *s == 'z') {
        s++;
    } else if (*s == '+' || *s == '-') {
        int h = digits(s + 1, 2);
        if (h < 0 || h > 23 || s[3] != ':')
            return -1;
        int m = digits(s + 4, 2);
        if (m < 0 || m > 59)
            return -1;
        offset = (*s == '-' ? -1 : 1) * (h * 60 + m);
        s += 6;
    } else {
        return -1;
    }
    if (*s)
        return -1;
    int64_t at =
        days_from_civil(year, month, day) * DAY_MS + (((int64_t)hour * 60 + minute - offset) * 60 + second) * 1000 + ms;
    return at < 0 || at > TIME_MAX ? -1 : at;
}

/* A required time of the body; a mistake is kept for sw_check(). */
static int64_t body_time(sw_request *req, const char *name)
{
    const sw_value *v = sw_value_get(sw_body(req), name);
    size_t len = 0;
    int64_t at = -1;
    switch (sw_value_type(v)) {
    case SW_JSON_INT:
        at = sw_value_int(v, -1);
        if (at > TIME_MAX)
            at = -1;
        break;
    case SW_JSON_TEXT: {
        const char *text = sw_value_text(v, &len);
        if (text && len == strlen(text))
            at = parse_time(text);
        break;
    }
    default:
        if (!v || sw_value_type(v) == SW_JSON_NULL) {
            sw_invalid(req, "missing_field", "%s is required", name);
            return 0;
        }
    }
    if (at < 0) {
        sw_invalid(req, "invalid_parameter", "%s must be a time as 2026-03-05T21:42:08.123Z or Unix milliseconds",
                   name);
        return 0;
    }
    return at;
}

/* ---- agents ---- */

static const sw_need NEEDS[] = {{.name = "users/1"}};

static bool is_agent(const sw_user *user)
{
    return user->role == SW_ROLE_AGENT || user->role == SW_ROLE_BUTLER;
}

/* ---- POST /api/duty ---- */

typedef struct {
    int64_t agent_id, from_ms, to_ms;
    const char *person, *note;
} new_shift;

static sw_status insert_step(sw_tx *tx, void *arg)
{
    const new_shift *s = arg;
    sw_request *req = sw_tx_request(tx);

    void *self;
    const sw_users_service *users = sw_service(sw_tx_host(tx), "users/1", &self);
    if (!users)
        return SW_UNAVAILABLE;
    sw_user agent = {.size = sizeof agent};
    sw_status found = users->by_id(self, sw_tx_db(tx), s->agent_id, &agent);
    if (found == SW_NOT_FOUND || (found == SW_OK && !is_agent(&agent)))
        return sw_fail(req, SW_INVALID, "invalid_parameter", "agent_id: there is no agent %lld",
                       (long long)s->agent_id);
    SW_TRY(found);

    sw_rows *rows;
    SW_TRY(sw_db_query(sw_tx_db(tx), &STATEMENTS[OVERLAP], 0, &rows, "iii", s->agent_id, s->from_ms, s->to_ms));
    if (sw_rows_next(rows)) {
        char from[25], to[25];
        int64_t id = sw_rows_int(rows, 0);
        const char *person = sw_rows_text(rows, 1);
        sw_time_format(sw_rows_int(rows, 2), from);
        sw_time_format(sw_rows_int(rows, 3), to);
        SW_TRY(sw_rows_done(rows));
        return sw_fail(req, SW_CONFLICT, "shift_overlaps", "%s is on duty for agent %s from %s to %s (shift %lld)",
                       person, agent.name, from, to, (long long)id);
    }
    SW_TRY(sw_rows_done(rows));

    SW_TRY(sw_db_query(sw_tx_db(tx), &STATEMENTS[INSERT], 0, &rows, "isiissi", s->agent_id, s->person, s->from_ms,
                       s->to_ms, s->note, sw_request_principal(req)->name, sw_tx_now(tx)));
    if (sw_rows_next(rows))
        write_shift(sw_tx_reply(tx, 201), rows);
    return sw_rows_done(rows);
}

static sw_status post_shift(sw_request *req)
{
    int64_t agent_id = sw_body_int(req, "agent_id", 0, 1, INT64_MAX);
    if (!sw_value_get(sw_body(req), "agent_id") ||
        sw_value_type(sw_value_get(sw_body(req), "agent_id")) == SW_JSON_NULL)
        sw_invalid(req, "missing_field", "agent_id is required");
    const char *person = sw_body_text(req, "person", 1, 64);
    if (person[strspn(person, " \t\r\n")] == '\0')
        sw_invalid(req, "invalid_parameter", "person must not be blank");
    int64_t from = body_time(req, "from"), to = body_time(req, "to");
    const char *note = sw_body_text_or(req, "note", NOTE_MAX, NULL);
    SW_TRY(sw_check(req));

    int64_t max_shift = sw_option_int(sw_request_host(req), "max_shift");
    if (to <= from)
        sw_invalid(req, "invalid_parameter", "to must be later than from");
    else if (to - from > max_shift)
        sw_invalid(req, "shift_too_long", "a shift is at most %lld minutes long", (long long)(max_shift / 60000));
    SW_TRY(sw_check(req));

    new_shift *s = sw_alloc(req, 1, sizeof *s);
    if (!s)
        return SW_NO_MEMORY;
    *s = (new_shift){
        .agent_id = agent_id, .from_ms = from, .to_ms = to, .person = person, .note = note && *note ? note : NULL};
    return sw_write(req, insert_step, s);
}

/* ---- GET ---- */

/* Writes a page of `limit` rows; the query was for one more. `column`: of the value that the next page begins with. */
static sw_status write_page(sw_request *req, sw_rows *rows, int64_t limit, int column)
{
    sw_json *out = sw_reply_json(req, 200);
    int64_t count = 0, last = 0;
    bool more = false;
    sw_json_object_begin(out, NULL);
    sw_json_array_begin(out, "items");
    while (sw_rows_next(rows)) {
        if (count++ == limit) {
            more = true;
            break;
        }
        last = sw_rows_int(rows, column);
        write_shift(out, rows);
    }
    sw_json_array_end(out);
    if (more)
        sw_json_int(out, "next", last);
    sw_json_object_end(out);
    return sw_rows_done(rows);
}

static int64_t query_limit(sw_request *req)
{
    return sw_query_int(req, "limit", sw_option_int(sw_request_host(req), "page"), 1, MAX_PAGE);
}

static sw_status get_shifts(sw_request *req)
{
    int64_t limit = query_limit(req);
    int64_t before = sw_query_int(req, "before_id", INT64_MAX, 1, INT64_MAX);
    int64_t agent_id = sw_query_int(req, "agent_id", 0, 1, INT64_MAX);
    SW_TRY(sw_check(req));
    sw_rows *rows;
    SW_TRY(sw_db_query(sw_request_db(req), &STATEMENTS[LIST], agent_id ? 1u : 0u, &rows, "iii", before, agent_id,
                       limit + 1));
    return write_page(req, rows, limit, 0);
}

static sw_status get_now(sw_request *req)
{
    int64_t limit = query_limit(req);
    int64_t after = sw_query_int(req, "after_agent_id", 0, 0, INT64_MAX);
    SW_TRY(sw_check(req));
    sw_rows *rows;
    SW_TRY(sw_db_query(sw_request_db(req), &STATEMENTS[NOW], 0, &rows, "iii", sw_now_ms(), after, limit + 1));
    return write_page(req, rows, limit, 1);
}

static sw_status get_shift(sw_request *req)
{
    int64_t id = sw_path_id(req, "id");
    SW_TRY(sw_check(req));
    sw_rows *rows;
    bool found = false;
    SW_TRY(sw_db_query(sw_request_db(req), &STATEMENTS[ONE], 0, &rows, "i", id));
    if (sw_rows_next(rows)) {
        found = true;
        write_shift(sw_reply_json(req, 200), rows);
    }
    SW_TRY(sw_rows_done(rows));
    return found ? SW_OK : sw_fail(req, SW_NOT_FOUND, NULL, "there is no shift %lld", (long long)id);
}

/* ---- DELETE /api/duty/:id ---- */

static sw_status remove_step(sw_tx *tx, void *arg)
{
    const int64_t *id = arg;
    int64_t changes = 0;
    SW_TRY(sw_tx_exec(tx, &STATEMENTS[REMOVE], &changes, "i", *id));
    if (changes == 0)
        return sw_fail(sw_tx_request(tx), SW_NOT_FOUND, NULL, "there is no shift %lld", (long long)*id);
    sw_reply_empty(sw_tx_request(tx), 204);
    return SW_OK;
}

static sw_status delete_shift(sw_request *req)
{
    int64_t *id = sw_alloc(req, 1, sizeof *id);
    if (!id)
        return SW_NO_MEMORY;
    *id = sw_path_id(req, "id");
    SW_TRY(sw_check(req));
    return sw_write(req, remove_step, id);
}

#define SHIFT_EXAMPLE                                                                     \
    "{\"id\":1,\"agent_id\":3,\"person\":\"Ann\",\"from\":\"2026-03-05T08:00:00.000Z\","  \
    "\"to\":\"2026-03-05T16:00:00.000Z\",\"note\":\"by phone\",\"created_by\":\"admin\"," \
    "\"created_at\":\"2026-03-04T12:00:00.000Z\"}"

static const sw_route ROUTES[] = {
    {.method = SW_POST,
     .path = "/api/duty",
     .access = SW_HUMAN,
     .lane = SW_LANE_WORKER,
     .handle = post_shift,
     .summary = "Puts somebody on duty for an agent.",
     .request = "{\"agent_id\":3,\"person\":\"Ann\",\"from\":\"2026-03-05T08:00:00Z\",\"to\":\"2026-03-05T16:00:00Z\","
                "\"note\":\"by phone\"}",
     .response = SHIFT_EXAMPLE},
    {.method = SW_GET,
     .path = "/api/duty",
     .access = SW_SIGNED_IN,
     .lane = SW_LANE_WORKER,
     .handle = get_shifts,
     .summary = "Lists shifts, newest first; by agent_id, before_id and limit.",
     .response = "{\"items\":[" SHIFT_EXAMPLE "],\"next\":1}"},
    {.method = SW_GET,
     .path = "/api/duty/now",
     .access = SW_SIGNED_IN,
     .lane = SW_LANE_WORKER,
     .handle = get_now,
     .summary = "Who is on duty now, by agent.",
     .response = "{\"items\":[" SHIFT_EXAMPLE "]}"},
    {.method = SW_GET,
     .path = "/api/duty/:id",
     .access = SW_SIGNED_IN,
     .lane = SW_LANE_WORKER,
     .handle = get_shift,
     .summary = "One shift.",
     .response = SHIFT_EXAMPLE},
    {.method = SW_DELETE,
     .path = "/api/duty/:id",
     .access = SW_ADMIN,
     .lane = SW_LANE_WORKER,
     .handle = delete_shift,
     .summary = "Removes a shift."},
};

/* ---- events ---- */

static sw_status on_message(sw_tx *tx, const void *data)
{
    const sw_message_event *m = data;
    if (!m->level || strcmp(m->level, "ERROR") != 0 || !m->agent_id)
        return SW_OK;

    /* The agent_id of a message is the name of the agent. */
    void *self;
    const sw_users_service *users = sw_service(sw_tx_host(tx), "users/1", &self);
    if (!users)
        return SW_UNAVAILABLE;
    sw_user agent = {.size = sizeof agent};
    sw_status found = users->by_name(self, sw_tx_db(tx), m->agent_id, &agent);
    if (found == SW_NOT_FOUND || (found == SW_OK && !is_agent(&agent)))
        return SW_OK;
    SW_TRY(found);

    sw_rows *rows;
    int64_t shift_id = 0;
    const char *person = "";
    SW_TRY(sw_db_query(sw_tx_db(tx), &STATEMENTS[ON_DUTY], 0, &rows, "ii", agent.id, sw_tx_now(tx)));
    if (sw_rows_next(rows)) {
        shift_id = sw_rows_int(rows, 0);
        person = sw_rows_text(rows, 1);
    }
    SW_TRY(sw_rows_done(rows));
    if (!shift_id)
        return SW_OK;

    SW_TRY(sw_tx_exec(tx, &STATEMENTS[INCIDENT], NULL, "iisii", shift_id, agent.id, person, m->id, sw_tx_now(tx)));
    int64_t incident_id = sw_tx_last_id(tx);
    if (!sw_option_bool(sw_tx_host(tx), "notify"))
        return SW_OK;

    sw_frame *frame = sw_frame_new_tx(tx);
    sw_json *j = sw_frame_json(frame);
    sw_json_text(j, "type", "DUTY_INCIDENT");
    sw_json_object_begin(j, "payload");
    sw_json_int(j, "incident_id", incident_id);
    sw_json_int(j, "shift_id", shift_id);
    sw_json_int(j, "agent_id", agent.id);
    sw_json_text(j, "agent_name", agent.name);
    sw_json_text(j, "person", person);
    sw_json_int(j, "message_id", m->id);
    sw_json_object_end(j);
    sw_json_time(j, "timestamp", sw_tx_now(tx));
    const sw_audience dashboards = {.size = sizeof dashboards, .roles = SW_ROLES_HUMAN};
    sw_tx_send(tx, frame, &dashboards);
    return SW_OK;
}

static sw_status on_user_removed(sw_tx *tx, const void *data)
{
    const sw_user_event *user = data;
    return sw_tx_exec(tx, &STATEMENTS[REMOVE_AGENT], NULL, "i", user->user_id);
}

static sw_status on_reset(sw_tx *tx, const void *data)
{
    (void)data;
    SW_TRY(sw_tx_exec(tx, &STATEMENTS[RESET_SHIFTS], NULL, ""));
    SW_TRY(sw_tx_exec(tx, &STATEMENTS[RESET_INCIDENTS], NULL, ""));
    return sw_tx_exec(tx, &STATEMENTS[RESET_SEQUENCE], NULL, "");
}

static const sw_subscription SUBSCRIPTIONS[] = {
    {.event = SW_EVENT_MESSAGE_STORED, .in_tx = on_message},
    {.event = SW_EVENT_USER_REMOVED, .in_tx = on_user_removed},
    {.event = SW_EVENT_STORE_RESET, .in_tx = on_reset},
};

/* ---- housekeeping ---- */

static sw_status forget_step(sw_tx *tx, bool *ret_more)
{
    int64_t shifts = 0, incidents = 0, before = sw_tx_now(tx) - KEEP_MS;
    SW_TRY(sw_tx_exec(tx, &STATEMENTS[OLD_SHIFTS], &shifts, "ii", before, (int64_t)BATCH));
    SW_TRY(sw_tx_exec(tx, &STATEMENTS[OLD_INCIDENTS], &incidents, "ii", before, (int64_t)BATCH));
    *ret_more = shifts == BATCH || incidents == BATCH;
    return SW_OK;
}

static const sw_housekeeping HOUSEKEEPING[] = {
    {.name = "forget", .every_ms = 3600000, .step = forget_step},
};

/* ---- health ---- */

static bool health(sw_request *req, sw_json *out)
{
    sw_rows *rows;
    int64_t on_duty = 0;
    if (sw_db_query(sw_request_db(req), &STATEMENTS[COUNT_NOW], 0, &rows, "i", sw_now_ms()) != SW_OK)
        return false;
    if (sw_rows_next(rows))
        on_duty = sw_rows_int(rows, 0);
    if (sw_rows_done(rows) != SW_OK)
        return false;
    sw_json_int(out, "on_duty", on_duty);
    return true;
}

/* ---- the plugin ---- */

const sw_plugin sw_plugin_v1 = {
    SW_PLUGIN_HEAD,
    .name = "duty-roster",
    .version = "1.0.0",
    .license = "MIT",
    .summary = "Who is on duty for which agent, when.",
    .options = SW_TABLE(OPTIONS),
    .migrations = SW_TABLE(MIGRATIONS),
    .statements = SW_TABLE(STATEMENTS),
    .routes = SW_TABLE(ROUTES),
    .subscriptions = SW_TABLE(SUBSCRIPTIONS),
    .housekeeping = SW_TABLE(HOUSEKEEPING),
    .needs = SW_TABLE(NEEDS),
    .health = health,
};
