"""deploy.approval and deploy --approve: only the plan that was looked at runs."""
import pytest

from harness import compare


def migration(site, name, sql):
    (site.directory / "sql" / f"{name}.sql").write_text(sql)


def digest_of(site):
    return site.json("plan", check=0)["plan"]["digest"]


def deploy(site, status, *args, **options):
    return site.json("deploy", *args, check=status, **options)


def refused(site, word, *args):
    before = compare.fingerprint(site.cluster, site.db, facts=True)
    document = deploy(site, 4, *args)
    assert word in document["error"]["message"] and document["cycle"]["state"] == "refused"
    assert not compare.fingerprint_differences(before, compare.fingerprint(site.cluster, site.db, facts=True))
    return document


def test_a_destructive_plan_needs_its_digest(shop):
    shop.write_config(deploy={"approval": "destructive"})
    migration(shop, "1", "CREATE TABLE fresh (id int);")
    assert deploy(shop, 0)["cycle"]["approval"]["approved"] is False
    migration(shop, "2", "-- holdfast:allow drop-column its author says so, which is no approval\nALTER TABLE invoices DROP COLUMN status;")
    digest = digest_of(shop)
    document = refused(shop, "needs an approval")
    assert digest in document["error"]["hint"] and document["cycle"]["approval"]["digest"] == digest
    refused(shop, "not the one that was approved", "--approve", "0" * 64)
    document = deploy(shop, 0, "--approve", digest)
    approval = document["cycle"]["approval"]
    assert approval["policy"] == "destructive" and approval["digest"] == digest and approval["approved"] and approval["how"] == "digest"
    assert digest in shop.holdfast("report", check=0).stdout
    assert shop.cluster.psql(shop.db, "SELECT count(*) FROM pg_attribute WHERE attrelid = 'invoices'::regclass AND attname = 'status'") == "0"
    deploy(shop, 0)  # nothing is pending


@pytest.mark.long
def test_every_plan_needs_its_digest(shop):
    shop.write_config(deploy={"approval": "always"})
    migration(shop, "1", "CREATE TABLE fresh (id int);")
    refused(shop, "needs an approval")
    deploy(shop, 0, "--approve", digest_of(shop))
    deploy(shop, 0)


@pytest.mark.parametrize("what", ["sql", "another migration", "schema", "target"])
@pytest.mark.long(after=1)
def test_a_change_voids_the_approval(shop, what):
    migration(shop, "1", "CREATE TABLE fresh (id int);")
    digest = digest_of(shop)
    if what == "sql":
        migration(shop, "1", "CREATE TABLE fresh (id bigint);")
    elif what == "another migration":
        migration(shop, "0", "CREATE TABLE other (id bigint);")
    elif what == "schema":
        shop.cluster.psql(shop.db, "CREATE INDEX ON invoices (id)")
    else:
        shop.cluster.createdb(shop.db + "__twin", template=shop.db)
        document = deploy(shop, 4, "--approve", digest, env={"DATABASE_URL": shop.cluster.url(shop.db + "__twin")})
        assert "not the one that was approved" in document["error"]["message"]
        return
    refused(shop, "not the one that was approved", "--approve", digest)
    deploy(shop, 0, "--approve", digest_of(shop))


@pytest.mark.parametrize("what", ["sql", "schema"])
@pytest.mark.long(after=1)
def test_a_change_during_the_snapshot_voids_it_too(shop, tmp_path, what):
    """The change is made by the pg_dump that reads the schema for the snapshot: the second one of the deploy."""
    dump, count, file = tmp_path / "pg_dump", tmp_path / "count", shop.directory / "sql" / "1.sql"
    change = {"sql": f"echo 'DROP TABLE invoices;' >>{file}", "schema": f"psql -Xqc 'CREATE TABLE sneaked (id int)' '{shop.url}'"}[what]
    dump.write_text(f"#!/bin/sh\nPATH=$PATH:{shop.cluster.bindir}\ncase $* in *--version*) ;; *) echo x >>{count}\n"
                    f'if [ "$(wc -l <{count})" = 2 ]; then pg_dump "$@"; status=$?; {change} || exit 9; exit $status; fi ;; esac\nexec pg_dump "$@"\n')
    dump.chmod(0o755)
    migration(shop, "1", "CREATE TABLE fresh (id int);")
    digest = digest_of(shop)
    shop.write_config(snapshot={"pg_dump": [str(dump)]})
    document = deploy(shop, 4, "--approve", digest)
    assert document["error"]["code"] == "REFUSED" and document["cycle"]["state"] == "refused"
    assert shop.cluster.psql(shop.db, "SELECT to_regclass('fresh') IS NULL AND to_regclass('invoices') IS NOT NULL") == "t"


def test_a_command_cannot_be_approved(shop):
    shop.write_config(migrations={"kind": "command", "command": ["true"]}, deploy={"approval": "destructive"})
    refused(shop, "not known")
    shop.write_config(deploy={"approval": "never"})
    refused(shop, "not known", "--approve", "0" * 64)
    deploy(shop, 0)


def test_what_is_no_digest_is_bad_usage(shop):
    for text in ("", "0" * 63, "X" * 64, "latest"):
        shop.holdfast("deploy", "--approve", text, check=2)


def test_only_the_expected_migrations(shop):
    migration(shop, "1", "CREATE TABLE one (id int);")
    migration(shop, "2", "CREATE TABLE two (id int);")
    refused(shop, "2.sql", "--expect", "1.sql")
    refused(shop, "expected", "--expect", "1.sql", "--expect", "2.sql", "--expect", "3.sql")
    deploy(shop, 0, "--expect", "2.sql", "--expect", "1.sql")
    refused(shop, "expected", "--expect", "1.sql")
