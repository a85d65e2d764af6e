"""steward-plugin(7): every file, command and piece of C in it is taken out, built and run, against an install tree."""
import os
import re
import select
import signal
import subprocess
import time

import pytest
from support import man_page, out_of_tree
from support.author import Author
from support.steward import ROOT

STRICT = "-Wall -Wextra -Wpedantic -Wconversion -Werror"
PAGE = man_page.source()


def named(kind, name):
    return man_page.named(PAGE, kind, name)


def files_of(folder, where):
    """Writes the files FOLDER/* of the page; how many."""
    texts = man_page.files(PAGE, folder)
    for name, text in texts.items():
        (where / name).write_text(text, encoding="utf-8")
    return len(texts)


@pytest.fixture(scope="module")
def author(tmp_path_factory):
    return Author(out_of_tree.install(tmp_path_factory.mktemp("install")), tmp_path_factory.mktemp("tools"))


# ---- the page itself ----

def test_the_page_names_only_functions_types_and_macros_that_the_headers_have():
    text = man_page.plain(PAGE)
    headers = ""
    for folder, _, names in os.walk(os.path.join(ROOT, "include/steward")):
        for name in names:
            with open(os.path.join(folder, name), encoding="utf-8") as header:
                headers += header.read()
    known = set(re.findall(r"\b(?:sw|SW)_\w+", headers))
    used = {word for word in re.findall(r"\b(?:sw|SW)_[A-Za-z]\w*", text) if not word.endswith("_")}
    assert len(used) > 150
    assert used - known == set()


def test_the_page_explains_every_function_of_the_test_host():
    with open(os.path.join(ROOT, "core/testhost/symbols.map"), encoding="utf-8") as exported:
        names = set(re.findall(r"^    (sw_test_\w+);", exported.read(), re.M))
    assert len(names) > 25
    assert {name for name in names if not re.search(rf"\b{name}\b", man_page.plain(PAGE))} == set()


@pytest.fixture(scope="module")
def installed(author):
    with open(os.path.join(author.prefix, "share/man/man7/steward-plugin.7"), encoding="utf-8") as file:
        return file.read()


def test_the_page_is_installed_as_it_was_written(installed):
    version = re.search(r"^project\(steward VERSION ([\d.]+)", open(os.path.join(ROOT, "CMakeLists.txt"), encoding="utf-8").read(),
                        re.M).group(1)
    assert installed == PAGE.replace("@PROJECT_VERSION@", version)


