"""Nothing is lost: databases that hold one of everything, through backup and restore.

Two comparisons that share nothing with holdfast: pg_dump's schema text object by object, and the content of every table. What
pg_dump and pg_restore do not carry exactly themselves may differ in the same way, found out by doing it. Then each item of the
torture list by a catalog query of its own, so that a failure has a name; and a second round through holdfast itself.
"""
import json
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from harness import compare, proc, torture
from harness.postgres import Cluster, PostgresError, quote_name, quote_text

# What does not work yet: item -> why. Strict: an entry must go when its item works.
NOT_YET = {
}

RELATION = "c.oid::regclass"
NOT_SYSTEM = "n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')"


def of_relations(columns, more="", where="true"):
    return f"SELECT {RELATION} AS x, {columns} FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace {more} WHERE {NOT_SYSTEM} AND ({where})"


def acl(column):
    """An ACL without regard to the order of its items."""
    return f"(SELECT array_agg(i::text ORDER BY i::text) FROM unnest({column}) i)"


ATTRIBUTES = "JOIN pg_attribute a ON a.attrelid = c.oid AND attnum > 0 AND NOT attisdropped"
# Some servers keep a number of their own among them.
OPTIONS = "(SELECT array_agg(o) FROM unnest(attoptions) o WHERE o NOT LIKE 'pg\\_%') AS options"
COMMENTS = """SELECT classoid::regclass AS x, objsubid, description, (pg_identify_object(classoid, objoid, objsubid)).identity
    FROM pg_description WHERE objoid >= 16384"""

# Which of them takes a row depends on the OIDs of the enum's values, so only both together can be compared.
HASHED = ("t.by_hash_enum_0", "t.by_hash_enum_1")

