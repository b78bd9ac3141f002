"""The command line without a database: help, mistakes, init, and the form of errors."""
import json
import os
import stat
import subprocess

import pytest

from harness import proc

COMMANDS = ("init", "config", "doctor", "backup", "snapshots", "show", "diff", "verify", "prove", "pin", "unpin", "prune", "gc", "plan", "rehearse", "restore", "copy", "export", "import", "approve", "deploy", "resume", "salvage", "swap-back", "check",
            "history", "report", "metrics", "key", "notify", "help", "version", "migrations", "drift")


def run(tmp_path, *args, env=None, check=None):
    return proc.holdfast(*args, cwd=tmp_path, env={"DATABASE_URL": None, **(env or {})}, check=check)


def test_init_twice_is_harmless(tmp_path):
    first = run(tmp_path, "init", "--output", "json", check=0).json()
    assert first["config"] == {"path": "holdfast.yaml", "created": True}
    assert first["repository"] == {"url": f"file://{os.path.realpath(tmp_path)}/holdfast-repository", "created": True, "encrypted": False}
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    again = run(tmp_path, "init", "--output", "json", check=0).json()
    assert not again["config"]["created"] and not again["repository"]["created"]
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before
    assert run(tmp_path, "snapshots", "--output", "json", check=0).json() == {"format": 1, "snapshots": []}


def test_init_keeps_a_configuration(tmp_path):
    text = "repository: {url: elsewhere/repo}\ntargets:\n  site: {database: {url: {env: DATABASE_URL}}}\n"
    (tmp_path / "holdfast.yaml").write_text(text)
    result = run(tmp_path, "init", check=0)
    assert (tmp_path / "holdfast.yaml").read_text() == text
    assert (tmp_path / "elsewhere" / "repo" / "holdfast.json").exists()
    assert "kept" in result.stdout and "doctor" in result.stdout


def test_init_writes_where_config_says_and_privately(tmp_path):
    (tmp_path / "conf").mkdir()
    run(tmp_path, "--config", "conf/hf.yaml", "init", check=0)
    assert stat.S_IMODE((tmp_path / "conf" / "hf.yaml").stat().st_mode) == 0o600
    assert (tmp_path / "conf" / "holdfast-repository" / "holdfast.json").exists()
    run(tmp_path / "conf", "--config=hf.yaml", "snapshots", check=0)


def test_init_refuses_a_folder_of_other_files(tmp_path):
    (tmp_path / "repo").mkdir()
    (tmp_path / "repo" / "letter.txt").write_text("dear")
    (tmp_path / "holdfast.yaml").write_text("repository: {url: repo}\ntargets: {a: {database: {url: {env: X}}}}\n")
    assert run(tmp_path, "init").returncode == 13
    assert os.listdir(tmp_path / "repo") == ["letter.txt"]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(tmp_path, command):
    by_word, by_option = run(tmp_path, "help", command, check=0), run(tmp_path, command, "--help", check=0)
    assert by_word.stdout.startswith(f"usage: holdfast {command}")
    if command != "help":
        assert by_option.stdout == by_word.stdout
    document = run(tmp_path, "help", command, "--output", "json", check=0).json()
    assert [entry["name"] for entry in document["commands"]] == [command]


def test_overview_lists_all_commands(tmp_path):
    assert {entry["name"] for entry in run(tmp_path, "help", "--output=json", check=0).json()["commands"]} == set(COMMANDS)
    text = run(tmp_path, "--help", check=0).stdout
    assert all(f"\n  {command} " in text for command in COMMANDS)
    assert max(map(len, text.splitlines())) <= 110


def test_version(tmp_path):
    text = run(tmp_path, "--version", check=0).stdout
    document = run(tmp_path, "version", "--output", "json", check=0).json()
    assert text == f"holdfast {document['version']}\n" and document["format"] == 1


@pytest.mark.parametrize("args, message, hint", [
    ((), "no command was given", "holdfast help"),
    (("bakcup",), 'there is no command "bakcup"', 'did you mean "backup"?'),
    (("help", "bakcup"), 'there is no command "bakcup"', 'did you mean "backup"?'),
    (("backup", "--lable", "x"), '"holdfast backup" has no option "--lable"', 'did you mean "--label"?'),
    (("backup", "--label", "replaced-x"), '"--label" must not begin with "replaced-": "latest" never means such a snapshot', "choose another"),
    (("show",), '"holdfast show" needs ID', "usage: holdfast show ID"),
    (("snapshots",), 'there is no configuration "holdfast.yaml"', "holdfast init"),
    (("snapshots", "--config", "x.yaml"), 'there is no configuration "x.yaml"', "holdfast init --config x.yaml"),
    (("restore", "latest"), "where to?", "--into NAME"),
    (("key",), '"holdfast key" needs list|add|remove [ID]', "usage: holdfast key list|add|remove"),
    (("key", "show"), 'there is no "key show"', "usage: holdfast key list"),
    (("key", "list", "0123"), '"key list" takes no ID', "usage"),
    (("key", "remove"), '"key remove" needs the ID of a key', "usage"),
    (("key", "remove", "0123", "--label", "x"), '"--label" is only for "key add"', "usage"),
    (("key", "add"), "where is the new passphrase?", "--new-passphrase-env NAME"),
    (("restore", "latest", "--swap", "--into", "x"), '"--into" and "--swap" exclude each other', None),
])
def test_mistakes_on_the_command_line(tmp_path, args, message, hint):
    text = run(tmp_path, *args, check=2)
    assert text.stdout == "" and message in text.stderr and (hint or "") in text.stderr
    result = run(tmp_path, *args, "--output", "json", check=2)
    document = result.json()
    assert document["format"] == 1
    assert document["error"]["code"] == "USAGE" and document["error"]["message"] == message
    assert document["error"]["sqlstate"] is None
    assert (document["error"]["hint"] is None) == (hint is None)
    assert message in result.stderr


