"""What `steward check` finds before a start does: in the text of a configuration, and in what it names."""
import os
import re
import shutil

import pytest
from support.steward import BUILD, ROOT, Steward, run_steward

PLUGINS = os.path.join(BUILD, "lib/steward/plugins")


def check(tmp_path, text, name="steward.conf", **env):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    os.chmod(path, 0o600)
    return run_steward("check", "-c", str(path), cwd=tmp_path, env=env)


def refused(done, *texts):
    assert done.returncode == 1, done.stdout + done.stderr
    for text in texts:
        assert text in done.stderr, done.stderr


# ---- values that are written as in other formats ----

@pytest.mark.parametrize("section,line", [
    ("server", 'host = "127.0.0.1"'), ("server", "data_dir = '/srv/steward'"), ("storage", 'path = "/srv/x.db"'),
    ("cors", 'allowed_origins = "https://a.example"'), ("plugins", 'enabled = "auth", "users"'), ("server", 'port = "8080"'),
    ("log", 'level = "debug"'), ("log", 'file = "/tmp/x.log"'), ("limits", 'body = "2M"'), ("plugin:auth", 'waiting = "8"')])
def test_quotes_around_a_value_are_an_error_with_its_line(tmp_path, section, line):
    refused(check(tmp_path, f"[{section}]\n\n{line}\n"), "steward.conf:3:", "the quotes are taken for a part of it")
    assert os.listdir(tmp_path) == ["steward.conf"]


@pytest.mark.parametrize("section,line", [
    ("server", "data_dir = /srv/steward # the big disk"), ("server", "host = 127.0.0.1 ; this machine"), ("server", "port = 8080 # web"),
    ("log", "level = info\t# more: debug"), ("plugins", "enabled = auth, users # no more"), ("log", "file = # none"),
    ("limits", "body = 2M # large"), ("server", "port = # the default")])
def test_a_comment_behind_a_value_is_an_error_with_its_line(tmp_path, section, line):
    refused(check(tmp_path, f"[{section}]\n\n{line}\n"), "steward.conf:3:", "on a line of its own")


def test_a_secret_may_hold_quotes_and_signs_and_check_only_asks(tmp_path):
    done = check(tmp_path, '[auth]\ninitial_admin_pass = "secret text"\njwt_secret = 0123456789012345678901234567 # 3456789\n')
    assert done.returncode == 0, done.stderr
    assert "warning: " in done.stderr and "steward.conf:2: auth.initial_admin_pass: the quotes" in done.stderr
    assert "steward.conf:3: auth.jwt_secret: the comment" in done.stderr
    assert "secret text" not in done.stderr and "0123456789" not in done.stderr


def test_a_sign_within_a_word_is_no_comment(tmp_path):
    done = check(tmp_path, "[auth]\ninitial_admin_pass = a#b;c\n")
    assert done.returncode == 0 and done.stderr == ""


# ---- what it names ----

def test_a_host_that_is_none_is_found_with_its_line(tmp_path):
    refused(check(tmp_path, "[server]\nhost = no-such-host.invalid\n"), "steward.conf:2: server.host no-such-host.invalid: ")


@pytest.mark.parametrize("section,key,message", [
    ("server", "data_dir", "is not a folder"), ("plugins", "dir", "is not a folder")])
def test_a_file_in_the_place_of_a_folder_is_found(tmp_path, section, key, message):
    (tmp_path / "file").write_text("", encoding="ascii")
    refused(check(tmp_path, f"[{section}]\n{key} = {tmp_path}/file\n"), "steward.conf:2:", f"{section}.{key}: {tmp_path}/file {message}")


@pytest.mark.parametrize("section,key", [("storage", "path"), ("log", "file"), ("outbound", "ca_file")])
def test_a_folder_in_the_place_of_a_file_is_found(tmp_path, section, key):
    (tmp_path / "folder").mkdir()
    refused(check(tmp_path, f"[{section}]\n{key} = {tmp_path}/folder\n"), f"{section}.{key}: {tmp_path}/folder is a folder")


@pytest.mark.parametrize("section,key", [("server", "data_dir"), ("storage", "path"), ("log", "file")])
def test_a_path_below_a_folder_that_is_not_there_is_found(tmp_path, section, key):
    refused(check(tmp_path, f"[{section}]\n{key} = {tmp_path}/gone/x\n"), f"steward.conf:2: {section}.{key}: there is no folder {tmp_path}/gone")


def test_a_file_of_authorities_that_is_not_there_is_found(tmp_path):
    refused(check(tmp_path, f"[outbound]\nca_file = {tmp_path}/ca.pem\n"), "outbound.ca_file", "No such file")


