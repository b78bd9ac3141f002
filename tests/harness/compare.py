"""Are two databases the same? Found out with pg_dump, COPY and sort alone, nothing of holdfast's."""
import difflib
import hashlib
import re
import subprocess

from .postgres import PostgresError, quote_name

# Whatever could change the text of a value.
SESSION = ("-c DateStyle=ISO,YMD -c IntervalStyle=postgres -c TimeZone=UTC -c extra_float_digits=3 -c bytea_output=hex "
           "-c row_security=off -c search_path=")

TABLES = """
SELECT n.nspname, c.relname, string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum)
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE (c.relkind = 'r' OR c.relkind = 'm' AND c.relispopulated) AND c.relpersistence <> 't'
AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'
GROUP BY 1, 2 ORDER BY 1, 2"""

SEQUENCES = """
SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'S' AND c.relpersistence <> 't' AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_' ORDER BY 1, 2"""

INVALID = """
SELECT 'invalid index ' || indexrelid::regclass FROM pg_index WHERE NOT indisvalid OR NOT indisready OR NOT indislive
UNION ALL SELECT 'constraint not validated ' || conrelid::regclass || '.' || conname FROM pg_constraint WHERE NOT convalidated
ORDER BY 1"""


def _rows(cluster, db, sql):
    out = cluster.client("psql", "-XAtq0", "-F", "\x1f", "-v", "ON_ERROR_STOP=1", "-c", sql, dbname=db, env={"PGOPTIONS": SESSION})
    return [row.split("\x1f") for row in out.decode().split("\0") if row]


def schema_text(cluster, db):
    """pg_dump's schema as text, without comment lines, blank lines and what differs from run to run; then what pg_dump hides."""
    text = cluster.client("pg_dump", "--schema-only", dbname=db).decode()
    lines = [line.rstrip() for line in text.splitlines()]
    lines = [line for line in lines if line and not line.startswith("--") and not re.match(r"\\(un)?restrict ", line)]
    return "\n".join(lines + [row[0] for row in _rows(cluster, db, INVALID)]) + "\n"


def database_facts(cluster, db):
    """What belongs to the database and not to a schema; names are as in pg_database."""
    sql = """SELECT json_build_object('owner', pg_get_userbyid(d.datdba), 'encoding', pg_encoding_to_char(d.encoding),
        'collate', d.datcollate, 'ctype', d.datctype, 'provider', to_jsonb(d) ->> 'datlocprovider',
        'locale', coalesce(to_jsonb(d) ->> 'datlocale', to_jsonb(d) ->> 'daticulocale'), 'rules', to_jsonb(d) ->> 'daticurules', 'acl', d.datacl::text, 'limit', d.datconnlimit, 'template', d.datistemplate,
        'labels', (SELECT json_agg(l.provider || '=' || l.label) FROM pg_shseclabel l WHERE l.objoid = d.oid), 'allow', d.datallowconn,
        'tablespace', (SELECT spcname FROM pg_tablespace t WHERE t.oid = d.dattablespace),
        'comment', shobj_description(d.oid, 'pg_database'), 'settings', (SELECT json_object_agg(coalesce(r.rolname, ''), s.setconfig
            ORDER BY r.rolname) FROM pg_db_role_setting s LEFT JOIN pg_roles r ON r.oid = s.setrole WHERE s.setdatabase = d.oid))
        FROM pg_database d WHERE d.datname = current_database()"""
    return _rows(cluster, db, sql)[0][0]


def table_content(cluster, db, table, columns):
    """(number of rows, MD5 over the sorted rows as COPY writes them) of one table; sorting outside Python keeps memory small."""
    environment = {**cluster.environment(db), "PGOPTIONS": SESSION}
    copy = subprocess.Popen(
        [cluster.bindir + "/psql", "-Xq", "-v", "ON_ERROR_STOP=1", "-c", f"COPY (SELECT {columns} FROM ONLY {table}) TO STDOUT"],
        env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    sort = subprocess.Popen(["sort", "--buffer-size=128M"], env={**environment, "LC_ALL": "C"}, stdin=copy.stdout, stdout=subprocess.PIPE)
    copy.stdout.close()
    digest, count = hashlib.md5(), 0
    while block := sort.stdout.read(1 << 20):
        digest.update(block)
        count += block.count(b"\n")
    error = copy.stderr.read().decode(errors="replace").strip()
    sort.stdout.close()
    copy.stderr.close()
    if copy.wait() != 0 or sort.wait() != 0:
        raise PostgresError(f"reading {table}: {error or 'sort did not end well'}")
    return count, digest.hexdigest()


def content(cluster, db):
    """{schema.table: (rows, digest)} of every ordinary table and every populated materialized view."""
    return {f"{schema}.{name}": table_content(cluster, db, f"{quote_name(schema)}.{quote_name(name)}", columns or "")
            for schema, name, columns in _rows(cluster, db, TABLES)}


def sequences(cluster, db):
    """{schema.sequence: (last_value, is_called)}"""
    return {f"{schema}.{name}": tuple(_rows(cluster, db, f"SELECT last_value, is_called FROM {quote_name(schema)}.{quote_name(name)}")[0])
            for schema, name in _rows(cluster, db, SEQUENCES)}


def large_objects(cluster, db):
    """{oid: MD5}"""
    return dict(_rows(cluster, db, "SELECT oid, md5(lo_get(oid)) FROM pg_largeobject_metadata ORDER BY oid"))


def fingerprint(cluster, db, *, facts=False):
    """All that is compared, to hold against a later state of the same database."""
    taken = {"schema": schema_text(cluster, db), "table": content(cluster, db), "sequence": sequences(cluster, db),
             "large object": large_objects(cluster, db)}
    if facts:
        taken["database"] = database_facts(cluster, db)
    return taken


def fingerprint_differences(a, b, name_a="before", name_b="after", *, ignore=()):
    """Every difference of two fingerprints, as readable lines."""
    found = list(difflib.unified_diff(a["schema"].splitlines(), b["schema"].splitlines(),
                                      f"schema of {name_a}", f"schema of {name_b}", n=1, lineterm=""))
    for what in ("table", "sequence", "large object"):
        found += [f"{what} {key}: {a[what].get(key, 'absent')} in {name_a}, {b[what].get(key, 'absent')} in {name_b}"
                  for key in sorted(a[what].keys() | b[what].keys()) if a[what].get(key) != b[what].get(key) and key not in ignore]
    if a.get("database") != b.get("database"):
        found.append(f"database: {a.get('database')} in {name_a}, {b.get('database')} in {name_b}")
    return found


def differences(cluster_a, db_a, cluster_b, db_b, *, facts=False, ignore=()):
    """Every difference, as readable lines; none: the databases are the same. `ignore`: tables whose rows may differ."""
    return fingerprint_differences(fingerprint(cluster_a, db_a, facts=facts), fingerprint(cluster_b, db_b, facts=facts), db_a, db_b,
                                   ignore=ignore)


def assert_same(cluster_a, db_a, cluster_b, db_b, *, facts=False, ignore=()):
    found = differences(cluster_a, db_a, cluster_b, db_b, facts=facts, ignore=ignore)
    if found:
        raise AssertionError(f"databases {db_a} and {db_b} differ:\n" + "\n".join(found[:200]))
