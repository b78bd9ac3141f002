"""export and import: a snapshot as one tar, restored by psql alone or taken into another repository."""
import io
import subprocess
import tarfile

import pytest

from harness import compare, proc
from harness.postgres import quote_name, quote_text
from harness.site import Site


@pytest.fixture
def other(small_site, tmp_path):
    """A second work folder with an empty repository of its own; a function that runs holdfast there."""
    folder = tmp_path / "other"
    folder.mkdir()
    (folder / "holdfast.yaml").write_text(
        f"repository: {{url: 'file://{folder}/repo'}}\ntargets:\n  site: {{database: {{url: {{env: DATABASE_URL}}}}}}\n", encoding="utf-8")

    def run(*args, env=None, **options):
        return proc.holdfast(*args, cwd=folder, env=small_site.env | (env or {}), **options)

    run("init", "--quiet", check=0)
    return run


def snapshots(run):
    return run("snapshots", "--output", "json", check=0).json()["snapshots"]


def same_snapshot(a, b):
    keys = ("id", "target", "created_at", "label", "pinned", "rows", "raw_bytes", "tables")
    return [a[key] for key in keys] == [b[key] for key in keys]


def entries(path):
    with tarfile.open(path) as tar:
        return [(member, tar.extractfile(member).read()) for member in tar]


