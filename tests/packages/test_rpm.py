"""The RPMs: what is in them, what they ask for, what their scripts are, and a server run from what they unpack to."""
import glob
import gzip
import os
import re
import select
import shutil
import signal
import subprocess

import pytest
from support import rpms, tour
from support.steward import ROOT, START_SECONDS

PACKAGES = {"steward", "steward-plugin-feishu", "steward-plugin-dev-mock", "steward-devel", "steward-debuginfo"}
SPEC = os.path.join(ROOT, "packaging/rpm/steward.spec")
LINT = os.path.join(ROOT, "packaging/rpm/rpmlint.toml")
FOLDER, FILE = ("drwxr-xr-x", "root", "root"), ("-rw-r--r--", "root", "root")


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    return rpms.build(tmp_path_factory.mktemp("built"))


@pytest.fixture(scope="module")
def unpacked(built, tmp_path_factory):
    """{name: folder}."""
    return {name: rpms.extract(file, str(tmp_path_factory.mktemp(name))) for name, file in built.items()}


def without_pages(listed, name):
    """What a package has beside its licence and its pages, which are where rpm puts them."""
    version = rpms.tree_version()
    licence = {f"/usr/share/licenses/{name}-{version}": FOLDER, f"/usr/share/licenses/{name}-{version}/LICENSE": FILE}
    assert licence.items() <= listed.items()
    return {path: mode for path, mode in listed.items()
            if path not in licence and not path.startswith(f"/usr/share/doc/{name}-{version}")}


# ---- the packages ----

def test_the_build_makes_these_packages_all_of_the_tree_s_version(built):
    assert set(built) == PACKAGES
    for name, file in built.items():
        assert rpms.query(file, "%{VERSION}") == rpms.tree_version(), name


def test_the_spec_s_own_version_and_its_changelog_agree_with_the_tree():
    with open(SPEC, encoding="utf-8") as file:
        text = file.read()
    assert re.search(r"global steward_version (\S+)}", text).group(1) == rpms.tree_version()
    assert re.search(r"^%changelog\n\* .* - (\S+)-1$", text, re.M).group(1) == rpms.tree_version()


def test_the_same_tree_gives_the_same_packages_elsewhere_without_git(built, tmp_path):
    elsewhere = tmp_path / "a" / "longer" / "place"
    elsewhere.mkdir(parents=True)
    again = rpms.build_elsewhere(elsewhere, TMPDIR=str(elsewhere))
    assert set(again) == set(built)
    for name, file in built.items():
        with open(file, "rb") as one, open(again[name], "rb") as other:
            assert one.read() == other.read(), name


def test_rpmlint_prints_nothing_but_its_summary(built):
    printed = rpms.run("rpmlint", "-c", LINT, SPEC, *built.values())
    assert not re.findall(r"^\S+: [EW]: .*", printed, re.M)
    assert "0 errors, 0 warnings" in printed


def test_every_filter_of_rpmlint_still_catches_something_and_says_why(built, tmp_path):
    with open(LINT, encoding="utf-8") as file:
        settings, filters = file.read().split("Filters = [\n")
    bare = tmp_path / "bare.toml"
    bare.write_text(settings, encoding="utf-8")
    printed = subprocess.run(["rpmlint", "-c", bare, SPEC, *built.values()], capture_output=True, text=True, check=False)
    reasoned = False
    for line in filters.splitlines():
        text = line.strip()
        if text[:1] in ("'", '"'):
            pattern = eval(text.rstrip(","), {}) if text[0] == '"' else text.rstrip(",")[1:-1]  # noqa: S307
            assert re.search(pattern, printed.stdout, re.M), f"catches nothing: {pattern}"
            assert reasoned, f"no reason: {pattern}"
        else:
            reasoned = text.startswith("#") or (reasoned and text not in ("", "]"))


# ---- what is in them ----

def test_the_server_s_package_has_the_server_four_plugins_the_unit_and_the_configuration(built):
    listed = without_pages(rpms.files(built["steward"]), "steward")
    assert listed == {
        "/usr/bin/steward": ("-rwxr-xr-x", "root", "root"),
        "/usr/lib64/steward": FOLDER, rpms.PLUGINS: FOLDER,
        **{f"{rpms.PLUGINS}/{name}.so": FILE for name in ("auth", "users", "messages", "chat")},
        "/etc/logrotate.d/steward": FILE,
        "/etc/steward": ("drwxr-x---", "root", "steward"),
        "/etc/steward/conf.d": ("drwxr-x---", "root", "steward"),
        "/etc/steward/steward.conf": ("-rw-r-----", "root", "steward"),
        "/usr/lib/systemd/system/steward.service": FILE,
        "/usr/lib/systemd/system-preset/50-steward.preset": FILE,
        "/usr/lib/sysusers.d/steward.conf": FILE,
        "/usr/share/man/man1/steward.1.gz": FILE, "/usr/share/man/man5/steward.conf.5.gz": FILE,
        "/var/lib/steward": ("drwx------", "steward", "steward"),
        "/var/log/steward": ("drwxr-x---", "steward", "steward"),
    }
    pages = {os.path.basename(path) for path in rpms.run("rpm", "-qpd", built["steward"]).splitlines()}
    assert pages == {"README.md", "README.rpm", "CHANGELOG.md", "steward.1.gz", "steward.conf.5.gz"}