@pytest.mark.parametrize("text, place, hint", [
    ("repository: {url: r}\ntargets:\n  site:\n    databse: {}\n", 'h.yaml:4:5: unknown key "databse"', 'did you mean "database"?'),
    ("repository: {url: r}\ntargets: {a: {database: {url: {env: X}}}}\nnotices: []\n", 'h.yaml:3:1: unknown key "notices"',
     "known here: repository, "),
    ("repository: [url\n", "h.yaml:2:1: not valid YAML", ""),
    ("repository: {url: r}\nrepository: {url: s}\n", 'h.yaml:2:1: "repository" is given twice', "line 1"),
])
def test_configuration_mistakes_have_a_place(tmp_path, text, place, hint):
    (tmp_path / "h.yaml").write_text(text)
    for command in ("snapshots", "init", "doctor", "deploy"):
        result = run(tmp_path, command, "--config", "h.yaml", check=2)
        assert place in result.stderr and hint in result.stderr


def test_an_inline_secret_is_refused_and_not_shown(tmp_path):
    (tmp_path / "holdfast.yaml").write_text(
        "repository: {url: r}\ntargets:\n  site:\n    database:\n      url: postgresql://me:hunter2@db/site\n")
    result = run(tmp_path, "backup", "--output", "json", check=2)
    assert "holdfast.yaml:5:12" in result.stderr and "{env: DATABASE_URL}" in result.stderr
    assert "hunter2" not in result.stdout + result.stderr


def test_a_missing_variable_is_named(tmp_path):
    run(tmp_path, "init", check=0)
    document = run(tmp_path, "backup", "--output", "json", check=2).json()
    assert '"DATABASE_URL" is not set' in document["error"]["message"]


def test_no_repository_yet(tmp_path):
    (tmp_path / "holdfast.yaml").write_text("repository: {url: r}\ntargets: {a: {database: {url: {env: X}}}}\n")
    result = run(tmp_path, "snapshots", "--output", "json", check=13)
    assert "holdfast init" in result.json()["error"]["hint"]


def test_several_targets_need_a_name(tmp_path):
    (tmp_path / "holdfast.yaml").write_text(
        "repository: {url: r}\ntargets:\n  one: {database: {url: {env: X}}}\n  two: {database: {url: {env: X}}}\n")
    run(tmp_path, "init", check=0)
    assert "one, two" in run(tmp_path, "show", "latest", check=2).stderr
    assert 'did you mean "two"?' in run(tmp_path, "show", "latest", "--target", "twoo", check=2).stderr
    assert run(tmp_path, "show", "latest", "--target", "two").returncode == 10
    assert run(tmp_path, "snapshots", "--output", "json", check=0).json()["snapshots"] == []


def test_storage_of_an_unknown_kind(tmp_path):
    (tmp_path / "holdfast.yaml").write_text("repository: {url: ftp://host/x}\ntargets: {a: {database: {url: {env: X}}}}\n")
    ended = run(tmp_path, "init", check=2)
    assert 'unknown scheme "ftp"' in ended.stderr and "s3://bucket/prefix" in ended.stderr


def test_a_full_standard_output_is_an_error(tmp_path):
    with open("/dev/full", "w", encoding="ascii") as full:
        ended = subprocess.run([proc.binary(), "help"], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert ended.returncode == 40 and "standard output" in ended.stderr


def test_checks_need_no_database_when_they_are_http(tmp_path):
    (tmp_path / "holdfast.yaml").write_text(json.dumps({
        "repository": {"url": "r"},
        "targets": {"a": {"database": {"url": {"env": "NOT_SET"}},
                          "checks": [{"name": "closed", "http": {"url": "http://127.0.0.1:1/"}, "timeout": "2s"}]}}}))
    result = run(tmp_path, "check", "--output", "json", check=6)
    document = result.json()
    assert document["checks"]["results"][0]["passed"] is False
    assert document["error"]["code"] == "CHECKS_FAILED"
