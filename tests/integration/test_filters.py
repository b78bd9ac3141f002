"""Filters: what is left out is named, what is kept restores and is equal, and a deploy refuses such a snapshot."""
import pytest

from harness import compare

SCHEMA = """
CREATE SCHEMA sales; CREATE SCHEMA audit;
CREATE TABLE users (id serial PRIMARY KEY, name text); INSERT INTO users (name) SELECT 'u' || n FROM generate_series(1, 50) n;
CREATE TABLE sales.orders (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, user_id int REFERENCES users, note text);
CREATE INDEX orders_note ON sales.orders (note); COMMENT ON INDEX sales.orders_note IS 'i';
COMMENT ON CONSTRAINT orders_user_id_fkey ON sales.orders IS 'the key';
INSERT INTO sales.orders (user_id, note) SELECT n % 50 + 1, 'o' || n FROM generate_series(1, 200) n;
CREATE TABLE audit.log (id bigserial PRIMARY KEY, what text); INSERT INTO audit.log (what) SELECT 'w' FROM generate_series(1, 30);
CREATE VIEW recent AS SELECT * FROM audit.log; CREATE VIEW over_recent AS SELECT * FROM recent; COMMENT ON VIEW recent IS 'v';
CREATE MATERIALIZED VIEW by_user AS SELECT user_id, count(*) FROM sales.orders GROUP BY 1;
CREATE FUNCTION last_log() RETURNS audit.log LANGUAGE sql AS 'SELECT NULL::audit.log';
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER touch BEFORE INSERT ON audit.log FOR EACH ROW EXECUTE FUNCTION touch();
CREATE TRIGGER touch BEFORE INSERT ON sales.orders FOR EACH ROW EXECUTE FUNCTION touch();
CREATE TABLE events (at date, what text) PARTITION BY RANGE (at);
CREATE TABLE events_1 PARTITION OF events FOR VALUES FROM ('2026-01-01') TO ('2026-07-01');
CREATE TABLE events_2 PARTITION OF events FOR VALUES FROM ('2026-07-01') TO ('2027-01-01'); CREATE INDEX ON events (what);
INSERT INTO events SELECT date '2026-01-01' + n, 'e' FROM generate_series(0, 300) n;
CREATE TABLE "odd.Name" (a int); INSERT INTO "odd.Name" VALUES (1);
ALTER TABLE audit.log ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON audit.log USING (true);
"""


@pytest.fixture
def shop(small_site):
    small_site.cluster.dropdb(small_site.db)
    small_site.cluster.createdb(small_site.db)
    small_site.cluster.psql(small_site.db, SCHEMA)
    return small_site


def taken(site, *options):
    snapshot = site.json("backup", *options)["snapshot"]
    return site.json("show", snapshot["id"])["snapshot"], {(o["kind"], o["schema"], o["name"]): o["why"] for o in snapshot["filters"]["left_out"]}, snapshot


def copy_of(site):
    copied = site.db + "__copy"
    site.cluster.dropdb(copied)
    result = site.holdfast("restore", "latest", "--into", copied, check=0)
    assert "FILTERED" in result.stderr
    return copied, compare.content(site.cluster, copied)


def test_exclude(shop):
    shown, left_out, _ = taken(shop, "--exclude", "audit.*", "--exclude", "public.events")
    assert {(t["schema"], t["name"]) for t in shown["tables"]} == {("public", "users"), ("sales", "orders"), ("public", "odd.Name")}
    by_pattern = {key for key, why in left_out.items() if why is None}
    assert by_pattern == {("TABLE", "audit", "log"), ("SEQUENCE", "audit", "log_id_seq"), ("TABLE", "public", "events"),
                          ("TABLE", "public", "events_1"), ("TABLE", "public", "events_2")}
    assert "audit.log" in left_out["VIEW", "public", "recent"] and "recent" in left_out["VIEW", "public", "over_recent"]
    assert ("FUNCTION", "public", "last_log()") in left_out and len(left_out) == 8
    assert any("left out: VIEW public.recent" in text for text in shown["warnings"])
    assert {s["name"] for s in shown["sequences"]} == {"users_id_seq", "orders_id_seq"}

    _, content = copy_of(shop)
    live = compare.content(shop.cluster, shop.db)
    assert content == {name: live[name] for name in ("public.users", "sales.orders", "public.odd.Name", "public.by_user")}
    text = compare.schema_text(shop.cluster, shop.db + "__copy")
    assert "orders_user_id_fkey" in text and "orders_note" in text and "audit.log" not in text and "events" not in text
    shop.json("prove")
    assert "filtered" in shop.holdfast("snapshots", check=0).stdout
    out = shop.holdfast("show", "latest", check=0).stdout
    assert "FILTERED" in out and "audit.log" in out
    assert shop.json("snapshots")["snapshots"][-1]["filtered"] is True


