"""Writing a plugin with what the packages bring: as somebody does who has nothing else, on a Debian of a test's own."""
import gzip
import os
import re
import subprocess

import pytest
import requests
from support import debian, man_page, rpms
from support.author import Author
from support.root import Root
from support.service import Service, any_port

TOOLS = ["gcc", "libc6-dev", "make", "cmake", "pkg-config"]
STRICT = "-O2 -Wall -Wextra -Wpedantic -Wconversion -Werror"
HOME = "/srv/author"


@pytest.fixture(scope="module")
def packages():
    return debian.build()


@pytest.fixture
def root(packages):
    """steward and steward-dev are installed, and a user who is nobody special has a folder."""
    needs = {name for package in ("steward", "steward-dev") for name in debian.dependencies(packages[package])}
    with Root(packages=sorted(needs) + TOOLS) as root:
        root.install(packages["steward"], packages["steward-dev"])
        root.run(f"useradd --create-home --home-dir {HOME} author")
        yield root


def author(root, script, check=True):
    return root.run(["sh", "-e", "-c", script], user="author", cwd=HOME, env={"HOME": HOME}, check=check)


@pytest.fixture
def page(root):
    """The page as it was installed."""
    return gzip.decompress(root.path("/usr/share/man/man7/steward-plugin.7.gz").read_bytes()).decode()


def test_the_first_commands_of_the_page_make_a_plugin_that_passes_its_tests(root, page):
    shown = author(root, man_page.named(page, "shell", "new"))
    assert "0 failed" in shown
    assert "greeter" in author(root, "steward plugin inspect greeter/greeter.so")


@pytest.mark.parametrize("name", ["notes", "my-own-notes"])
def test_both_ways_to_build_pass_without_a_warning_and_without_development_packages_of_libraries(root, name):
    assert "libevent-dev" not in root.run("dpkg-query --show").split()
    shown = author(root, f"steward plugin new {name}\ncd {name}\nmake CFLAGS='{STRICT}'\nmake test CFLAGS='{STRICT}'\n"
                         f"cmake -B build -DCMAKE_C_FLAGS='{STRICT}'\ncmake --build build\nctest --test-dir build")
    assert "0 failed" in shown and "100% tests passed" in shown


def test_the_plugin_is_installed_enabled_and_answers(root):
    author(root, "steward plugin new my-notes\ncd my-notes\nmake")
    root.run("make install", cwd=f"{HOME}/my-notes")
    folder = root.run("pkg-config --variable=plugindir steward").strip()
    assert root.run(["stat", "-c", "%04a %U", f"{folder}/my-notes.so"]).strip() == "0644 root"
    conf = root.path("/etc/steward/steward.conf")
    text = conf.read_text(encoding="utf-8")
    changed = re.sub(r"^(enabled = .*chat)$", r"\1, my-notes", text, flags=re.M)
    assert changed != text
    conf.write_text(changed, encoding="utf-8")
    any_port(root)
    with Service(root) as service:
        service.login(service.initial_password())
        assert service.states()["my-notes"] == "enabled"
        answer = service.request("POST", "/api/my-notes", {"text": "milk"})
        assert (answer.status_code, answer.json()["id"]) == (201, 1)
        assert service.request("POST", "/api/my-notes", {"text": "milk"}).status_code == 409
        assert [item["text"] for item in service.get("/api/my-notes")["items"]] == ["milk"]
        assert requests.get(f"{service.url}/api/my-notes", timeout=60).status_code == 401


def test_make_run_serves_it_from_the_authors_own_folder(root, page):
    author(root, "steward plugin new greeter\ncd greeter\nsed -i 's/^port = 8080/port = 0/' steward.conf\nmake")
    served = root.popen(["make", "run"], user="author", cwd=f"{HOME}/greeter", env={"HOME": HOME}, text=True,
                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        said = ""
        for line in served.popen.stdout:
            said += line
            if "listening on" in line:
                break
        url = re.search(r"listening on (\S+)$", said, re.M).group(1)
        password = re.search(r"password\D*? (\S{8,})$", said, re.M).group(1)
        login = requests.post(f"{url}/api/auth/login", json={"username": "admin", "password": password}, timeout=60)
        headers = {"Authorization": f"Bearer {login.json()['token']}"}
        answer = requests.post(f"{url}/api/greeter", json={"text": "milk"}, headers=headers, timeout=60)
        assert answer.status_code == 201, answer.text
    finally:
        root.run(f"kill -TERM $(cat {HOME}/greeter/run/data/lock)", check=False)  # make itself would not pass it on
        served.popen.stdout.close()
        served.wait()


def test_the_whole_module_of_the_page_builds_and_passes(root, page):
    for name, text in man_page.files(page, "watch").items():
        root.write(f"{HOME}/watch/{name}", text, owner="author")
    root.run(["chown", "author", f"{HOME}/watch"])
    script = man_page.named(page, "shell", "by-hand").replace("-std=c11", f"-std=c11 {STRICT}")
    shown = author(root, f"cd watch\n{script}\n{man_page.named(page, 'shell', 'cmake')}")
    assert "0 failed" in shown and "100% tests passed" in shown


def test_a_test_host_runs_the_installed_plugins(root):
    """They are found from the library's own place, whatever that is."""
    author(root, "steward plugin new notes")
    test = root.path(f"{HOME}/notes/test_notes.c")
    text = test.read_text(encoding="utf-8")
    text = text.replace(".plugins = PLUGINS, .options = options}", '.plugins = PLUGINS, .installed = "users, messages, chat", '
                        '.options = options ? options : DEVELOPMENT}')
    # What users wants before it takes part in a reset.
    text = text.replace("static sw_test *open_host", 'static const char *const DEVELOPMENT[] = {"server.env", "development", '
                        '"auth.initial_admin_pass", "a long password", NULL};\n\nstatic sw_test *open_host', 1)
    text = text.replace('    CHECK(r->status == 201);\n',
                        '    CHECK(r->status == 201);\n    CHECK(sw_test_get(t, &ANN, "/api/messages")->status == 200);\n', 1)
    assert text.count("installed") == 1 and "/api/messages" in text
    test.write_text(text, encoding="utf-8")
    assert "0 failed" in author(root, "cd notes\nmake test")


@pytest.mark.parametrize("example", ["hello", "webhook", "directory"])
def test_the_examples_that_come_with_it_build(root, example):
    folder = f"/usr/share/doc/steward-dev/examples/{example}-plugin"
    author(root, f"cp -r {folder} example\nchmod -R u+w example\nfind example -name '*.gz' -exec gunzip {{}} +\n"
                 "cmake -S example -B build\ncmake --build build")
    assert example in author(root, f"steward plugin inspect build/{example}.so")


def test_the_rpms_bring_the_same_wherever_they_are_unpacked(tmp_path):
    built = rpms.build(tmp_path)
    for name in ("steward", "steward-devel"):
        rpms.extract(built[name], str(tmp_path / "tree"))
    prefix = str(tmp_path / "tree/usr")
    (tmp_path / "tools").mkdir()
    shown = Author(prefix, tmp_path / "tools", lib=os.path.join(prefix, "lib64")).sh(
        f"steward plugin new my-notes\ncd my-notes\nmake test CFLAGS='{STRICT}'\n"
        "cmake -B build\ncmake --build build\nctest --test-dir build", tmp_path)
    assert "0 failed" in shown and "100% tests passed" in shown
