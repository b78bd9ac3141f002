"""diff against content that changed in one way only, and verify's depths."""
import json

import pytest


@pytest.fixture
def taken(small_site):
    small_site.holdfast("backup", check=0)
    return small_site


# The change, and what diff must name: (tables, schema objects, sequences)
CHANGES = {
    "one value": ("UPDATE invoices SET net = net + 0.01 WHERE id = (SELECT id FROM invoices ORDER BY id LIMIT 1)", ({"invoices"}, set(), set())),
    "one row less": ("DELETE FROM email_otp WHERE id = (SELECT min(id) FROM email_otp)", ({"email_otp"}, set(), set())),
    "two values exchanged": ("UPDATE local_users u SET display_name = v.display_name FROM local_users v WHERE u.display_name <> v.display_name AND"
                             " u.id IN (SELECT id FROM local_users ORDER BY id LIMIT 1) AND v.id = (SELECT id FROM local_users WHERE display_name <> "
                             "(SELECT display_name FROM local_users ORDER BY id LIMIT 1) ORDER BY id LIMIT 1)", ({"local_users"}, set(), set())),
    "null and empty": ("UPDATE local_users SET phone = '' WHERE id = (SELECT id FROM local_users WHERE phone IS NULL LIMIT 1)", ({"local_users"}, set(), set())),
    "an index": ("CREATE INDEX extra_index ON invoices (net)", (set(), {"extra_index"}, set())),
    "a function": ("CREATE FUNCTION extra() RETURNS int LANGUAGE sql AS 'SELECT 1'", (set(), {"extra()"}, set())),
    "a grant": ("GRANT SELECT ON invoices TO pg_monitor", (set(), {"TABLE invoices"}, set())),
    "a comment": ("COMMENT ON TABLE invoices IS 'x'", (set(), {"TABLE invoices"}, set())),
    "no rows left": ("TRUNCATE email_otp", ({"email_otp"}, set(), set())),
    "a sequence": ("SELECT nextval('invoices_number_seq')", (set(), set(), {"invoices_number_seq"})),
    "an empty table": ("CREATE TABLE extra (a int)", ({"extra"}, {"extra"}, set())),
}


@pytest.mark.parametrize("what", CHANGES)
@pytest.mark.long(after=2)
def test_one_change(taken, what):
    sql, expected = CHANGES[what]
    taken.cluster.psql(taken.db, sql)
    document = taken.holdfast("diff", "--output", "json", check=7).json()
    assert document["equal"] is False
    seen = ({entry["table"] for entry in document["tables"]}, {entry["name"] for entry in document["schema"]},
            {entry["name"] for entry in document["sequences"]})
    assert seen == expected
    taken.holdfast("backup", check=0)
    first, second = (entry["id"] for entry in taken.json("snapshots")["snapshots"])
    again = taken.holdfast("diff", first, second, "--output", "json", check=7).json()
    assert ({entry["table"] for entry in again["tables"]}, {entry["name"] for entry in again["schema"]},
            {entry["name"] for entry in again["sequences"]}) == expected


def test_rows_where_the_snapshot_has_none(small_site):
    """Tables without rows are not read one by one, but looked at: in the live database, and in what a restore made."""
    small_site.cluster.psql(small_site.db, """
        CREATE TABLE hollow (x int);
        CREATE FUNCTION note(int) RETURNS boolean LANGUAGE plpgsql AS 'BEGIN INSERT INTO public.hollow VALUES ($1); RETURN true; END';
        CREATE TABLE noted (x int CHECK (public.note(x)));
        INSERT INTO noted VALUES (1);
        TRUNCATE hollow""")
    small_site.holdfast("backup", check=0)
    assert small_site.json("diff")["equal"] is True
    small_site.cluster.psql(small_site.db, "INSERT INTO hollow VALUES (1)")
    document = small_site.holdfast("diff", "--output", "json", check=7).json()
    assert [(entry["table"], entry["rows_seen"]) for entry in document["tables"]] == [("hollow", 1)]
    result = small_site.holdfast("restore", "latest", "--into", "small__copy", check=None)
    assert result.returncode == 37 and '"hollow"' in result.stderr, result
    assert "small__copy" not in small_site.cluster.databases()