# One query for each item of the list. Each row of the source must be in the copy, and none besides; it is not empty. What
# PostgreSQL's own programs change, and how, is allowed.
ITEMS = {
    "generated columns": of_relations("attname, attgenerated, pg_get_expr(adbin, adrelid)", ATTRIBUTES + " JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum"),
    "identity columns": of_relations("attname, attidentity, s.seqstart, s.seqincrement, s.seqmin, s.seqmax, s.seqcache, s.seqcycle", ATTRIBUTES +
                                     " LEFT JOIN pg_sequence s ON s.seqrelid = pg_get_serial_sequence(c.oid::regclass::text, attname)::regclass", "attidentity <> ''"),
    "columns": of_relations("attname, format_type(atttypid, atttypmod), attnotnull, attislocal, attinhcount, attcollation::regcollation", ATTRIBUTES, "relkind <> 'i'"),
    "order of columns": of_relations("array_agg(attname ORDER BY attnum)", ATTRIBUTES, "relkind <> 'i'") + " GROUP BY 1",
    "inheritance": of_relations("inhparent::regclass, inhseqno", "JOIN pg_inherits ON inhrelid = c.oid"),
    "partitions": of_relations("pg_get_expr(relpartbound, c.oid), pg_get_partkeydef(c.oid)", where="relispartition OR relkind = 'p'"),
    "views": of_relations("pg_get_viewdef(c.oid), reloptions", where="relkind IN ('v', 'm')"),
    "rules": "SELECT ev_class::regclass AS x, rulename, ev_enabled, pg_get_ruledef(oid) FROM pg_rewrite WHERE ev_class >= 16384 AND rulename <> '_RETURN'",
    "populated materialized views": of_relations("relispopulated", where="relkind = 'm'"),
    "sequences": "SELECT schemaname || '.' || sequencename AS x, pg_sequences.* FROM pg_sequences",
    "owned sequences": of_relations("refobjid::regclass, refobjsubid, deptype", "JOIN pg_depend d ON classid = 'pg_class'::regclass AND objid = c.oid", "relkind = 'S' AND refobjsubid > 0"),
    "domains": "SELECT oid::regtype AS x, typbasetype::regtype, typnotnull, typdefault FROM pg_type WHERE typtype = 'd' AND oid >= 16384",
    "constraints": "SELECT coalesce(nullif(conrelid, 0)::regclass::text, contypid::regtype::text) AS x, conname, contype, condeferrable, condeferred, convalidated, conislocal, coninhcount, connoinherit, "
                   "pg_get_constraintdef(oid) FROM pg_constraint WHERE oid >= 16384",
    "constraints not validated": "SELECT conname AS x, conrelid::regclass, pg_get_constraintdef(oid) FROM pg_constraint WHERE NOT convalidated",
    "functions": "SELECT p.oid::regprocedure AS x, CASE WHEN prokind <> 'a' THEN pg_get_functiondef(p.oid) END, prokind, pg_get_userbyid(proowner) FROM pg_proc p WHERE p.oid >= 16384",
    "enums": "SELECT enumtypid::regtype AS x, array_agg(enumlabel ORDER BY enumsortorder) FROM pg_enum GROUP BY 1",
    "types": "SELECT t.oid::regtype AS x, typtype, typlen, typcategory, typdefault, typcollation::regcollation, typisdefined, typinput, typoutput FROM pg_type t WHERE t.oid >= 16384",
    "ranges": "SELECT rngtypid::regtype AS x, rngsubtype::regtype, rngmultitypid::regtype, rngsubdiff FROM pg_range WHERE rngtypid >= 16384",
    "operators": "SELECT oid::regoperator AS x, oprcode, oprcom::regoperator, oprnegate::regoperator, oprcanhash, oprcanmerge, oprrest FROM pg_operator WHERE oid >= 16384",
    "operator classes and families": "SELECT opfname AS x, amopstrategy, amopopr::regoperator, amoplefttype::regtype FROM pg_opfamily f LEFT JOIN pg_amop o ON amopfamily = f.oid WHERE f.oid >= 16384 "
                                     "UNION ALL SELECT opcname, opcdefault::int, NULL, opcintype::regtype FROM pg_opclass WHERE oid >= 16384",
    "casts": "SELECT castsource::regtype AS x, casttarget::regtype, castfunc::regprocedure, castcontext, castmethod FROM pg_cast WHERE oid >= 16384",
    "aggregates": "SELECT aggfnoid AS x, aggtransfn, aggfinalfn, aggcombinefn, agginitval, aggkind FROM pg_aggregate WHERE aggfnoid >= 16384",
    "conversions": "SELECT conname AS x, conproc, condefault FROM pg_conversion WHERE oid >= 16384",
    "transforms": "SELECT trftype::regtype AS x, trffromsql, trftosql FROM pg_transform",
    "text search": "SELECT cfgname AS x, maptokentype, mapseqno, mapdict::regdictionary FROM pg_ts_config c LEFT JOIN pg_ts_config_map ON mapcfg = c.oid WHERE c.oid >= 16384 "
                   "UNION ALL SELECT dictname, NULL, NULL, dicttemplate FROM pg_ts_dict WHERE oid >= 16384 AND false "
                   "UNION ALL SELECT dictname || coalesce(dictinitoption, ''), NULL, NULL, NULL FROM pg_ts_dict WHERE oid >= 16384 UNION ALL SELECT prsname, NULL, NULL, NULL FROM pg_ts_parser WHERE oid >= 16384",
    "collations": "SELECT collname AS x, collprovider, collisdeterministic, collcollate, collctype FROM pg_collation WHERE oid >= 16384",
    "collation versions": "SELECT collname AS x, collversion FROM pg_collation WHERE oid >= 16384",
    "languages": "SELECT lanname AS x, lanpltrusted, lanplcallfoid::regproc, pg_get_userbyid(lanowner) FROM pg_language",
    "extensions": "SELECT extname AS x, extversion, extnamespace::regnamespace FROM pg_extension",
    "foreign tables": "SELECT ftrelid::regclass AS x, srvname, ftoptions FROM pg_foreign_table JOIN pg_foreign_server s ON s.oid = ftserver",
    "foreign servers": f"SELECT srvname AS x, srvtype, srvversion, srvoptions, {acl('srvacl')}, fdwname, fdwoptions FROM pg_foreign_server JOIN pg_foreign_data_wrapper w ON w.oid = srvfdw",
    "user mappings": "SELECT srvname AS x, usename, umoptions FROM pg_user_mappings",
    "unlogged tables": of_relations("relkind", where="relpersistence = 'u'"),
    "circular and deferrable foreign keys": "SELECT conrelid::regclass AS x, confrelid::regclass, pg_get_constraintdef(oid) FROM pg_constraint WHERE contype = 'f'",
    "row-level security": of_relations("relrowsecurity, relforcerowsecurity", where="relrowsecurity OR relforcerowsecurity"),
    "policies": "SELECT tablename AS x, policyname, permissive, roles, cmd, qual, with_check FROM pg_policies",
    "owners": of_relations("relkind, pg_get_userbyid(relowner)", where="relkind <> 'i'"),
    "grants on relations": of_relations(acl("relacl"), where="relacl IS NOT NULL"),
    "grants on columns": of_relations("attname, " + acl("attacl"), ATTRIBUTES, "attacl IS NOT NULL"),
    "grants on functions": f"SELECT oid::regprocedure AS x, {acl('proacl')} FROM pg_proc WHERE proacl IS NOT NULL",
    "grants on types": f"SELECT oid::regtype AS x, {acl('typacl')} FROM pg_type WHERE typacl IS NOT NULL",
    "grants on schemas": f"SELECT nspname AS x, {acl('nspacl')}, pg_get_userbyid(nspowner) FROM pg_namespace WHERE nspname !~ '^pg_(toast_)?temp'",
    "grants on languages": f"SELECT lanname AS x, {acl('lanacl')} FROM pg_language WHERE lanacl IS NOT NULL",
    "grants on wrappers": f"SELECT fdwname AS x, {acl('fdwacl')} FROM pg_foreign_data_wrapper WHERE fdwacl IS NOT NULL",
    "grantor chains": "SELECT grantor::regrole AS x, coalesce(nullif(grantee, 0)::regrole::text, 'PUBLIC'), privilege_type, is_grantable FROM pg_class, aclexplode(relacl) WHERE oid = 't.granted'::regclass AND grantor <> relowner",
    "default privileges": f"SELECT defaclrole::regrole AS x, defaclnamespace::regnamespace, defaclobjtype, {acl('defaclacl')} FROM pg_default_acl",
    "comments": COMMENTS,
    "triggers and their states": "SELECT tgrelid::regclass AS x, tgname, tgenabled, tgdeferrable, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal",
    "states of internal triggers": "SELECT tgrelid::regclass AS x, tgenabled, tgfoid::regproc, count(*) FROM pg_trigger WHERE tgisinternal GROUP BY 1, 2, 3",
    "event triggers": "SELECT evtname AS x, evtevent, evtenabled, evttags, evtfoid::regproc, pg_get_userbyid(evtowner) FROM pg_event_trigger",
    "publications": "SELECT p.*, pg_get_expr(prqual, prrelid), prattrs, prrelid::regclass FROM (SELECT oid, pubname AS x, puballtables, pubinsert, pubtruncate, pubviaroot, pg_get_userbyid(pubowner) FROM pg_publication) p "
                    "LEFT JOIN pg_publication_rel ON prpubid = p.oid",
    "publications of schemas": "SELECT pubname AS x, pnnspid::regnamespace FROM pg_publication p JOIN pg_publication_namespace ON pnpubid = p.oid",
    "subscriptions": "SELECT subname AS x, subconninfo, subslotname, subpublications, subbinary, substream, subenabled FROM pg_subscription JOIN pg_database d ON d.oid = subdbid WHERE datname = current_database()",
    "extended statistics": "SELECT stxname AS x, pg_get_statisticsobjdef(oid), stxstattarget, pg_get_userbyid(stxowner) FROM pg_statistic_ext",
    "replica identity": of_relations("relreplident", where="relreplident NOT IN ('d', 'n') OR relkind = 'r'") + " UNION ALL SELECT indexrelid::regclass, NULL FROM pg_index WHERE indisreplident",
    "cluster on": "SELECT indexrelid::regclass AS x FROM pg_index WHERE indisclustered",
    "storage and compression": of_relations("attname, attstorage, attcompression, attstattarget, " + OPTIONS, ATTRIBUTES),
    "reloptions": of_relations("c.reloptions, toast.reloptions AS of_toast", "LEFT JOIN pg_class toast ON toast.oid = c.reltoastrelid").replace("(true)", "c.relkind <> 'S'"),
    "tablespaces": of_relations("spcname", "JOIN pg_tablespace s ON s.oid = reltablespace"),
    "access methods": of_relations("amname", "JOIN pg_am m ON m.oid = relam"),
    "indexes": "SELECT indexrelid::regclass AS x, pg_get_indexdef(indexrelid) FROM pg_index JOIN pg_class c ON c.oid = indexrelid WHERE indexrelid >= 16384 AND relnamespace <> 'pg_toast'::regnamespace AND indisvalid",
    "index partitions": of_relations("relispartition", where="relkind IN ('i', 'I')"),
    "names": of_relations("quote_ident(relname), length(relname)", where=r"relname ~ '[^a-z0-9_]'"),
    "columns' names": of_relations("array_agg(quote_ident(attname) ORDER BY attnum)", ATTRIBUTES, r"attname ~ '[^a-z0-9_]'") + " GROUP BY 1",
    "zero-column tables": of_relations("relnatts", where="relkind = 'r' AND NOT EXISTS (SELECT FROM pg_attribute WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped)").replace("relnatts", "1"),
    "configuration tables": "SELECT name AS x, id, builtin FROM torture_config.settings UNION ALL SELECT value, setting, NULL FROM torture_config.a_values UNION ALL SELECT name, on_or_off::int, NULL FROM torture_config.switches "
                            "UNION ALL SELECT 'sequence', last_value, is_called FROM torture_config.setting_id",
    "index on a function that reads a table": "SELECT v AS x, t.length_of(v) FROM t.aa_checked WHERE t.length_of(v) = 202",
    "hash partitions of enum and text": "SELECT NULL::regclass AS x, c::text, x AS v FROM t.by_hash_enum UNION ALL SELECT tableoid::regclass, k, x FROM t.by_hash_text",
    "large objects": "SELECT oid AS x, md5(lo_get(oid)) FROM pg_largeobject_metadata",
    "owners, grants and comments of large objects": "SELECT oid AS x, pg_get_userbyid(lomowner), lomacl, quote_nullable(obj_description(oid, 'pg_largeobject')) FROM pg_largeobject_metadata",
}


