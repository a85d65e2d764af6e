"""What the shim is told: which allocation, or which call on a file of one folder, fails. See shim.c."""
import mmap
import os
import re
import struct
import subprocess
import tempfile

from support.steward import BUILD

ALLOC, READ, WRITE, SYNC, TRUNCATE = 1, 2, 4, 8, 16
FOREVER, TORN = 1, 2
CLIENTS = os.environ.get("STEWARD_CLIENTS", os.path.join(BUILD, "tests", "clients"))
SHIM = os.path.join(os.path.dirname(CLIENTS), "torture", "torture_shim.so")  # of a build with tests
HEAD = struct.Struct("=IIiIQQQ")
STACK, FRAMES, FOLDER, FOLDER_SIZE = HEAD.size, 24, HEAD.size + 24 * 8, 512


class Control:
    """One server's shim: environment() for its start, arm() and disarm() while it runs."""

    def __init__(self):
        self._file = tempfile.NamedTemporaryFile(prefix="torture-")
        self._file.truncate(FOLDER + FOLDER_SIZE)
        self._map = mmap.mmap(self._file.fileno(), FOLDER + FOLDER_SIZE)

    def close(self):
        self._map.close()
        self._file.close()

    def environment(self):
        asan = "detect_leaks=1:abort_on_error=0:exitcode=99:verify_asan_link_order=0:allocator_may_return_null=1"
        lsan = f"suppressions={os.path.join(os.path.dirname(__file__), 'lsan.supp')}:print_suppressions=0"
        return {"LD_PRELOAD": SHIM, "TORTURE_CONTROL": self._file.name, "ASAN_OPTIONS": asan, "LSAN_OPTIONS": lsan}

    def folder(self, path):
        """Files below it are the ones whose calls fail."""
        text = os.path.realpath(path).encode() + b"/"
        self._map[FOLDER:FOLDER + len(text) + 1] = text + b"\0"

    def arm(self, kinds, at, how=0, error=5):
        self.disarm()
        self._map[4:HEAD.size] = HEAD.pack(0, how, error, 0, at, 0, 0)[4:]
        self._map[0:4] = struct.pack("=I", kinds)

    def disarm(self):
        self._map[0:4] = struct.pack("=I", 0)

    @property
    def seen(self):
        return HEAD.unpack(self._map[:HEAD.size])[5]

    @property
    def failed(self):
        return HEAD.unpack(self._map[:HEAD.size])[6]

    def stack(self, maps):
        """Who asked for the first that failed: a text, by the maps that the process had."""
        depth = HEAD.unpack(self._map[:HEAD.size])[3]
        at = struct.unpack_from(f"={FRAMES}Q", self._map, STACK)[:depth]
        return "\n".join(describe(address, maps) for address in at[3:])


def read_maps(pid):
    """[(from, to, offset, file)] of what is mapped now."""
    found = []
    with open(f"/proc/{pid}/maps", encoding="utf-8") as lines:
        for line in lines:
            match = re.match(r"(\w+)-(\w+) \S+ (\w+) \S+ \d+\s+(/\S+)", line)
            if match:
                found.append((*(int(match.group(i), 16) for i in (1, 2, 3)), match.group(4)))
    return found


def describe(address, maps):
    for low, high, offset, path in maps:
        if low <= address < high:
            place = address - low + offset - 1
            words = subprocess.run(["addr2line", "-Cfse", path, hex(place)], capture_output=True, text=True, check=False)
            return f"  {os.path.basename(path)}+{place:#x} {' '.join(words.stdout.split())}"
    return f"  {address:#x}"
