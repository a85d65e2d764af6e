"""Somebody who writes a plugin: a shell in which an install tree is found as its packages would be."""
import contextlib
import os
import shlex
import stat
import subprocess

import pytest
from support.out_of_tree import plugin_folder
from support.steward import sanitizer


class Author:
    """`prefix`: an install tree of this build, or with `lib` another one, whose libraries are there. `tools`: a folder for a
    compiler that adds the flags of this build's sanitizers, without which a program cannot link with a
    libsteward-testhost that has them."""

    def __init__(self, prefix, tools, lib=None):
        self.prefix = prefix
        self.tools = str(tools)
        self.checks = f"-g -fsanitize={sanitizer()}" if sanitizer() and not lib else ""
        given = lib is not None
        lib = lib or os.path.dirname(os.path.dirname(plugin_folder(prefix)))
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("STEWARD_", "SERVER_", "MAKE"))},
            "PATH": f"{self.tools}:{prefix}/bin:{os.environ['PATH']}",
            "PKG_CONFIG_PATH": f"{lib}/pkgconfig",
            "CMAKE_PREFIX_PATH": prefix,
            "steward_DIR": f"{lib}/cmake/steward" if given else "",  # CMake looks in lib64 only where that is usual
        }
        self._compiler("")

    def _compiler(self, flags):
        for name, program in (("cc", "gcc"), ("c++", "g++")):
            path = os.path.join(self.tools, name)
            with open(path, "w", encoding="utf-8") as script:
                script.write(f'#!/bin/sh\nexec {program} {self.checks} {flags} "$@"\n')
            os.chmod(path, stat.S_IRWXU)

    @contextlib.contextmanager
    def flags(self, flags):
        """More flags for every compilation meanwhile."""
        self._compiler(flags)
        try:
            yield
        finally:
            self._compiler("")

    def sh(self, script, folder, preload=False):
        """Runs it as typed, each line in its turn, up to one that fails; what was printed. `preload`: with the sanitizers'
        libraries, for programs that were built without."""
        environment = dict(self.environment)
        if preload and sanitizer():
            libraries = [self._library(name) for name in sanitizer_libraries()]
            environment["LD_PRELOAD"] = ":".join(libraries)
        done = subprocess.run(["sh", "-e", "-c", script], cwd=folder, env=environment, text=True, check=False,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=300)
        assert done.returncode == 0, f"{script}\n{done.stdout[-6000:]}"
        return done.stdout

    def refused(self, script, folder):
        """The same for one that must fail."""
        done = subprocess.run(["sh", "-e", "-c", script], cwd=folder, env=self.environment, text=True, check=False,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=300)
        assert done.returncode != 0, f"{script}\n{done.stdout[-6000:]}"
        return done.stdout

    def clang(self, flags, sources, program, folder):
        """A test program built by clang, whose own sanitizers do not go with a library that has gcc's: run it with
        preload=True."""
        if sanitizer() == "thread":
            pytest.skip("gcc's ThreadSanitizer cannot be loaded into a program that was built without")
        libraries = " ".join(self._library(name) for name in sanitizer_libraries())
        # By eval, for the backslash that pkg-config puts before a space in a path.
        self.sh(f'eval "clang -std=c11 {flags} $(pkg-config --cflags steward) {shlex.join(sources)} '
                f'$(pkg-config --libs steward-testhost) {libraries} -o {program}"', folder)

    @staticmethod
    def _library(name):
        return subprocess.run(["gcc", f"-print-file-name=lib{name}.so"], capture_output=True, text=True,
                              check=True).stdout.strip()


def sanitizer_libraries():
    names = {"address": "asan", "undefined": "ubsan", "thread": "tsan"}
    return [names[word] for word in sanitizer().split(",") if word]