def test_what_does_not_count(taken):
    """Another order of rows, other pages and statistics are the same content."""
    taken.cluster.psql(taken.db, "UPDATE local_users SET email = email; CREATE TABLE moved AS SELECT * FROM email_otp ORDER BY id DESC;"
                       "DELETE FROM email_otp; INSERT INTO email_otp OVERRIDING SYSTEM VALUE SELECT * FROM moved; DROP TABLE moved; ANALYZE")
    taken.cluster.psql(taken.db, "VACUUM FULL")
    assert taken.json("diff")["equal"] is True
    again = taken.json("backup")["snapshot"]
    assert taken.json("diff", taken.json("snapshots")["snapshots"][0]["id"], again["id"])["equal"] is True


def test_depths(taken):
    """--stored sees what is missing or of another size, --full also what changed inside."""
    victim = max(taken.repository.glob("objects/*/*"), key=lambda path: path.stat().st_size)
    data = victim.read_bytes()
    victim.chmod(0o600)
    victim.write_bytes(data[:60] + bytes([data[60] ^ 8]) + data[61:])
    taken.holdfast("verify", "--stored", check=0)
    assert victim.name in taken.holdfast("verify", "--full", check=12).stdout
    assert victim.name in taken.holdfast("verify", "--sample", "100%", check=12).stdout
    for wrong in ("2/7", "0%", "1/0", "7"):
        taken.holdfast("verify", "--sample", wrong, check=2)
    victim.write_bytes(data)
    taken.holdfast("verify", "--full", check=0)


def test_orphans_and_missing_objects(taken):
    """All of them are named: those that no snapshot needs, and those that are gone."""
    assert taken.json("verify")["orphans"] == []
    objects = {path.name for path in taken.repository.glob("objects/*/*")}
    second = taken.json("backup", "--include", "public.email_otp")["snapshot"]["id"]
    orphans = {path.name for path in taken.repository.glob("objects/*/*")} - objects
    (taken.repository / "snapshots" / "site" / f"{second}.json").unlink()
    listed = taken.json("verify", "--stored")["orphans"]
    assert {orphan["object"] for orphan in listed} == orphans and orphans
    text = taken.holdfast("verify", check=0).stdout
    assert all(name in text for name in orphans)

    snapshot = taken.json("snapshots")["snapshots"][0]
    manifest = json.loads((taken.repository / "snapshots" / "site" / f"{snapshot['id']}.json").read_text())["manifest"]["object"]
    victims = sorted(objects - {manifest})[:5]
    for name in victims:
        (taken.repository / "objects" / name[:2] / name).unlink()
    for depth in ("--stored", "--full", "--sample=1/7"):
        damage = taken.holdfast("verify", depth, "--output", "json", check=12).json()["snapshots"][0]["damage"]
        assert {entry["object"] for entry in damage} == set(victims)
        assert all("is missing" in entry["why"] for entry in damage)


@pytest.mark.long
def test_two_snapshots_with_a_hash_of_an_enum_and_large_objects(small_site):
    """Which partition holds a row counts for nothing, as it hangs on the enum's OIDs; what a large object holds counts."""
    site = small_site
    make = """
        CREATE TYPE colour AS ENUM ('a', 'b', 'c', 'd', 'e', 'f', 'g', 'h');
        CREATE TABLE by_colour (c colour, n int) PARTITION BY HASH (c);
        CREATE TABLE by_colour_0 PARTITION OF by_colour FOR VALUES WITH (MODULUS 2, REMAINDER 0);
        CREATE TABLE by_colour_1 PARTITION OF by_colour FOR VALUES WITH (MODULUS 2, REMAINDER 1);
        INSERT INTO by_colour SELECT c, n FROM unnest(enum_range(NULL::colour)) WITH ORDINALITY AS e (c, n);"""
    site.cluster.psql(site.db, make + "SELECT lo_from_bytea(4711, 'before')")
    first = site.json("backup")["snapshot"]["id"]
    site.cluster.psql(site.db, "DROP TABLE by_colour; DROP TYPE colour;" + make)
    second = site.json("backup")["snapshot"]["id"]
    assert site.json("diff", first, second)["equal"] is True
    site.cluster.psql(site.db, "SELECT lo_put(4711, 0, 'B'); INSERT INTO by_colour VALUES ('a', 9)")
    third = site.json("backup")["snapshot"]["id"]
    document = site.holdfast("diff", second, third, "--output", "json", check=7).json()
    assert {entry["table"] for entry in document["tables"]} == {"by_colour", "pg_largeobject"}