def holdfast(directory, *args, url=None, **options):
    return proc.holdfast(*args, cwd=directory, env={"URL": url} if url else None, **options)


def configure(directory, *targets, jobs=3, pg_dump=None):
    text = f"repository: {{url: 'file://{directory}/repo'}}\ntargets:\n"
    snapshot = json.dumps({"jobs": jobs} | ({"pg_dump": pg_dump} if pg_dump else {}))
    text += "".join(f"  {name}: {{database: {{url: {{env: URL}}}}, snapshot: {snapshot}}}\n" for name in targets)
    (directory / "holdfast.yaml").write_text(text, encoding="utf-8")
    holdfast(directory, "init", check=True)


def round_trip(directory, cluster, target, db, copied):
    """backup, then restore --into; the snapshot as show tells it."""
    holdfast(directory, "backup", "--target", target, url=cluster.url(db), check=True)
    holdfast(directory, "restore", "latest", "--target", target, "--into", copied, url=cluster.url(db), check=True)
    return holdfast(directory, "show", "latest", "--target", target, "--output", "json", url=cluster.url(db), check=True).json()["snapshot"]


def say(differences):
    assert not differences, "\n".join(["", *differences][:200])


def schema_differences(cluster, source, copied, baseline):
    """Objects whose text is neither the source's nor what pg_restore made of them."""
    a, b, c = (torture.schema_items(cluster, db) for db in (source, copied, baseline))
    return [f"{' '.join(key)}:\n  source:   {a.get(key)}\n  restored: {b.get(key)}" for key in sorted(a.keys() | b.keys())
            if b.get(key) != a.get(key) and b.get(key) != c.get(key)]