def test_diff_ignores_what_was_left_out_and_says_so(shop):
    taken(shop, "--exclude", "audit.*", "--exclude-data", "users")
    shop.cluster.psql(shop.db, "INSERT INTO audit.log (what) VALUES ('more'); CREATE TABLE audit.new (a serial); UPDATE users SET name = 'x'")
    document = shop.json("diff")
    assert document["equal"] is True and document["a"]["filters"]["exclude"] == ["audit.*"]
    assert "not compared" in shop.holdfast("diff", check=0).stdout
    shop.cluster.psql(shop.db, "UPDATE sales.orders SET note = 'x' WHERE id = 1")
    assert [t["table"] for t in shop.holdfast("diff", "--output", "json", check=7).json()["tables"]] == ["orders"]
    shop.json("backup")
    ids = [s["id"] for s in shop.json("snapshots")["snapshots"]]
    for pair in (ids, ids[::-1]):
        document = shop.holdfast("diff", *pair, "--output", "json", check=7).json()
        assert [t["table"] for t in document["tables"]] == ["orders"] and document["schema"] == [], document


@pytest.mark.long
def test_include(shop):
    """What is kept comes whole; its key to a table that is not, is left out and named."""
    shown, left_out, _ = taken(shop, "--include", "sales.*", "--include", "event?", "--include", 'public."odd.Name"')
    assert {(t["schema"], t["name"]) for t in shown["tables"]} == {("sales", "orders"), ("public", "events_1"), ("public", "events_2"), ("public", "odd.Name")}
    assert "users" in left_out["FK CONSTRAINT", "sales", "orders orders_user_id_fkey"]
    assert left_out["VIEW", "public", "recent"] is None and left_out["MATERIALIZED VIEW", "public", "by_user"] is None
    _, content = copy_of(shop)
    live = compare.content(shop.cluster, shop.db)
    assert content == {name: live[name] for name in ("sales.orders", "public.events_1", "public.events_2", "public.odd.Name")}
    shop.json("prove")
    assert shop.json("diff")["equal"] is True


@pytest.mark.long
def test_a_partition_alone(shop):
    _, left_out, _ = taken(shop, "--include", "events_1")
    assert ("TABLE ATTACH", "public", "events_1") in left_out
    _, content = copy_of(shop)
    assert list(content) == ["public.events_1"]
    taken(shop, "--exclude", "events_1")
    _, content = copy_of(shop)
    assert "public.events_1" not in content and "public.events_2" in content
    shop.json("prove")


@pytest.mark.long
def test_roles_of_what_is_left_out_are_not_needed(shop):
    cluster = shop.cluster
    cluster.psql("postgres", "CREATE ROLE left_owner; CREATE ROLE left_reader; CREATE ROLE kept_reader; CREATE ROLE kept_writer")
    cluster.psql(shop.db, """
        CREATE TABLE public.left_alone (id int); ALTER TABLE public.left_alone OWNER TO left_owner; GRANT SELECT ON public.left_alone TO left_reader;
        CREATE TABLE public.kept (id int); GRANT SELECT ON public.kept TO kept_reader;
        SELECT lo_create(4711); GRANT UPDATE ON LARGE OBJECT 4711 TO kept_writer""")
    named = {"left_owner", "left_reader", "kept_reader", "kept_writer"}
    shop.json("backup")
    assert named <= set(shop.json("show", "latest")["snapshot"]["roles"])
    shop.json("backup", "--exclude", "public.left_alone")
    shown = shop.json("show", "latest")["snapshot"]
    assert named & set(shown["roles"]) == {"kept_reader", "kept_writer"}
    assert shown["large_objects"]["count"] >= 1
    cluster.psql(shop.db, "DROP TABLE public.left_alone, public.kept; SELECT lo_unlink(4711)")
    cluster.psql("postgres", "DROP ROLE left_owner; DROP ROLE left_reader; DROP ROLE kept_reader; DROP ROLE kept_writer")


