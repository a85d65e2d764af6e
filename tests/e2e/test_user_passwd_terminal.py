"""steward user passwd on a terminal: it asks twice and shows nothing."""
import os
import pty
import select
import subprocess
import termios

from support.passwords import NEW, signs_in
from support.steward import ADMIN_PASSWORD, BINARY, eventually, outer_environment


class Terminal:
    """The command on a terminal of its own."""

    def __init__(self, server, name):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execve(BINARY, [BINARY, "user", "passwd", "-c", server.config, name],
                      outer_environment())
        self.seen = ""

    def wait_for(self, text):
        while text not in self.seen:
            ready, _, _ = select.select([self.fd], [], [], 60)
            assert ready, self.seen
            self.seen += os.read(self.fd, 4096).decode()

    def type(self, text):
        os.write(self.fd, text.encode())

    def end(self):
        try:
            while piece := os.read(self.fd, 4096):
                self.seen += piece.decode()
        except OSError:
            pass
        os.close(self.fd)
        return os.waitpid(self.pid, 0)[1]


def test_a_terminal_is_asked_twice_and_shows_nothing(fresh):
    terminal = Terminal(fresh, "admin")
    terminal.wait_for("new password: ")
    terminal.type(NEW + "\n")
    terminal.wait_for("again: ")
    terminal.type(NEW + "\n")
    assert terminal.end() == 0
    assert NEW not in terminal.seen and "is changed" in terminal.seen
    assert signs_in(fresh, "admin", NEW)


def test_two_that_differ_change_nothing(fresh):
    terminal = Terminal(fresh, "admin")
    terminal.wait_for("new password: ")
    terminal.type(NEW + "\n")
    terminal.wait_for("again: ")
    terminal.type(NEW + "!\n")
    assert os.waitstatus_to_exitcode(terminal.end()) == 1
    assert "not the same" in terminal.seen and NEW not in terminal.seen
    assert signs_in(fresh, "admin", ADMIN_PASSWORD)


def test_an_interrupt_ends_it_and_the_terminal_echoes_again(fresh):
    leader, follower = pty.openpty()
    process = subprocess.Popen([BINARY, "user", "passwd", "-c", fresh.config, "admin"],
                               stdin=follower, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=outer_environment())
    try:
        eventually(lambda: not termios.tcgetattr(follower)[3] & termios.ECHO, what="a silent terminal")
        process.send_signal(2)
        assert process.wait(60) != 0
        assert termios.tcgetattr(follower)[3] & termios.ECHO
    finally:
        process.kill()
        process.communicate()
        os.close(leader)
        os.close(follower)
    assert signs_in(fresh, "admin", ADMIN_PASSWORD)
