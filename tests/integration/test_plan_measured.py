"""What the plan says of a statement's locks, rewrites and scans is what PostgreSQL does."""
import json

import pytest

from harness.site import Site

# In every case's own schema, S.
SETUP = """
CREATE SCHEMA S;
CREATE TABLE S.t (id int PRIMARY KEY, name varchar(50) NOT NULL, note text, n int, big bigint, price numeric(8,2), at timestamp,
                  tz timestamptz, day date, code char(4), flag boolean DEFAULT false, doc json, tags text[], ref int,
                  CONSTRAINT t_name CHECK (name <> ''), CONSTRAINT t_n CHECK (n IS NOT NULL));
INSERT INTO S.t SELECT i, 'name ' || i, 'note', i, i, i, '2026-01-01', '2026-01-01', '2026-01-01', 'abcd', true, '{}', '{a}', 1
  FROM generate_series(1, 200) i;
ALTER TABLE S.t ADD CONSTRAINT t_later CHECK (big > -5) NOT VALID;
CREATE INDEX t_n_index ON S.t (n);
CREATE UNIQUE INDEX t_big ON S.t (big);
CREATE TABLE S.r (id int PRIMARY KEY, label text);
INSERT INTO S.r VALUES (1, 'one');
CREATE TABLE S.child (id int, t_id int REFERENCES S.t);
CREATE TABLE S.parted (id int, day date) PARTITION BY RANGE (day);
CREATE TABLE S.parted_old PARTITION OF S.parted FOR VALUES FROM ('2020-01-01') TO ('2021-01-01');
CREATE TABLE S.part (id int, day date);
INSERT INTO S.part SELECT i, '2022-02-02' FROM generate_series(1, 50) i;
CREATE VIEW S.v AS SELECT id, flag FROM S.t;
CREATE MATERIALIZED VIEW S.m AS SELECT id FROM S.t;
CREATE SEQUENCE S.s;
CREATE FUNCTION S.f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER t_trigger BEFORE UPDATE ON S.t FOR EACH ROW EXECUTE FUNCTION S.f();
CREATE TYPE S.mood AS ENUM ('good', 'bad');
CREATE DOMAIN S.positive AS int CHECK (VALUE > 0);
ANALYZE S.t;
"""

