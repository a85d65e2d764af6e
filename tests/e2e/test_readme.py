"""The README's tour shows what a server really answers."""
import os

from support import tour
from support.steward import ADMIN_PASSWORD, ROOT


def test_every_command_of_the_tour_prints_what_the_readme_shows(fresh):
    with open(os.path.join(ROOT, "README.md"), encoding="utf-8") as file:
        text = file.read()
    checked = 0
    for _, done in tour.run_all(text, fresh.url, ADMIN_PASSWORD):
        for command, shown, got in done:
            assert tour.mask(got) == tour.mask(shown), command
            checked += 1
    assert checked > 10
