#!/usr/bin/env python3
"""core/plugin/symbols.map lists exactly the SW_EXPORT functions of include/steward, and core/testhost/symbols.map those of
testhost.h, which the server does not have."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[3]
TESTHOST = ROOT / "include/steward/testhost.h"


def without_comments(path):
    return re.sub(r"/\*.*?\*/", "", path.read_text(encoding="utf-8"), flags=re.S)


def declared(headers):
    names = set()
    for header in headers:
        for declaration in re.findall(r"^SW_EXPORT\b([^;{]*);", without_comments(header), flags=re.M):
            name = re.search(r"\b(sw_\w+)\s*\(", declaration)
            if name:
                names.add(name.group(1))
    return names


def listed(path):
    return set(re.findall(r"\b(sw_\w+);", without_comments(path)))


def differences(map_file, headers):
    in_headers, in_map = declared(headers), listed(ROOT / map_file)
    assert in_headers, "no declarations found"
    yield from (f"not in {map_file}: {name}" for name in sorted(in_headers - in_map))
    yield from (f"in {map_file}, but not declared: {name}" for name in sorted(in_map - in_headers))


def main():
    headers = [h for h in (ROOT / "include/steward").rglob("*.h") if h != TESTHOST]
    found = [*differences("core/plugin/symbols.map", headers), *differences("core/testhost/symbols.map", [TESTHOST])]
    print("\n".join(found))
    return 1 if found else 0


sys.exit(main())
