#!/usr/bin/env python3
"""core/plugin/symbols.map lists exactly the SW_EXPORT functions of include/steward."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[3]


def declared():
    names = set()
    for header in (ROOT / "include/steward").rglob("*.h"):
        text = re.sub(r"/\*.*?\*/", "", header.read_text(encoding="utf-8"), flags=re.S)
        for declaration in re.findall(r"^SW_EXPORT\b([^;{]*);", text, flags=re.M):
            name = re.search(r"\b(sw_\w+)\s*\(", declaration)
            if name:
                names.add(name.group(1))
    return names


def listed():
    text = (ROOT / "core/plugin/symbols.map").read_text(encoding="utf-8")
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.S)
    return set(re.findall(r"\b(sw_\w+);", text))


def main():
    missing, surplus = declared() - listed(), listed() - declared()
    for name in sorted(missing):
        print(f"not in symbols.map: {name}")
    for name in sorted(surplus):
        print(f"in symbols.map, but not declared in include/steward: {name}")
    return 1 if missing or surplus else 0


sys.exit(main())
