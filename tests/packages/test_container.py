"""The container: what its files promise, the probe of its health, and, where buildah is, the image itself."""
import contextlib
import http.server
import json
import os
import re
import shutil
import signal
import subprocess
import threading

import pytest
import requests
import yaml
from support import root as roots
from support.steward import ROOT, eventually

FOLDER = os.path.join(ROOT, "packaging/container")
PROBE = os.path.join(FOLDER, "healthcheck")
USER = 990


def read(name):
    with open(os.path.join(FOLDER, name), encoding="utf-8") as file:
        return file.read()


@pytest.fixture(scope="module")
def steps():
    """[(word, rest)] of the Containerfile."""
    text = re.sub(r"^#.*\n", "", read("Containerfile"), flags=re.M).replace("\\\n", " ")
    return [tuple(line.split(None, 1)) for line in text.splitlines() if line]


@pytest.fixture(scope="module")
def service():
    services = yaml.safe_load(read("compose.yaml"))["services"]
    assert list(services) == ["steward"]
    return services["steward"]


def last_stage(steps):
    return steps[max(at for at, (word, _) in enumerate(steps) if word == "FROM"):]


# ---- the Containerfile ----

def test_both_stages_begin_with_a_slim_debian_whose_name_has_no_registry_in_it(steps):
    names = [rest.split()[0] for word, rest in steps if word == "FROM"]
    assert names == ["debian:bookworm-slim"] * 2


def test_the_image_runs_the_server_as_a_numbered_user_without_rights_and_is_stopped_as_the_server_wants(steps):
    said = {word: rest for word, rest in last_stage(steps)}
    assert said["USER"] == f"{USER}:{USER}"
    assert said["STOPSIGNAL"] == "SIGTERM"
    assert said["VOLUME"] == "/var/lib/steward"
    assert json.loads(said["ENTRYPOINT"]) + json.loads(said["CMD"]) == [
        "/usr/bin/steward", "serve", "-c", "/etc/steward/steward.conf"]


def test_everything_that_the_build_needs_is_copied_and_no_more_of_the_tree(steps):
    copied = set()
    for word, rest in steps:
        if word == "COPY":
            copied |= {name for name in rest.split()[:-1] if not name.startswith("--")}
    assert all(os.path.exists(os.path.join(ROOT, name)) for name in copied)
    built = {"CMakeLists.txt", "CMakePresets.json", "README.md", "config", "core", "include", "packaging", "plugins",
             "tests/abi"}
    assert built <= copied
    assert {name.split("/")[0] for name in copied} == {name.split("/")[0] for name in built}


def test_no_secret_is_in_a_layer(steps):
    named = [rest for word, rest in steps if word in ("ENV", "ARG")]
    assert not re.search(r"pass|secret|token|key", " ".join(named), re.I)
    installing, = [rest for word, rest in last_stage(steps) if word == "RUN" and "apt-get install" in rest]
    assert "rm -rf /var/lib/steward/*" in installing.split(" && ")[-1]


# ---- compose.yaml ----

def test_compose_runs_it_with_no_more_rights_than_it_needs(service):
    assert service["user"] == f"{USER}:{USER}"
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"] and "cap_add" not in service
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not {"privileged", "pid", "ipc", "network_mode", "devices"} & set(service)
    mounted, = service["tmpfs"]
    assert mounted.startswith("/tmp:") and {"noexec", "nosuid", "nodev"} <= set(mounted.split(":")[1].split(","))
    assert service["pids_limit"] > 0 and service["ulimits"]["nofile"]["hard"] >= 65536


def test_compose_keeps_the_data_in_a_volume_and_publishes_on_this_machine_alone(service):
    assert service["volumes"] == ["data:/var/lib/steward"]
    assert "data" in yaml.safe_load(read("compose.yaml"))["volumes"]
    assert service["ports"] == ["127.0.0.1:8080:8080"]


def test_compose_builds_this_containerfile_from_the_top_of_the_tree(service):
    context = os.path.normpath(os.path.join(FOLDER, service["build"]["context"]))
    assert context == ROOT
    assert os.path.samefile(os.path.join(context, service["build"]["dockerfile"]), os.path.join(FOLDER, "Containerfile"))


def test_compose_and_the_image_ask_after_the_server_s_health_in_the_same_way(service, steps):
    said = {word: rest for word, rest in last_stage(steps)}["HEALTHCHECK"]
    options = {"interval": "30s", "timeout": "5s", "start_period": "30s", "retries": 3}
    assert service["healthcheck"] == {"test": ["CMD", "/usr/local/bin/steward-healthcheck"], **options}
    for name, value in options.items():
        assert f"--{name.replace('_', '-')}={value} " in said
    assert said.endswith('CMD ["/usr/local/bin/steward-healthcheck"]')


def test_a_stop_leaves_the_server_the_time_that_it_takes(service):
    with open(os.path.join(ROOT, "config/steward.conf"), encoding="utf-8") as file:
        allowed = re.search(r"^#shutdown_timeout = (\d+)s$", file.read(), re.M).group(1)
    assert int(service["stop_grace_period"].removesuffix("s")) > int(allowed)


