#!/usr/bin/env python3
"""The rules of the source that no compiler checks. Prints what breaks one, file and line; exit status 1 then."""
import collections
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
FOLDERS = ["common", "base", "config", "crash", "db", "runtime", "http", "ws", "outbound", "plugin", "admin", "server",
           "cli", "testhost"]
LINES_MAX = 600
PUBLIC_HEADER_MAX = 200

# No bound, no error, or a shell behind it; shared static memory; a thread that sleeps.
FORBIDDEN = re.compile(r"(?<![\w.>])(strcpy|strcat|sprintf|vsprintf|gets|atoi|atol|atoll|atof|strtok|system|popen|"
                       r"tmpnam|mktemp|rand|localtime|gmtime|ctime|sleep|usleep)\s*\(")

# A value that gets into SQL by printf. What a statement's text is made of is static (db/query.c).
SQL_PRINTF = re.compile(r"\b\w*(?:printf|_vformat)\s*\([^;]*?\"\s*(?:SELECT|INSERT|UPDATE|DELETE|REPLACE|CREATE|DROP|"
                        r"ALTER|ATTACH|PRAGMA|WITH|SAVEPOINT|ROLLBACK)\b[^\"]*%", re.S)
SQL_PRINTF_ALLOWED = {
    "core/db/succession.c": "the name of a table cannot be bound: it is a name out of the schema, quoted by %w",
    "core/db/db_connection.c": "PRAGMA takes no bound values: set_number() prints literals and integers of the core",
}

# Threads and locks live in core/runtime, and in core/outbound for its two threads. Elsewhere:
THREADS_ALLOWED = {
    "core/http/reply_stream.c": "plugins' threads append to what the loop sends",
    "core/server/server_configure.c": "makes the lock of the readers, in the zeroed runtime",
    "core/server/server_stop.c": "destroys it",
    "core/server/server_signals.c": "masks the signals of the main thread",
    "plugins/users/first_users.c": "start() waits on the main thread for what the writer found",
}
THREADS = re.compile(r"\b(?:pthread|sem|mtx|thrd|cnd)_\w+")
# Plugins: locks of their own state alone.
PLUGIN_THREADS = re.compile(r"\b(?:pthread_(?!mutex_(?:t|init|lock|unlock|destroy)\b)|sem_|mtx_|thrd_|cnd_)\w+")

# State that belongs to the process: two servers in one process, as tests have, would share it.
MUTABLE = re.compile(r"^\s*static (?![^\n]*\b(?:const|_Thread_local)\b)[^()\n]*(?:=|;|\{)", re.M)
MUTABLE_ALLOWED = {
    "core/base/log.c": "the log is the process's",
    "core/testhost/testhost_inside.c": "so is the clock, in a program that tests a plugin",
    "core/testhost/testhost_open.c": "that there is one host at a time",
    "core/crash/crash_handler.c": "a signal handler gets no argument",
    "core/outbound/libcurl.c": "a library is loaded once for the process",
    "core/runtime/event_memory.c": "libevent has one allocator for the process",
}

# Paths of a machine that a file was written on. In pieces, so that this file does not hold them.
MACHINE_PATHS = re.compile("|".join(["/wor" + "k/", r"\.\./sha" + "red", "/hom" + "e/", "/roo" + "t/"]))

# One file holds one idea whole: headers of a few lines and names that come twice are the signs of files cut by length.
SMALL_HEADER, SMALL_HEADERS_MAX = 25, 15
PLUGIN_FOLDER_FILES = 16
# In a room a file's name says what it is there. These name the same part of several plugins:
NAMES_SHARED = {
    "plugin.c": "the tables of a plugin: read it first",
    "store.c": "all of its SQL",
    "service.c": "the service that it provides to other plugins",
    "model.c": "its rows as JSON",
    "store_reset.c": "what it does at the event store.reset",
    "user_removed.c": "what it does at the event user.removed",
    "health.c": "what it tells of itself to /api/health",
}
# Two files that include each other, since they are one thing; their first lines say so.
PAIRS = {
    ("core/config/config", "core/config/config_internal"): "the door of the object, and its inside",
    ("core/runtime/writer", "core/runtime/writer_internal"): "the writer, and what its parts share",
}

