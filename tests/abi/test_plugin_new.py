"""`steward plugin new`, and what is made of it: by make, by CMake, with gcc and clang, from an install tree that was moved."""
import os
import re
import subprocess

import pytest
from support import out_of_tree
from support.author import Author
from support.other_user import AS_NOBODY, needs_root
from support.steward import BINARY

STRICT = "-Wall -Wextra -Wpedantic -Wconversion -Werror"
FILES = [".gitignore", "CMakeLists.txt", "Makefile", "README.md", "steward.conf"]


@pytest.fixture(scope="module")
def author(tmp_path_factory):
    """The tree is moved after its installation, to a place with a space in its name."""
    made = tmp_path_factory.mktemp("install") / "first"
    out_of_tree.install(made)
    moved = made.parent / "moved tree"
    made.rename(moved)
    return Author(str(moved), tmp_path_factory.mktemp("tools"))


def new(*words, cwd):
    return subprocess.run([BINARY, "plugin", "new", *words], cwd=cwd, capture_output=True, text=True, check=False,
                          timeout=60)


# ---- the command ----

def test_it_makes_a_folder_and_says_what_comes_next(tmp_path):
    done = new("my-notes", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "cd my-notes" in done.stdout and "make test" in done.stdout and "steward-plugin(7)" in done.stdout
    assert sorted(os.listdir(tmp_path / "my-notes")) == sorted([*FILES, "my-notes.c", "test_my-notes.c"])
    for name in os.listdir(tmp_path / "my-notes"):
        text = (tmp_path / "my-notes" / name).read_text(encoding="utf-8")
        assert "@" not in text.replace("$@", ""), name
        assert text.endswith("\n") and not text.endswith("\n\n"), name
    code = (tmp_path / "my-notes/my-notes.c").read_text(encoding="utf-8")
    assert "CREATE TABLE my_notes_items" in code and '"/api/my-notes"' in code


@pytest.mark.parametrize("option", [["--dir", "here"], ["--dir=here"]])
def test_the_folder_may_have_another_name_and_be_there_if_it_is_empty(tmp_path, option):
    (tmp_path / "here").mkdir()
    done = new("notes", *option, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "here/notes.c").is_file() and not (tmp_path / "notes").exists()


def test_nothing_is_ever_overwritten(tmp_path):
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes/precious").write_text("mine", encoding="utf-8")
    done = new("notes", cwd=tmp_path)
    assert done.returncode == 1 and "overwritten" in done.stderr and done.stdout == ""
    assert os.listdir(tmp_path / "notes") == ["precious"]
    (tmp_path / "file").write_text("mine", encoding="utf-8")
    done = new("other", "--dir", "file", cwd=tmp_path)
    assert done.returncode == 1 and "file" in done.stderr
    assert (tmp_path / "file").read_text(encoding="utf-8") == "mine"


@pytest.mark.parametrize("name", ["Notes", "my_notes", "a/b", "..", "", "9lives", "notes-", "n" * 33, "auth", "core", "testhost",
                                  "dev-mock", "n\u00f6tes", "a b", "a\nb"])
def test_a_name_that_no_plugin_can_have_is_refused(tmp_path, name):
    done = new("--", name, cwd=tmp_path)
    assert done.returncode == 1 and "name" in done.stderr
    assert os.listdir(tmp_path) == []


def test_wrong_usage_is_told(tmp_path):
    assert new(cwd=tmp_path).returncode == 2
    assert new("notes", "--dir", cwd=tmp_path).returncode == 2
    assert new("notes", "more", cwd=tmp_path).returncode == 2
    assert new("notes", "--dir", "none/there", cwd=tmp_path).returncode == 1
    assert os.listdir(tmp_path) == []


@needs_root
def test_a_folder_that_cannot_be_written_is_told(tmp_path):
    os.chmod(tmp_path, 0o755)
    done = subprocess.run([*AS_NOBODY, BINARY, "plugin", "new", "notes", "--dir", "/proc/notes"], capture_output=True,
                          text=True, check=False, timeout=60)
    assert done.returncode == 1 and "/proc/notes" in done.stderr


# ---- what it made ----

@pytest.mark.parametrize("name", ["notes", "my-own-notes"])
def test_make_builds_it_without_a_warning_and_its_tests_pass(author, tmp_path, name):
    with author.flags(STRICT):
        shown = author.sh(f"steward plugin new {name}\ncd {name}\nmake\nmake test\nsteward plugin inspect {name}.so", tmp_path)
    assert "0 failed" in shown and f"/api/{name}" in shown
    author.sh("make clean", tmp_path / name)
    assert sorted(os.listdir(tmp_path / name)) == sorted([*FILES, f"{name}.c", f"test_{name}.c"])


def test_make_takes_the_place_of_the_server_as_its_own_variable_too(author, tmp_path):
    place = author.environment["PKG_CONFIG_PATH"]
    author.sh(f"steward plugin new notes\ncd notes\nunset PKG_CONFIG_PATH\nmake PKG_CONFIG_PATH='{place}'", tmp_path)
    assert os.path.exists(tmp_path / "notes/notes.so")


@pytest.mark.parametrize("name", ["notes", "my-own-notes"])
def test_cmake_builds_it_without_a_warning_and_its_tests_pass(author, tmp_path, name):
    with author.flags(STRICT):
        shown = author.sh(f"steward plugin new {name}\ncd {name}\ncmake -B build\ncmake --build build\nctest --test-dir build",
                          tmp_path)
    assert "100% tests passed, 0 tests failed out of 1" in shown
    assert (tmp_path / name / "build" / f"{name}.so").is_file()


def test_clang_builds_it_without_a_warning_and_its_tests_pass(author, tmp_path):
    author.sh("steward plugin new my-notes", tmp_path)
    folder = tmp_path / "my-notes"
    author.sh(f"make CC=clang CFLAGS='-O2 {STRICT}'\nsteward plugin inspect my-notes.so", folder)
    author.clang(STRICT, ["my-notes.c", "test_my-notes.c"], "test_my-notes", folder)
    assert "0 failed" in author.sh("./test_my-notes", folder, preload=True)


def test_a_test_fails_when_the_plugin_is_wrong(author, tmp_path):
    """Else the tests above would show nothing."""
    author.sh("steward plugin new notes", tmp_path)
    code = tmp_path / "notes/notes.c"
    code.write_text(code.read_text(encoding="utf-8").replace('" UNIQUE (user_id, text)) STRICT"', '" CHECK (true)) STRICT"'),
                    encoding="utf-8")
    shown = author.refused("make test", tmp_path / "notes")
    assert "not so" in shown and "== 409" in shown and "1 failed" in shown


def test_make_install_puts_it_where_the_server_looks_and_the_server_serves_it(author, tmp_path):
    author.sh("steward plugin new my-notes\ncd my-notes\nmake install", tmp_path)
    assert os.path.isfile(os.path.join(out_of_tree.plugin_folder(author.prefix), "my-notes.so"))
    with out_of_tree.server(author.prefix, "auth, users, my-notes", {"plugin:my-notes": {"per_user": "1"}}) as server:
        assert server.post("/api/my-notes", {"text": "milk"}).json()["id"] == 1
        assert server.post("/api/my-notes", {"text": "bread"}).status_code == 403
        assert [item["text"] for item in server.get("/api/my-notes").json()["items"]] == ["milk"]
        assert server.get("/api/my-notes", token=None).status_code == 401


def test_install_may_be_staged(author, tmp_path):
    author.sh("steward plugin new notes\ncd notes\nmake install DESTDIR=$PWD/staged\ncmake -B build\ncmake --build build\n"
              "DESTDIR=$PWD/cmake-staged cmake --install build", tmp_path)
    inside = os.path.realpath(out_of_tree.plugin_folder(author.prefix)).lstrip("/")
    for staged in ("staged", "cmake-staged"):
        found = [os.path.join(folder, name) for folder, _, names in os.walk(tmp_path / "notes" / staged) for name in names]
        assert [os.path.realpath(path) for path in found] == [str(tmp_path / "notes" / staged / inside / "notes.so")]


# ---- the CMake package and pkg-config ----

def test_migrations_may_stand_in_files(author, tmp_path):
    author.sh("steward plugin new notes", tmp_path)
    folder = tmp_path / "notes"
    code = (folder / "notes.c").read_text(encoding="utf-8")
    start, end = code.index("static const sw_migration"), code.index("/* ---- statements")
    folder.joinpath("notes.c").write_text(
        code[:start] + 'static const sw_migration MIGRATIONS[] = {\n#include "migrations.inc"\n};\n\n' + code[end:], encoding="utf-8")
    (folder / "sql").mkdir()
    (folder / "sql/0001_items.sql").write_text(
        "-- what people keep: \"quoted\" \\ and all;\n"
        "CREATE TABLE notes_items (id INTEGER PRIMARY KEY AUTOINCREMENT, user_id INTEGER NOT NULL, text TEXT NOT NULL);\n",
        encoding="utf-8")
    (folder / "sql/0002_more.sql").write_text(
        "ALTER TABLE notes_items ADD COLUMN created_ms INTEGER NOT NULL DEFAULT 0;\n"
        "CREATE UNIQUE INDEX notes_texts ON notes_items (user_id, text);\n", encoding="utf-8")
    lists = folder / "CMakeLists.txt"
    lists.write_text(lists.read_text(encoding="utf-8").replace("notes.c)\ntarget", "notes.c MIGRATIONS sql)\ntarget", 1),
                     encoding="utf-8")
    shown = author.sh("cmake -B build\ncmake --build build\nctest --test-dir build\nsteward plugin inspect build/notes.so", folder)
    assert "100% tests passed" in shown and "0001_items" in shown and "0002_more" in shown


def test_a_test_may_load_the_shared_object_itself(author, tmp_path):
    author.sh("steward plugin new notes", tmp_path)
    test = tmp_path / "notes/test_notes.c"
    text = test.read_text(encoding="utf-8")
    text = text.replace("static const sw_plugin *const PLUGINS[] = {&sw_plugin_v1, NULL};",
                        "static const char *const FILES[] = {STEWARD_PLUGIN_FILE, NULL};").replace(".plugins = PLUGINS",
                                                                                                   ".files = FILES")
    test.write_text(text, encoding="utf-8")
    assert "STEWARD_PLUGIN_FILE" in text and "sw_plugin_v1" not in text
    assert "100% tests passed" in author.sh("cmake -B build\ncmake --build build\nctest --test-dir build", tmp_path / "notes")


IN_CPP = {
    "plus.cpp": """
#include <steward/plugin.h>
#include <string>

static sw_status get_plus(sw_request *req)
{
    const std::string text = std::string("hello ") + sw_query_text(req, "name", 64, "world");
    SW_TRY(sw_check(req));
    sw_json *out = sw_reply_json(req, 200);
    sw_json_object_begin(out, nullptr);
    sw_json_text(out, "text", text.c_str());
    sw_json_object_end(out);
    return SW_OK;
}

static const sw_route ROUTES[] = {{SW_GET, "/api/plus", SW_PUBLIC, SW_LANE_WORKER, get_plus, "Greets.", 0, nullptr, nullptr}};

static sw_plugin describe()
{
    sw_plugin p = {SW_PLUGIN_HEAD};
    p.name = "plus";
    p.version = "1";
    p.routes = SW_TABLE(ROUTES);
    return p;
}

extern const sw_plugin sw_plugin_v1 = describe();
""",
    "test_plus.cpp": """
#include <steward/testhost.h>
#include <cstdio>
#include <cstring>

int main()
{
    const sw_plugin *const plugins[] = {&sw_plugin_v1, nullptr};
    sw_test_options options = {};
    options.size = sizeof options;
    options.plugins = plugins;
    char error[512];
    sw_test *t = sw_test_open(&options, error, sizeof error);
    if (!t) {
        std::puts(error);
        return 1;
    }
    const sw_test_reply *r = sw_test_get(t, nullptr, "/api/plus?name=you");
    const bool good = r->status == 200 && std::strcmp(sw_test_text(r->json, "text"), "hello you") == 0;
    sw_test_close(t);
    return good ? 0 : 1;
}
""",
    "CMakeLists.txt": """
cmake_minimum_required(VERSION 3.16)
project(plus LANGUAGES CXX)
find_package(steward 1.0 REQUIRED)
enable_testing()
steward_add_plugin(plus plus.cpp)
steward_add_plugin_test(test_plus PLUGIN plus SOURCES test_plus.cpp)
""",
}


def test_a_module_may_be_written_in_cpp(author, tmp_path):
    for name, text in IN_CPP.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    with author.flags("-Wall -Wextra -Wpedantic -Wconversion -Wno-missing-field-initializers -Werror"):
        shown = author.sh("CXX=c++ cmake -B build\ncmake --build build\nctest --test-dir build --output-on-failure", tmp_path)
    assert "100% tests passed" in shown


@pytest.mark.parametrize("wanted, found", [("1", True), ("1.0", True), ("2", False), ("1.99", False)])
def test_find_package_knows_its_version(author, tmp_path, wanted, found):
    (tmp_path / "CMakeLists.txt").write_text(
        f"cmake_minimum_required(VERSION 3.16)\nproject(x LANGUAGES NONE)\nfind_package(steward {wanted} QUIET)\n"
        'message(STATUS "found ${steward_FOUND} abi ${STEWARD_ABI} version ${STEWARD_VERSION}")\n', encoding="utf-8")
    shown = author.sh("cmake -B build", tmp_path)
    assert f"found {1 if found else 0} " in shown
    if found:
        version = author.sh("pkg-config --modversion steward", tmp_path).strip()
        abi = author.sh("pkg-config --variable=abi steward", tmp_path).strip()
        assert f"abi {abi} version {version}" in shown


def test_pkg_config_names_the_folder_the_program_and_the_versions(author, tmp_path):
    def variable(name):
        return author.sh(f"pkg-config --variable={name} steward", tmp_path).strip().replace("\\ ", " ")

    assert os.path.samefile(variable("plugindir"), out_of_tree.plugin_folder(author.prefix))
    assert os.path.samefile(variable("steward"), os.path.join(author.prefix, "bin/steward"))
    assert variable("version") == author.sh("pkg-config --modversion steward", tmp_path).strip()
    assert variable("version") in author.sh("steward version", tmp_path)
    assert variable("abi") == "1"
    assert author.sh("pkg-config --modversion steward-testhost", tmp_path).strip() == variable("version")


def test_the_test_host_exports_its_own_functions_and_the_plugins_and_nothing_else(author):
    library = os.path.join(os.path.dirname(out_of_tree.plugin_folder(author.prefix)), "libsteward-testhost.so")
    shown = subprocess.run(["nm", "-D", "--defined-only", library], capture_output=True, text=True, check=True).stdout
    names = {line.split()[-1].split("@")[0] for line in shown.splitlines()}
    nodes = {name for name in names if re.fullmatch(r"STEWARD_(TESTHOST|1\.\d+)", name)}
    assert {"STEWARD_1.0", "STEWARD_TESTHOST"} <= nodes
    assert {name for name in names - nodes if not name.startswith("sw_")} <= {
        name for name in names if name.startswith(("__asan", "__ubsan", "__tsan", "__odr_asan"))}
    assert {"sw_test_open", "sw_reply_json"} <= names
    assert "sw_plugin_v1" not in names


def test_the_test_host_needs_no_development_package_to_link(author, tmp_path):
    """Its program names one library, and that one finds the rest."""
    author.sh("steward plugin new notes\ncd notes\nmake test_notes", tmp_path)
    shown = subprocess.run(["readelf", "-d", tmp_path / "notes/test_notes"], capture_output=True, text=True, check=True).stdout
    needed = {line.split("[")[1].rstrip("]") for line in shown.splitlines() if "(NEEDED)" in line}
    assert {name for name in needed if not name.startswith(("libc.", "libasan", "libubsan", "libtsan", "libm.", "ld-"))} == {
        "libsteward-testhost.so"}
