"""The short forms of the torture, and that nothing reads text by what aborts without memory. The whole: tests/torture/run."""
import glob
import os
import subprocess

import pytest
from support.steward import BUILD, WRAPPER, sanitizer

from . import alloc, disk, kill
from .control import SHIM

PATIENT = pytest.mark.skipif(sanitizer() == "thread" or bool(WRAPPER) or not os.path.exists(SHIM),
                             reason="the shim stands before the allocator, where these stand")


@PATIENT
def test_a_failed_allocation_is_an_error_and_no_crash():
    tally = alloc.run()
    assert not tally.wrong
    assert tally.outcomes["error"] > 0, "nothing failed"


@PATIENT
def test_a_failed_read_write_or_sync_loses_nothing_and_the_server_heals():
    tally = disk.run()
    assert not tally.wrong
    assert tally.outcomes["error"] > 0, "nothing failed"


@PATIENT
def test_kill_nine_beside_a_failing_disk_loses_doubles_and_reorders_nothing():
    assert not kill.run().wrong


def test_nothing_reads_text_by_a_reader_that_aborts_without_memory():
    """jansson's lexer asserts when memory runs out inside of it, and libjwt would read tokens with it."""
    built = [os.path.join(BUILD, "bin", "steward"), *glob.glob(os.path.join(BUILD, "lib", "steward", "plugins", "*.so"))]
    for path in built:
        symbols = subprocess.run(["nm", "-D", "--undefined-only", path], capture_output=True, text=True, check=True).stdout
        assert not [line for line in symbols.splitlines() if "json_load" in line or "jwt_decode" in line], path