found = []


def say(path, at, text):
    found.append(f"{path.relative_to(ROOT)}:{at}: {text}")


def line_of(text, offset):
    return text.count("\n", 0, offset) + 1


def blank(match):
    return re.sub(r"[^\n]", " ", match.group())


TOKENS = re.compile(r"/\*.*?\*/|//[^\n]*|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'", re.S)


def without_comments(text):
    return TOKENS.sub(lambda m: blank(m) if m.group()[0] == "/" else m.group(), text)


def code_only(text):
    return TOKENS.sub(blank, text)


def sources(*folders):
    for folder in folders:
        yield from sorted(p for p in (ROOT / folder).rglob("*") if p.suffix in (".c", ".h"))


# ---- rules ----

def check_length(path, text):
    lines = text.count("\n")
    public = path.suffix == ".h" and path.is_relative_to(ROOT / "include")
    limit = PUBLIC_HEADER_MAX if public else LINES_MAX
    if lines > limit:
        say(path, limit, f"{lines} lines, at most {limit}")


def check_calls(path, text):
    for m in FORBIDDEN.finditer(code_only(text)):
        say(path, line_of(text, m.start()), f"{m.group(1)}() is not used here")


def check_sql(path, text):
    if str(path.relative_to(ROOT)) in SQL_PRINTF_ALLOWED:
        return
    for m in SQL_PRINTF.finditer(without_comments(text)):
        say(path, line_of(text, m.start()), "SQL is static and bound, never printed")


def check_threads(path, text):
    name = str(path.relative_to(ROOT))
    if name.startswith(("core/runtime/", "core/outbound/", "include/")) or name in THREADS_ALLOWED:
        return
    rule = PLUGIN_THREADS if name.startswith("plugins/") else THREADS
    for m in rule.finditer(code_only(text)):
        say(path, line_of(text, m.start()), f"{m.group()}: threads and locks live in core/runtime")


def check_state(path, text):
    if str(path.relative_to(ROOT)) in MUTABLE_ALLOWED:
        return
    for m in MUTABLE.finditer(code_only(text)):
        say(path, line_of(text, m.start()), "mutable state of the process")


def plugin_of(path):
    """The folder of the plugin that a file of plugins/ belongs to: plugins/chat, plugins/integrations/feishu."""
    return next(p for p in path.parents if (p / "plugin.c").is_file() or p.parent == ROOT / "plugins")


def check_includes(path, text):
    parts = path.relative_to(ROOT).parts
    for m in re.finditer(r'^\s*#\s*include\s+["<]([^">]+)[">]', without_comments(text), re.M):
        name, at = m.group(1), line_of(text, m.start(1))
        if parts[0] == "include" and "/" in name and not name.startswith("steward/"):
            say(path, at, f"a public header includes {name}")
        if parts[0] == "plugins":
            folder = plugin_of(path)
            own = [p.resolve() for p in (path.parent / name, folder / name) if p.is_file()]
            made = name == "migrations.inc" or name.startswith("core/common/")
            if '"' in m.group() and not made and not any(p.is_relative_to(folder) for p in own):
                say(path, at, f"a plugin includes {name}, which is not its own")
        if parts[:2] == ("core", "common") and name.startswith("steward/"):
            say(path, at, f"core/common knows no type of Steward, but includes {name}")
        if parts[0] == "core" and len(parts) > 2 and name.startswith("core/"):
            other = name.split("/")[1]
            if other not in FOLDERS or FOLDERS.index(other) > FOLDERS.index(parts[1]):
                say(path, at, f"core/{parts[1]} may not use core/{other}")
            if not (ROOT / name).is_file():
                say(path, at, f"there is no {name}")


def check_tree():
    for plugin in sorted(p.parent for p in (ROOT / "plugins").rglob("plugin.c")):
        if not (plugin / "README.md").is_file():
            say(plugin, 1, "a plugin without README.md")
    for path in files_of_tree():
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue  # pictures, corpora
        for m in MACHINE_PATHS.finditer(text):
            say(path, line_of(text, m.start()), f"a path of one machine: {m.group()}")


