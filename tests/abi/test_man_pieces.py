"""The pieces of steward-plugin(7): each compiles strictly, and does what the page says of it."""
import textwrap

import pytest
from support import man_page, out_of_tree
from support.author import Author

STRICT = "-Wall -Wextra -Wpedantic -Wconversion -Werror"
PAGE = man_page.source()


def named(kind, name):
    return man_page.named(PAGE, kind, name)


@pytest.fixture(scope="module")
def author(tmp_path_factory):
    return Author(out_of_tree.install(tmp_path_factory.mktemp("install")), tmp_path_factory.mktemp("tools"))


PIECES = """
#define _POSIX_C_SOURCE 200809L
#include <steward/plugin.h>
#include <string.h>
{fragments}
static const sw_route ROUTES[] = {{
    {{.method = SW_GET, .path = "/api/seen", .access = SW_PUBLIC, .lane = SW_LANE_WORKER, .handle = get_seen, .summary = "."}},
    {{.method = SW_POST, .path = "/api/tags", .access = SW_PUBLIC, .lane = SW_LANE_WORKER, .handle = read_tags, .summary = "."}},
    {{.method = SW_POST, .path = "/api/ping-status", .access = SW_SIGNED_IN, .lane = SW_LANE_SLOW, .handle = post_ping,
     .summary = "."}},
    {{.method = SW_POST, .path = "/api/ping-soon", .access = SW_SIGNED_IN, .lane = SW_LANE_WORKER, .handle = post_ping_soon,
     .summary = "."}},
    {{.method = SW_POST, .path = "/api/count", .access = SW_PUBLIC, .lane = SW_LANE_WORKER, .handle = post_count,
     .summary = "."}},
    {{.method = SW_GET, .path = "/api/watch", .access = SW_PUBLIC, .lane = SW_LANE_WORKER, .handle = get_watch,
     .summary = "."}},
    {{.method = SW_POST, .path = "/api/tell", .access = SW_PUBLIC, .lane = SW_LANE_WORKER, .handle = post_tell,
     .summary = "."}},
    {{.method = SW_GET, .path = "/api/name", .access = SW_PUBLIC, .lane = SW_LANE_WORKER, .handle = get_name, .summary = "."}},
}};
static const sw_migration MIGRATIONS[] = {{
    {{"0001_things", "CREATE TABLE things (id INTEGER PRIMARY KEY, name TEXT, created_ms INTEGER);"
                     "INSERT INTO things VALUES (1, 'old', 5), (2, 'new', 9e15)"}},
    {{"0002_note", "ALTER TABLE things ADD COLUMN note TEXT"}},
}};
const sw_plugin sw_plugin_v1 = {{
    SW_PLUGIN_HEAD, .name = "pieces", .version = "1", .routes = SW_TABLE(ROUTES), .frames = SW_TABLE(FRAMES),
    .housekeeping = SW_TABLE(HOUSEKEEPING), .timers = SW_TABLE(TIMERS), .needs = SW_TABLE(NEEDS),
    .migrations = SW_TABLE(MIGRATIONS), .statements = SW_TABLE({statements}),
    .start = counter_start, .stop = counter_stop,
}};
"""

# What the pieces of the page need around them: a stand-in for users/1, a route that uses two of them, and one around the lines
# that read a number which must be there.
COUNT_ROUTE = """
static sw_status post_count(sw_request *req)
{{
{piece}
    SW_TRY(sw_check(req));
    sw_json_int(sw_reply_json(req, 200), NULL, count);
    return SW_OK;
}}
"""

NAME_ROUTE = """
static sw_status get_name(sw_request *req)
{
    const char *name = "?", *thing = "?";
    SW_TRY(first_name(sw_request_db(req), 1, &thing));
    SW_TRY(name_of(sw_request_host(req), sw_request_db(req), 7, &name));
    sw_json *out = sw_reply_json(req, 200);
    sw_json_object_begin(out, NULL);
    sw_json_text(out, "name", name);
    sw_json_text(out, "thing", thing);
    sw_json_object_end(out);
    return SW_OK;
}
"""

