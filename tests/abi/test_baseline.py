"""The ABI of the headers against the committed baselines, and every kind of change that abidiff must and must not stop."""
import pathlib
import platform
import re
import shutil
import subprocess
import sys

import pytest
from support import abi_corpus, abi_guard
from support.steward import ROOT

INCLUDE = pathlib.Path(ROOT) / "include"
MAKER = pathlib.Path(__file__).parent / "update-baseline"

pytestmark = pytest.mark.skipif(platform.machine() != "x86_64", reason="the baselines are of x86_64")


# Each change is one to a copy of the headers: file, text before, text after. The word must be in what is said.
FORBIDDEN = {
    "a function is removed": (
        "sw_request_id", "request.h", "SW_EXPORT const char *sw_request_id(const sw_request *req);", ""),
    "a function has another name": ("sw_now_ms", "host.h", "sw_now_ms(void)", "sw_now(void)"),
    "a parameter has another type": (
        "sw_json_int", "json.h", "*key, int64_t value);\nSW_EXPORT void sw_json_double",
        "*key, int32_t value);\nSW_EXPORT void sw_json_double"),
    "a parameter points to another type": ("sw_tx_send", "ws.h", "sw_tx_send(sw_tx *tx", "sw_tx_send(sw_request *tx"),
    "a parameter is added": ("sw_now_ms", "host.h", "sw_now_ms(void)", "sw_now_ms(int zone)"),
    "a parameter is removed": ("sw_path_id", "http.h", "sw_path_id(sw_request *req, const char *name)",
                               "sw_path_id(sw_request *req)"),
    "a result has another type": ("sw_json_length", "json.h", "size_t sw_json_length(", "uint32_t sw_json_length("),
    "a callback has another signature": (
        "sw_handler", "request.h", "(*sw_handler)(sw_request *req)", "(*sw_handler)(sw_request *req, void *arg)"),
    "a member is removed": ("sw_route", "http.h", "    sw_lane lane;\n", ""),
    "the last member is removed, so that rows shrink": (
        "response", "http.h", re.compile(r"    const char \*response;.*\n"), ""),
    "a member is inserted": (
        "sw_route", "http.h", "    sw_handler handle;\n", "    const char *later;\n    sw_handler handle;\n"),
    "a member is inserted where padding was": (
        "sw_principal", "request.h", "    bool by_api_token;", "    bool later;\n    bool by_api_token;"),
    "a member is added where padding was at the end": (
        "sw_socket_event", "event.h", "} sw_socket_event;", "    bool later;\n} sw_socket_event;"),
    "a member has another type": ("sw_route", "http.h", "    uint32_t flags;", "    uint64_t flags;"),
    "a member has another sign": ("sw_route", "http.h", "    uint32_t flags;", "    int32_t flags;"),
    "a member points to another type": ("sw_route", "http.h", "    const char *request;", "    const void *request;"),
    "two members of one type change places": (
        "sw_chat_event", "event.h", "id, conversation_id, sender_id, receiver_id;",
        "id, conversation_id, receiver_id, sender_id;"),
    "two members of the same size change places": (
        "sw_route", "http.h", "    sw_access access;\n    sw_lane lane;\n", "    sw_lane lane;\n    sw_access access;\n"),
    "an array is shorter": ("sw_principal", "request.h", "char name[65];", "char name[64];"),
    "a member is added to a struct without a size": ("sw_str", "base.h", "} sw_str;", "    int later;\n} sw_str;"),
    "a member is added to the tables' own struct": ("sw_table", "base.h", "} sw_table;", "    int later;\n} sw_table;"),
    "a service's function has another signature": (
        "by_id", "service/users.h", "(*by_id)(void *self, sw_db *db, int64_t id,", "(*by_id)(void *self, sw_db *db, int id,"),
    "a member is added and another changed": (
        "flags", "http.h", re.compile(r"    uint32_t flags;(.*)\} sw_route;", re.S),
        r"    const char *flags;\1    int later;\n} sw_route;"),
    "an enumerator comes before others": ("sw_method", "http.h", "SW_PUT,", "SW_HEAD, SW_PUT,"),
    "the last enumerator is removed": ("SW_DELETE", "http.h", ", SW_DELETE }", "}"),
    "an enumerator has another name": ("SW_DELETE", "http.h", ", SW_DELETE }", ", SW_REMOVE }"),
    "a flag has another value": ("SW_ROUTE_RAW_BODY", "http.h", "SW_ROUTE_RAW_BODY = 2", "SW_ROUTE_RAW_BODY = 4"),
    "an event has another name": (
        "SW_EVENT_CHAT_STORED.is.chat.stored", "event.h", '"chat.stored"', '"chat.kept"'),
    "the magic number is another": ("SW_PLUGIN_MAGIC", "plugin.h", "0x53575044u", "0x53575045u"),
    "a type is removed": ("sw_timer", "plugin.h", "} sw_timer;", "} sw_alarm;"),
}