@pytest.mark.parametrize("plugin", ["feishu", "dev-mock"])
def test_the_package_of_a_plugin_has_one_plugin_and_its_page(built, plugin):
    name = f"steward-plugin-{plugin}"
    assert without_pages(rpms.files(built[name]), name) == {f"{rpms.PLUGINS}/{plugin}.so": FILE}
    assert rpms.run("rpm", "-qpd", built[name]).split() == [f"/usr/share/doc/{name}-{rpms.tree_version()}/README.md"]


def test_the_development_package_has_every_header_and_what_finds_them(built):
    listed = rpms.files(built["steward-devel"])
    headers = {"/usr/include/" + os.path.relpath(path, f"{ROOT}/include")
               for path in glob.glob(f"{ROOT}/include/steward/**/*.h", recursive=True)}
    assert {path for path in listed if path.startswith("/usr/include/") and path.endswith(".h")} == headers
    assert len(headers) > 12
    assert {"/usr/lib64/steward/libsteward-testhost.so", "/usr/lib64/pkgconfig/steward.pc",
            "/usr/lib64/pkgconfig/steward-testhost.pc", "/usr/lib64/cmake/steward/stewardConfig.cmake",
            "/usr/share/man/man7/steward-plugin.7.gz"} <= set(listed)
    assert not [path for path in listed if path.startswith(("/etc", "/var", "/usr/bin", rpms.PLUGINS))]


def test_the_configuration_is_not_replaced(built):
    for name, file in built.items():
        expected = ["/etc/logrotate.d/steward", "/etc/steward/steward.conf"] if name == "steward" else []
        assert sorted(rpms.run("rpm", "-qpc", file).split()) == expected
    flags = rpms.query(built["steward"], "[%{FILENAMES} %{FILEFLAGS:fflags}\n]")
    assert "/etc/steward/steward.conf cn\n" in flags and "/etc/logrotate.d/steward cn\n" in flags


def test_the_configuration_is_the_server_s_template_with_the_packaged_plugins_in_production(unpacked):
    with open(unpacked["steward"] + "/etc/steward/steward.conf", encoding="utf-8") as file:
        lines = [line for line in file.read().splitlines() if line and line[0] not in "#["]
    assert lines == ["data_dir = /var/lib/steward", "enabled = auth, users, messages, chat"]


def test_the_debug_package_has_symbols_of_every_program_and_their_sources(built, unpacked):
    folder, version = unpacked["steward-debuginfo"], f"{rpms.tree_version()}-1.{os.uname().machine}"
    programs = ["/usr/bin/steward", *(f"{rpms.PLUGINS}/{name}.so" for name in
                                      ("auth", "users", "messages", "chat", "feishu", "dev-mock"))]
    for program in programs:
        debug = f"{folder}/usr/lib/debug{program}-{version}.debug"
        owner = next(path for path in unpacked.values() if os.path.exists(path + program))
        assert build_id(debug) == build_id(owner + program), program
    assert os.path.exists(f"{folder}/usr/src/debug/steward-{version}/core/main.c")
    with open(f"{folder}/usr/lib/debug/usr/bin/steward-{version}.debug", "rb") as file:
        assert f"/usr/src/debug/steward-{version}/core".encode() in file.read()


def build_id(program):
    return re.search(r"Build ID: (\w+)", rpms.run("readelf", "--notes", program)).group(1)


def test_no_path_or_name_of_the_build_machine_and_no_secret_is_in_a_package(built, unpacked):
    machine = [os.path.dirname(ROOT).encode() + b"/", os.path.expanduser("~/").encode(), b"rpm/BUILD", b"/tmp/", b"/var/tmp"]
    machine = [word for word in machine if len(word) > 2]
    names = {"jwt.secret", "master.key", "initial-admin-password", "steward.db"}
    for name, folder in unpacked.items():
        assert rpms.query(built[name], "%{BUILDHOST} %{PACKAGER}") == "localhost (none)"
        with open(built[name], "rb") as file:
            assert not [word for word in machine if word in file.read()], name
        for at, _, inside in os.walk(folder):
            assert not names & set(inside)
            for file in inside:
                path = os.path.join(at, file)
                if not os.path.islink(path):
                    check_no_trace(path, machine)