STATEMENTS = """
CREATE INDEX ON S.t (note)
CREATE TABLE S.x (id int PRIMARY KEY, t_id int REFERENCES S.t)
CREATE TABLE S.x PARTITION OF S.parted FOR VALUES FROM ('2030-01-01') TO ('2031-01-01')
CREATE TABLE S.x (LIKE S.t)
CREATE TABLE S.x () INHERITS (S.r)
CREATE TABLE S.x AS SELECT * FROM S.t
CREATE VIEW S.x AS SELECT * FROM S.t
CREATE OR REPLACE VIEW S.v AS SELECT id, flag FROM S.t
CREATE TRIGGER x BEFORE INSERT ON S.t FOR EACH ROW EXECUTE FUNCTION S.f()
CREATE RULE x AS ON INSERT TO S.r DO NOTHING
CREATE POLICY x ON S.t USING (true)
CREATE STATISTICS S.x ON id, n FROM S.t
COMMENT ON TABLE S.t IS 'x'
COMMENT ON COLUMN S.t.n IS 'x'
DROP TABLE S.r
DROP TABLE S.child
DROP TABLE S.parted_old
DROP TABLE S.t CASCADE
DROP INDEX S.t_n_index
DROP VIEW S.v
DROP MATERIALIZED VIEW S.m
DROP TRIGGER t_trigger ON S.t
TRUNCATE S.r
INSERT INTO S.r VALUES (2, 'two')
INSERT INTO S.r SELECT id + 10, name FROM S.t
UPDATE S.r SET label = 'x' WHERE id = 1
DELETE FROM S.r WHERE label = 'one'
SELECT * FROM S.t
SELECT * FROM S.t FOR UPDATE
WITH d AS (DELETE FROM S.r RETURNING id) SELECT * FROM d
LOCK TABLE S.t IN SHARE MODE
CLUSTER S.t USING t_pkey
REINDEX TABLE S.t
REFRESH MATERIALIZED VIEW S.m
ANALYZE S.t
ALTER TABLE S.t RENAME TO t2
ALTER TABLE S.t RENAME COLUMN note TO note2
ALTER TABLE S.t RENAME CONSTRAINT t_name TO t_name2
ALTER TABLE S.r SET SCHEMA public
ALTER TABLE S.t ADD COLUMN x int
ALTER TABLE S.t ADD COLUMN x int DEFAULT 7
ALTER TABLE S.t ADD COLUMN x int NOT NULL DEFAULT 7
ALTER TABLE S.t ADD COLUMN x timestamptz DEFAULT now()
ALTER TABLE S.t ADD COLUMN x timestamptz DEFAULT clock_timestamp()
ALTER TABLE S.t ADD COLUMN x uuid DEFAULT gen_random_uuid()
ALTER TABLE S.t ADD COLUMN x serial
ALTER TABLE S.t ADD COLUMN x int GENERATED ALWAYS AS IDENTITY
ALTER TABLE S.t ADD COLUMN x int GENERATED ALWAYS AS (n + 1) STORED
ALTER TABLE S.t ADD COLUMN x S.positive
ALTER TABLE S.t ADD COLUMN x S.mood DEFAULT 'good'
ALTER TABLE S.t ADD COLUMN x int REFERENCES S.r
ALTER TABLE S.t ADD COLUMN x int DEFAULT 1 REFERENCES S.r
ALTER TABLE S.t ADD COLUMN x int UNIQUE
ALTER TABLE S.t ADD COLUMN x int CHECK (x > 0)
ALTER TABLE S.t ADD COLUMN IF NOT EXISTS n int DEFAULT random()
ALTER TABLE S.t DROP COLUMN note
ALTER TABLE S.t ALTER COLUMN n SET DEFAULT 5
ALTER TABLE S.t ALTER COLUMN flag DROP DEFAULT
ALTER TABLE S.t ALTER COLUMN name DROP NOT NULL
ALTER TABLE S.t ALTER COLUMN note SET NOT NULL
ALTER TABLE S.t ALTER COLUMN n SET NOT NULL
ALTER TABLE S.t ALTER COLUMN name SET NOT NULL
ALTER TABLE S.t ALTER COLUMN note SET STATISTICS 200
ALTER TABLE S.t ALTER COLUMN note SET STORAGE external
ALTER TABLE S.t ALTER COLUMN name TYPE varchar(80)
ALTER TABLE S.t ALTER COLUMN name TYPE varchar(20)
ALTER TABLE S.t ALTER COLUMN name TYPE varchar
ALTER TABLE S.t ALTER COLUMN name TYPE text
ALTER TABLE S.t ALTER COLUMN name TYPE text USING name::text
ALTER TABLE S.t ALTER COLUMN name TYPE text USING upper(name)
ALTER TABLE S.t ALTER COLUMN note TYPE varchar(100)
ALTER TABLE S.t ALTER COLUMN note TYPE varchar
ALTER TABLE S.t ALTER COLUMN n TYPE bigint
ALTER TABLE S.t ALTER COLUMN n TYPE int
ALTER TABLE S.t ALTER COLUMN big TYPE int
ALTER TABLE S.t ALTER COLUMN big TYPE numeric
ALTER TABLE S.t ALTER COLUMN price TYPE numeric(12,2)
ALTER TABLE S.t ALTER COLUMN price TYPE numeric(12,4)
ALTER TABLE S.t ALTER COLUMN price TYPE numeric
ALTER TABLE S.t ALTER COLUMN price TYPE numeric(7,2)
ALTER TABLE S.t ALTER COLUMN at TYPE timestamptz
ALTER TABLE S.t ALTER COLUMN tz TYPE timestamp
ALTER TABLE S.t ALTER COLUMN at TYPE timestamp(3)
ALTER TABLE S.t ALTER COLUMN tz TYPE date
ALTER TABLE S.t ALTER COLUMN day TYPE timestamp
ALTER TABLE S.t ALTER COLUMN code TYPE char(8)
ALTER TABLE S.t ALTER COLUMN code TYPE text
ALTER TABLE S.t ALTER COLUMN doc TYPE jsonb
ALTER TABLE S.t ALTER COLUMN tags TYPE varchar[]
ALTER TABLE S.t ALTER COLUMN code TYPE varchar(4)
ALTER TABLE S.t ALTER COLUMN price TYPE int
ALTER TABLE S.t ALTER COLUMN note TYPE text
ALTER TABLE S.child ALTER COLUMN t_id TYPE bigint
ALTER TABLE S.t ALTER COLUMN n TYPE S.positive
ALTER TABLE S.t ADD CONSTRAINT x CHECK (n > 0)
ALTER TABLE S.t ADD CONSTRAINT x CHECK (n > 0) NOT VALID
ALTER TABLE S.t VALIDATE CONSTRAINT t_later
ALTER TABLE S.t VALIDATE CONSTRAINT t_name
ALTER TABLE S.t ADD CONSTRAINT x FOREIGN KEY (ref) REFERENCES S.r
ALTER TABLE S.t ADD CONSTRAINT x FOREIGN KEY (ref) REFERENCES S.r NOT VALID
ALTER TABLE S.t ADD CONSTRAINT x UNIQUE (name)
ALTER TABLE S.t ADD CONSTRAINT x UNIQUE USING INDEX t_big
ALTER TABLE S.part ADD PRIMARY KEY (id)
ALTER TABLE S.t DROP CONSTRAINT t_name
ALTER TABLE S.child DROP CONSTRAINT child_t_id_fkey
ALTER TABLE S.t DISABLE TRIGGER t_trigger
ALTER TABLE S.t ENABLE TRIGGER t_trigger
ALTER TABLE S.t ENABLE ROW LEVEL SECURITY
ALTER TABLE S.t SET (fillfactor = 70)
ALTER TABLE S.t SET (autovacuum_enabled = false)
ALTER TABLE S.t CLUSTER ON t_pkey
ALTER TABLE S.part SET UNLOGGED
ALTER TABLE S.t REPLICA IDENTITY FULL
ALTER TABLE S.t OWNER TO CURRENT_USER
ALTER TABLE S.t ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY
ALTER TABLE S.parted ATTACH PARTITION S.part FOR VALUES FROM ('2022-01-01') TO ('2023-01-01')
ALTER TABLE S.parted DETACH PARTITION S.parted_old
ALTER TABLE S.parted ADD COLUMN x int
ALTER TABLE S.part ADD COLUMN x int, ALTER COLUMN id TYPE bigint
ALTER TYPE S.mood ADD VALUE 'fine'
ALTER SEQUENCE S.s RESTART
GRANT SELECT ON S.t TO PUBLIC
""".strip().splitlines()