ALLOWED = {
    "a function is added": (
        "host.h", "SW_EXPORT int64_t sw_now_ms(void);", "SW_EXPORT int64_t sw_now_ms(void);\nSW_EXPORT int sw_later(int x);"),
    "an enumerator is added at the end": ("http.h", "SW_DELETE }", "SW_DELETE, SW_HEAD }"),
    "a flag is added": ("http.h", "SW_ROUTE_RAW_BODY = 2", "SW_ROUTE_RAW_BODY = 2, SW_ROUTE_LATER = 4"),
    "an event is added": ("event.h", "#define SW_EVENT_CHAT_STORED ",
                          '#define SW_EVENT_LATER "later.on"\n#define SW_EVENT_CHAT_STORED '),
    "rows are longer": ("http.h", "} sw_route;", "    const char *later, *still_later;\n} sw_route;"),
    "the descriptor is longer": ("plugin.h", "} sw_plugin;", "    sw_table later;\n} sw_plugin;"),
    "a struct that begins with its size is longer": ("request.h", "} sw_principal;", "    int64_t later;\n} sw_principal;"),
    "an event's struct is longer": ("event.h", "} sw_chat_event;", "    const char *later;\n} sw_chat_event;"),
    "a service has one more function": (
        "service/users.h", "} sw_users_service;", "    int64_t (*later)(void *self);\n} sw_users_service;"),
    "a type is added": ("plugin.h", "} sw_timer;", "} sw_timer;\ntypedef struct {\n    uint32_t size;\n} sw_later;"),
}


def changed_headers(tmp_path, file, before, after, minor=None):
    """A copy of the headers with one change."""
    include = tmp_path / "include"
    if not include.exists():
        shutil.copytree(INCLUDE, include)
    header = include / "steward" / file
    text = header.read_text(encoding="utf-8")
    new = before.sub(after, text, count=1) if isinstance(before, re.Pattern) else text.replace(before, after, 1)
    assert new != text, f"{before} is not in {file}"
    header.write_text(new, encoding="utf-8")
    if minor is not None:
        changed_headers(tmp_path, "plugin.h", re.compile(r"SW_ABI_MINOR( +)\d+u"), rf"SW_ABI_MINOR\g<1>{minor}u")
    return include


@pytest.fixture(scope="module")
def present(tmp_path_factory):
    """A folder with one baseline: the headers as they are. So the tests of changes hold while a minor is in the making."""
    folder = tmp_path_factory.mktemp("baselines")
    made = abi_guard.describe(INCLUDE, tmp_path_factory.mktemp("present"))
    for minor in range(next_minor() - 1):
        shutil.copy(made, folder / f"steward-abi-1.{minor}.xml")
    shutil.copy(made, folder / abi_guard.baseline_name(INCLUDE))
    return folder


def next_minor():
    return abi_corpus.version(INCLUDE)[1] + 1


def test_the_headers_keep_every_baseline_and_additions_have_a_minor_version_of_their_own(tmp_path):
    assert abi_guard.baselines(), "there is no baseline"
    found = abi_guard.complaints(INCLUDE, tmp_path)
    assert not found, "\n".join(found) + "\nThe rules are in core/plugin/ABI.md."


