"""steward plugin release: it lets a plugin that was put aside start again."""
import os

from support.crashing import MINE, write_crashes
from support.other_user import NOBODY, needs_root


def test_a_released_plugin_starts_with_the_next_start(hub):
    one = hub()
    one.crash_often(3)
    one.start()
    code, said = one.steward("plugin", "release", MINE)  # beside the running server
    assert (code, said) == (0, "plugin crashing is released: 3 crashes no longer count; it starts with the next start of "
                               "the server\n")
    assert one.state() == "quarantined"
    one.server.stop()
    one.start()
    assert one.state() == "enabled"
    assert "crashes" not in one.row()
    assert one.server.get("/api/crash").json() == {"version": "1.0.0"}
    for times in (1, 2, 3):
        assert one.row().get("crashes", 0) == times - 1
        one.crash()
        one.start()
    assert one.state() == "quarantined"
    one.server.stop()
    assert one.steward("plugin", "release", MINE)[0] == 0  # without a server
    one.start()
    assert one.state() == "enabled"


def test_releasing_what_never_crashed_says_so(hub):
    one = hub()
    nothing = "has no crash on record: nothing keeps it from starting"
    assert one.steward("plugin", "release", MINE) == (0, f"plugin {MINE} {nothing}\n")  # there is no data folder yet
    one.start()
    assert one.steward("plugin", "release", MINE) == (0, f"plugin {MINE} {nothing}\n")
    code, said = one.steward("plugin", "release", "No/Name")
    assert code == 1
    assert "is no name of a plugin" in said
    code, said = one.steward("plugin", "release")
    assert code == 2
    assert "usage: steward plugin release" in said


@needs_root
def test_root_releases_as_the_owner_of_the_data(hub, tmp_path):
    one = hub()
    one.crash_often(3)
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_uid == 0 and folder != folder.parent and str(folder).startswith("/tmp"):
            folder.chmod(folder.stat().st_mode | 0o011)
    for path, _, names in os.walk(one.server.data):
        os.chown(path, NOBODY, NOBODY)
        for name in names:
            os.chown(os.path.join(path, name), NOBODY, NOBODY)
    code, said = one.steward("plugin", "release", MINE)
    assert code == 0, said
    assert os.stat(one.file()).st_uid == NOBODY
    assert len(one.records("release")) == 1

    # A file of root's that somebody has put there by a link is not written.
    write_crashes(one, [3])
    before = open(one.file(), encoding="ascii").read()
    (tmp_path / "roots").write_text(before)
    (tmp_path / "roots").chmod(0o600)
    os.unlink(one.file())
    os.link(tmp_path / "roots", one.file())
    code, said = one.steward("plugin", "release", MINE)
    assert code == 1
    assert "Permission denied" in said
    assert (tmp_path / "roots").read_text() == before
