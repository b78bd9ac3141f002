"""Signed approvals (deploy.approvers, `holdfast approve`), and the approval typed at a terminal."""
import os
import re
import shutil
import stat
import time

import pytest

from harness import proc
from harness.terminal import Terminal
from test_approval import deploy, digest_of, migration, refused

NAMES = ("anna", "ben", "carl")


@pytest.fixture
def team(shop):
    """A shop with three approvers, whose keys are in files, and a destructive migration."""
    shop.public = {name: shop.json("approve", "--new-key", f"{name}.key", check=0)["public_key"] for name in NAMES}
    migration(shop, "1", "DROP TABLE invoices;")
    return shop


def rules(shop, names=("anna", "ben"), **more):
    shop.write_config(deploy={"approval": "destructive", "approvers": {"keys": {name: shop.public[name] for name in names}} | more})


def approve(shop, name, digest, *args, check=0, **options):
    return shop.holdfast("approve", digest, "--by", name, "--key", f"{name}.key", *args, check=check, **options)


def test_a_key_is_made_once_and_kept_secret(shop):
    told = shop.holdfast("approve", "--new-key", "anna.key", "--by", "anna", check=0).stdout
    file = shop.directory / "anna.key"
    secret, public = file.read_text(), re.search(r'anna: "(ed25519:[0-9a-f]{64})"', told)[1]
    assert re.fullmatch(r"ed25519-private:[0-9a-f]{64}\n", secret) and secret[16:-1] not in told
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "already" in shop.holdfast("approve", "--new-key", "anna.key", check=11).stderr and file.read_text() == secret
    shop.public = {"anna": public}
    rules(shop, ("anna",))
    wrong = shop.holdfast("approve", "0" * 64, "--by", "anna", "--key", "anna.key", "--key-env", "KEY", check=2)
    assert "--key" in wrong.stderr
    document = shop.holdfast("approve", "0" * 64, "--by", "anna", "--key-env", "KEY", env={"KEY": secret}, check=0)
    assert secret[16:-1] not in document.stdout + document.stderr
    (shop.directory / "public.key").write_text(public)
    assert "public key" in shop.holdfast("approve", "0" * 64, "--by", "anna", "--key", "public.key", check=2).stderr
    for args in (("0" * 63, "--by", "anna"), ("0" * 64,), ("--by", "anna"), ("0" * 64, "--by", "a.b"), ("0" * 64, "--new-key", "x")):
        shop.holdfast("approve", *args, check=2)


def test_so_many_must_sign(team):
    rules(team, required=2)
    digest = digest_of(team)
    refused(team, "needs 2 signed approvals and has 0", "--approve", digest)  # the digest alone will not do
    approve(team, "anna", digest)
    document = refused(team, "needs 2 signed approvals and has 1")
    assert f"holdfast approve {digest}" in document["error"]["hint"] and document["cycle"]["approval"]["how"] is None
    approve(team, "anna", digest)  # a second time is still one
    assert "has no approver" in approve(team, "carl", digest, check=4).stderr
    shutil.copy(team.directory / "carl.key", team.directory / "ben.key")
    assert "not the key of" in approve(team, "ben", digest, check=4).stderr
    rules(team, ("anna", "carl"), required=2)
    approve(team, "carl", digest)
    listed = team.json("approve", check=0)["approvals"]
    assert [(item["by"], item["plan"], item["counts"]) for item in listed] == [("anna", digest, True), ("carl", digest, True)]
    approval = deploy(team, 0)["cycle"]["approval"]
    assert approval["approved"] and approval["how"] == "signatures" and approval["digest"] == digest
    assert [(item["name"], item["key"]) for item in approval["by"]] == [(name, team.public[name]) for name in ("anna", "carl")]
    text = team.holdfast("report", check=0).stdout
    assert digest in text and "anna at 20" in text and "carl at 20" in text
    assert team.cluster.psql(team.db, "SELECT to_regclass('invoices') IS NULL") == "t"


@pytest.mark.parametrize("what", ["sql", "schema", "target"])
@pytest.mark.long(after=1)
def test_a_change_voids_a_signature(team, what):
    rules(team)
    approve(team, "anna", digest_of(team))
    if what == "sql":
        migration(team, "1", "DROP TABLE invoices; ")
    elif what == "schema":
        team.cluster.psql(team.db, "CREATE INDEX ON invoices (id)")
    else:
        team.cluster.createdb(team.db + "__twin", template=team.db)
        document = deploy(team, 4, env={"DATABASE_URL": team.cluster.url(team.db + "__twin")})
        assert "has 0" in document["error"]["message"]
        return
    refused(team, "needs 1 signed approval and has 0")