MEASURE = """
BEGIN;
CREATE TEMP TABLE before ON COMMIT DROP AS
  SELECT oid, relname, relfilenode FROM pg_class WHERE relnamespace = 'S'::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'S');
SELECT;
SAVEPOINT x;
RELEASE SAVEPOINT x;
{statement};
SELECT json_agg(json_build_object('name', 'S.' || b.relname, 'lock', l.mode, 'rewritten', c.relfilenode IS DISTINCT FROM b.relfilenode,
                                  'gone', c.oid IS NULL, 'scans', pg_stat_get_xact_numscans(b.oid)))
  FROM before b LEFT JOIN pg_class c USING (oid)
  LEFT JOIN LATERAL (SELECT mode FROM pg_locks WHERE relation = b.oid AND pid = pg_backend_pid() AND granted
                      ORDER BY array_position(ARRAY['AccessExclusiveLock','ExclusiveLock','ShareRowExclusiveLock','ShareLock',
                        'ShareUpdateExclusiveLock','RowExclusiveLock','RowShareLock','AccessShareLock'], mode) LIMIT 1) l ON true;
ROLLBACK;
"""

LOCKS = ["", "ACCESS SHARE", "ROW SHARE", "ROW EXCLUSIVE", "SHARE UPDATE EXCLUSIVE", "SHARE", "SHARE ROW EXCLUSIVE", "EXCLUSIVE",
         "ACCESS EXCLUSIVE"]