def test_a_good_configuration_of_paths_makes_nothing(tmp_path):
    done = check(tmp_path, f"[server]\ndata_dir = {tmp_path}/data\n[log]\nfile = {tmp_path}/log\n[storage]\npath = {tmp_path}/x.db\n")
    assert done.returncode == 0, done.stderr
    assert os.listdir(tmp_path) == ["steward.conf"]


# ---- plugins ----

def test_a_plugin_that_is_misspelt_is_found_with_the_name_that_is_meant(tmp_path):
    refused(check(tmp_path, "[plugins]\nenabled = auth, usres\n"), "steward.conf:2: plugins.enabled: there is no plugin named usres",
            "did you mean users?")


def test_a_section_of_a_plugin_that_is_misspelt_names_one_that_is_not_enabled(tmp_path):
    refused(check(tmp_path, "[plugins]\nenabled = auth, users\n[plugin:feihsu]\nws_enabled = true\n"),
            "steward.conf:4: there is no plugin named feihsu; did you mean [plugin:feishu]?")


@pytest.mark.parametrize("line,message", [
    ("ws_enabeld = true", "unknown option ws_enabeld in [plugin:feishu]; did you mean ws_enabled?"),
    ("ws_enabled = maybe", "ws_enabled must be true or false, not maybe")])
def test_options_of_a_plugin_that_is_not_enabled_are_checked_too(tmp_path, line, message):
    refused(check(tmp_path, f"[plugins]\nenabled = auth, users\n[plugin:feishu]\n{line}\n"), f"steward.conf:4: {message}")


def test_right_options_of_a_plugin_that_is_not_enabled_are_a_warning(tmp_path):
    done = check(tmp_path, "[plugins]\nenabled = auth, users\n[plugin:feishu]\nws_enabled = true\n")
    assert done.returncode == 0, done.stderr
    assert "warning: " in done.stderr and "steward.conf:4: [plugin:feishu] counts for nothing" in done.stderr


def test_a_misspelt_plugin_is_said_by_the_start_as_well(tmp_path):
    server = Steward(plugins="auth, users, mesages")
    with server:
        assert "mesages is quarantined" in server.log() and "did you mean messages?" in server.log()


# ---- paths of a file ----

@pytest.mark.parametrize("how", ["absolute", "relative", "in its folder"])
def test_a_relative_path_of_a_file_is_meant_from_that_file(tmp_path, how):
    (tmp_path / "etc").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "etc" / "x.conf").write_text("[server]\ndata_dir = data\nport = 0\n[log]\nfile = ../steward.log\n", encoding="ascii")
    cwd, word = {"absolute": ("elsewhere", f"{tmp_path}/etc/x.conf"), "relative": ("elsewhere", "../etc/x.conf"),
                 "in its folder": ("etc", "x.conf")}[how]
    shown = run_steward("options", "server.data_dir", "-c", word, cwd=tmp_path / cwd)
    value = re.search(r"server.data_dir = (.*)", shown.stdout).group(1)
    assert os.path.realpath(os.path.join(tmp_path, cwd, value)) == str(tmp_path / "etc" / "data")
    assert run_steward("check", "-c", word, cwd=tmp_path / cwd).returncode == 0


def test_a_relative_path_of_the_environment_is_meant_from_the_working_folder(tmp_path):
    shown = run_steward("options", "server.data_dir", cwd=tmp_path, env={"STEWARD_SERVER_DATA_DIR": "here"})
    assert "server.data_dir = here\n" in shown.stdout


def test_who_relied_on_the_working_folder_is_warned(tmp_path):
    (tmp_path / "etc").mkdir()
    (tmp_path / "data").mkdir(mode=0o700)
    (tmp_path / "etc" / "x.conf").write_text("[server]\ndata_dir = data\n", encoding="ascii")
    done = run_steward("check", "-c", "etc/x.conf", cwd=tmp_path)
    assert "warning: etc/x.conf:2: server.data_dir: a relative path is meant from the folder of this file" in done.stderr


def test_the_development_configuration_keeps_its_data_in_the_repository(tmp_path):
    shown = run_steward("options", "server.data_dir", "-c", os.path.join(ROOT, "config/dev.conf"), cwd=tmp_path)
    value = re.search(r"server.data_dir = (.*)", shown.stdout).group(1)
    assert os.path.realpath(value) == os.path.join(ROOT, "data")


# ---- what others may change or read ----

