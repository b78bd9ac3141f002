"""What people see: words, hints, names and folders."""
import os
import pty
import stat
import struct
import subprocess
import termios
import fcntl

import pytest


def backup(site, *args):
    return site.json("backup", *args)["snapshot"]


def test_a_checks_command_runs_in_the_configurations_folder(small_site, tmp_path):
    site = small_site
    elsewhere, inside = tmp_path / "elsewhere", site.directory / "smoke"
    elsewhere.mkdir()
    inside.mkdir()
    (site.directory / "here").touch()
    (inside / "there").touch()
    site.add_checks({"name": "here", "command": ["test", "-e", "here"]},
                    {"name": "there", "command": ["test", "-e", "there"], "folder": "smoke"})
    from harness import proc
    proc.holdfast("check", "--config", site.config, cwd=elsewhere, env=site.env, check=0)
    site.holdfast("check", check=0)
    assert "checks" in site.holdfast("help", "configuration", check=0).stdout


def test_restoring_into_the_live_database_hints_at_swap(small_site):
    site = small_site
    backup(site)
    refused = site.holdfast("restore", "latest", "--into", site.db, check=11)
    assert "--swap" in refused.stderr and "DROP DATABASE" not in refused.stderr
    site.cluster.createdb(f"{site.db}__other")
    refused = site.holdfast("restore", "latest", "--into", f"{site.db}__other", check=11)
    assert f'DROP DATABASE "{site.db}__other"' in refused.stderr


@pytest.mark.parametrize("damage", ["missing", "flipped"])
@pytest.mark.long(after=1)
def test_a_restore_of_a_damaged_snapshot_is_corrupt(small_site, damage):
    site = small_site
    backup(site)
    victim = max(site.repository.glob("objects/*/*"), key=lambda path: path.stat().st_size)
    if damage == "missing":
        victim.unlink()
    else:
        data = victim.read_bytes()
        victim.chmod(stat.S_IRUSR | stat.S_IWUSR)
        victim.write_bytes(data[:50] + bytes([data[50] ^ 1]) + data[51:])
    result = site.holdfast("restore", "latest", "--into", f"{site.db}__copy", check=12)
    assert victim.name in result.stderr and ("is missing" if damage == "missing" else "is broken") in result.stderr
    assert f"{site.db}__copy" not in site.cluster.databases()


def test_numbers_and_nouns_agree(small_site):
    site = small_site
    site.holdfast("deploy", check=(0, 3, 4))
    refused = site.holdfast("deploy", "--expect", "nothing_like_it", check=4)
    assert "1 migration was expected, and 0 are pending" in refused.stderr
    backup(site)
    site.cluster.psql(site.db, "DELETE FROM email_otp WHERE id IN (SELECT id FROM email_otp LIMIT 1)")
    assert "1 table differs\n" in site.holdfast("diff", check=7).stderr
    site.cluster.psql(site.db, "CREATE VIEW a AS SELECT 1; CREATE VIEW b AS SELECT 2")
    assert "1 table and 2 schema objects differ\n" in site.holdfast("diff", check=7).stderr


def test_no_progress_where_nothing_happens(small_site):
    result = small_site.holdfast("backup", env={"DATABASE_URL": "postgresql://me@127.0.0.1:1/none"}, check=31)
    assert "rows" not in result.stderr


def test_a_snapshot_of_another_database_is_refused(small_site):
    site, other = small_site, f"{small_site.db}__two"
    first = backup(site)
    site.cluster.createdb(other)
    env = {"DATABASE_URL": site.cluster.url(other)}
    refused = site.holdfast("restore", first["id"], "--swap", env=env, check=4)
    assert f'"{site.db}"' in refused.stderr and f'"{other}"' in refused.stderr and "--from-other-database" in refused.stderr
    assert "database" not in site.holdfast("snapshots", check=0).stdout.splitlines()[0]

    warned = site.holdfast("backup", env=env, check=0)
    assert f'is of database "{site.db}"' in warned.stderr and f'this one is of database "{other}"' in warned.stderr
    assert "this one is of" not in site.holdfast("backup", env=env, check=0).stderr
    assert [entry["database"] for entry in site.json("snapshots")["snapshots"]] == [site.db, other, other]
    assert "database" in site.holdfast("snapshots", check=0).stdout.splitlines()[0]
    done = site.json("restore", first["id"], "--swap", "--from-other-database", env=env)
    assert done["database"] == other and done["kept"].startswith(f"{other}__replaced_"[:40])
    assert int(site.cluster.psql(other, "SELECT count(*) FROM invoices")) > 0


def on_a_terminal(site, columns, *args):
    """The lines that holdfast prints on a terminal of so many columns."""
    from harness import proc
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    process = subprocess.Popen([proc.binary(), *args], cwd=site.directory, stdin=subprocess.DEVNULL, stdout=theirs, stderr=subprocess.DEVNULL,
                               env=proc.environment({**site.env, "NO_COLOR": "1"}))
    os.close(theirs)
    text = b""
    try:
        while piece := os.read(ours, 4096):
            text += piece
    except OSError:
        pass
    process.wait()
    os.close(ours)
    return text.decode().replace("\r", "").splitlines()


@pytest.mark.long
def test_lists_fit_the_terminal(small_site):
    site = small_site
    backup(site, "--label", "a label that is much longer than what is left of a line of a terminal")
    for command in ("snapshots", "doctor", "history"):
        for line in on_a_terminal(site, 80, command):
            assert len(line) <= 80, line
    assert on_a_terminal(site, 80, "snapshots")[1].endswith("…")
    assert "…" not in site.holdfast("snapshots", check=0).stdout
    assert on_a_terminal(site, 300, "snapshots")[1].endswith("of a terminal")


@pytest.mark.long
def test_doctor_tells_what_stands_beside(small_site):
    site = small_site
    looked = {entry["what"]: entry for entry in site.json("doctor")["findings"]}
    assert looked["beside"]["level"] == looked["other sessions"]["level"] == "good"
    backup(site)
    kept = site.json("restore", "latest", "--swap")["kept"]
    beside = [entry for entry in site.json("doctor")["findings"] if entry["what"] == "beside"]
    assert len(beside) == 1 and kept in beside[0]["seen"] and "MiB" in beside[0]["seen"]
    assert beside[0]["level"] == "warning" and f'DROP DATABASE "{kept}"' in beside[0]["remedy"]
