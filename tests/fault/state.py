"""What a database holds, told without holdfast; and the sample database with one of everything that a way back must carry."""
from harness import compare, marketplace
from harness.postgres import quote_name

SCALE = 0.01
ROWS = """SELECT n.nspname, c.relname, query_to_xml(format('SELECT count(*) AS n, md5(string_agg(t::text, chr(10) ORDER BY t::text COLLATE "C"))
        AS d FROM ONLY %I.%I t', n.nspname, c.relname), true, true, '')
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'm') AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND c.relname <> '_prisma_migrations'
    AND c.relname !~ '^pgbench_' ORDER BY 1, 2;
SELECT migration_name, finished_at IS NOT NULL, rolled_back_at FROM _prisma_migrations ORDER BY 1;
SELECT schemaname, sequencename, last_value FROM pg_sequences ORDER BY 1, 2;
SELECT oid, md5(lo_get(oid)) FROM pg_largeobject_metadata ORDER BY 1"""
MORE = """SELECT lo_from_bytea(4711, 'a large object');
CREATE MATERIALIZED VIEW missions_by_status AS SELECT status, count(*) FROM local_missions GROUP BY 1;
CREATE TABLE notes (id int GENERATED ALWAYS AS IDENTITY, note text); INSERT INTO notes (note) SELECT 'note ' || i FROM generate_series(1, 100) i"""
OF_THE_DATABASE = """ALTER DATABASE {db} SET work_mem TO '5MB'; ALTER ROLE fault_role IN DATABASE {db} SET work_mem TO '6MB';
GRANT CREATE ON DATABASE {db} TO fault_role; REVOKE TEMPORARY ON DATABASE {db} FROM PUBLIC;
ALTER DATABASE {db} CONNECTION LIMIT 77; COMMENT ON DATABASE {db} IS 'the comment'"""


def prepare(cluster):
    """What create() needs on a server."""
    cluster.psql("postgres", "CREATE ROLE fault_role")
    marketplace.create(cluster, "fault_template", scale=SCALE)
    cluster.psql("fault_template", MORE)
    cluster.make_tablespace("fault_space")
    cluster.psql("postgres", "ALTER DATABASE fault_template SET TABLESPACE fault_space")  # which its copies are in, too


def create(cluster, db, extra=None):
    """The sample database, and with `extra` its migrations applied by psql."""
    cluster.createdb(db, template="fault_template")
    cluster.psql("postgres", OF_THE_DATABASE.format(db=quote_name(db)))
    if extra:
        marketplace.apply_extra(cluster, db, extra)


def read(cluster, db):
    """Everything but times and ids of the migrations' ledger."""
    return compare.schema_text(cluster, db), cluster.psql(db, "SET timezone = 'UTC';" + ROWS), compare.database_facts(cluster, db)


def both(cluster):
    """Prepares a server; {"before", "after"}: what the database holds without the migrations of `good`, and with them."""
    prepare(cluster)
    states = {}
    for name, extra in (("before", None), ("after", "good")):
        create(cluster, "state_" + name, extra)
        states[name] = read(cluster, "state_" + name)
        cluster.dropdb("state_" + name)
    assert states["before"] != states["after"]
    return states


def name_of(states, seen):
    return next((name for name, state in states.items() if state == seen), "NEITHER")
