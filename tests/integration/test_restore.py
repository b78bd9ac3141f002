"""restore --into: all or nothing, verified, and every kind of damage in the repository is found."""
import json
import signal
import subprocess
import time

import pytest

from harness import compare, marketplace, proc
from harness.postgres import quote_text
from harness.site import Site

FLIP_AT = 40


def copy_of(site):
    return site.db + "__copy"


def flip(path, at=FLIP_AT, mask=1):
    data = bytearray(path.read_bytes())
    data[at % len(data)] ^= mask
    overwrite(path, bytes(data))


def overwrite(path, data):
    path.chmod(0o600)
    path.write_bytes(data)


@pytest.fixture
def two(small_site):
    """(site, earlier, latest): snapshots that share most objects; the latest has a chunk and a manifest of its own."""
    earlier = small_site.json("backup")["snapshot"]["id"]
    small_site.cluster.psql(small_site.db, "UPDATE local_users SET display_name = 'x'; DELETE FROM email_otp")
    latest = small_site.json("backup")["snapshot"]["id"]
    return small_site, earlier, latest


def is_marked(cluster, db):
    """Does the database say that it is not whole, or let nobody in?"""
    return cluster.psql("postgres", "SELECT NOT datallowconn OR coalesce(shobj_description(oid, 'pg_database') LIKE '%not finished%', false) "
                        f"FROM pg_database WHERE datname = '{db}'") == "t"


class Parts:
    """Where the objects of one snapshot, and of it alone, are."""

    def __init__(self, site, earlier, latest):
        self.pointer = site.repository / "snapshots" / "site" / f"{latest}.json"
        other = (site.repository / "snapshots" / "site" / f"{earlier}.json").read_text()
        objects = {path.name: path for path in site.repository.glob("objects/*/*")}
        text = self.pointer.read_text()
        self.manifest, = (path for name, path in objects.items() if name in text)
        earlier_manifest, = (path for name, path in objects.items() if name in other)
        inside, inside_earlier = (subprocess.run(["zstd", "-dcq", str(path)], check=True, capture_output=True).stdout.decode()
                                  for path in (self.manifest, earlier_manifest))
        own = [path for name, path in objects.items() if name in inside and name not in inside_earlier]
        self.chunk = max(own, key=lambda path: path.stat().st_size)
        self.schema = objects[json.loads(inside)["schema"]["object"]["name"]]
        self.any = [path for name, path in objects.items() if name in inside and path != self.schema]


def swap_content(parts):
    other = next(path for path in parts.any if path != parts.chunk)
    a, b = parts.chunk.read_bytes(), other.read_bytes()
    overwrite(parts.chunk, b)
    overwrite(other, a)


def recompress(parts):
    """A sound frame of other content: only the digest can tell."""
    plain = subprocess.run(["zstd", "-dcq", str(parts.chunk)], check=True, capture_output=True).stdout
    overwrite(parts.chunk, subprocess.run(["zstd", "-cq"], input=plain.replace(b"x", b"y"), check=True, capture_output=True).stdout)


# what, how, does the damage hit the earlier snapshot as well
DAMAGES = {
    "a bit in a chunk": (lambda p: flip(p.chunk), False),
    "a bit at a chunk's end": (lambda p: flip(p.chunk, -1), False),
    "a chunk cut": (lambda p: overwrite(p.chunk, p.chunk.read_bytes()[:-7]), False),
    "a chunk empty": (lambda p: overwrite(p.chunk, b""), False),
    "a chunk longer": (lambda p: overwrite(p.chunk, p.chunk.read_bytes() + b"more"), False),
    "a chunk missing": (lambda p: p.chunk.unlink(), False),
    "a chunk of other content": (recompress, False),
    "two objects swapped": (swap_content, True),
    "a bit in the schema": (lambda p: flip(p.schema), True),
    "the schema missing": (lambda p: p.schema.unlink(), True),
    "a bit in the manifest": (lambda p: flip(p.manifest), False),
    "the manifest cut": (lambda p: overwrite(p.manifest, p.manifest.read_bytes()[:-20]), False),
    "the manifest missing": (lambda p: p.manifest.unlink(), False),
    "the pointer cut": (lambda p: overwrite(p.pointer, p.pointer.read_bytes()[:-30]), False),
    "the pointer empty": (lambda p: overwrite(p.pointer, b""), False),
    "the pointer garbled": (lambda p: overwrite(p.pointer, b"\x00\xff{{{" * 20), False),
    "another snapshot's pointer": (lambda p: overwrite(p.pointer, next(x for x in p.pointer.parent.iterdir() if x != p.pointer).read_bytes()),
                                   False),
    "a digit in the pointer": (lambda p: overwrite(p.pointer, p.pointer.read_bytes().replace(p.manifest.name[:8].encode(), b"00000000")), False),
}