def test_a_data_folder_that_everybody_may_write_to_is_refused(tmp_path):
    (tmp_path / "data").mkdir()
    os.chmod(tmp_path / "data", 0o777)
    refused(check(tmp_path, f"[server]\ndata_dir = {tmp_path}/data\n"), "by every user of this machine: chmod 0700")
    done = run_steward("serve", "-c", str(tmp_path / "steward.conf"), cwd=tmp_path, env={"SERVER_PORT": "0"})
    assert done.returncode == 1 and "every user of this machine may write to the data folder" in done.stderr
    assert os.listdir(tmp_path / "data") == []


def test_a_data_folder_like_a_fresh_tmpfs_is_only_warned_about(tmp_path):
    """Others may put files into it, but replace none."""
    (tmp_path / "data").mkdir()
    os.chmod(tmp_path / "data", 0o1777)
    done = check(tmp_path, f"[server]\ndata_dir = {tmp_path}/data\n")
    assert done.returncode == 0 and "warning: server.data_dir: " in done.stderr


@pytest.mark.parametrize("what", ["folder", "file"])
def test_plugins_that_everybody_may_replace_are_not_loaded(tmp_path, what):
    folder = tmp_path / "plugins"
    shutil.copytree(PLUGINS, folder)
    os.chmod(folder if what == "folder" else folder / "users.so", 0o777)
    done = check(tmp_path, f"[plugins]\ndir = {folder}\nenabled = auth, users\n")
    refused(done, "plugin users is quarantined: every user of this machine may write to", "chmod o-w")
    told = check(tmp_path, f"[server]\nenv = development\n[plugins]\ndir = {folder}\nenabled = auth, users\n")
    assert told.returncode == 0 and "may write to" in told.stderr


@pytest.mark.parametrize("text", ["[auth]\ninitial_admin_pass = a long password\n", f"[auth]\njwt_secret = {'x' * 40}\n"])
def test_a_file_with_a_secret_that_everybody_may_read_is_said(tmp_path, text):
    assert check(tmp_path, text).stderr == ""
    os.chmod(tmp_path / "steward.conf", 0o644)
    done = run_steward("check", "-c", str(tmp_path / "steward.conf"), cwd=tmp_path)
    assert done.returncode == 0
    assert "steward.conf:2: auth." in done.stderr and "every user of this machine may read the file: chmod o=" in done.stderr
    careless = Steward(plugins="auth, users")
    careless.config_mode = 0o644
    with careless as server:
        assert "every user of this machine may read the file" in server.log()


def test_a_configuration_that_everybody_may_write_is_said(tmp_path):
    (tmp_path / "conf.d").mkdir()
    assert check(tmp_path, "[server]\nport = 0\n").stderr == ""
    os.chmod(tmp_path / "steward.conf", 0o666)
    os.chmod(tmp_path / "conf.d", 0o777)
    done = run_steward("check", "-c", str(tmp_path / "steward.conf"), cwd=tmp_path)
    assert done.returncode == 0
    assert "steward.conf: every user of this machine may write to this file" in done.stderr
    assert "conf.d: every user of this machine may put a file into this folder" in done.stderr


def test_a_store_that_everybody_may_read_is_said():
    with Steward(plugins="auth, users") as server:
        assert "may read the store" not in server.log()
        server.stop()
        os.chmod(server.database(), 0o644)
        server.start()
        assert "warn server every user of this machine may read the store" in server.log()


# ---- commands ----

def test_an_option_that_is_none_is_an_error(tmp_path):
    done = run_steward("options", "nosuch", cwd=tmp_path)
    assert done.returncode == 1 and done.stdout == "" and '"nosuch"' in done.stderr
    done = run_steward("options", "server.prot", cwd=tmp_path)
    assert done.returncode == 1 and "did you mean server.port?" in done.stderr


@pytest.mark.parametrize("words,meant", [(["serv"], "serve"), (["chekc"], "check"), (["db", "bakcup"], "db backup"),
                                         (["pluign", "new"], "plugin new"), (["help", "optoins"], "options")])
def test_a_misspelt_command_names_the_one_that_is_meant(tmp_path, words, meant):
    done = run_steward(*words, cwd=tmp_path)
    assert done.returncode == 2 and f'did you mean "{meant}"?' in done.stderr, done.stderr


def test_the_sentences_of_help_stand_in_one_column(tmp_path):
    lines = [line for line in run_steward("help", cwd=tmp_path).stdout.splitlines() if line.startswith("  ")]
    columns = {re.match(r"  (?:\S.*?)?\s{2,}(?=[A-Z])", line).end() for line in lines if re.search(r"\.$", line)}
    assert len(columns) == 1, lines
    assert all(len(line) <= 120 for line in lines)
