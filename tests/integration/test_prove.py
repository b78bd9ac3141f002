"""prove: a snapshot is restored to a scratch database, compared, and the result recorded."""
import hashlib
import json
import signal
import subprocess
import time

import pytest


def scratches(site):
    return [name for name in site.cluster.databases() if "__prove_" in name]


def listed(site, snapshot):
    return next(entry for entry in site.json("snapshots")["snapshots"] if entry["id"] == snapshot)


def recorded(site, snapshot):
    return json.loads((site.repository / "proofs" / "site" / f"{snapshot}.json").read_text())


def test_a_sound_snapshot(small_site):
    site = small_site
    first, second = (site.json("backup")["snapshot"]["id"] for _ in range(2))
    for entry in site.json("snapshots")["snapshots"]:
        assert entry["proven"] is False and entry["proven_at"] is None
    assert "never" in site.holdfast("snapshots", check=0).stdout

    proof = site.json("prove")["proof"]
    assert proof["snapshot"] == second and proof["equal"] is True and proof["differences"] == []
    assert proof["rows"] == site.json("show", second)["snapshot"]["rows"] > 1000
    assert scratches(site) == []
    kept = recorded(site, second)
    assert kept["verdict"] == "equal" and kept["by"]["user"] and kept["took_ms"] > 0 and kept["at"] == proof["at"]

    assert listed(site, second)["proven"] is True and listed(site, second)["proven_at"] == proof["at"]
    assert listed(site, first)["proven"] is False
    shown = site.json("show", second)["snapshot"]
    assert shown["proven"] is True and shown["proven_at"] == proof["at"]
    assert "all equal" in site.holdfast("show", second, check=0).stdout
    assert "is proven" in site.holdfast("prove", first, check=0).stdout
    assert listed(site, first)["proven"] is True

    later = site.json("prove", second)["proof"]
    assert later["at"] > proof["at"] and listed(site, second)["proven_at"] == later["at"]


def test_a_changed_proof_proves_nothing(small_site):
    site = small_site
    snapshot = site.json("backup")["snapshot"]["id"]
    site.holdfast("prove", check=0)
    path = site.repository / "proofs" / "site" / f"{snapshot}.json"
    path.chmod(0o600)
    path.write_text(path.read_text().replace('"rows":', '"rows":1'))
    assert listed(site, snapshot)["proven"] is False
    assert "not known" in site.holdfast("show", snapshot, check=0).stderr
    site.holdfast("prove", check=0)
    assert listed(site, snapshot)["proven"] is True


def rewrite_manifest(site, snapshot, change):
    """Seals the snapshot anew with another manifest, as a faulty writer would have."""
    def canonical(document):
        return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()

    def path_of(name):
        return site.repository / "objects" / name[:2] / name

    pointer_path = site.repository / "snapshots" / "site" / f"{snapshot}.json"
    pointer = json.loads(pointer_path.read_text())
    manifest = json.loads(subprocess.run(["zstd", "-dc", path_of(pointer["manifest"]["object"])], capture_output=True, check=True).stdout)
    change(manifest)
    raw = canonical(manifest)
    name = hashlib.sha256(raw).hexdigest()
    path_of(name).parent.mkdir(exist_ok=True)
    plain = site.directory / "manifest.json"
    plain.write_bytes(raw)
    subprocess.run(["zstd", "-q", "-f", "--check", "--content-size", plain, "-o", path_of(name)], check=True)
    pointer["manifest"] = {"object": name, "raw_bytes": len(raw), "stored_bytes": path_of(name).stat().st_size}
    del pointer["digest"]
    pointer["digest"] = hashlib.sha256(canonical(pointer)).hexdigest()
    pointer_path.chmod(0o600)
    pointer_path.write_bytes(canonical(pointer) + b"\n")


def test_differences_are_named_and_recorded(small_site):
    site = small_site
    snapshot = site.json("backup")["snapshot"]["id"]

    def change(manifest):
        manifest["schema"]["digest"] = "0" * 64

    rewrite_manifest(site, snapshot, change)
    proof = site.holdfast("prove", "--output", "json", check=7).json()["proof"]
    assert proof["equal"] is False
    # the digest alone is wrong here, so no object can be blamed
    assert [item["kind"] for item in proof["differences"]] == ["DATABASE"]
    assert scratches(site) == []
    assert recorded(site, snapshot)["verdict"] == "different"
    entry = listed(site, snapshot)
    assert entry["proven"] is False and entry["proven_at"] == proof["at"]
    assert "FAILED" in site.holdfast("snapshots", check=0).stdout
    assert "FAILED" in site.holdfast("show", snapshot, check=0).stdout
    log = site.holdfast("restore", snapshot, "--into", f"{site.db}__x").stderr
    assert "FAILED" in log


@pytest.mark.long
def test_rows_that_differ(small_site):
    site = small_site
    snapshot = site.json("backup")["snapshot"]["id"]

    def change(manifest):
        table = next(t for t in manifest["tables"] if len(t["chunks"]) == 1 and t["rows"] > 10)
        digest = f"{int(table['row_digest'], 16) ^ 1:032x}"
        table["row_digest"] = table["chunks"][0][7] = digest

    rewrite_manifest(site, snapshot, change)
    proof = site.holdfast("prove", "--output", "json", check=7).json()["proof"]
    assert [item["kind"] for item in proof["differences"]] == ["TABLE DATA"]
    assert scratches(site) == []


def test_a_damaged_object(small_site):
    site = small_site
    snapshot = site.json("backup")["snapshot"]["id"]
    victim = max(site.repository.glob("objects/*/*"), key=lambda path: path.stat().st_size)
    victim.chmod(0o600)
    data = bytearray(victim.read_bytes())
    data[len(data) // 2] ^= 1
    victim.write_bytes(data)
    failed = site.holdfast("prove", "--output", "json", check=12).json()
    assert failed["proof"]["differences"][0]["kind"] == "SNAPSHOT"
    assert listed(site, snapshot)["proven"] is False and listed(site, snapshot)["proven_at"] is not None
    assert scratches(site) == []


@pytest.mark.long
def test_a_stop_drops_the_scratch_database_and_records_nothing(small_site):
    site = small_site
    site.cluster.psql(site.db, "CREATE TABLE big AS SELECT n, repeat(md5(n::text), 8) FROM generate_series(1, 400000) n")
    snapshot = site.json("backup")["snapshot"]["id"]
    process = site.spawn("prove")
    deadline = time.monotonic() + 60
    while not scratches(site) and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    process.wait(60)
    assert process.returncode == 43
    assert scratches(site) == []
    assert not (site.repository / "proofs").exists() or listed(site, snapshot)["proven_at"] is None


@pytest.mark.long
def test_what_the_server_lacks_is_no_verdict(small_site):
    site = small_site
    cluster = site.cluster
    role = f"gone_{site.db}"
    cluster.psql(site.db, f"CREATE ROLE {role}; GRANT SELECT ON invoices TO {role}")
    snapshot = site.json("backup")["snapshot"]["id"]
    cluster.psql(site.db, f"DROP OWNED BY {role}; DROP ROLE {role}")
    assert role in site.holdfast("prove", check=10).stderr
    assert listed(site, snapshot)["proven_at"] is None
    assert scratches(site) == []
