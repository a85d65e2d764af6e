"""A Root under systemd, as an installed system runs: units start, in their sandboxes, and there is a journal.

    with Root(packages=booted.PACKAGES) as root, booted.system(root):
        root.run("systemctl start steward")

Inside the block every command of the root runs there. A machine that gives no control group, or where systemd does not
come up, skips the test and says why.
"""
import contextlib
import os
import pathlib
import signal
import subprocess
import time

import pytest

PACKAGES = ["systemd", "systemd-sysv", "dbus"]
BOOT_SECONDS = 60

# Waits until it has been put into a control group of its own, which is then the only one that systemd sees. What
# belongs to the machine cannot be changed from inside.
BOOT = r"""
read -r go
exec unshare --pid --fork --kill-child --mount --mount-proc --cgroup --uts --ipc -- bash -ec '
  mount -t tmpfs -o mode=755 run /run
  mount --bind /proc/sys /proc/sys
  mount -o remount,ro,bind /proc/sys
  mount -t sysfs -o ro sysfs /sys
  mount -t cgroup2 cgroup2 /sys/fs/cgroup
  exec /lib/systemd/systemd --system --show-status=no
'
"""
# Of a machine with a screen, a network and a clock of its own.
MASKED = ["console-getty.service", "getty@tty1.service", "systemd-logind.service", "systemd-networkd.service",
          "systemd-resolved.service", "systemd-timesyncd.service", "apt-daily.timer", "apt-daily-upgrade.timer"]


@contextlib.contextmanager
def system(root):
    if root.run("unshare --user true", check=False).returncode:
        pytest.skip("systemd in a root needs user namespaces")
    root.write("/etc/machine-id", "")
    root.run(["systemctl", "mask", *MASKED])
    log = root.folder / "boot.log"
    with _control_group() as group, open(log, "wb") as output:
        process = root.popen(BOOT, env={"container": "test"}, stdin=subprocess.PIPE, stdout=output, stderr=output)
        outside = root.enter
        try:
            (group / "cgroup.procs").write_text(str(process.pid), encoding="ascii")
            process.popen.stdin.write(b"go\n")
            process.popen.stdin.close()
            _come_up(root, process, log)
            yield
        finally:
            root.enter = outside
            _end(process)


def _come_up(root, process, log):
    deadline = time.monotonic() + BOOT_SECONDS
    while time.monotonic() < deadline and process.popen.poll() is None:
        first = _child(process.pid)
        if first:
            root.enter = ["nsenter", f"--target={first}", "--mount", "--pid", "--uts", "--ipc", "--cgroup", "--root"]
            state = root.run("systemctl is-system-running --wait", check=False).stdout.strip()
            if state == "running":
                return
            if state == "degraded":
                raise AssertionError(root.run("systemctl --failed --no-pager"))
        time.sleep(0.05)  # nothing tells when its socket is there
    pytest.skip(f"systemd does not come up in a root: {log.read_text(errors='replace')[-500:]}")


def _child(pid):
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
        return next(iter(file.read().split()), None)


def _end(process):
    """Its process 1, and all others with it."""
    with contextlib.suppress(ProcessLookupError, FileNotFoundError):
        os.kill(int(_child(process.pid) or process.pid), signal.SIGKILL)
    process.wait()


@contextlib.contextmanager
def _control_group():
    group = _hierarchy() / f"steward-test-{os.getpid()}-{time.monotonic_ns()}"
    try:
        group.mkdir()
    except OSError as why:
        pytest.skip(f"systemd in a root needs a control group: {why}")
    try:
        yield group
    finally:
        for folder, _, _ in os.walk(group, topdown=False):
            os.rmdir(folder)


def _hierarchy():
    with open("/proc/mounts", encoding="utf-8") as file:
        mounts = [line.split() for line in file]
    for _, where, kind, options, *_ in mounts:
        if kind == "cgroup2" and "rw" in options.split(","):
            return pathlib.Path(where)
    return pytest.skip("systemd in a root needs a cgroup2 that can be written to")