@pytest.mark.parametrize("what", DAMAGES)
@pytest.mark.long(after=2)
def test_damage_is_found_and_nothing_half_is_made(two, what):
    site, earlier, latest = two
    damage, shared = DAMAGES[what]
    parts = Parts(site, earlier, latest)
    damage(parts)

    result = site.holdfast("verify", "--full", "--output", "json", check=12)
    by_id = {entry["id"]: entry for entry in result.json()["snapshots"]}
    assert by_id[latest]["ok"] is False and by_id[earlier]["ok"] is not shared
    assert len(json.dumps(by_id[latest])) > 60, "it says what is broken"
    if "chunk" in what:
        assert parts.chunk.name in json.dumps(by_id[latest])
    if "schema" in what:
        assert parts.schema.name in json.dumps(by_id[latest])

    before = site.cluster.databases()
    refused = site.holdfast("restore", latest, "--into", copy_of(site), "--output", "json")
    assert refused.returncode in (10, 12, 20, 37), refused
    error = refused.json()["error"]["message"]
    assert error and "no space" not in error
    assert site.cluster.databases() == before
    if not shared:
        site.holdfast("verify", earlier, "--full", check=0)
        site.holdfast("restore", earlier, "--into", copy_of(site), check=0)
        assert int(site.cluster.psql(copy_of(site), "SELECT count(*) FROM email_otp")) > 0
    # A backup heals what the live database still has, and is sound itself.
    healed = site.holdfast("backup", "--output", "json")
    if healed.returncode == 0 and "a chunk" not in what and "swapped" not in what and "schema" not in what:
        site.holdfast("verify", healed.json()["snapshot"]["id"], "--full", check=0)


def test_a_deploy_stores_anew_what_is_broken(two):
    site, earlier, latest = two
    parts = Parts(site, earlier, latest)
    for path in parts.any:
        flip(path)
    before = compare.fingerprint(site.cluster, site.db, facts=True)
    site.add_migrations("fail-halfway")
    site.holdfast("deploy", check=3)
    assert not compare.fingerprint_differences(before, compare.fingerprint(site.cluster, site.db, facts=True))


def test_into_is_equal_in_everything(cluster, tmp_path):
    marketplace.create(cluster, "restore_whole", scale=0.3)
    site = Site(cluster, "restore_whole", tmp_path / "site", create=False, jobs=4)
    try:
        site.holdfast("init", check=0)
        site.holdfast("backup", check=0)
        document = site.json("restore", "latest", "--into", copy_of(site))
        compare.assert_same(cluster, site.db, cluster, copy_of(site), facts=True)
        outcomes = {entry["outcome"] for entry in document["objects"]}
        assert document["verified"] is True and outcomes <= {"restored", "skipped"}
        data = {entry["name"]: entry["rows"] for entry in document["objects"] if entry["kind"] == "TABLE DATA"}
        assert data == {name.split(".")[1]: rows for name, (rows, _) in compare.content(cluster, site.db).items()}
    finally:
        site.drop_databases()


def test_an_existing_database_is_refused_and_untouched(small_site):
    small_site.holdfast("backup", check=0)
    cluster = small_site.cluster
    cluster.createdb(copy_of(small_site))
    cluster.psql(copy_of(small_site), "CREATE TABLE mine (a int)")
    for name in (copy_of(small_site), small_site.db):
        refused = small_site.holdfast("restore", "latest", "--into", name, check=11)
        assert f'"{name}"' in refused.stderr
    assert cluster.psql(copy_of(small_site), "SELECT string_agg(relname, ',') FROM pg_class WHERE relnamespace = 'public'::regnamespace") == "mine"


def test_what_the_server_lacks_is_named_first(small_site):
    cluster, db = small_site.cluster, small_site.db
    roles = [f"{db}_owner", f"{db}_reader", f"{db}_database"]
    cluster.psql(db, "".join(f"CREATE ROLE {role};" for role in roles) +
                 f"ALTER TABLE invoices OWNER TO {roles[0]}; GRANT SELECT ON local_users TO {roles[1]}; GRANT CONNECT ON DATABASE {db} TO {roles[2]}")
    small_site.holdfast("backup", check=0)
    cluster.psql(db, f"REASSIGN OWNED BY {roles[0]} TO postgres; DROP OWNED BY {', '.join(roles)}; DROP ROLE {', '.join(roles)}")
    before = cluster.databases()
    refused = small_site.holdfast("restore", "latest", "--into", copy_of(small_site), check=10)
    assert all(f'"{role}"' in refused.stderr for role in roles) and "CREATE ROLE" in refused.stderr
    assert cluster.databases() == before


