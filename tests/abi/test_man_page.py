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


def test_the_rule_for_make_makes_the_rows_that_cmake_makes(author, tmp_path):
    author.sh("steward plugin new greeter", tmp_path)
    folder = tmp_path / "greeter"
    code = (folder / "greeter.c").read_text(encoding="utf-8")
    start, end = code.index("static const sw_migration"), code.index("/* ---- statements")
    sql = "".join(re.findall(r'"([^"\n]*)"', code[start:end])[1:])
    table = 'static const sw_migration MIGRATIONS[] = {\n#include "migrations.inc"\n};\n\n'
    (folder / "greeter.c").write_text(code[:start] + table + code[end:], encoding="utf-8")
    (folder / "sql").mkdir()
    (folder / "sql/0001_items.sql").write_text(f'-- "short" texts: \\ and all\n{sql};\n', encoding="utf-8")
    (folder / "sql/0002_more.sql").write_text("CREATE INDEX greeter_made ON greeter_items (created_ms);\n", encoding="utf-8")
    with open(folder / "Makefile", "a", encoding="utf-8") as makefile:
        makefile.write("\n" + named("make", "migrations"))
    with author.flags(STRICT):
        shown = author.sh("make\nmake test\nsteward plugin inspect greeter.so", folder)
    assert "0 failed" in shown and "0001_items" in shown and "0002_more" in shown

    lists = folder / "CMakeLists.txt"
    lists.write_text(lists.read_text(encoding="utf-8").replace("greeter.c)", "greeter.c MIGRATIONS sql)", 1), encoding="utf-8")
    made = folder / "migrations.inc"
    by_make = made.read_text(encoding="utf-8")
    made.unlink()
    author.sh("cmake -B build\ncmake --build build", folder)
    by_cmake = (folder / "build/greeter-migrations/migrations.inc").read_text(encoding="utf-8")
    assert rows_of(by_make) == rows_of(by_cmake) != []


def rows_of(text):
    """The rows of a table of migrations: their literals in one piece each."""
    return ["".join(re.findall(r'"((?:[^"\\]|\\.)*)"', row)) for row in text.split("},")]