def test_no_secret_stands_in_compose_and_the_ways_to_bring_one_are_shown(service):
    values = dict((line + "=").split("=")[:2] for line in service["environment"])
    assert values["INITIAL_ADMIN_PASS"] == ""
    assert not re.search(r"jwt|secret|token", " ".join(service["environment"]), re.I)
    shown = yaml.safe_load(re.sub(r"^(\s*)# (?=\s*(secrets:|- source|target:|options:|file:))", r"\1", read("compose.yaml"),
                                  flags=re.M))
    mounted, = shown["services"]["steward"]["secrets"]
    assert mounted["target"].startswith("/etc/steward/conf.d/") and mounted["source"] in shown["secrets"]


# ---- the probe ----

def probe(port):
    return subprocess.run([PROBE], env={"PATH": "/usr/bin:/bin", "SERVER_PORT": str(port)}, capture_output=True, timeout=20,
                          check=False).returncode


def test_the_probe_is_content_with_a_server_that_is_well(server):
    assert probe(server.port) == 0


@contextlib.contextmanager
def answering(status):
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(status if self.path == "/api/health" else 404)
            self.end_headers()

        def log_message(self, *_):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def test_the_probe_is_not_content_with_a_server_that_drains_that_is_silent_or_that_is_not_there(server):
    with answering(200) as port:
        assert probe(port) == 0
    with answering(503) as port:
        assert probe(port) != 0
    assert probe(port) != 0
    server.process.send_signal(signal.SIGSTOP)
    try:
        assert probe(server.port) != 0
    finally:
        server.process.send_signal(signal.SIGCONT)


# ---- the image ----

class Buildah:
    """Its own store of images and containers, with a debootstrapped Debian in place of the base image."""

    def __init__(self, folder):
        self.command = ["buildah", "--root", f"{folder}/images", "--runroot", f"{folder}/run"]
        try:
            container = self("from", "scratch")
            self("mount", container)
        except AssertionError as why:
            pytest.skip(f"buildah cannot work here: {why}")
        self("add", "--quiet", container, roots.lower(), "/")
        self("config", "--env", f"PATH={roots.PATH}", container)
        self("commit", "--quiet", "--rm", container, "localhost/debian:bookworm-slim")

    def __call__(self, *words):
        done = subprocess.run([*self.command, *map(str, words)], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              check=False)
        assert done.returncode == 0, f"{words}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
        return done.stdout.strip()

    def build(self):
        given = [f"--build-arg={name}={os.environ[name]}" for name in roots.PASSED_ON if name in os.environ]
        self("bud", "--isolation", "chroot", "--network", "host", "--pull-never", "--format", "docker", *given,
             "--tag", "steward", "--file", f"{FOLDER}/Containerfile", ROOT)
        return json.loads(self("inspect", "--type", "image", "steward"))["Docker"]["config"]


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    """(its configuration, the folder of a container made of it)."""
    if not shutil.which("buildah"):
        pytest.skip("buildah is not installed")
    buildah = Buildah(tmp_path_factory.mktemp("buildah"))
    try:
        config = buildah.build()
        yield config, buildah("mount", buildah("from", "--pull-never", "steward"))
    finally:
        buildah("umount", "--all")
        buildah("rm", "--all")
        buildah("rmi", "--all", "--force")


def test_the_image_has_the_server_and_its_plugins_and_no_secret_compiler_or_package_list(image):
    _, inside = image
    plugins = {name for folder in os.listdir(f"{inside}/usr/lib") if "-linux-gnu" in folder
               for name in os.listdir(f"{inside}/usr/lib/{folder}/steward/plugins")}
    assert plugins == {"auth.so", "users.so", "messages.so", "chat.so", "feishu.so"}
    assert os.listdir(f"{inside}/var/lib/steward") == []
    about = os.stat(f"{inside}/var/lib/steward")
    assert (about.st_uid, about.st_gid, about.st_mode & 0o777) == (USER, USER, 0o700)
    for name in ("usr/bin/gcc", "usr/bin/cmake", "src", "deb"):
        assert not os.path.exists(f"{inside}/{name}") or not os.listdir(f"{inside}/{name}")
    assert os.listdir(f"{inside}/var/lib/apt/lists") == []


def test_the_image_s_command_serves_as_its_user_and_is_well_and_stops(image, tmp_path):
    config, inside = image
    environment = {**dict(line.split("=", 1) for line in config["Env"]), "SERVER_PORT": "0"}
    become = ["chroot", f"--userspec={config['User']}", inside, "/usr/bin/env", "--chdir", config["WorkingDir"]]
    log = tmp_path / "log"
    with open(log, "wb") as output:
        server = subprocess.Popen([*become, *config["Entrypoint"], *config["Cmd"]], env=environment,
                                  stdin=subprocess.DEVNULL, stdout=output, stderr=output)
    try:
        port = eventually(lambda: re.search(rb"listening on http://0.0.0.0:(\d+)", log.read_bytes()), 60).group(1).decode()
        assert requests.get(f"http://127.0.0.1:{port}/api/ping", timeout=60).json() == {"message": "pong"}
        well = [*become, *config["Healthcheck"]["Test"][1:]]
        assert subprocess.run(well, env={**environment, "SERVER_PORT": port}, check=False).returncode == 0
        assert os.stat(f"{inside}/var/lib/steward/jwt.secret").st_uid == USER
        server.send_signal(getattr(signal, config["StopSignal"]))
        assert server.wait(60) == 0
    finally:
        server.kill()
        server.wait()
