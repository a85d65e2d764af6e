"""Is the ABI of these headers still that of every baseline? abidiff is the judge; core/plugin/ABI.md has the rules.

A plugin knows the headers it was built with and nothing younger. So what abidiff compares with a baseline is the present
ABI as seen by such a plugin: without the members and enumerators that were added behind those it knows. Whatever else
differs breaks it, down to a member's name: two that change places are otherwise nothing but two new names."""
import pathlib
import re
import subprocess
import xml.etree.ElementTree as ET

from support import abi_corpus

BASELINES = pathlib.Path(__file__).parents[1] / "abi/baseline"

# Structs that may grow although they do not begin with their size: rows carry it in their sw_table, sw_plugin in its head,
# and the host fills up events that are too short.
GROWING = {"sw_plugin", "sw_option", "sw_migration", "sw_statement", "sw_route", "sw_frame_handler", "sw_subscription",
           "sw_housekeeping", "sw_timer", "sw_provided", "sw_need"}


def baselines(folder=BASELINES):
    """[(minor, file)], oldest first."""
    major_minor = re.compile(r"steward-abi-\d+\.(\d+)\.xml")
    return sorted((int(major_minor.fullmatch(file.name).group(1)), file) for file in pathlib.Path(folder).glob("*.xml"))


def baseline_name(include):
    return "steward-abi-%d.%d.xml" % abi_corpus.version(include)


def describe(include, folder):
    """abidw's file of the ABI of these headers, made in `folder`."""
    out = pathlib.Path(folder) / "steward-abi.xml"
    subprocess.run(["abidw", "--no-corpus-path", "--no-comp-dir-path", "--no-show-locs", "--no-parameter-names",
                    "--no-elf-needed", "--type-id-style", "hash", "--out-file", str(out),
                    str(abi_corpus.build(include, folder))], check=True)
    return out


def architecture(file):
    return ET.parse(file).getroot().get("architecture")


def differences(old, new, *options):
    """What abidiff reports, "" for nothing."""
    done = subprocess.run(["abidiff", "--no-default-suppression", "--harmless", *options, str(old), str(new)],
                          capture_output=True, text=True, check=False)
    assert done.returncode & 3 == 0, f"abidiff failed: {done.stdout}{done.stderr}"
    return done.stdout.strip() if done.returncode else ""


def may_grow(struct):
    members = struct.findall("data-member/var-decl")
    return struct.get("name") in GROWING or struct.get("name").endswith("_event") or \
        (members and members[0].get("name") == "size")


def hide_members(struct, known):
    """Takes the members away that were added at the end of a struct that may grow. A struct's size must tell them, so
    none may lie in what was padding."""
    size = int(known.get("size-in-bits"))
    added = struct.findall("data-member")[len(known.findall("data-member")):]
    if not may_grow(known) or any(int(member.get("layout-offset-in-bits")) < size for member in added):
        return
    for member in added:
        struct.remove(member)
    if added:
        struct.set("size-in-bits", str(size))


def hide_enumerators(enum, known):
    """Takes the enumerators away that were added after the last known one."""
    names = {enumerator.get("name") for enumerator in known.findall("enumerator")}
    last = max(int(enumerator.get("value")) for enumerator in known.findall("enumerator"))
    for enumerator in enum.findall("enumerator"):
        if enumerator.get("name") not in names and int(enumerator.get("value")) > last:
            enum.remove(enumerator)


def as_seen_by(baseline, present, out):
    """The present ABI in the eyes of a plugin that knows the baseline's headers, into the file `out`."""
    old, tree = ET.parse(baseline).getroot(), ET.parse(present)
    for kind, hide in (("class-decl", hide_members), ("enum-decl", hide_enumerators)):
        known = {node.get("name"): node for node in old.iter(kind) if node.get("is-declaration-only") is None}
        for node in tree.getroot().iter(kind):
            if node.get("name") in known:
                hide(node, known[node.get("name")])
    tree.write(out)
    return out


def breaks(baseline, present, folder):
    """What of the present ABI would break a plugin built with that baseline's headers."""
    seen = as_seen_by(baseline, present, pathlib.Path(folder) / "seen.xml")
    return differences(baseline, seen, "--no-added-syms")


def complaints(include, folder, baseline_folder=BASELINES):
    """Why these headers may not be released so; [] when they may."""
    major, minor = abi_corpus.version(include)
    present = describe(include, folder)
    found = []
    kept = baselines(baseline_folder)
    for known, file in kept:
        broken = breaks(file, present, folder)
        if broken:
            found.append(f"breaks plugins built for ABI {major}.{known} ({file.name}):\n{broken}")
    missing = sorted(set(range(minor)) - {known for known, _ in kept})
    found += [f"there is no baseline of ABI {major}.{one}, though SW_ABI_MINOR is {minor}" for one in missing]
    newest, file = kept[-1]
    if newest > minor:
        found.append(f"SW_ABI_MINOR is {minor}, but there is a baseline of {newest}")
    if newest == minor and not found:
        added = differences(file, present)
        if added:
            found.append(f"additions to ABI {major}.{minor}: raise SW_ABI_MINOR in plugin.h\n{added}")
    return found
