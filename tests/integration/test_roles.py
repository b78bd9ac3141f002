"""Roles: the plan that a snapshot keeps, the statements that make them on another server, and giving what is one's to another."""
import itertools
import json

import pytest

from harness import compare
from harness.postgres import Cluster, quote_name

_numbers = itertools.count(1)

ROLES = """
CREATE ROLE {o} CREATEDB NOINHERIT; CREATE ROLE {r} LOGIN PASSWORD 'sesame-open' CONNECTION LIMIT 7 VALID UNTIL '2031-05-06 07:08:09+00';
CREATE ROLE {g} BYPASSRLS; CREATE ROLE {u}; CREATE ROLE {outside} LOGIN;
GRANT {g} TO {o} WITH ADMIN OPTION; GRANT {o} TO {outside}; GRANT {g} TO {r}; GRANT pg_monitor TO {r};
ALTER ROLE {r} SET search_path = sales, "Odd"; ALTER ROLE {r} SET work_mem = '9MB';
"""

SCHEMA = """
CREATE SCHEMA sales AUTHORIZATION {o}; SET ROLE {o};
CREATE TABLE sales.orders (id int PRIMARY KEY, who text); INSERT INTO sales.orders VALUES (1, 'a'), (2, 'b');
CREATE FUNCTION sales.f() RETURNS int LANGUAGE sql AS 'SELECT 1'; CREATE VIEW sales.v AS SELECT id FROM sales.orders;
GRANT SELECT (id), UPDATE (who) ON sales.orders TO {r}; GRANT ALL ON sales.v TO {r} WITH GRANT OPTION; GRANT USAGE ON SCHEMA sales TO {r};
REVOKE ALL ON FUNCTION sales.f() FROM PUBLIC; GRANT EXECUTE ON FUNCTION sales.f() TO {u};
ALTER DEFAULT PRIVILEGES IN SCHEMA sales GRANT SELECT ON TABLES TO {r};
ALTER DEFAULT PRIVILEGES GRANT EXECUTE ON FUNCTIONS TO {u};
ALTER TABLE sales.orders ENABLE ROW LEVEL SECURITY; CREATE POLICY mine ON sales.orders FOR SELECT TO {r} USING (who <> 'TO me, you');
RESET ROLE; SET ROLE {r}; GRANT SELECT ON sales.v TO {u}; RESET ROLE;
SELECT lo_from_bytea(4711, 'x'); ALTER LARGE OBJECT 4711 OWNER TO {o}; GRANT SELECT ON LARGE OBJECT 4711 TO {r};
"""

NAMES = {"o": "own{n}", "r": "rea\"d 'er{n}", "g": "grp{n}", "u": "Usr\\{n}", "outside": "outside{n}"}


class Shop:
    def __init__(self, site):
        number = next(_numbers)
        self.site, self.db, self.cluster = site, site.db, site.cluster
        self.name = {key: name.format(n=number) for key, name in NAMES.items()}
        quoted = {key: quote_name(name) for key, name in self.name.items()}
        self.cluster.dropdb(self.db)
        self.cluster.createdb(self.db)
        self.cluster.psql(self.db, fill(ROLES, quoted))
        self.cluster.psql(self.db, fill(SCHEMA, quoted))
        self.cluster.psql(self.db, f"ALTER DATABASE {self.db} OWNER TO {quoted['o']}; GRANT CREATE ON DATABASE {self.db} TO {quoted['r']};"
                          f"ALTER ROLE {quoted['r']} IN DATABASE {self.db} SET work_mem = '5MB'")
        self.snapshot = site.json("backup")["snapshot"]["id"]

    def text(self, db, cluster=None):
        return compare.schema_text(cluster or self.cluster, db)


def fill(text, names):
    for key, name in names.items():
        text = text.replace("{" + key + "}", name)
    return text


@pytest.fixture
def shop(small_site):
    made = Shop(small_site)
    yield made
    small_site.drop_databases()
    made.cluster.psql("postgres", "".join(f"DROP ROLE {quote_name(name)};" for name in made.name.values()))


@pytest.fixture(scope="module")
def other():
    with Cluster(fsync=False) as running:
        yield running


ATTRIBUTES = """SELECT json_agg(x ORDER BY x.rolname) FROM (SELECT rolname, rolsuper, rolinherit, rolcreaterole, rolcreatedb, rolcanlogin, rolreplication,
    rolbypassrls, rolconnlimit, rolvaliduntil, rolconfig, (SELECT json_agg(json_build_array(g.rolname, m.admin_option) ORDER BY g.rolname)
    FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid WHERE m.member = r.oid) AS groups
    FROM pg_roles r WHERE rolname !~ '^pg_' AND rolname <> 'postgres' AND rolname = ANY ($${}$$::text[])) x"""