@pytest.mark.long
def test_what_does_not_count(team):
    rules(team, expiry="1s")
    digest = digest_of(team)
    approve(team, "anna", digest)
    time.sleep(1.1)
    refused(team, "has expired")
    rules(team)
    approve(team, "anna", digest, "--withdraw")
    refused(team, 'that of "anna" does not count: it was withdrawn')
    approve(team, "anna", digest)
    file, = (team.repository / "approvals/site").iterdir()
    text = file.read_text()
    file.write_text(text.replace('"at":"2', '"at":"3'))
    refused(team, "forged")
    file.write_text(text)
    (file.parent / f"{'0' * 64}.anna.json").write_text(text)  # another plan's
    assert [item["why_not"] or "" for item in team.json("approve", check=0)["approvals"]][0].startswith("it was moved here")
    (file.parent / file.name.replace("anna", "ben")).write_text(text)  # another approver's
    rules(team, required=2)
    assert "moved here" in refused(team, "needs 2 signed approvals and has 1")["error"]["message"]
    rules(team, ("ben", "carl"))  # anna has left
    assert "no key of that name" in refused(team, "has 0")["error"]["message"]
    rules(team, cooling_off="1h")
    refused(team, "cools off until")
    rules(team, cooling_off="1s")
    time.sleep(1.1)
    deploy(team, 0)


def test_nobody_approves_his_own_plan(team):
    rules(team, four_eyes=True)
    digest = digest_of(team)
    approve(team, "anna", digest)
    assert "his own plan" in refused(team, "needs 1", "--by", "anna")["error"]["message"]
    assert deploy(team, 0, "--by", "ben")["cycle"]["approval"]["author"] == "ben"


@pytest.mark.long
def test_unsigned_where_that_is_allowed(team):
    rules(team, unsigned=True)
    refused(team, "needs 1 signed approval")
    assert deploy(team, 0, "--approve", digest_of(team))["cycle"]["approval"]["how"] == "digest"


def test_withdrawn_while_the_snapshot_is_taken(team, tmp_path):
    """By the pg_dump that reads the schema for the snapshot: the second one of the deploy."""
    rules(team)
    approve(team, "anna", digest := digest_of(team))
    dump, count = tmp_path / "pg_dump", tmp_path / "count"
    withdraw = f"cd {team.directory} && {proc.binary()} approve {digest} --by anna --key anna.key --withdraw >&2"
    dump.write_text(f"#!/bin/sh\nPATH=$PATH:{team.cluster.bindir}\ncase $* in *--version*) ;; *) echo x >>{count}\n"
                    f'[ "$(wc -l <{count})" != 2 ] || ({withdraw}) || exit 9 ;; esac\nexec pg_dump "$@"\n')
    dump.chmod(0o755)
    team.write_config(snapshot={"pg_dump": [str(dump)]})
    refused(team, "withdrawn")


def test_an_approval_at_the_terminal(team):
    team.write_config(deploy={"approval": "destructive"})
    refused(team, "needs an approval")  # without a terminal nobody is asked
    for line in ("y", "sites"):
        terminal = Terminal(team, "deploy")
        text = terminal.read_until("Type the target's name (site)")
        for word in ("DROP TABLE invoices", "drop-table", "last snapshot +none", "way back +not known yet"):
            assert re.search(word, text), word
        assert terminal.answer(line) == 4 and "was not approved at the terminal" in terminal.text
    migration(team, "0", "CREATE TABLE fresh (id int);")
    (team.directory / "sql/1.sql").rename(team.directory / "1.sql")
    deploy(team, 0)
    (team.directory / "1.sql").rename(team.directory / "sql/1.sql")
    terminal = Terminal(team, "deploy")
    text = terminal.read_until("Type the target's name (site)")
    assert re.search(r"last snapshot +20\w+-\w+, ", text) and re.search(r"  snapshot +[\d.]+m?s", text) and re.search(r"  checks +[\d.]+m?s", text)
    assert terminal.answer("site") == 0
    approval = team.json("report", check=0)["cycle"]["approval"]
    assert approval["approved"] and approval["how"] == "terminal" and "at the terminal" in terminal.text
    assert team.cluster.psql(team.db, "SELECT to_regclass('invoices') IS NULL") == "t"


def test_a_terminal_is_no_signature(team):
    rules(team)
    terminal = Terminal(team, "deploy")
    terminal.read_until("needs 1 signed approval")
    assert "Type the target's name" not in terminal.read_until()
    assert os.waitstatus_to_exitcode(os.waitpid(terminal.pid, 0)[1]) == 4