def content_differences(cluster, source, copied, baseline, ignore=HASHED):
    a, b, c = (compare.content(cluster, db) for db in (source, copied, baseline))
    return [f"table {key}: {a.get(key)} in the source, {b.get(key)} restored" for key in sorted(a.keys() | b.keys())
            if b.get(key) != a.get(key) and b.get(key) != c.get(key) and key not in ignore]


class Tortured:
    """
    The torture database, backed up; with `copies` also restored by holdfast and by pg_restore. Then pgbench wrote into it while it
    was backed up, and pg_dump read it on the same snapshot: what it wrote is in the source as it became, in both copies as it was.
    """

    def __init__(self, cluster, directory, *, db="torture", copies=True, pg_dump=None):
        self.cluster, self.directory, self.db = cluster, directory, db
        self.extension = torture.create(cluster, db)
        configure(directory, "first", "second", pg_dump=pg_dump or cluster.pg_dump)
        if not copies:
            holdfast(directory, "backup", "--target", "first", url=cluster.url(db), check=True)
        else:
            self.complaints = self.back_up_both()
            self.restored = holdfast(directory, "restore", "latest", "--target", "first", "--into", "torture_hf", "--keep-on-failure",
                                     url=cluster.url(db))

    def back_up_both(self):
        """The complaints of pg_restore."""
        with torture.written(self.cluster, self.db), \
                proc.spawn("backup", "--target", "first", cwd=self.directory, env={"URL": self.cluster.url(self.db)}) as taker, \
                torture.kept_snapshot(self.cluster, self.db, taker) as snapshot:
            complaints = torture.dump_and_restore(self.cluster, self.db, "torture_pg", "", snapshot=snapshot)
            said = taker.communicate()
            assert taker.returncode == 0, said
        return complaints

    def show(self, target):
        return holdfast(self.directory, "show", "latest", "--target", target, "--output", "json", url=self.cluster.url("torture"),
                        check=True).json()["snapshot"]

    def rows(self, db, sql):
        settings = "-c search_path= -c DateStyle=ISO -c bytea_output=hex -c default_transaction_isolation=read\\ committed"
        out = self.cluster.client("psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-c", f"SELECT to_jsonb(q)::text FROM ({sql}) q", dbname=db,
                                  env={"PGOPTIONS": settings})
        rows = [json.loads(line) for line in out.decode().splitlines()]
        for row in rows:
            row.pop("oid", None)
        return Counter(json.dumps(row, sort_keys=True) for row in rows)