@pytest.mark.long
def test_database_properties_come_along(small_site):
    cluster, db = small_site.cluster, small_site.db
    comment = "it's \"mine\"\n\\ ünï"
    cluster.psql(db, f"CREATE ROLE {db}_app; ALTER DATABASE {db} OWNER TO {db}_app; REVOKE CONNECT ON DATABASE {db} FROM public;"
                 f"GRANT TEMP ON DATABASE {db} TO {db}_app WITH GRANT OPTION; ALTER DATABASE {db} SET work_mem = '7MB';"
                 f"ALTER DATABASE {db} SET search_path = public, \"$user\", \"Odd, name\"; ALTER ROLE {db}_app IN DATABASE {db} SET jit = off;"
                 f"ALTER DATABASE {db} SET my.setting = 'it''s'; ALTER DATABASE {db} CONNECTION LIMIT 23; COMMENT ON DATABASE {db} IS {quote_text(comment)}")
    try:
        small_site.holdfast("backup", check=0)
        small_site.holdfast("restore", "latest", "--into", copy_of(small_site), check=0)
        compare.assert_same(cluster, db, cluster, copy_of(small_site), facts=True)
    finally:
        small_site.drop_databases()
        cluster.psql("postgres", f"DROP ROLE {db}_app")


@pytest.mark.parametrize("number, action", [(signal.SIGKILL, "kill"), (signal.SIGTERM, "term")])
@pytest.mark.long
def test_a_restore_ended_in_the_middle(small_site, faults, number, action):
    cluster, copy = small_site.cluster, copy_of(small_site)
    small_site.holdfast("backup", check=0)
    for point in ("restore.after_create", "restore.before_verify", "restore.after_load"):
        ended = small_site.holdfast("restore", "latest", "--into", copy, env={"HOLDFAST_FAULT": f"{point}:{action}"})
        if action == "term":
            assert ended.returncode == 43 and copy not in cluster.databases(), point
            continue
        assert ended.returncode == -number
        assert is_marked(cluster, copy), point
    # What an interrupted restore left is replaced.
    small_site.holdfast("restore", "latest", "--into", copy, check=0)
    compare.assert_same(cluster, small_site.db, cluster, copy, facts=True)


def wait_for_the_end_of_sessions(cluster):
    """A server goes on with a killed client's statement."""
    deadline = time.monotonic() + 60
    while cluster.psql("postgres", "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'holdfast%'") != "0":
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.long
def test_kill_at_any_time_leaves_nothing_that_looks_whole(cluster, tmp_path):
    marketplace.create(cluster, "restore_killed", scale=0.3)
    site = Site(cluster, "restore_killed", tmp_path / "site", create=False)
    try:
        site.holdfast("init", check=0)
        site.holdfast("backup", check=0)
        whole = 0
        for delay in (0.03, 0.06, 0.08, 0.1, 0.13, 0.25, 0.5, 0.9):
            process = site.spawn("restore", "latest", "--into", copy_of(site))
            time.sleep(delay)
            proc.kill(process)
            process.communicate()
            wait_for_the_end_of_sessions(cluster)
            if copy_of(site) in cluster.databases():
                if not is_marked(cluster, copy_of(site)):
                    compare.assert_same(cluster, site.db, cluster, copy_of(site))
                    whole += 1
                cluster.dropdb(copy_of(site))
        assert whole < 8
        site.holdfast("restore", "latest", "--into", copy_of(site), check=0)
        compare.assert_same(cluster, site.db, cluster, copy_of(site), facts=True)
    finally:
        site.drop_databases()


@pytest.mark.long
def test_both_spellings_of_a_condition_are_one_schema(small_site):
    """PostgreSQL prints IN lists over varchar otherwise once it has read its own print."""
    cluster, db = small_site.cluster, small_site.db
    cluster.psql(db, "CREATE TABLE spelled (s varchar(9) CHECK (s IN ('a', 'b'))); CREATE INDEX ON spelled (s) WHERE s IN ('a', 'b');"
                 "CREATE VIEW spelled_view AS SELECT * FROM spelled WHERE s NOT IN ('x''])', 'y'); CREATE VIEW listed AS VALUES (1), (2)")
    first = small_site.json("backup")["snapshot"]["id"]
    small_site.holdfast("restore", "latest", "--swap", check=0)
    small_site.holdfast("diff", first, "live", check=0)
    small_site.holdfast("backup", check=0)
    small_site.holdfast("diff", first, "latest", check=0)
    cluster.psql(db, "DROP VIEW spelled_view; CREATE VIEW spelled_view AS SELECT * FROM spelled WHERE s NOT IN ('x''])', 'z')")
    assert {entry["name"] for entry in small_site.holdfast("diff", first, "live", "--output", "json", check=7).json()["schema"]} == {"spelled_view"}