def attributes(cluster, names):
    return json.loads(cluster.psql("postgres", ATTRIBUTES.format("{" + ",".join(json.dumps(name) for name in names) + "}")))


def test_the_plan_makes_the_roles_elsewhere(shop, other):
    document = shop.site.json("show", shop.snapshot)["snapshot"]["role_plan"]
    assert {role["name"] for role in document["roles"]} == {shop.name[key] for key in "orgu"}
    assert (shop.name["o"], shop.name["outside"]) in {(m["role"], m["member"]) for m in document["memberships"]}
    statements = shop.site.holdfast("show", shop.snapshot, "--roles", check=0).stdout
    assert "sesame" not in statements and "SCRAM" not in statements
    assert not any("sesame" in path.read_text(errors="replace") for path in shop.site.repository.rglob("*") if path.is_file())

    env = {"DATABASE_URL": other.url("postgres")}
    failed = shop.site.holdfast("restore", shop.snapshot, "--into", shop.db, "--output", "json", env=env, check=10)
    report, error = failed.json(), failed.json()["error"]
    assert all(shop.name[key] in error["message"] for key in "oru") and "CREATE ROLE" in error["hint"]
    assert any(text.startswith(f"CREATE ROLE {quote_name(shop.name['r'])}") for text in report["create_roles"])
    assert shop.db not in other.databases()
    assert "CREATE ROLE" in failed.stderr

    other.psql("postgres", "\n".join(line for line in statements.splitlines() if '"postgres"' not in line))
    names = [shop.name[key] for key in "orgu"]
    assert attributes(other, names) == attributes(shop.cluster, names)
    shop.site.holdfast("restore", shop.snapshot, "--into", shop.db, env=env, check=0)
    compare.assert_same(shop.cluster, shop.db, other, shop.db, facts=True)
    other.dropdb(shop.db)


def test_role_map(shop, other):
    """Everything that was A's or granted to A is B's, as if it had been made so."""
    new = {"o": "new own", "r": "new_reader", "g": shop.name["g"], "u": "new\"u", "outside": shop.name["outside"]}
    for name in new.values():
        other.psql("postgres", f"CREATE ROLE {quote_name(name)}")
    env = {"DATABASE_URL": other.url("postgres")}
    maps = [f"--role-map={shop.name[key]}={new[key]}" for key in "oru"]
    shop.site.holdfast("restore", shop.snapshot, "--into", shop.db, "--owner", "map", *maps, env=env, check=0)
    expected = shop.text(shop.db)
    for key in "oru":
        assert shop.name[key] not in other.psql(shop.db, "SELECT string_agg(rolname, ' ') FROM pg_roles")
    quoted = {key: quote_name(name) for key, name in new.items()}
    other.createdb("by_hand", owner=new["o"])
    other.psql("by_hand", fill(SCHEMA, quoted))
    other.psql("by_hand", f"GRANT CREATE ON DATABASE by_hand TO {quoted['r']}; ALTER ROLE {quoted['r']} IN DATABASE by_hand SET work_mem = '5MB'")
    compare.assert_same(other, "by_hand", other, shop.db, facts=True)
    lo = "SELECT pg_get_userbyid(lomowner), lomacl FROM pg_largeobject_metadata"
    assert other.psql("by_hand", lo) == other.psql(shop.db, lo)
    assert expected != shop.text(shop.db, other)
    for db in ("by_hand", shop.db):
        other.dropdb(db)
    for name in new.values():
        other.psql("postgres", f"DROP ROLE {quote_name(name)}")


@pytest.mark.long
def test_owner_and_acl_none(shop):
    copied = shop.db + "__copy"
    owners = "SELECT DISTINCT pg_get_userbyid(relowner) FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace WHERE nspname = 'sales'"
    for options, owned, granted in ((("--owner", "none"), False, True), (("--acl", "none"), True, False), (("--no-owner", "--no-acl"), False, False)):
        shop.site.holdfast("restore", shop.snapshot, "--into", copied, *options, check=0)
        assert (shop.cluster.psql(copied, owners) == shop.name["o"]) is owned, options
        text = shop.text(copied)
        assert ("GRANT SELECT(id)" in text) is granted, options
        shop.cluster.dropdb(copied)


@pytest.mark.parametrize("options", [("--owner", "map"), ("--owner", "who"), ("--acl", "map"), ("--role-map", "a"), ("--role-map", "=b"),
                                     ("--role-map", "a=b", "--role-map", "a=c"), ("--owner", "keep", "--role-map", "a=b"),
                                     ("--owner", "none", "--no-owner")])
def test_usage(small_site, options):
    small_site.holdfast("restore", "latest", "--into", "x", *options, check=2)
