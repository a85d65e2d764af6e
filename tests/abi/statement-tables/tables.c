/* tables: statements in several tables, with rows as an older header has them, as today's, and as a later one may. Each
 * answers GET /api/tables/NAME with the text that its statement selects. */
#include <steward/plugin.h>
#include <string.h>

typedef struct {
    const char *name, *sql; /* sw_statement before it had clauses */
} older_row;

typedef struct {
    sw_statement statement;
    const char *later, *still_later;
} later_row;

static const sw_statement FIRST[] = {{.name = "first", .sql = "SELECT 'of the first table'"}};
static const older_row OLDER[] = {{"before", "SELECT 'nothing'"}, {"older", "SELECT 'of older rows'"}};
static const char *const CLAUSES[] = {"|| ' with a clause'", NULL};
static const sw_statement PRESENT[] = {
    {.name = "before", .sql = "SELECT 'nothing'"},
    {.name = "present", .sql = "SELECT 'of present rows' {clauses}", .clauses = CLAUSES}};
static const later_row LATER[] = {{{"before", "SELECT 'nothing'", NULL}, "x", "y"},
                                  {{"later", "SELECT 'of later rows' {clauses}", CLAUSES}, "x", "y"}};
static const sw_statement ELSEWHERE[] = {{.name = "nowhere", .sql = "SELECT 'in no table'"}};

static const sw_table OLDER_TABLE = SW_TABLE(OLDER), PRESENT_TABLE = SW_TABLE(PRESENT), LATER_TABLE = SW_TABLE(LATER);
static const sw_table *const STATEMENT_TABLES[] = {&OLDER_TABLE, &PRESENT_TABLE, &LATER_TABLE, NULL};

static const struct {
    const char *name;
    const void *statement;
    uint32_t mask;
} NAMED[] = {
    {"first", &FIRST[0], 0}, {"older", &OLDER[1], 0},         {"present", &PRESENT[1], 1},
    {"later", &LATER[1], 1}, {"elsewhere", &ELSEWHERE[0], 0}, {"inside", (const char *)&PRESENT[1] + sizeof(void *), 0},
};

static sw_status get_table(sw_request *req)
{
    const char *name = sw_path_text(req, "name");
    SW_TRY(sw_check(req));
    for (unsigned i = 0; i < sizeof NAMED / sizeof NAMED[0]; i++) {
        if (strcmp(NAMED[i].name, name) != 0)
            continue;
        sw_rows *rows;
        SW_TRY(sw_db_query(sw_request_db(req), (const sw_statement *)NAMED[i].statement, NAMED[i].mask, &rows, ""));
        sw_json *out = sw_reply_json(req, 200);
        sw_json_object_begin(out, NULL);
        sw_json_text(out, "text", sw_rows_next(rows) ? sw_rows_text(rows, 0) : "");
        sw_json_object_end(out);
        return sw_rows_done(rows);
    }
    return SW_NOT_FOUND;
}

static const sw_route ROUTES[] = {
    {.method = SW_GET, .path = "/api/tables/:name", .access = SW_PUBLIC, .lane = SW_LANE_WORKER, .handle = get_table},
};

const sw_plugin sw_plugin_v1 = {
    SW_PLUGIN_HEAD,
    .name = "tables",
    .version = "1",
    .license = "MIT",
    .summary = "Keeps its statements in several tables.",
    .statements = SW_TABLE(FIRST),
    .routes = SW_TABLE(ROUTES),
    .statement_tables = STATEMENT_TABLES,
};