def check_no_trace(path, machine):
    with (gzip.open if path.endswith(".gz") else open)(path, "rb") as file:
        text = file.read()
    # The sources name /tmp and the like where they mean it; a path of the build is that of a tree.
    words = machine if text[:4] == b"\x7fELF" else [word for word in machine if word not in (b"/tmp/", b"/var/tmp")]
    assert not [word for word in words if word in text], path


# ---- what they ask for and offer ----

def test_the_server_offers_the_plugin_abi_and_no_plugin_as_a_library(built):
    version = rpms.tree_version()
    offered = rpms.relations(built["steward"], "provides")
    assert f"steward-plugin-abi-1 = {version}-1" in offered and "steward-plugin-abi = 1" in offered
    for file in built.values():
        assert not [line for line in rpms.relations(file, "provides") if ".so" in line and "build-id" not in line]


def test_plugins_ask_for_the_abi_and_not_for_a_version_of_the_server(built):
    for plugin in ("steward-plugin-feishu", "steward-plugin-dev-mock"):
        asked = rpms.relations(built[plugin], "requires")
        assert "steward-plugin-abi-1" in asked
        assert [line for line in asked if line.startswith("steward")] == ["steward-plugin-abi-1"]


def test_the_server_asks_for_the_tools_of_its_scripts_and_the_libraries_that_it_is_linked_with(built):
    asked = set(rpms.relations(built["steward"], "requires"))
    assert {"coreutils", "glibc-common", "shadow-utils", "util-linux", "/bin/sh"} <= asked
    for library in ("event_core-2.1", "sqlite3", "jansson", "websockets", "curl", "systemd", "jemalloc", "jwt"):
        assert [line for line in asked if re.match(rf"lib{library}\.so\.\d+\(\)\(64bit\)", line)], library


# ---- scripts ----

def test_the_packages_have_these_scripts_and_a_shell_reads_them(built, tmp_path):
    expected = {"steward": {"pre", "post", "preun", "postun", "transfiletriggerin"},
                "steward-plugin-feishu": {"postun"}, "steward-plugin-dev-mock": {"postun"}}
    for name, file in built.items():
        found = rpms.scripts(file)
        assert set(found) == expected.get(name, set())
        for kind, text in found.items():
            path = tmp_path / f"{name}-{kind}"
            path.write_text("#!/bin/sh\n" + text, encoding="utf-8")
            rpms.run("sh", "-n", path)
            rpms.run("shellcheck", "--exclude=SC2016", path)  # what stands in '' is for the shell that is called


def test_scripts_speak_to_systemd_only_where_it_runs_and_never_fail_by_it(built):
    for file in built.values():
        for kind, text in rpms.scripts(file).items():
            calls = [line for line in text.splitlines() if "systemctl " in line]
            assert all("|| :" in line or "is-enabled" in line for line in calls), kind
            if calls:
                assert text.index("-d /run/systemd/system") < text.index("systemctl ")


# ---- a server from what is unpacked ----

def test_the_unpacked_server_answers_the_tour_s_first_lines_as_somebody_without_rights(unpacked, tmp_path):
    tree = tmp_path / "tree"
    shutil.copytree(unpacked["steward"], tree, symlinks=True)
    data = tmp_path / "data"
    data.mkdir()
    become = []
    if os.geteuid() == 0:
        rpms.run("chown", "-R", "65534:65534", tree, data)
        become = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--no-new-privs"]
        for folder in (tmp_path, *tmp_path.parents):
            if folder.stat().st_uid == 0 and not folder.stat().st_mode & 1:
                folder.chmod(folder.stat().st_mode | 0o11)
    environment = {"PATH": "/usr/bin:/bin", "SERVER_PORT": "0", "STEWARD_SERVER_DATA_DIR": str(data)}
    command = [*become, tree / "usr/bin/steward", "serve", "-c", tree / "etc/steward/steward.conf"]
    with open(tmp_path / "log", "wb") as log:
        server = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log,
                                  text=True)
    try:
        assert select.select([server.stdout], [], [], START_SECONDS)[0]
        url = re.match(r"listening on (\S+)", server.stdout.readline()).group(1)
        secret = data / "initial-admin-password"
        with open(os.path.join(ROOT, "README.md"), encoding="utf-8") as page:
            first = page.read()
        first = first[:tour.blocks(first)[1][1] + 4]
        done = [line for _, block in tour.run_all(first, url, secret.read_text(encoding="ascii").strip()) for line in block]
        assert len(done) == 5
        for command, shown, got in done:
            assert tour.mask(got) == tour.mask(shown), command
        server.send_signal(signal.SIGTERM)
        assert server.wait(60) == 0
    finally:
        server.kill()
        server.wait()
        server.stdout.close()