@pytest.fixture(scope="module")
def server():
    with Cluster(fsync=False, shared_buffers="128MB", autovacuum="off", wal_level="logical") as running:
        yield running


@pytest.fixture(scope="module")
def tortured(server, tmp_path_factory):
    return Tortured(server, tmp_path_factory.mktemp("torture"))


def parametrized(names):
    return [pytest.param(name, id=name, marks=[pytest.mark.xfail(reason=NOT_YET[name], strict=True)] if name in NOT_YET else []) for name in names]


def test_restored(tortured):
    assert tortured.restored.returncode == 0, tortured.restored


@pytest.mark.parametrize("item", parametrized(ITEMS))
def test_item(tortured, item):
    if item == "configuration tables" and not tortured.extension:
        pytest.skip("the server's folder of extensions cannot be written")
    source, restored, baseline = (tortured.rows(db, ITEMS[item]) for db in ("torture", "torture_hf", "torture_pg"))
    assert source, "the fixture does not have it"
    lost, new = source - restored, restored - source
    say([f"- {row}" for row in sorted(lost - (source - baseline))] + [f"+ {row}" for row in sorted(new - (baseline - source))])


def test_schema_text(tortured):
    say(schema_differences(tortured.cluster, "torture", "torture_hf", "torture_pg"))


def test_content_of_every_table(tortured):
    say(content_differences(tortured.cluster, "torture", "torture_hf", "torture_pg"))


@pytest.mark.long
def test_it_was_written_meanwhile(tortured):
    """Of one moment: before it and after it was written, and what was written is in the copies as pg_dump saw it at that moment."""
    contents = {db: compare.content(tortured.cluster, db) for db in ("torture", "torture_hf", "torture_pg")}
    for table in torture.WRITTEN:
        assert contents["torture_hf"][table] == contents["torture_pg"][table] != contents["torture"][table], table
    history = "public.pgbench_history"
    assert 0 < contents["torture_hf"][history][0] < contents["torture"][history][0]


def test_sequences(tortured):
    assert compare.sequences(tortured.cluster, "torture") == compare.sequences(tortured.cluster, "torture_hf")


def test_database_properties(tortured):
    assert compare.database_facts(tortured.cluster, "torture") == compare.database_facts(tortured.cluster, "torture_hf")


def test_large_objects(tortured):
    assert torture.large_objects(tortured.cluster, "torture") == torture.large_objects(tortured.cluster, "torture_hf")


@pytest.mark.long
def test_pg_restore_does_not_do_better(tortured):
    """What the baseline lost is what is known to be lost by it; else the comparisons above would allow too much."""
    source, baseline = (torture.schema_items(tortured.cluster, db) for db in ("torture", "torture_pg"))
    assert [key for key in source if source[key] != baseline.get(key)] == [], tortured.complaints


def restore_by_psql(cluster, folder, db, template=None):
    """A bundle's SQL in a new database, with psql alone."""
    cluster.psql("postgres", template or f"CREATE DATABASE {db} TEMPLATE template0")
    for script in ("restore.sql", "database.sql"):
        done = subprocess.run([cluster.bindir + "/psql", "-Xq", "-v", "ON_ERROR_STOP=1", "-f", script, db], cwd=folder,
                              env=cluster.environment(db), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False)
        assert done.returncode == 0, done.stderr