def test_the_page_is_formatted_without_a_complaint(installed):
    try:
        done = subprocess.run(["groff", "-t", "-man", "-Kutf8", "-Tutf8", "-ww", "-rLL=80n"], input=installed,
                              capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("groff is not installed")
    complaints = [line for line in done.stderr.splitlines() if "can't break line" not in line]
    assert complaints == [] and done.returncode == 0
    assert "sw_http_wait" in done.stdout and "T{" not in done.stdout


# ---- its commands and files ----

def test_five_minutes_the_first_commands_make_a_plugin_that_passes_its_tests(author, tmp_path):
    shown = author.sh(named("shell", "new"), tmp_path)
    assert "0 failed" in shown
    assert (tmp_path / "greeter/greeter.so").exists()


def test_five_minutes_the_plugin_is_loaded_by_make_run_and_answers_curl(author, tmp_path):
    author.sh("steward plugin new greeter", tmp_path)
    folder = tmp_path / "greeter"
    conf = folder / "steward.conf"
    conf.write_text(conf.read_text(encoding="utf-8").replace("port = 8080", "port = 0"), encoding="utf-8")
    with Served(author, "make run", folder) as served:
        script = named("shell", "curl").replace("http://127.0.0.1:8080", served.url)
        script = script.replace("THE PASSWORD", served.password)
        login, _, rest = script.partition("token=THE TOKEN OF THAT ANSWER")
        answer = author.sh(login, tmp_path)
        token = re.search(r'"token":"([^"]+)"', answer).group(1)
        api = login[:login.index("\n")]
        shown = author.sh(f"{api}\ntoken={token}\n{rest}", tmp_path)
        assert re.search(r'\{"id":1,"text":"milk","created_at":"[^"]+"\}', shown), shown
        assert re.search(r'\{"items":\[\{"id":1,"text":"milk","created_at":"[^"]+"\}\]\}', shown), shown


class Served:
    """A server begun by a command that goes on: its address, and the password that it prints."""

    def __init__(self, author, command, folder):
        self.process = subprocess.Popen(["setsid", "sh", "-c", command], cwd=folder, env=author.environment,
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.said = ""

    def __enter__(self):
        deadline = time.monotonic() + 60
        while not re.search(r"listening on \S+\n", self.said) and time.monotonic() < deadline:
            ready, _, _ = select.select([self.process.stdout], [], [], 1)
            more = os.read(self.process.stdout.fileno(), 65536).decode() if ready else ""
            self.said += more
            if ready and not more:
                break
        try:
            self.url = re.search(r"listening on (\S+)\n", self.said).group(1)
            self.password = re.search(r"password[^\n]*?:? (\S+)\n", self.said).group(1)
        except AttributeError:
            self.__exit__()
            raise AssertionError(self.said) from None
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGTERM)
        self.said += self.process.communicate(timeout=60)[0].decode()
        assert "AddressSanitizer" not in self.said, self.said


def test_the_whole_module_builds_and_passes_by_hand_without_a_warning(author, tmp_path):
    assert files_of("watch", tmp_path) == 3
    with author.flags(STRICT):
        shown = author.sh(named("shell", "by-hand"), tmp_path)
    assert "0 failed" in shown
    for word in ("watch_words", "0001_words", "/api/watch/:id", "message.stored", "max_words"):
        assert word in shown or word == "watch_words"


def test_the_whole_module_builds_and_passes_by_cmake_without_a_warning(author, tmp_path):
    assert files_of("watch", tmp_path) == 3
    with author.flags(STRICT):
        shown = author.sh(named("shell", "cmake"), tmp_path)
    assert "100% tests passed" in shown


def test_the_whole_module_also_compiles_with_clang_without_a_warning(author, tmp_path):
    files_of("watch", tmp_path)
    author.clang(STRICT, ["watch.c", "test_watch.c"], "test_watch", tmp_path)
    assert "0 failed" in author.sh("./test_watch", tmp_path, preload=True)


def test_the_whole_module_is_served_and_counts_messages_that_are_really_stored(author, tmp_path):
    files_of("watch", tmp_path)
    author.sh("cc -std=c11 -shared -fPIC -fvisibility=hidden $(pkg-config --cflags steward) watch.c -o watch.so\n"
              "cp watch.so $(pkg-config --variable=plugindir steward)/", tmp_path)
    with out_of_tree.server(author.prefix, "auth, users, messages, chat, watch",
                            {"plugin:watch": {"levels": "ERROR, WARNING"}}) as server:
        assert server.post("/api/watch", {"word": "disk"}).status_code == 201
        for level, content in (("ERROR", "The DISK is full"), ("INFO", "the disk is full"), ("ERROR", "all is well")):
            message = {"agent_id": "x", "level": level, "content": content}
            assert server.post("/api/messages", message).status_code == 201
        [item] = server.get("/api/watch").json()["items"]
        assert (item["word"], item["hits"], item["added_by"]) == ("disk", 1, "admin")


# ---- its pieces ----

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
    {{.method = SW_GET, .path = "/api/name", .access = SW_PUBLIC, .lane = SW_LANE_WORKER, .handle = get_name, .summary = "."}},
}};
static const sw_migration MIGRATIONS[] = {{
    {{"0001_things", "CREATE TABLE things (id INTEGER PRIMARY KEY, name TEXT, created_ms INTEGER);"
                     "INSERT INTO things VALUES (1, 'old', 5), (2, 'new', 9e15)"}},
}};
const sw_plugin sw_plugin_v1 = {{
    SW_PLUGIN_HEAD, .name = "pieces", .version = "1", .routes = SW_TABLE(ROUTES), .frames = SW_TABLE(FRAMES),
    .housekeeping = SW_TABLE(HOUSEKEEPING), .timers = SW_TABLE(TIMERS), .needs = SW_TABLE(NEEDS),
    .migrations = SW_TABLE(MIGRATIONS), .statements = SW_TABLE({statements}),
    .start = counter_start, .stop = counter_stop,
}};
"""

# What the pieces of the page need around them: a stand-in for users/1, and a route that uses two of them.
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
    CHECK(sw_test_timer(t, "pieces", "look") == SW_OK && sw_test_logged(t, "looking around") == 1);

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
    sw_test_options options = {.size = sizeof options, .plugins = PLUGINS};
    char error[512];
    sw_test *t = sw_test_open(&options, error, sizeof error);
    if (!t) {
        printf("%s\\n", error);
        return 1;
    }
    the_other_pieces(t);
    sw_test_close(t);
    a_failing_receiver_is_a_503();
    printf("%d failed\\n", failures);
    return failures != 0;
}
"""


def build_pieces(author, folder, statements):
    fragments = [text for kind, _, text in man_page.blocks(PAGE) if kind == "fragment"]
    assert len(fragments) == 7
    (folder / "pieces.c").write_text(PIECES.format(fragments="\n".join([*fragments, NAME_ROUTE]), statements=statements),
                                     encoding="utf-8")
    # The page's own test opens a host with the plugin alone; this one needs somebody to provide users/1.
    test = named("test", "outbound").replace("{&sw_plugin_v1, NULL}", "{&STAND_IN, &sw_plugin_v1, NULL}")
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