TELL_ROUTE = """
static sw_status post_tell(sw_request *req)
{
    uint64_t stream = watched;
    SW_TRY(tell(sw_request_host(req), "data: hi\\n\\n"));
    sw_stream_end(sw_request_host(req), stream);
    sw_reply_empty(req, 204);
    return SW_OK;
}
"""

TEST = """
#include <steward/service/users.h>
#include <steward/testhost.h>
#include <stdio.h>
#include <string.h>

static const sw_test_user ANN = {.id = 1, .role = SW_ROLE_ADMIN, .name = "ann"};
static const sw_test_user BOB = {.id = 2, .role = SW_ROLE_MEMBER, .name = "bob"};
static int failures;
#define CHECK(what) ((what) ? (void)0 : (void)(failures++, printf("line %d: not so: %s\\n", __LINE__, #what)))

static sw_status by_id(void *self, sw_db *db, int64_t id, sw_user *ret)
{
    (void)self, (void)db;
    ret->id = id;
    ret->name = "seven";
    return SW_OK;
}
static const sw_users_service USERS = {.size = sizeof USERS, .by_id = by_id};
static const sw_provided PROVIDES[] = {{"users/1", &USERS}};
static const sw_plugin STAND_IN = {SW_PLUGIN_HEAD, .name = "stand-in", .version = "1", .provides = SW_TABLE(PROVIDES)};
"""

MAIN = """
static void the_other_pieces(sw_test *t)
{
    CHECK(sw_test_int(sw_test_get(t, NULL, "/api/seen")->json, "seen", 0) == 1);
    CHECK(sw_test_int(sw_test_get(t, NULL, "/api/seen")->json, "seen", 0) == 2);
    const sw_test_reply *r =
        sw_test_post(t, NULL, "/api/tags", "{\\"tags\\":[\\"a\\",\\"b\\"],\\"place\\":{\\"room\\":\\"7\\"}}");
    CHECK(r->status == 200 && sw_test_int(r->json, "tags", 0) == 2 && strcmp(sw_test_text(r->json, "room"), "7") == 0);
    CHECK(sw_test_post(t, NULL, "/api/tags", "{\\"tags\\":[1]}")->status == 400);
    r = sw_test_get(t, NULL, "/api/name");
    CHECK(strcmp(sw_test_text(r->json, "name"), "seven") == 0);
    CHECK(sw_test_int(sw_test_post(t, NULL, "/api/count", "{\\"count\\":0}")->json, "", -1) == 0);
    r = sw_test_post(t, NULL, "/api/count", "{\\"count\\":null}");
    CHECK(r->status == 400 && strcmp(sw_test_text(r->json, "code"), "missing_field") == 0);
    CHECK(sw_test_post(t, NULL, "/api/count", "{}")->status == 400);
    r = sw_test_post(t, NULL, "/api/count", "{\\"count\\":\\"7\\"}");
    CHECK(r->status == 400 && strcmp(sw_test_text(r->json, "code"), "invalid_parameter") == 0);
    CHECK(sw_test_int(sw_test_post(t, &ANN, "/api/ping-soon", NULL)->json, "status", 0) == 299);
    CHECK(strcmp(sw_test_outbound_call(t, 0)->method, "HEAD") == 0);
    CHECK(sw_test_timer(t, "pieces", "look") == SW_OK && sw_test_logged(t, "looking around") == 1);

    sw_test_asked *watch = sw_test_begin(t, NULL, "GET", "/api/watch", NULL, NULL);
    while (sw_test_post(t, NULL, "/api/tell", NULL)->status != 204)
        continue;
    r = sw_test_finish(watch);
    CHECK(r->status == 200 && strcmp(r->body, "data: hi\\n\\n") == 0);

    sw_test_socket *ann = sw_test_ws_open(t, &ANN, NULL), *bob = sw_test_ws_open(t, &BOB, NULL);
    CHECK(ann && bob);
    CHECK(sw_test_ws_send(ann, "{\\"type\\":\\"NUDGE\\",\\"target_id\\":2,\\"payload\\":{\\"text\\":\\"hello\\"}}"));
    r = sw_test_ws_next(bob, 5000);
    CHECK(r && strcmp(sw_test_text(r->json, "type"), "NUDGED") == 0 && strcmp(sw_test_text(r->json, "payload"), "hello") == 0);
    CHECK(sw_test_ws_send(ann, "{\\"type\\":\\"NUDGE\\",\\"target_id\\":2,\\"payload\\":{}}"));
    r = sw_test_ws_next(ann, 5000);
    CHECK(r && strcmp(sw_test_text(r->json, "type"), "ERROR") == 0);
}

int main(void)
{
    static const sw_plugin *const PLUGINS[] = {&STAND_IN, &sw_plugin_v1, NULL};
    static const int STATUS = 299;
    sw_test_options options = {.size = sizeof options, .plugins = PLUGINS, .outbound = answer,
                               .outbound_arg = (void *)(uintptr_t)&STATUS};
    char error[512];
    sw_test *t = sw_test_open(&options, error, sizeof error);
    if (!t) {
        printf("%s\\n", error);
        return 1;
    }
    the_other_pieces(t);
    sw_test_close(t);
    a_failing_receiver_is_a_503();
    what_the_first_migration_made_is_kept();
    printf("%d failed\\n", failures);
    return failures != 0;
}
"""


