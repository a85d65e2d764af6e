"""A module built out of tree against an install tree, and the rules of the ABI seen from outside."""
import glob
import os
import re
import shutil
import subprocess

import pytest
from support.steward import BUILD, ROOT, Steward

STRICT = ["-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wshadow", "-Werror"]


def run(*command, **more):
    done = subprocess.run(command, capture_output=True, text=True, check=False, **more)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def prefix(tmp_path_factory):
    """What `cmake --install` makes of this build."""
    folder = tmp_path_factory.mktemp("install")
    run("cmake", "--install", BUILD, "--prefix", str(folder))
    return str(folder)


def plugin_folder(prefix):
    return os.path.dirname(glob.glob(f"{prefix}/lib/**/steward/plugins/auth.so", recursive=True)[0])


def build_hello(prefix, folder, flags=""):
    run("cmake", "-S", os.path.join(ROOT, "tests/abi/hello-plugin"), "-B", str(folder), f"-DCMAKE_PREFIX_PATH={prefix}",
        f"-DCMAKE_C_FLAGS={flags}")
    run("cmake", "--build", str(folder))
    return os.path.join(str(folder), "hello.so")


def serve(prefix, so, **options):
    shutil.copy(so, plugin_folder(prefix))
    return Steward(plugins="auth, users, messages, hello", options={"plugins": {"dir": plugin_folder(prefix)}, **options})


@pytest.mark.parametrize("compiler", [("gcc", "-std=c11", "-xc"), ("g++", "-std=c++17", "-xc++")])
def test_every_public_header_compiles_alone(compiler):
    headers = glob.glob(f"{ROOT}/include/steward/**/*.h", recursive=True)
    assert len(headers) > 12
    for header in headers:
        run(compiler[0], compiler[1], *STRICT, "-I", f"{ROOT}/include", "-fsyntax-only", compiler[2], header)


def test_a_module_built_against_the_install_tree_serves(prefix, tmp_path):
    so = build_hello(prefix, tmp_path / "build")
    with serve(prefix, so, **{"plugin:hello": {"greeting": "Good day"}}) as server:
        assert server.post("/api/hello").json() == {"text": "Good day, admin!", "count": 1}
        assert server.post("/api/hello", {"word": "Hi"}).json() == {"text": "Hi, admin!", "count": 2}
        assert server.post("/api/hello", {"word": 7}).status_code == 400
        server.post("/api/messages", {"agent_id": "x", "level": "hello", "content": "counted in the same transaction"})
        server.post("/api/messages", {"agent_id": "x", "level": "info", "content": "not counted"})
        assert server.get("/api/hello").json() == {"messages_seen": 1, "greeted": [{"name": "admin", "count": 2}]}
        assert server.get("/api/hello", token=None).status_code == 401


def test_inspect_lists_a_module_without_running_it(prefix, tmp_path):
    so = build_hello(prefix, tmp_path / "build")
    shown = run(f"{prefix}/bin/steward", "plugin", "inspect", so)
    for word in ("hello", "1.0.0", "/api/hello", "greeting", "0001_greetings"):
        assert word in shown


@pytest.mark.parametrize("change", [-24, 16])
def test_a_module_whose_rows_are_shorter_or_longer_still_serves(prefix, tmp_path, change):
    """A header of another minor release: sw_route without its last three members, or with two more."""
    include = tmp_path / "include"
    shutil.copytree(f"{prefix}/include", include)
    header = include / "steward/http.h"
    text = header.read_text()
    last = re.search(r"( *const char \*request;[^\n]*\n *const char \*response;[^\n]*\n *size_t body_limit;[^}]*\*/\n)\} sw_route;", text)
    kept = "" if change < 0 else last.group(1) + "    const char *later, *still_later;\n"
    header.write_text(text.replace(last.group(1), kept))
    source = tmp_path / "hello.c"
    plain = open(os.path.join(ROOT, "tests/abi/hello-plugin/hello.c"), encoding="utf-8").read()
    if change < 0:
        plain, cut = re.subn(r",\s*\.(?:request|response) = \"(?:\\.|[^\"\\])*\"", "", plain)
        assert cut == 3
    source.write_text(plain)
    so = str(tmp_path / "hello.so")
    run("gcc", "-std=c11", "-shared", "-fPIC", "-fvisibility=hidden", "-I", str(include), str(source), "-o", so)
    with serve(prefix, so) as server:
        assert server.post("/api/hello").json()["count"] == 1
        assert server.get("/api/hello").status_code == 200


def test_a_wrong_magic_or_major_or_a_missing_symbol_is_quarantined_and_the_server_runs(prefix, tmp_path):
    source = open(os.path.join(ROOT, "tests/abi/hello-plugin/hello.c"), encoding="utf-8").read()
    broken = {
        "magic": source.replace(".magic = SW_PLUGIN_MAGIC", ".magic = 1"),
        "major": source.replace(".abi_major = SW_ABI_MAJOR", ".abi_major = 99"),
        "newer server": source.replace("(void)data;", "(void)data; extern void sw_from_the_future(void); sw_from_the_future();"),
    }
    for word, text in broken.items():
        changed = tmp_path / "hello.c"
        changed.write_text(text)
        so = str(tmp_path / "hello.so")
        run("gcc", "-std=c11", "-shared", "-fPIC", "-fvisibility=hidden", "-I", f"{prefix}/include", str(changed), "-o", so)
        with serve(prefix, so) as server:
            assert server.get("/api/ping").status_code == 200
            assert server.get("/api/hello").status_code == 404
            assert server.get("/api/health").json()["checks"]["plugins"]["hello"] == "quarantined"
            assert word in server.log()


def test_a_required_module_that_fails_stops_the_start(prefix, tmp_path):
    so = tmp_path / "hello.so"
    so.write_bytes(b"this is no shared object")
    with pytest.raises(AssertionError, match="hello"):
        serve(prefix, str(so), **{"plugin:hello": {"required": "true"}}).__enter__()
