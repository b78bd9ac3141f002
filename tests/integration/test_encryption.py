"""An encrypted repository: the same life as any other, and nothing to read for who has no passphrase."""
import re

import pytest

from harness import compare, marketplace, reader
from harness.app import App
from harness.site import Site

PASSPHRASE = "correct horse battery staple"


@pytest.fixture(scope="module")
def taken(cluster, tmp_path_factory):
    """A site with an encrypted repository and a snapshot, shared: what is changed is put back."""
    marketplace.create(cluster, "sealed", scale=0.02)
    site = Site(cluster, "sealed", tmp_path_factory.mktemp("sealed") / "site", create=False, passphrase=PASSPHRASE)
    assert site.json("init")["repository"]["encrypted"] is True
    site.write_config(snapshot={"jobs": 2, "range_pages": 16})
    site.first = site.json("backup", "--label", "before the wedding")["snapshot"]
    yield site
    site.drop_databases()


def stored(site):
    return {path.relative_to(site.repository).as_posix(): path.read_bytes() for path in site.repository.rglob("*") if path.is_file()}


def test_the_life_of_a_repository(taken, cluster):
    again = taken.json("backup")["snapshot"]
    assert again["chunks_new"] == 0 and taken.first["chunks_new"] > 5
    copy = taken.db + "__copy"
    taken.holdfast("restore", "label:before the wedding", "--into", copy, check=0)
    compare.assert_same(cluster, taken.db, cluster, copy, facts=True)
    assert taken.json("prove")["proof"]["equal"] is True
    assert taken.json("diff")["equal"] is True
    taken.holdfast("verify", "--full", check=0)
    # What replaces a pointer, and what removes objects, knows them sealed too.
    taken.holdfast("pin", "latest", check=0)
    gone = taken.json("backup")["snapshot"]["id"]
    (taken.repository / "snapshots" / "site" / (gone + ".json")).unlink()
    collected = taken.json("gc", "--grace", "0s")["gc"]
    assert collected["snapshots"] == 2 and collected["removed"] == 1, "the manifest of the one that is gone"
    listed = taken.json("snapshots")["snapshots"]
    assert [entry["proven"] for entry in listed].count(True) == 1 and listed[-1]["pinned"] is True
    pointer = taken.repository / "snapshots" / "site" / (listed[-1]["id"] + ".json")
    assert not pointer.read_bytes()[:28].isascii()
    taken.holdfast("verify", "latest", check=0)


@pytest.mark.long
def test_nothing_can_be_read(taken):
    """No name, label, row or digest of one; only what FORMAT.md says."""
    taken.holdfast("prove", check=0)
    words = [b"wedding", b"local_users", b"invoices", b"CREATE TABLE", b"marketplace", taken.db.encode()]
    files = stored(taken)
    assert {name.split("/")[0] for name in files} == {"holdfast.json", "inventory", "keys", "objects", "snapshots", "proofs"}
    for name, data in files.items():
        if name.startswith(("holdfast.json", "keys/")):
            assert data.startswith(b"{") and PASSPHRASE.encode() not in data
            continue
        assert not any(word in data for word in words), name
        assert b"\x28\xb5\x2f\xfd" not in data[:40] and not data[:28].isascii(), name  # no zstd frame, no document
    # Two repositories of the same database have no name in common.
    other = Site(taken.cluster, taken.db, taken.directory.parent / "other", create=False, passphrase=PASSPHRASE)
    other.holdfast("init", check=0)
    other.write_config(snapshot={"jobs": 2, "range_pages": 16})
    other.holdfast("backup", check=0)
    names = [{name for name in stored(site) if name.startswith("objects/")} for site in (taken, other)]
    assert len(names[0]) > 5 and len(names[1]) > 5 and not names[0] & names[1]


