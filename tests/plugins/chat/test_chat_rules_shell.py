"""What rules allow, as real shells read it: bash runs every command that is allowed, with nothing to be found in PATH
and a record of what it would have run; bash and dash say whether it is one at all. The commands come from
rules_property.c, which changes allowed ones anywhere. STEWARD_SHELL_COMMANDS says how many are made."""
import collections
import os
import re
import shutil
import subprocess

import pytest

from support.steward import BUILD

PROPERTY = os.path.join(os.environ.get("STEWARD_CLIENTS", os.path.join(BUILD, "tests", "clients")), "rules_property")
MADE = int(os.environ.get("STEWARD_SHELL_COMMANDS", "3000"))
NAMES = {"git", "ls", "make", "npm", "cargo"}

# Reads commands, ended by NUL; writes of each what it would have run, and what the shells say to its form.
RECORD = r"""
bash=$BASH dash=$DASH
PATH=/nonexistent
HOME='$HOME'
command_not_found_handle() { printf '%s\0' run "$#" "$@" >&9; }
while IFS= read -r -d '' command; do
  "$bash" -n -c "$command" 2>/dev/null </dev/null || printf 'bash\0' >&9
  "$dash" -n -c "$command" 2>/dev/null </dev/null || printf 'dash\0' >&9
  eval "$command" </dev/null >/dev/null 2>&1
  wait
  printf 'end\0' >&9
done
"""


def made(count):
    """(command, its parts without quotes)."""
    out = subprocess.run([PROPERTY, "--print", str(count), "7"], capture_output=True, check=True).stdout
    fields = iter(out.split(b"\0")[:-1])
    return [(command, [next(fields) for _ in range(int(next(fields)))]) for command in fields]


def recorded(commands, folder):
    """Of each command: the argument lists that would have run, and the shells that do not take it."""
    read, write = os.pipe()
    with open(folder / "record", "wb+") as record:
        empty = folder / "empty"
        empty.mkdir()
        bash = subprocess.Popen(
            ["bash", "-c", f"exec 9>&{record.fileno()}\n" + RECORD], stdin=read, cwd=empty, pass_fds=[record.fileno()],
            env={"DASH": shutil.which("dash"), "LC_ALL": "C"}, stderr=subprocess.DEVNULL)
        os.close(read)
        with os.fdopen(write, "wb") as stdin:
            stdin.write(b"".join(c + b"\0" for c in commands))
        assert bash.wait() == 0
        record.seek(0)
        fields = iter(record.read().split(b"\0")[:-1])
    found, ran, refused = [], [], []
    for field in fields:
        if field == b"run":
            ran.append([next(fields) for _ in range(int(next(fields)))])
        elif field == b"end":
            found.append((ran, refused))
            ran, refused = [], []
        else:
            refused.append(field.decode())
    assert not list(empty.iterdir()), "an allowed command has written a file"
    return found


@pytest.fixture(scope="module")
def judged(tmp_path_factory):
    if not shutil.which("bash") or not shutil.which("dash"):
        pytest.skip("needs bash and dash")
    commands = made(MADE)
    assert len(commands) > MADE // 20
    found = recorded([c for c, _ in commands], tmp_path_factory.mktemp("shell"))
    assert len(found) == len(commands)
    return [(command, parts, ran, refused) for (command, parts), (ran, refused) in zip(commands, found)]


def test_bash_runs_nothing_but_the_parts_that_rules_have_allowed(judged):
    for command, parts, ran, _ in judged:
        names = {argv[0].decode(errors="replace") for argv in ran}
        assert all(any(n.startswith(known) for known in NAMES) for n in names), command
        assert len(ran) <= len(parts), command


def test_what_bash_runs_is_the_parts_word_by_word(judged):
    compared = 0
    for command, parts, ran, _ in judged:
        if re.search(rb"[<{~$]", re.sub(rb"\$HOME(?!\w)", b"", command)):
            continue  # expanded, or gone when it runs
        missing = collections.Counter(b" ".join(argv) for argv in ran) - collections.Counter(parts)
        assert not missing, command
        if b"||" not in command:
            assert len(ran) == len(parts), command
        compared += 1
    assert compared > len(judged) // 10


def test_bash_and_dash_take_every_command_that_rules_have_allowed(judged):
    for command, _, _, refused in judged:
        assert not refused, command