def test_exclude_data(shop):
    shown, left_out, snapshot = taken(shop, "--exclude-data", "users", "--exclude-data", "events", "--exclude-data", "by_user")
    assert left_out == {} and snapshot["filters"]["exclude_data"] == ["users", "events", "by_user"]
    assert {t["name"] for t in shown["tables"] if t["data_excluded"]} == {"users", "events_1", "events_2"}
    assert any("orders_user_id_fkey" in text and "not validated" in text for text in shown["warnings"])
    copied, content = copy_of(shop)
    live = compare.content(shop.cluster, shop.db)
    assert content.pop("public.users")[0] == 0 and content.pop("public.events_1")[0] == 0 and content.pop("public.events_2")[0] == 0
    assert content == {name: live[name] for name in content} and "public.by_user" not in content
    text, of_live = compare.schema_text(shop.cluster, copied), compare.schema_text(shop.cluster, shop.db)
    assert [line for line in text.splitlines() if line not in of_live.splitlines()] == [
        "    ADD CONSTRAINT orders_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id) NOT VALID;",
        "constraint not validated sales.orders.orders_user_id_fkey"]
    shop.json("prove")
    assert shop.json("diff")["equal"] is True


@pytest.mark.long
def test_a_kept_table_that_needs_what_is_left_out_is_an_error(shop):
    shop.cluster.psql(shop.db, "CREATE TABLE child (more int) INHERITS (users)")
    error = shop.holdfast("backup", "--exclude", "public.users", "--output", "json", check=4).json()["error"]
    assert "public.child" in error["message"] and "public.users" in error["message"] and "exclude_data" in error["hint"]
    shop.holdfast("backup", "--exclude", "public.users", "--exclude", "child", check=0)
    _, content = copy_of(shop)
    assert "sales.orders" in content and "public.users" not in content


@pytest.mark.long
def test_patterns(shop):
    snapshot = shop.json("backup", "--exclude", "audit.lo?", "--exclude", "nothing.*")["snapshot"]
    assert any('"nothing.*"' in text for text in snapshot["warnings"])
    assert not any('"audit.lo?"' in text for text in snapshot["warnings"])
    for wrong in ("a.b.c", ".x", '"x', "x."):
        error = shop.holdfast("backup", "--exclude-data", wrong, "--output", "json", check=2).json()["error"]
        assert wrong in error["message"]
    assert shop.json("backup")["snapshot"]["filters"] is None


def test_a_deploy_refuses_them(small_site):
    site = small_site
    site.add_migrations("good")
    site.write_config(snapshot={"jobs": 2, "exclude_data": ["email_otp"]})
    assert site.json("backup")["snapshot"]["filters"]["exclude_data"] == ["email_otp"]
    error = site.holdfast("deploy", "--output", "json", check=4)
    assert "snapshot filters" in error.stdout and "allow_filtered" in error.stdout
    site.holdfast("doctor", check=(4, 6, 30))
    before = compare.content(site.cluster, site.db)
    site.write_config(deploy={"allow_filtered": True})
    site.remove_migrations("good")
    site.add_migrations("fail-halfway")
    site.holdfast("deploy", check=3)
    after = compare.content(site.cluster, site.db)
    assert after.pop("public.email_otp")[0] == 0 and before.pop("public.email_otp")[0] > 0
    assert after == before