@pytest.mark.long
def test_bundle_without_holdfast(tortured, tmp_path):
    """export, tar, psql: the same database as restore makes."""
    cluster = tortured.cluster
    holdfast(tortured.directory, "export", "latest", tmp_path / "b.tar.zst", "--target", "first", url=cluster.url("torture"), check=True)
    subprocess.run(["tar", "xf", "b.tar.zst"], cwd=tmp_path, check=True)
    restore_by_psql(cluster, tmp_path, "torture_psql")
    lost = {}
    for item, sql in ITEMS.items():
        if item != "configuration tables" or tortured.extension:
            restored, by_psql = (tortured.rows(db, sql) for db in ("torture_hf", "torture_psql"))
            lost[item] = [f"- {row}" for row in restored - by_psql] + [f"+ {row}" for row in by_psql - restored]
    say([f"{item}: {line}" for item, lines in lost.items() for line in lines])
    say(schema_differences(cluster, "torture_hf", "torture_psql", "torture_hf"))
    say(content_differences(cluster, "torture_hf", "torture_psql", "torture_hf"))
    assert compare.sequences(cluster, "torture_hf") == compare.sequences(cluster, "torture_psql")
    assert torture.large_objects(cluster, "torture_hf") == torture.large_objects(cluster, "torture_psql")
    assert compare.database_facts(cluster, "torture_hf") == compare.database_facts(cluster, "torture_psql")


@pytest.mark.long
def test_second_round_trip(tortured):
    """The copy's own snapshot has the same digests."""
    holdfast(tortured.directory, "backup", "--target", "second", url=tortured.cluster.url("torture_hf"), check=True)
    first, second = tortured.show("first"), tortured.show("second")
    digests = [{f"{table['schema']}.{table['name']}": (table["rows"], table["digest"]) for table in snapshot["tables"]} for snapshot in (first, second)]
    for tables in digests:
        hashed = [tables.pop(name) for name in HASHED]
        tables["t.by_hash_enum"] = (sum(rows for rows, _ in hashed), sum(int(digest, 16) for _, digest in hashed) % 2**128)
    say([f"{key}: {digests[0].get(key)}, then {digests[1].get(key)}" for key in digests[0].keys() | digests[1].keys() if digests[0].get(key) != digests[1].get(key)])
    sequences = [{(s["schema"], s["name"]): (s["last_value"], s["is_called"]) for s in snapshot["sequences"]} for snapshot in (first, second)]
    assert sequences[0] == sequences[1]
    assert first["schema"]["digest"] == second["schema"]["digest"]


WRITER = r"""
\set id random(1, 40000)
BEGIN;
UPDATE t.balance_a SET n = n - 1 WHERE id = :id % 50;
INSERT INTO t.many_rows VALUES (1000000 + nextval('t.written'), 'written') ON CONFLICT DO NOTHING;
UPDATE t.balance_b SET n = n + 1 WHERE id = :id % 50;
SELECT lo_put(100002, 0, int4send(:id));
INSERT INTO t.journal SELECT count(*) FROM t.many_rows WHERE id >= 1000000;
COMMIT;
"""