def build_pieces(author, folder, statements):
    fragments = [text for kind, _, text in man_page.blocks(PAGE) if kind == "fragment"]
    assert len(fragments) == 8
    fragments += [NAME_ROUTE, TELL_ROUTE, COUNT_ROUTE.format(piece=textwrap.indent(named("lines", "required"), "    "))]
    (folder / "pieces.c").write_text(PIECES.format(fragments="\n".join(fragments), statements=statements), encoding="utf-8")
    # The page's own test opens a host with the plugin alone; this one needs somebody to provide users/1.
    test = named("test", "outbound").replace("{&sw_plugin_v1, NULL}", "{&STAND_IN, &sw_plugin_v1, NULL}")
    test += named("test", "migration").replace("{&plugin, NULL}", "{&STAND_IN, &plugin, NULL}")
    (folder / "test_pieces.c").write_text(TEST + test + MAIN, encoding="utf-8")
    with author.flags(STRICT):
        author.sh("cc -std=c11 $(pkg-config --cflags steward) test_pieces.c pieces.c $(pkg-config --libs steward-testhost)"
                  " -o test_pieces", folder)


@pytest.mark.parametrize("statements", ["NAMES", "OLD"])
def test_every_piece_of_c_compiles_strictly_and_does_what_the_page_says(author, tmp_path, statements):
    """The page shows two tables of statements; a plugin has one, so each is tried in its turn."""
    build_pieces(author, tmp_path, statements)
    code = (tmp_path / "test_pieces.c").read_text(encoding="utf-8")
    if statements == "NAMES":
        extra = 'CHECK(strcmp(sw_test_text(sw_test_get(t, NULL, "/api/name")->json, "thing"), "new") == 0);'
    else:
        code = code.replace('    r = sw_test_get(t, NULL, "/api/name");\n'
                            '    CHECK(strcmp(sw_test_text(r->json, "name"), "seven") == 0);\n', "")
        extra = ('CHECK(sw_test_housekeeping(t, "pieces", "forget") == SW_OK);'
                 'CHECK(strcmp(sw_test_sql(t, "SELECT group_concat(name) FROM things"), "new") == 0);')
    (tmp_path / "test_pieces.c").write_text(code.replace("    sw_test_socket *ann", f"    {extra}\n    sw_test_socket *ann"),
                                            encoding="utf-8")
    author.sh("cc -std=c11 $(pkg-config --cflags steward) test_pieces.c pieces.c $(pkg-config --libs steward-testhost)"
              " -o test_pieces", tmp_path)
    assert "0 failed" in author.sh("./test_pieces", tmp_path)
