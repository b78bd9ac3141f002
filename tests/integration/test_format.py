"""The repository's format: read by a reader that knows FORMAT.md alone, and what earlier versions wrote by this one."""
import json
import shutil
from pathlib import Path

import pytest

from harness import compare, proc, reader

FROZEN = Path(__file__).resolve().parents[2] / "fixtures" / "repositories"
PASSPHRASES = {"plain": [None], "encrypted": ["frozen in November", "the second passphrase"]}
COPY = {"text": "", "binary": " (FORMAT binary)"}


@pytest.fixture(scope="module")
def original(cluster):
    """The database that the frozen repositories were made of."""
    cluster.createdb("frozen_original")
    cluster.client("psql", "-Xq", "-v", "ON_ERROR_STOP=1", "-f", FROZEN / "database.sql", dbname="frozen_original")
    yield "frozen_original"
    cluster.dropdb("frozen_original")


@pytest.fixture(params=list(PASSPHRASES))
def frozen(request, tmp_path):
    """(run, kind): run(…) is holdfast on a copy of the frozen repository."""
    kind = request.param
    shutil.copytree(FROZEN / kind, tmp_path / "repository")
    secret = {"passphrase": {"env": "HOLDFAST_PASSPHRASE"}} if kind == "encrypted" else {}
    target = {"database": {"url": {"env": "DATABASE_URL"}}, "migrations": {"kind": "none"}}
    (tmp_path / "holdfast.yaml").write_text(json.dumps({"repository": {"url": "./repository"} | secret, "targets": {"shop": target}}))

    def run(*args, env=None, **options):
        return proc.holdfast(*args, cwd=tmp_path, env={"HOLDFAST_PASSPHRASE": PASSPHRASES[kind][0], **(env or {})}, **options)

    return run, kind


def test_this_version_reads_frozen_repositories(frozen, cluster, original):
    run, kind = frozen
    env = {"DATABASE_URL": cluster.url(original)}
    listed = run("snapshots", "--output", "json", check=0).json()["snapshots"]
    assert [(entry["rows"], entry["label"], entry["proven"], entry["broken"]) for entry in listed] == \
        [(1000, None, False, None), (982, "after the deploy", True, None)]
    cycle, = run("history", "--output", "json", check=0).json()["cycles"]
    assert cycle["state"] == "deployed" and listed[0]["cycle"] == cycle["id"]
    assert "001.sql" in run("report", check=0).stdout
    run("verify", "--full", check=0)
    copies = [f"frozen_{kind}_{number}" for number in (1, 2)]
    try:
        for copy, entry in zip(copies, listed):
            run("restore", entry["id"], "--into", copy, env=env, check=0)
        compare.assert_same(cluster, original, cluster, copies[0])
        assert cluster.psql(copies[1], "SELECT count(*), max(note) FROM people") == "200|none"
        assert cluster.psql(copies[1], "SELECT max(id) FROM notes") == "2000"
        # A backup goes beside them.
        run("backup", env=env, check=0)
        run("verify", check=0)
    finally:
        for copy in copies:
            cluster.psql("postgres", f'DROP DATABASE IF EXISTS "{copy}"')
    if kind == "encrypted":
        assert {key["label"] for key in run("key", "list", "--output", "json", env={"HOLDFAST_PASSPHRASE": PASSPHRASES[kind][1]},
                                            check=0).json()["keys"]} == {None, "second"}


@pytest.mark.parametrize("kind", list(PASSPHRASES))
@pytest.mark.long(after=1)
def test_another_reader_reads_it(kind, cluster, original):
    """Every value of the frozen repositories, and the rows by psql alone."""
    for passphrase in PASSPHRASES[kind]:
        repository = reader.Repository(FROZEN / kind, passphrase)
    snapshots = repository.snapshots("shop")
    journal, = repository.journals("shop").values()
    proof, = repository.proofs("shop").values()
    assert [entry["state"] for entry in journal["entries"]][-1] == "deployed" and proof["verdict"] == "equal"
    before, after = (repository.manifest(pointer) for pointer in snapshots.values())
    assert proof["snapshot"] == after["id"] and before["cycle"] == journal["cycle"] and after["label"] == "after the deploy"
    assert {entry["tag"] for entry in repository.schema(after)["entries"]} >= {"people", "notes", "shout(text)"}
    for table in before["tables"] + after["tables"]:
        assert sum(len(content) for content in repository.chunks(table)) == table["raw_bytes"]
    named = {path.name for path in (FROZEN / kind).glob("objects/*/*")}
    used = {chunk[0] for manifest in (before, after) for table in [*manifest["tables"], *manifest["large_objects"].values()]
            for chunk in table["chunks"]}
    used |= {manifest["schema"]["object"]["name"] for manifest in (before, after)}
    assert named == used | {pointer["manifest"]["object"] for pointer in snapshots.values()}

    # A table of each form.
    assert {table["format"] for table in before["tables"]} == {"text", "binary"}
    for table in before["tables"]:
        name, columns = f'public.{table["name"]}', ", ".join(table["columns"])
        cluster.psql(original, f"CREATE SCHEMA other; CREATE TABLE other.copy AS SELECT {columns} FROM {name} LIMIT 0")
        try:
            for content in repository.chunks(table):
                cluster.client("psql", "-Xq", "-v", "ON_ERROR_STOP=1", "-c", f"COPY other.copy ({columns}) FROM STDIN{COPY[table['format']]}",
                               dbname=original, input=content)
            assert compare.table_content(cluster, original, "other.copy", columns) == compare.table_content(cluster, original, name, columns)
            assert table["rows"] == int(cluster.psql(original, f"SELECT count(*) FROM {name}")) > 0
        finally:
            cluster.psql(original, "DROP SCHEMA other CASCADE")


@pytest.mark.long
def test_another_reader_needs_the_passphrase():
    with pytest.raises(reader.WrongPassphrase):
        reader.Repository(FROZEN / "encrypted", "frozen in December")