@pytest.mark.long
def test_another_reader_reads_it(taken, cluster):
    """One that knows FORMAT.md alone."""
    repository = reader.Repository(taken.repository, PASSPHRASE)
    manifest = repository.manifest(repository.snapshots("site")[taken.first["id"]])
    assert manifest["label"] == "before the wedding"
    table, = (table for table in manifest["tables"] if table["name"] == "local_users")
    assert len(list(repository.chunks(table))) == len(table["chunks"]) > 0
    with pytest.raises(reader.WrongPassphrase):
        reader.Repository(taken.repository, "not the right one")


@pytest.mark.long
def test_a_flipped_bit_anywhere_is_found(taken):
    kinds = {}
    for name, data in sorted(stored(taken).items(), key=lambda item: len(item[1])):
        kinds.setdefault(name.split("/")[0], []).append(name)
    manifests_and_chunks = [kinds["objects"][0], kinds["objects"][len(kinds["objects"]) // 2], kinds["objects"][-1]]
    for name in [*manifests_and_chunks, kinds["snapshots"][0], kinds["keys"][0]]:
        path = taken.repository / name
        good = path.read_bytes()
        for byte in (3, len(good) // 2, len(good) - 2):
            path.write_bytes(good[:byte] + bytes([good[byte] ^ 1]) + good[byte + 1:])
            result = taken.holdfast("verify", "--full", "--output", "json", check=12)
            assert path.stem in result.stdout
        path.write_bytes(good)
    taken.holdfast("verify", "--full", check=0)


def test_passphrase_and_repository_must_fit(taken):
    def error_of(status, command="snapshots", **options):
        error = taken.holdfast(command, "--output", "json", check=status, **options).json()["error"]
        assert error["hint"]
        return error

    wrong = {"HOLDFAST_PASSPHRASE": "not the right one"}
    for command in ("snapshots", "backup", "restore", "deploy", "init"):
        arguments = ("latest", "--into", "x") if command == "restore" else ()
        error = taken.holdfast(command, *arguments, "--output", "json", env=wrong, check=23).json()["error"]
        assert error["code"] == "PASSPHRASE" and "does not open" in error["message"] and "not the right" not in str(error)
    assert "not set" in error_of(2, env={"HOLDFAST_PASSPHRASE": None})["message"]
    taken.passphrase = None
    taken.write_config()
    try:
        assert "there is no passphrase" in error_of(23)["message"]
    finally:
        taken.passphrase = PASSPHRASE
        taken.write_config()
    # Somebody puts a repository that is not encrypted in its place.
    marker = taken.repository / "holdfast.json"
    good = marker.read_text()
    marker.write_text(re.sub(r'"encryption":\{.*?\},', "", good))
    try:
        for command in ("snapshots", "backup", "init"):
            assert "is not encrypted" in error_of(23, command)["message"]
    finally:
        marker.write_text(good)
    taken.holdfast("snapshots", check=0)


@pytest.mark.long
def test_deploy_back_and_history(cluster, tmp_path):
    marketplace.create(cluster, "sealed_deploy", scale=0.02)
    site = Site(cluster, "sealed_deploy", tmp_path / "site", create=False, passphrase=PASSPHRASE)
    try:
        site.holdfast("init", check=0)
        with App(site.url) as app:
            site.add_health_checks(app)
            site.add_migrations("good")
            assert site.json("deploy")["cycle"]["state"] == "deployed"
            before = compare.fingerprint(cluster, site.db)
            site.add_migrations("break-health")
            site.holdfast("deploy", check=3)
        assert compare.fingerprint_differences(before, compare.fingerprint(cluster, site.db)) == []
        assert [cycle["state"] for cycle in site.json("history")["cycles"]] == ["deployed", "rolled_back"]
        assert "FAIL" in site.holdfast("report", "latest", check=0).stdout
        assert all(not path.read_bytes()[:28].isascii() for path in site.repository.glob("cycles/*/*"))
    finally:
        site.drop_databases()


@pytest.mark.long
def test_resume_after_a_kill(cluster, tmp_path, faults):
    marketplace.create(cluster, "sealed_kill", scale=0.02)
    site = Site(cluster, "sealed_kill", tmp_path / "site", create=False, passphrase=PASSPHRASE)
    try:
        site.holdfast("init", check=0)
        before = compare.fingerprint(cluster, site.db)
        site.add_migrations("fail-halfway")
        killed = site.holdfast("deploy", env={"HOLDFAST_FAULT": "journal.after_append:kill:5"})
        assert killed.returncode == -9
        site.holdfast("snapshots", env={"HOLDFAST_PASSPHRASE": "not the right one"}, check=23)
        site.holdfast("resume", check=3)
        assert compare.fingerprint_differences(before, compare.fingerprint(cluster, site.db)) == []
    finally:
        site.drop_databases()


@pytest.mark.long
def test_keys(cluster, tmp_path):
    cluster.createdb("sealed_keys")
    site = Site(cluster, "sealed_keys", tmp_path / "site", create=False, passphrase=PASSPHRASE)
    site.write_config(migrations={"kind": "none"})
    second, third = "second passphrase 2", "third passphrase 3"
    env = {"HOLDFAST_PASSPHRASE": second}
    try:
        site.holdfast("init", check=0)
        snapshot = site.json("backup")["snapshot"]["id"]
        (tmp_path / "third").write_text(third + "\n")
        added = [site.json("key", "add", "--new-passphrase-env", "NEW", "--label", "for ci", env={"NEW": second})["added"],
                 site.json("key", "add", "--new-passphrase-file", tmp_path / "third")["added"]]
        keys = {key["id"]: key for key in site.json("key", "list")["keys"]}
        assert len(keys) == 3 and keys[added[0]]["label"] == "for ci" and keys[added[1]]["label"] is None
        first, = (key for key in keys if keys[key]["current"])
        assert first not in added and all(key["user"] and key["host"] and key["created_at"] for key in keys.values())
        assert site.json("snapshots", env=env)["snapshots"][0]["id"] == snapshot
        text = site.holdfast("key", "list", env=env, check=0).stdout
        assert f"* {added[0]}" in text.replace("  ", " ") and "for ci" in text

        # Not without a passphrase that opens it, nor a bad new one, nor the one in use.
        assert site.holdfast("key", "add", "--new-passphrase-env", "NEW", env={"NEW": "xxxxxxxxx", "HOLDFAST_PASSPHRASE": "wrong wrong"}).returncode == 23
        assert "fewer than 8" in site.holdfast("key", "add", "--new-passphrase-env", "NEW", "--output", "json", env={"NEW": "short"}, check=2).stdout
        assert "NEW" in site.holdfast("key", "add", "--new-passphrase-env", "NEW", check=2).stderr
        assert site.json("key", "remove", first[:8], env=env)["removed"] == first
        site.holdfast("snapshots", check=23)
        site.holdfast("key", "remove", added[1], env=env, check=0)
        refused = site.holdfast("key", "remove", added[0], "--verbose", "--output", "json", env=env, check=4)
        assert "key add" in refused.json()["error"]["hint"] and second not in refused.stdout + refused.stderr

        findings = {entry["what"]: entry for entry in site.json("doctor", env=env)["findings"]}
        assert findings["encryption"]["level"] == "good" and added[0] in findings["encryption"]["seen"]
        findings = {entry["what"]: entry for entry in site.json("doctor", check=6)["findings"]}
        assert findings["repository"]["level"] == "bad" and "does not open" in findings["repository"]["seen"] and findings["repository"]["remedy"]
    finally:
        site.drop_databases()


@pytest.mark.long
def test_a_plain_repository_has_no_keys(small_site):
    for arguments in (["list"], ["remove", "0123"], ["add", "--new-passphrase-env", "NEW"]):
        error = small_site.holdfast("key", *arguments, "--output", "json", env={"NEW": "new passphrase"}, check=2).json()["error"]
        assert "not encrypted" in error["message"] and error["hint"]
    findings = {entry["what"]: entry for entry in small_site.json("doctor")["findings"]}
    assert findings["encryption"]["level"] == "good" and "not encrypted" in findings["encryption"]["seen"]
