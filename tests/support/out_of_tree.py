"""Modules built against an install tree of this build, as a stranger builds them, and a server that loads them."""
import glob
import os
import shutil
import subprocess

from support.steward import BUILD, ROOT, Steward, sanitizer

STRICT = "-Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Werror"


def _run(*command):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def install(folder):
    """What `cmake --install` makes of this build."""
    _run("cmake", "--install", BUILD, "--prefix", str(folder))
    return str(folder)


def plugin_folder(prefix):
    return os.path.dirname(glob.glob(f"{prefix}/lib/**/steward/plugins/auth.so", recursive=True)[0])


def install_module(prefix, name, folder):
    """Builds tests/abi/NAME-plugin in `folder`, with every warning an error, and installs it beside the others. Under the
    sanitizers of this build, if it has any."""
    checks = f" -g -fsanitize={sanitizer()}" if sanitizer() else ""
    _run("cmake", "-S", os.path.join(ROOT, "tests/abi", f"{name}-plugin"), "-B", str(folder),
         f"-DCMAKE_PREFIX_PATH={prefix}", f"-DCMAKE_C_FLAGS={STRICT}{checks}")
    _run("cmake", "--build", str(folder))
    shutil.copy(os.path.join(str(folder), f"{name}.so"), plugin_folder(prefix))


def server(prefix, plugins, options=None, **more):
    """A Steward that loads its plugins from the install tree."""
    dirs = {"plugins": {"dir": plugin_folder(prefix)}}
    return Steward(plugins=plugins, options={**dirs, **(options or {})}, **more)
