"""What is in the Debian packages, and how they are made."""
import io
import os
import pathlib
import re
import subprocess
import tarfile

import pytest

from support import debian

TRIPLET = subprocess.run(["dpkg-architecture", "-qDEB_HOST_MULTIARCH"], capture_output=True, text=True,
                         check=False).stdout.strip()
LIBRARY = f"/usr/lib/{TRIPLET}"
NAMES = ["steward", "steward-dev", "steward-plugin-dev-mock", "steward-plugin-feishu"]
# Which pieces of a text the compiler stores as numbers in the code, and lintian then takes for misspelt words, changes
# with every edit: an override of that may be for nothing.
BY_CHANCE = re.compile(r"^(N: .*|I: \S+: (mismatched|unused)-override spelling-error-in-binary .*)$", re.M)
PACKAGING = debian.ROOT / "packaging"

FILES = {
    "steward": {
        "/etc/logrotate.d/steward": 0o644,
        "/etc/steward/steward.conf": 0o644,
        "/lib/systemd/system/steward.service": 0o644,
        "/usr/bin/steward": 0o755,
        **{f"{LIBRARY}/steward/plugins/{name}.so": 0o644 for name in ("auth", "users", "messages", "chat")},
        "/usr/share/doc/steward/README.Debian.gz": 0o644,
        "/usr/share/doc/steward/README.md.gz": 0o644,
        "/usr/share/man/man1/steward.1.gz": 0o644,
        "/usr/share/man/man5/steward.conf.5.gz": 0o644,
        "/usr/share/lintian/overrides/steward": 0o644,
    },
    "steward-plugin-feishu": {
        f"{LIBRARY}/steward/plugins/feishu.so": 0o644,
        "/usr/share/doc/steward-plugin-feishu/README.md.gz": 0o644,
    },
    "steward-plugin-dev-mock": {
        f"{LIBRARY}/steward/plugins/dev-mock.so": 0o644,
        "/usr/share/doc/steward-plugin-dev-mock/README.md": 0o644,
    },
}
EVERY = ["changelog.Debian.gz", "changelog.gz", "copyright"]
DEVELOPMENT = ["/usr/include/steward/", f"{LIBRARY}/cmake/steward/", f"{LIBRARY}/pkgconfig/", f"{LIBRARY}/steward/",
               "/usr/share/man/man7/", "/usr/share/doc/steward-dev/", "/usr/share/lintian/overrides/steward-dev"]


@pytest.fixture(scope="module")
def packages():
    return debian.build()


@pytest.fixture(scope="module")
def unpacked(packages, tmp_path_factory):
    """Every package's files and its maintainer's (DEBIAN/), in a folder each."""
    top = tmp_path_factory.mktemp("packages")
    for name, path in packages.items():
        subprocess.run(["dpkg-deb", "--raw-extract", path, top / name], check=True)
    return top


def members(package):
    data = subprocess.run(["dpkg-deb", "--fsys-tarfile", package], stdout=subprocess.PIPE, check=True).stdout
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        return [(row, row.name.removeprefix(".")) for row in archive]


def relations(package, name):
    return [part.strip() for part in debian.field(package, name).split(",")]


def test_there_is_a_package_for_each_part_and_debug_symbols_for_each_program(packages):
    with_programs = ["steward", "steward-plugin-dev-mock", "steward-plugin-feishu"]
    assert set(packages) >= {*NAMES, *(f"{name}-dbgsym" for name in with_programs)}
    assert {name.removesuffix("-dbgsym") for name in packages} == set(NAMES)
    assert {debian.field(path, "Version") for path in packages.values()} == {f"{debian.version()}-1"}


def test_the_changelog_names_the_version_of_the_tree():
    changelog = (PACKAGING / "debian" / "changelog").read_text(encoding="utf-8")
    assert changelog.startswith(f"steward ({debian.version()}-1) ")


@pytest.mark.parametrize("name", FILES)
def test_a_package_holds_these_files_owned_by_root(packages, name):
    rows = members(packages[name])
    expected = {**FILES[name], **{f"/usr/share/doc/{name}/{file}": 0o644 for file in EVERY}}
    assert {path: row.mode for row, path in rows if not row.isdir()} == expected
    assert {(row.uname, row.gname) for row, _ in rows} == {("root", "root")}
    assert {row.mode for row, _ in rows if row.isdir()} == {0o755}


def test_the_configuration_folder_is_packaged_empty(packages):
    assert "/etc/steward/conf.d" in [path for row, path in members(packages["steward"]) if row.isdir()]


def test_the_development_package_holds_headers_and_what_finds_them(packages):
    files = [path for row, path in members(packages["steward-dev"]) if not row.isdir()]
    assert not [path for path in files if not path.startswith(tuple(DEVELOPMENT))]
    assert {"/usr/include/steward/plugin.h", f"{LIBRARY}/pkgconfig/steward.pc", "/usr/share/man/man7/steward-plugin.7.gz",
            f"{LIBRARY}/cmake/steward/stewardConfig.cmake"} <= set(files)


def test_plugins_depend_on_the_servers_abi_and_the_server_provides_it(packages):
    abi = "steward-plugin-abi-1"
    assert relations(packages["steward"], "Provides") == [abi]
    for name in ("steward-plugin-feishu", "steward-plugin-dev-mock"):
        assert abi in relations(packages[name], "Depends")
        assert "steward" not in relations(packages[name], "Depends")
    libraries = relations(packages["steward"], "Depends")
    for library in ("libevent-core-2.1-7", "libjansson4", "libjemalloc2", "libsqlite3-0", "libssl3", "libsystemd0"):
        assert any(row.split()[0] == library for row in libraries), library