def psql(cluster, folder, db, *scripts):
    for script in scripts:
        done = subprocess.run([cluster.bindir + "/psql", "-Xq", "-v", "ON_ERROR_STOP=1", "-f", script, db], cwd=folder, check=False,
                              env=cluster.environment(db), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        assert done.returncode == 0, done.stderr


def test_travels(small_site, other, tmp_path):
    """To a file and to a pipe, plain and compressed; the second time it was there already, and it restores there."""
    small_site.holdfast("backup", "--label", "to travel", "--pin", check=0)
    for name in ("b.tar", "b.tar.zst"):
        assert small_site.json("export", "latest", tmp_path / name)["snapshot"]["label"] == "to travel"
    assert (tmp_path / "b.tar.zst").stat().st_size < (tmp_path / "b.tar").stat().st_size / 2
    again = small_site.holdfast("export", "latest", tmp_path / "b.tar")
    assert again.returncode == 11 and "never replaced" in again.stderr, again

    result = other("import", tmp_path / "b.tar.zst", "--output", "json", check=0).json()
    assert not result["existed"] and result["objects_new"] == result["objects"] > 5
    assert same_snapshot(result["snapshot"], small_site.json("snapshots")["snapshots"][0])
    with subprocess.Popen([proc.binary(), "export", "latest", "-"], cwd=small_site.directory, stdout=subprocess.PIPE) as export:
        result = proc.holdfast("import", "-", "--output", "json", cwd=tmp_path / "other", stdin=export.stdout, check=0).json()
    assert export.returncode == 0 and result["existed"] and result["objects_new"] == 0
    assert "was there already" in other("import", tmp_path / "b.tar", check=0).stdout

    other("verify", check=0)
    other("restore", "latest", "--into", small_site.db + "_there", check=0)
    compare.assert_same(small_site.cluster, small_site.db, small_site.cluster, small_site.db + "_there")


@pytest.mark.long
def test_between_keys(small_site, other, tmp_path):
    """From an encrypted repository into a plain one and another encrypted one: the same bundle comes out of each."""
    sites = {"plain": other}
    for name in ("first", "second"):
        made = Site(small_site.cluster, small_site.db, tmp_path / name, create=False, passphrase=name + " passphrase, long enough")
        made.holdfast("init", check=0)
        sites[name] = made.holdfast
    sites["first"]("backup", "--label", "secret", check=0)
    sites["first"]("export", "latest", tmp_path / "first.tar", check=0)
    contents = {}
    for name in ("second", "plain"):
        sites[name]("import", tmp_path / "first.tar", check=0)
        sites[name]("verify", check=0)
        sites[name]("export", "label:secret", tmp_path / f"{name}.tar", check=0)
        contents[name] = {member.name: content for member, content in entries(tmp_path / f"{name}.tar")}
        assert same_snapshot(snapshots(sites[name])[0], snapshots(sites["first"])[0])
    for name in ("bundle.json", "manifest.json"):  # stored sizes differ
        assert contents["plain"].pop(name) != contents["second"].pop(name)
    assert contents["plain"] == contents["second"] and len(contents["plain"]) > 5
    sites["second"]("restore", "latest", "--into", small_site.db + "_keys", check=0)
    compare.assert_same(small_site.cluster, small_site.db, small_site.cluster, small_site.db + "_keys")


def test_psql_alone(small_site, tmp_path):
    small_site.holdfast("backup", check=0)
    small_site.holdfast("export", "latest", tmp_path / "b.tar", check=0)
    subprocess.run(["tar", "xf", "b.tar"], cwd=tmp_path, check=True)
    assert {"bundle.json", "manifest.json", "restore.sql", "database.sql", "schema.json", "data"} <= {path.name for path in tmp_path.iterdir()}
    db = small_site.db + "_psql"
    small_site.cluster.psql("postgres", f"CREATE DATABASE {db} TEMPLATE template0")
    psql(small_site.cluster, tmp_path, db, "restore.sql", "database.sql")
    compare.assert_same(small_site.cluster, small_site.db, small_site.cluster, db)


HOSTILE = ["\\! touch pwned", "a\n\\! touch pwned\n", "'; \\! touch pwned", '"\\! touch pwned', "$holdfast$\n\\! touch pwned", ":'HOST' :\"USER\" :USER",
           "\\. \\copy", "-- \r\\! touch pwned", "a`touch pwned`", "$$ \\g |touch pwned"]


@pytest.mark.long
def test_hostile_names_and_text(cluster, tmp_path):
    """Whatever stands in names, texts and rows, psql runs none of it."""
    cluster.createdb("hostile")
    statements = [f"COMMENT ON DATABASE hostile IS {quote_text(HOSTILE[1])}", f"ALTER DATABASE hostile SET application_name = {quote_text(HOSTILE[0])}"]
    for number, text in enumerate(HOSTILE):
        name = quote_name(text)
        statements += [
            f"CREATE SCHEMA {name}", f"CREATE ROLE {quote_name(text + 'r')}",
            f"CREATE TABLE {name}.{name} ({name} text DEFAULT {quote_text(text)}, id int GENERATED ALWAYS AS IDENTITY, n numeric CHECK (n::text <> {quote_text(text)}))",
            f"ALTER TABLE {name}.{name} OWNER TO {quote_name(text + 'r')}",
            f"INSERT INTO {name}.{name} ({name}, n) SELECT {quote_text(text)}, i FROM generate_series(1, 3) i",
            f"COMMENT ON TABLE {name}.{name} IS {quote_text(text)}",
            f"CREATE VIEW {name}.v AS SELECT {name} || {quote_text(text)} AS {name} FROM {name}.{name}",
            f"CREATE FUNCTION {name}.{name}() RETURNS text LANGUAGE sql AS {quote_text('SELECT ' + quote_text(text))}",
            f"CREATE SEQUENCE {name}.s START {number + 7}",
        ]
    cluster.psql("hostile", "SELECT lo_from_bytea(4711, '\\x5c2120746f756368')")
    cluster.psql("hostile", f"COMMENT ON LARGE OBJECT 4711 IS {quote_text(HOSTILE[1])}")
    for statement in statements:
        cluster.psql("hostile", statement)
    (tmp_path / "holdfast.yaml").write_text(f"repository: {{url: 'file://{tmp_path}/repo'}}\ntargets: {{hostile: {{database: {{url: {{env: URL}}}}}}}}\n", encoding="utf-8")
    for command in (["init"], ["backup"], ["export", "latest", "b.tar"], ["restore", "latest", "--into", "hostile_hf"]):
        proc.holdfast(*command, cwd=tmp_path, env={"URL": cluster.url("hostile")}, check=0)
    subprocess.run(["tar", "xf", "b.tar"], cwd=tmp_path, check=True)
    cluster.psql("postgres", "CREATE DATABASE hostile_psql TEMPLATE template0")
    before = set(tmp_path.rglob("*"))
    psql(cluster, tmp_path, "hostile_psql", "restore.sql", "database.sql")
    assert set(tmp_path.rglob("*")) == before, "psql ran something"
    compare.assert_same(cluster, "hostile_hf", cluster, "hostile_psql", facts=True)
    assert len(compare.content(cluster, "hostile_psql")) == len(HOSTILE)


def rebuilt(tmp_path, path, change):
    """A bundle with its entries changed: change(list of (TarInfo, content))."""
    bad = tmp_path / "bad.tar"
    with tarfile.open(bad, "w", format=tarfile.PAX_FORMAT) as tar:
        for member, content in change(entries(path)):
            member.size = len(content) if member.isreg() else 0
            tar.addfile(member, io.BytesIO(content))
    return bad


def entry(name, content=b"x", **more):
    member = tarfile.TarInfo(name)
    for key, value in more.items():
        setattr(member, key, value)
    return member, content


def renamed(list_, index, name):
    list_[index][0].name = name
    return list_


BAD = {
    "an entry more": (lambda e: e + [entry("more")], 'an entry "more" that is too much'),
    "an absolute path": (lambda e: renamed(e, 5, "/tmp/pwned"), '"/tmp/pwned" where'),
    "a way up": (lambda e: renamed(e, 5, "../../pwned"), '"../../pwned" where'),
    "a way up at the end": (lambda e: e + [entry("data/../../pwned")], "too much"),
    "a symbolic link": (lambda e: e[:5] + [entry(e[5][0].name, type=tarfile.SYMTYPE, linkname="/etc/passwd")] + e[6:], "not a plain file"),
    "a hard link": (lambda e: e[:6] + [entry(e[6][0].name, type=tarfile.LNKTYPE, linkname=e[5][0].name)] + e[7:], "not a plain file"),
    "a device": (lambda e: e[:5] + [entry(e[5][0].name, type=tarfile.CHRTYPE, devmajor=1, devminor=5)] + e[6:], "not a plain file"),
    "a folder": (lambda e: e[:5] + [entry("data", type=tarfile.DIRTYPE)] + e[5:], '"data/" where'),
    "two entries exchanged": (lambda e: e[:5] + [e[6], e[5]] + e[7:], "where"),
    "an entry twice": (lambda e: e[:6] + [e[5]] + e[6:], "where"),
    "an entry missing": (lambda e: e[:6] + e[7:], "where"),
    "the last entry missing": (lambda e: e[:-1], "ends where"),
    "a longer entry": (lambda e: e[:5] + [(e[5][0], e[5][1] + b"\n")] + e[6:], "instead of"),
    "other rows": (lambda e: e[:5] + [(e[5][0], bytes(reversed(e[5][1])))] + e[6:], "another digest"),
    "another script": (lambda e: [e[0], e[1], (e[2][0], e[2][1].replace(b"SET", b"set"))] + e[3:], "another digest"),
    "another manifest": (lambda e: [e[0], (e[1][0], e[1][1].replace(b'"pinned":false', b'"pinned":true '))] + e[2:], "another digest"),
    "another list": (lambda e: [(e[0][0], e[0][1].replace(b'"target":"site"', b'"target":"life"'))] + e[1:], "it was changed"),
    "no list": (lambda e: e[1:], "where \"bundle.json\" must be"),
    "nothing": (lambda e: [], "ends where"),
}


def test_bad_bundles(small_site, other, tmp_path):
    """Each is refused, with nothing to be seen in the repository or anywhere else."""
    small_site.holdfast("backup", check=0)
    small_site.holdfast("export", "latest", tmp_path / "b.tar", check=0)
    for name, (change, message) in BAD.items():
        result = other("import", rebuilt(tmp_path, tmp_path / "b.tar", change))
        assert result.returncode == 12 and message in result.stderr, (name, result)
        assert snapshots(other) == [], name
    for text in (b"", b"no tar at all" * 100, b"\x28\xb5\x2f\xfd"):
        (tmp_path / "none.tar").write_bytes(text)
        result = other("import", tmp_path / "none.tar")
        assert result.returncode in (12, 13) and snapshots(other) == [], result
    assert other("import", tmp_path / "missing.tar").returncode == 10
    result = other("import", tmp_path / "b.tar", "--target", "life")
    assert result.returncode == 2 and snapshots(other) == [], result
    other("import", tmp_path / "b.tar", check=0)


@pytest.mark.long
def test_zip_bomb(small_site, other, tmp_path):
    """What unpacks to more than the manifest says is not unpacked: an entry of 64 GiB of zeros, a few KiB compressed."""
    small_site.holdfast("backup", check=0)
    small_site.holdfast("export", "latest", tmp_path / "b.tar", check=0)
    head = entries(tmp_path / "b.tar")[0]
    bomb = tarfile.TarInfo("manifest.json")
    bomb.size = 64 << 30
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w", format=tarfile.PAX_FORMAT) as tar:
        tar.addfile(head[0], io.BytesIO(head[1]))
    data = plain.getvalue()[:1024 + (len(head[1]) + 511) // 512 * 512 - 512] + bomb.tobuf(tarfile.PAX_FORMAT) + bytes(1 << 20)
    (tmp_path / "bomb.tar.zst").write_bytes(subprocess.run(["zstd", "-qc"], input=data, stdout=subprocess.PIPE, check=True).stdout)
    result = other("import", tmp_path / "bomb.tar.zst")
    assert result.returncode == 12 and "instead of" in result.stderr and snapshots(other) == [], result


@pytest.mark.parametrize("point", ["transfer.before_object:kill:3", "repository.before_object:kill:5", "repository.before_manifest:kill",
                                   "repository.before_pointer:kill", "repository.after_pointer:kill"])
@pytest.mark.long
def test_killed_import(small_site, other, tmp_path, faults, point):
    """Before the pointer there is nothing, after it the snapshot; the next import has it either way."""
    small_site.holdfast("backup", check=0)
    small_site.holdfast("export", "latest", tmp_path / "b.tar", check=0)
    assert other("import", tmp_path / "b.tar", env={"HOLDFAST_FAULT": point}).returncode == -9
    assert len(snapshots(other)) == (1 if "after_pointer" in point else 0)
    other("import", tmp_path / "b.tar", check=0)
    other("verify", check=0)
    assert len(snapshots(other)) == 1


def test_killed_export(small_site, tmp_path, faults):
    small_site.holdfast("backup", check=0)
    result = small_site.holdfast("export", "latest", tmp_path / "b.tar", env={"HOLDFAST_FAULT": "export.before_rename:kill"})
    assert result.returncode == -9 and not (tmp_path / "b.tar").exists()
    small_site.holdfast("export", "latest", tmp_path / "b.tar", check=0)


@pytest.mark.long
def test_damaged_source(small_site, tmp_path):
    """A broken chunk ends the export; no file is left."""
    small_site.holdfast("backup", check=0)
    chunk = max((small_site.repository / "objects").rglob("??/*"), key=lambda path: path.stat().st_size)
    chunk.write_bytes(chunk.read_bytes()[:-9] + b"123456789")
    result = small_site.holdfast("export", "latest", tmp_path / "b.tar")
    assert result.returncode == 12 and chunk.name in result.stderr and not list(tmp_path.glob("*.tar")) + list(tmp_path.glob(".hf*")), result