# Beside the relations that a statement names: not told by the plan.
NOT_NAMED = {"DROP TABLE S.t CASCADE": {"v", "m", "child"}, "DROP TABLE S.child": {"t"}, "DROP TABLE S.parted_old": {"parted"},
             "ALTER TABLE S.child DROP CONSTRAINT child_t_id_fkey": {"t"}, "ALTER TABLE S.parted ADD COLUMN x int": {"parted_old"},
             "ALTER TABLE S.child ALTER COLUMN t_id TYPE bigint": {"t"}}


def lock_name(mode):
    words = {"AccessExclusiveLock": "ACCESS EXCLUSIVE", "ExclusiveLock": "EXCLUSIVE", "ShareRowExclusiveLock": "SHARE ROW EXCLUSIVE",
             "ShareLock": "SHARE", "ShareUpdateExclusiveLock": "SHARE UPDATE EXCLUSIVE", "RowExclusiveLock": "ROW EXCLUSIVE",
             "RowShareLock": "ROW SHARE", "AccessShareLock": "ACCESS SHARE", None: ""}
    return words[mode]


@pytest.fixture(scope="module")
def measured(cluster, tmp_path_factory):
    """[(statement, as planned, as measured)]; each in a schema of its own."""
    site = Site(cluster, "measured", tmp_path_factory.mktemp("measured") / "site", create=False)
    cluster.createdb("measured")
    folder = site.directory / "sql"
    folder.mkdir()
    site.write_config(migrations={"kind": "sql", "directory": "sql"})
    in_schema = [statement.replace("S.", f"c{i:03}.") for i, statement in enumerate(STATEMENTS)]
    cluster.psql("measured", "\n".join(SETUP.replace("S.", f"c{i:03}.").replace("SCHEMA S;", f"SCHEMA c{i:03};") for i in range(len(STATEMENTS))))
    for i, statement in enumerate(in_schema):
        (folder / f"{i:03}.sql").write_text(statement)
    planned = site.json("plan")["plan"]["migrations"]
    assert len(planned) == len(STATEMENTS) and all(len(migration["statements"]) == 1 for migration in planned)
    result = []
    for i, statement in enumerate(in_schema):
        script = MEASURE.replace("'S'", f"'c{i:03}'").replace("'S.'", f"'c{i:03}.'").replace("{statement}", statement)
        seen = json.loads(cluster.psql("measured", script).splitlines()[-1])
        result.append((STATEMENTS[i], planned[i]["statements"][0], {item["name"]: item for item in seen}))
    yield result
    site.drop_databases()


def differences(statement, planned, seen):
    """What the plan of a statement tells otherwise than PostgreSQL."""
    told = {relation["name"]: relation["lock"] for relation in planned["relations"] if not relation["new"]}
    if any(finding["rule"] == "unknown-statement" for finding in planned["findings"]):
        yield "the statement is not known"
    for name, item in seen.items():
        lock = lock_name(item["lock"])
        if name.split(".")[1] in NOT_NAMED.get(statement, set()):
            continue
        if name in told and told[name] != lock:
            yield f"{name} is locked {lock}, not {told[name]}"
        if name not in told and LOCKS.index(lock) > LOCKS.index("ACCESS SHARE"):
            yield f"{name} is locked {lock}"
    rewritten = any(item["rewritten"] and not item["gone"] for item in seen.values())
    if planned["rewrites"] != rewritten and not statement.startswith("TRUNCATE"):
        yield "is rewritten" if rewritten else "is not rewritten"
    scanned = any(item["scans"] for item in seen.values())
    if planned["scans"] != scanned and statement.startswith(("ALTER TABLE", "CREATE INDEX")) and not rewritten:
        yield "is scanned" if scanned else "is not scanned"


def test_locks_rewrites_and_scans(measured):
    wrong = [f"{statement}: {what}" for statement, planned, seen in measured for what in differences(statement, planned, seen)]
    assert not wrong, "\n".join(wrong)
    # It would find something if there were something.
    statement, planned, seen = measured[0]
    assert list(differences(statement, {**planned, "rewrites": True}, seen))
    assert list(differences(statement, {**planned, "relations": []}, seen))