def test_the_configuration_is_a_conffile_and_changes_two_lines_of_the_template(packages, unpacked):
    conffiles = (unpacked / "steward" / "DEBIAN" / "conffiles").read_text(encoding="ascii").split()
    assert sorted(conffiles) == ["/etc/logrotate.d/steward", "/etc/steward/steward.conf"]
    for name in NAMES[1:]:
        assert not (unpacked / name / "DEBIAN" / "conffiles").exists()
    shipped = (unpacked / "steward" / "etc" / "steward" / "steward.conf").read_text(encoding="utf-8")
    template = (debian.ROOT / "config" / "steward.conf").read_text(encoding="utf-8")
    changed = [(old, new) for old, new in zip(template.splitlines(), shipped.splitlines(), strict=True) if old != new]
    assert [new for _, new in changed] == ["data_dir = /var/lib/steward", "enabled = auth, users, messages, chat"]
    assert [line for line in shipped.splitlines() if line and not line.startswith(("#", "["))] == [
        new for _, new in changed]


def test_no_path_of_the_machine_that_built_is_in_any_file(packages, unpacked):
    log = (debian.ROOT / "build" / "packages" / "deb.log").read_text(encoding="utf-8", errors="replace")
    [place] = set(re.findall(r"Entering directory '(.*)/tree'", log))
    telling = [path.encode() for path in (place, str(debian.ROOT), os.path.expanduser("~") + "/")]
    searched = 0
    for name in packages:
        for path in (unpacked / name).rglob("*"):
            if path.is_symlink() or not path.is_file():
                continue
            content = plain(path)
            assert not [text for text in telling if text in content], path.relative_to(unpacked)
            searched += 1
    assert searched > 60


def plain(path):
    """Its content, neither compressed nor with compressed sections."""
    content = path.read_bytes()
    if path.suffix == ".gz":
        return subprocess.run(["gzip", "-dc", path], capture_output=True, check=True).stdout
    if content.startswith(b"\x7fELF"):
        copy = path.with_name(path.name + ".plain")
        done = subprocess.run(["objcopy", "--decompress-debug-sections", path, copy], capture_output=True, check=False)
        if done.returncode == 0:
            content += copy.read_bytes()
            copy.unlink()
    return content


def test_lintian_says_nothing_and_every_override_has_its_reason(packages):
    done = subprocess.run(["lintian", "--allow-root", "--display-info", "--pedantic", *packages.values()],
                          capture_output=True, text=True, check=False)
    assert (BY_CHANCE.sub("", done.stdout).strip(), done.returncode) == ("", 0), done.stdout + done.stderr
    for path in (PACKAGING / "debian").glob("*.lintian-overrides"):
        before = ""
        for line in path.read_text(encoding="utf-8").splitlines():
            assert line.startswith("#") or before.startswith("#"), f"{path.name}: no reason for {line}"
            before = line


def test_the_scripts_of_the_packages_are_clean_shell():
    scripts = [path for path in (PACKAGING / "debian").iterdir() if path.suffix in (".preinst", ".postinst", ".prerm", ".postrm")]
    assert scripts
    # SC2016: what stands in single quotes there is for another shell.
    subprocess.run(["shellcheck", "--exclude=SC2016", *scripts], check=True)
    subprocess.run(["shellcheck", "--external-sources", "--source-path", debian.ROOT, PACKAGING / "build",
                    PACKAGING / "install-packages"], check=True, cwd=debian.ROOT)


def test_what_the_build_depends_on_is_what_packages_txt_lists():
    rows = [line.split() for line in (PACKAGING / "packages.txt").read_text(encoding="utf-8").splitlines()]
    listed = {row[1] for row in rows if row and row[0] == "build"} - {"build-essential", "ca-certificates"}
    control = (PACKAGING / "debian" / "control").read_text(encoding="utf-8")
    wanted = re.search(r"^Build-Depends:((?:.*\n)(?: .*\n)*)", control, re.M).group(1)
    names = {re.match(r"[a-z0-9.+-]+", part.strip()).group() for part in wanted.split(",")}
    assert names == {"debhelper-compat", *listed}


def test_the_same_tree_gives_the_same_packages_elsewhere_without_git(packages, tmp_path):
    elsewhere = tmp_path / "a" / "longer" / "place"
    elsewhere.mkdir(parents=True)
    again = debian.build_copy("again", TMPDIR=str(elsewhere))
    assert set(again) == set(packages)
    for name, path in packages.items():
        assert pathlib.Path(again[name]).read_bytes() == pathlib.Path(path).read_bytes(), name


def test_building_again_without_a_change_names_the_same_files_at_once(packages):
    before = {name: os.stat(path).st_mtime_ns for name, path in packages.items()}
    again = debian.build()
    assert {name: os.stat(path).st_mtime_ns for name, path in again.items()} == before


def test_the_unit_is_sealed_off():
    done = subprocess.run(["systemd-analyze", "security", "--offline=true", "--no-pager", "--threshold=15",
                           PACKAGING / "systemd" / "steward.service"], capture_output=True, text=True, check=False)
    exposure = re.search(r"exposure level for steward.service: ([0-9.]+)", done.stdout)
    assert exposure, done.stdout + done.stderr
    assert float(exposure.group(1)) <= 1.5