def test_while_writers_write(tortured, tmp_path):
    """The snapshot is of one moment, whatever goes on, and all that nobody writes is as it was."""
    cluster = tortured.cluster
    cluster.psql("postgres", "CREATE DATABASE torture_busy TEMPLATE torture_hf")
    cluster.psql("torture_busy", """
        CREATE TABLE t.balance_a AS SELECT i AS id, 1000 AS n FROM generate_series(0, 49) i;
        CREATE TABLE t.balance_b AS SELECT i AS id, 0 AS n FROM generate_series(0, 49) i;
        CREATE TABLE t.journal (rows bigint);
        CREATE SEQUENCE t.written""")
    script = Path(cluster.directory) / "writer.sql"
    script.write_text(WRITER, encoding="ascii")
    environment = cluster.environment("torture_busy") | {"PGOPTIONS": "-c default_transaction_isolation=read\\ committed"}
    with subprocess.Popen([cluster.bindir + "/pgbench", "-n", "-c", "3", "-T", "60", "-f", str(script)], env=environment,
                          stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as writer:
        try:
            deadline = time.monotonic() + 20
            while int(cluster.psql("torture_busy", "SELECT count(*) FROM t.journal")) < 20:
                assert writer.poll() is None and time.monotonic() < deadline, "the writer does not write"
                time.sleep(0.05)
            configure(tmp_path, "busy", pg_dump=cluster.pg_dump)
            before = int(cluster.psql("torture_busy", "SELECT count(*) FROM t.journal"))
            round_trip(tmp_path, cluster, "busy", "torture_busy", "torture_calm")
            after = int(cluster.psql("torture_busy", "SELECT count(*) FROM t.journal"))
        finally:
            writer.kill()
            writer.communicate()
    a, b, journal, written, last = cluster.psql("torture_calm", """SELECT (SELECT sum(n) FROM t.balance_a), (SELECT sum(n) FROM t.balance_b),
        (SELECT count(*) FROM t.journal), (SELECT count(*) FROM t.many_rows WHERE id >= 1000000), (SELECT last_value FROM t.written)""").split("|")
    assert int(a) + int(b) == 50 * 1000 and int(b) == int(journal) == int(written)
    assert before <= int(journal) <= after and int(last) >= int(written)
    say(content_differences(cluster, "torture_hf", "torture_calm", "torture_hf",
                            ignore=HASHED + ("t.balance_a", "t.balance_b", "t.journal", "t.many_rows")))


@pytest.mark.parametrize("kind", parametrized(torture.OTHERS))
@pytest.mark.long(after=2)
def test_other_database(server, tmp_path, kind):
    if server.version() < torture.SINCE.get(kind, 0):
        pytest.skip(f"PostgreSQL {torture.SINCE[kind]} is the first with {kind}")
    db, copied, baseline = (f"torture_{kind}{suffix}" for suffix in ("", "_hf", "_pg"))
    try:
        torture.create_other(server, kind, db)
    except PostgresError as error:
        if kind.startswith("icu") and "not supported" in str(error):
            pytest.skip("this server has no ICU")
        raise
    configure(tmp_path, kind, "again", pg_dump=server.pg_dump)
    cluster = torture.in_encoding(server, "SQL_ASCII") if kind == "sql_ascii" else server
    torture.dump_and_restore(cluster, db, baseline, torture.OTHERS[kind])
    first = round_trip(tmp_path, server, kind, db, copied)
    say(schema_differences(cluster, db, copied, baseline) + content_differences(cluster, db, copied, baseline))
    assert compare.sequences(cluster, db) == compare.sequences(cluster, copied)
    assert torture.large_objects(cluster, db) == torture.large_objects(cluster, copied)
    assert compare.database_facts(cluster, db) == compare.database_facts(cluster, copied)
    if kind == "fooling":  # a scratch database that is a template, and refuses that anything is dropped in it
        databases = server.databases()
        holdfast(tmp_path, "prove", "latest", "--target", kind, url=server.url(db), check=True)
        assert server.databases() == databases
    second = round_trip(tmp_path, server, "again", copied, copied + "_again")
    digests = [{table["name"]: (table["rows"], table["digest"]) for table in snapshot["tables"]} for snapshot in (first, second)]
    assert digests[0] == digests[1]
    assert first["schema"]["digest"] == second["schema"]["digest"]


def test_without_superuser(server, tmp_path):
    """The owner of a database, no superuser: large objects with owner, grants and comment; forced row-level security."""
    server.psql("postgres", "CREATE ROLE torture_plain LOGIN CREATEDB; CREATE ROLE torture_friend")
    server.createdb("torture_plain", owner="torture_plain")
    server.psql("torture_plain", """
        SELECT lo_from_bytea(5000 + i, convert_to('object ' || i, 'UTF8')) FROM generate_series(1, 20) i;
        GRANT SELECT ON LARGE OBJECT 5001 TO torture_friend WITH GRANT OPTION;
        GRANT UPDATE ON LARGE OBJECT 5002 TO PUBLIC;
        COMMENT ON LARGE OBJECT 5003 IS 'a comment';
        CREATE TABLE x (id int PRIMARY KEY, o oid);
        INSERT INTO x VALUES (1, 5001);""", user="torture_plain")
    configure(tmp_path, "plain", pg_dump=server.pg_dump)
    url = server.url("torture_plain", user="torture_plain")
    holdfast(tmp_path, "backup", "--target", "plain", url=url, check=True)
    holdfast(tmp_path, "restore", "latest", "--target", "plain", "--into", "torture_plain_hf", url=url, check=True)
    assert torture.large_objects(server, "torture_plain") == torture.large_objects(server, "torture_plain_hf")
    assert compare.content(server, "torture_plain") == compare.content(server, "torture_plain_hf")

    # Rows that row-level security hides from their own owner: seen by a superuser, restored by the owner.
    server.psql("torture_plain", """
        CREATE TABLE hidden (id int PRIMARY KEY);
        INSERT INTO hidden SELECT generate_series(1, 100);
        CREATE POLICY few ON hidden USING (id < 3);
        ALTER TABLE hidden ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY""", user="torture_plain")
    result = holdfast(tmp_path, "backup", "--target", "plain", url=url)
    assert result.returncode != 0 and "row-level security hides rows" in result.stderr and "hidden" in result.stderr, result
    holdfast(tmp_path, "backup", "--target", "plain", url=server.url("torture_plain"), check=True)
    holdfast(tmp_path, "restore", "latest", "--target", "plain", "--into", "torture_hidden", url=url, check=True)
    assert compare.content(server, "torture_plain") == compare.content(server, "torture_hidden")
    server.psql("torture_plain", "DROP TABLE hidden")

    # One that the role may not read is named before anything is sealed.
    server.psql("torture_plain", "SELECT lo_from_bytea(6000, 'secret')")
    result = holdfast(tmp_path, "backup", "--target", "plain", url=url)
    assert result.returncode != 0 and "large object 6000" in result.stderr, result


@pytest.mark.long
def test_names_without_encoding(server, tmp_path):
    """A name that is not UTF-8 is refused by its table, not cut or guessed."""
    server.psql("postgres", "CREATE DATABASE torture_bytes TEMPLATE template0 ENCODING 'SQL_ASCII' LOCALE 'C'")
    configure(tmp_path, "bytes", pg_dump=server.pg_dump)
    for sql, message in ((b'CREATE TABLE "caf\xe9" (x int)', "is not UTF-8"), (b'DROP TABLE "caf\xe9"; CREATE TABLE t ("caf\xe9" int)', "is not UTF-8"),
                         (b"DROP TABLE t; COMMENT ON SCHEMA public IS 'caf\xe9'", "a comment or a definition that is not UTF-8")):
        torture.in_encoding(server, "SQL_ASCII").client("psql", "-Xq", "-v", "ON_ERROR_STOP=1", "-f", "-", dbname="torture_bytes", input=sql)
        result = holdfast(tmp_path, "backup", "--target", "bytes", url=server.url("torture_bytes"))
        assert result.returncode != 0 and message in result.stderr, result


@pytest.mark.parametrize("encoding", ["UTF8", "LATIN1", "SQL_ASCII"])
@pytest.mark.parametrize("written_from", ["postgres", "itself"])
@pytest.mark.long
def test_database_with_a_foreign_name(server, tmp_path, encoding, written_from):
    """Shared catalogs keep bytes, which each database reads in its own encoding: name, settings and comment stay what they are."""
    db = f"Größe {encoding}" if written_from == "postgres" else f"groesse_{encoding}"
    copied = f"Ähnlich {encoding} {written_from}"
    server.psql("postgres", f"CREATE DATABASE {quote_name(db)} TEMPLATE template0 ENCODING '{encoding}' LOCALE 'C'")
    server.psql(db if written_from == "itself" else "postgres", f"""
        ALTER DATABASE {quote_name(db)} SET "my.text" = 'Zürich'; ALTER DATABASE {quote_name(db)} SET search_path = 'schéma', public;
        COMMENT ON DATABASE {quote_name(db)} IS 'Größe'""")
    server.psql(db, 'CREATE TABLE "Schlüssel" (id int, "Wärme" text); INSERT INTO "Schlüssel" VALUES (1, \'heiß\')')
    configure(tmp_path, "named", pg_dump=server.pg_dump)
    round_trip(tmp_path, server, "named", db, copied)
    assert compare.database_facts(server, db) == compare.database_facts(server, copied)
    assert compare.content(server, db) == compare.content(server, copied)


def test_without_owners_and_grants(tortured):
    """--no-owner and --no-acl: everything is there, large objects too, and belongs to the one who restores."""
    holdfast(tortured.directory, "restore", "latest", "--target", "first", "--into", "torture_bare", "--no-owner", "--no-acl",
             url=tortured.cluster.url("torture"), check=True)
    owners = tortured.rows("torture_bare", "SELECT DISTINCT pg_get_userbyid(lomowner) AS owner, lomacl FROM pg_largeobject_metadata")
    assert list(owners) == ['{"lomacl": null, "owner": "postgres"}']
    assert tortured.rows("torture_bare", ITEMS["large objects"]) == tortured.rows("torture", ITEMS["large objects"])


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