def test_the_baselines_know_every_function_and_every_type():
    newest = abi_guard.baselines()[-1][1].read_text(encoding="utf-8")
    for name in abi_corpus.functions(INCLUDE):
        assert abi_corpus.version(INCLUDE)[1] > abi_guard.baselines()[-1][0] or f"name='{name}'" in newest, name
    for struct in ("sw_plugin", "sw_route", "sw_option", "sw_users_service", "sw_chat_event", "sw_ws_call"):
        assert re.search(rf"<class-decl name='{struct}' size-in-bits='\d+'", newest), struct
    assert "sqlite3" not in newest and "evhttp" not in newest and "testhost" not in newest


@pytest.mark.parametrize("change", FORBIDDEN, ids=lambda change: change.replace(" ", "-"))
def test_a_break_is_stopped_and_named(change, present, tmp_path):
    word, file, before, after = FORBIDDEN[change]
    include = changed_headers(tmp_path, file, before, after, next_minor())
    found = "\n".join(abi_guard.complaints(include, tmp_path, present))
    assert "breaks plugins built for ABI 1." in found and word in found, found


@pytest.mark.parametrize("change", ALLOWED, ids=lambda change: change.replace(" ", "-"))
def test_an_addition_passes_with_a_new_minor_version_and_not_without(change, present, tmp_path):
    include = changed_headers(tmp_path, *ALLOWED[change])
    found = "\n".join(abi_guard.complaints(include, tmp_path, present))
    assert "raise SW_ABI_MINOR" in found and "breaks" not in found, found
    changed_headers(tmp_path, "plugin.h", re.compile(r"SW_ABI_MINOR( +)\d+u"), rf"SW_ABI_MINOR\g<1>{next_minor()}u")
    assert abi_guard.complaints(include, tmp_path, present) == []


def test_another_major_version_breaks(present, tmp_path):
    include = changed_headers(tmp_path, "plugin.h", "SW_ABI_MAJOR    1u", "SW_ABI_MAJOR    2u")
    assert "SW_ABI_MAJOR" in "\n".join(abi_guard.complaints(include, tmp_path, present))


def test_words_and_comments_alone_change_nothing(present, tmp_path):
    include = changed_headers(tmp_path, "http.h", "sw_path_id(sw_request *req, const char *name)",
                              "sw_path_id(sw_request *request, const char *which) /* said better */")
    assert abi_guard.complaints(include, tmp_path, present) == []


def make(include, baselines, *options):
    return subprocess.run([sys.executable, str(MAKER), "--include", str(include), "--baselines", str(baselines), *options],
                          capture_output=True, text=True, check=False)


def test_a_new_baseline_is_written_for_additions_and_refused_for_breaks(present, tmp_path):
    baselines = tmp_path / "baselines"
    shutil.copytree(present, baselines)
    assert make(INCLUDE, baselines).returncode == 0, "nothing to do"

    include = changed_headers(tmp_path, *ALLOWED["a function is added"])
    refused = make(include, baselines)
    assert refused.returncode == 1 and "raise SW_ABI_MINOR" in refused.stderr and "sw_later" in refused.stderr
    changed_headers(tmp_path, "plugin.h", re.compile(r"SW_ABI_MINOR( +)\d+u"), rf"SW_ABI_MINOR\g<1>{next_minor()}u")
    done = make(include, baselines)
    assert done.returncode == 0, done.stderr
    assert "sw_later" in (baselines / abi_guard.baseline_name(include)).read_text(encoding="utf-8")

    # Not released yet: it may be written again, but never against an older one.
    changed_headers(tmp_path, "host.h", "sw_later(int x)", "sw_later(long x)")
    assert make(include, baselines).returncode == 1
    assert make(include, baselines, "--unreleased").returncode == 0
    changed_headers(tmp_path, "host.h", "sw_now_ms(void)", "sw_now_ms(int zone)")
    refused = make(include, baselines, "--unreleased")
    assert refused.returncode == 1 and "sw_now_ms" in refused.stderr