def files_of_tree():
    try:
        names = subprocess.run(["git", "-C", ROOT, "ls-files", "-z"], capture_output=True, check=True).stdout
        paths = [ROOT / n for n in names.decode().split("\0") if n]
    except (OSError, subprocess.CalledProcessError):  # a tarball
        paths = [p for p in ROOT.rglob("*") if not {"build", ".git"} & set(p.relative_to(ROOT).parts)]
    return [p for p in paths if p.is_file() and not p.is_symlink()]


def check_format():
    """Every C file is as .clang-format has it, but where a folder says DisableFormat."""
    names = [p for p in files_of_tree() if p.suffix in (".c", ".h")]
    try:
        run = subprocess.run(["clang-format", "--dry-run", "-Werror", *names], capture_output=True, text=True)
    except OSError:
        found.append("clang-format is not installed")
        return
    for m in re.finditer(r"^(\S+?):(\d+):\d+: error: ", run.stderr, re.M):
        say(pathlib.Path(m.group(1)), m.group(2), "not as clang-format has it")


# ---- the house ----

def check_opening(path, text):
    if path.suffix == ".c" and not text.startswith("/*"):
        say(path, 1, "opens without a comment: what it is, which thread runs it, who owns what")


def check_statements(path, text):
    for m in re.finditer(r"^extern const char SQL_\w+", text, re.M):
        say(path, line_of(text, m.start()), "a statement is named once, in the file that binds it")


def check_rooms():
    paths = list(sources("core", "plugins"))
    small = [p for p in paths if p.suffix == ".h" and p.read_text(encoding="utf-8").count("\n") < SMALL_HEADER]
    if len(small) > SMALL_HEADERS_MAX:
        found.append(f"{len(small)} headers under {SMALL_HEADER} lines, at most {SMALL_HEADERS_MAX}: " +
                     " ".join(str(p.relative_to(ROOT)) for p in small))
    by_name = collections.defaultdict(list)
    by_folder = collections.Counter()
    for p in paths:
        by_name[p.name].append(p)
        by_folder[p.parent] += p.is_relative_to(ROOT / "plugins")
    for name, same in by_name.items():
        if len(same) > 1 and (name not in NAMES_SHARED or any(p.is_relative_to(ROOT / "core") for p in same)):
            say(same[1], 1, f"the name {name} is taken by {same[0].relative_to(ROOT)}")
    for folder, count in by_folder.items():
        if count > PLUGIN_FOLDER_FILES:
            say(folder, 1, f"{count} files side by side, at most {PLUGIN_FOLDER_FILES}")


def check_circles():
    """A file and its header are one node; what it includes of its own folder of core/ are its edges."""
    edges = collections.defaultdict(set)
    for path in sources("core"):
        own = str(path.relative_to(ROOT).with_suffix(""))
        for name in re.findall(r'^\s*#\s*include\s+"(core/[^"]+)\.h"', path.read_text(encoding="utf-8"), re.M):
            if name != own and name.split("/")[1] == own.split("/")[1]:
                edges[own].add(name)
    for a, b in PAIRS:
        edges[a].discard(b)
    while edges:  # what includes nothing that is left is in no circle
        free = [n for n, uses in edges.items() if not uses & edges.keys()]
        if not free:
            found.append("files that include one another, or lead to such: " + " ".join(sorted(edges)))
            return
        for n in free:
            del edges[n]


NAMED = re.compile(r"`([\w./-]+\.[ch])`")


def check_names_in_pages():
    """A page that names a file of the source names one that is there."""
    tree = files_of_tree()
    names = {p.name for p in tree}
    for path in (p for p in tree if p.suffix == ".md"):
        text = path.read_text(encoding="utf-8")
        for m in NAMED.finditer(text):
            if m.group(1).rsplit("/", 1)[-1] not in names:
                say(path, line_of(text, m.start()), f"there is no {m.group(1)}")


def check_source():
    for path in sources("core", "plugins", "include"):
        text = path.read_text(encoding="utf-8")
        for check in (check_length, check_calls, check_sql, check_threads, check_state, check_includes, check_opening,
                      check_statements):
            check(path, text)
    check_tree()
    check_rooms()
    check_circles()
    check_names_in_pages()
    check_format()


def main():
    check_source()
    print("\n".join(found))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
