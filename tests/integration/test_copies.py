"""copy_to and `holdfast copy`: snapshots in a second repository, of other keys too, and used from there."""
import json
import shutil

import pytest

from harness import compare
from harness.site import Site


class Copied(Site):
    """A site whose configuration names copies: a list of mappings for repository.copy_to."""

    def __init__(self, small_site, directory, *copies, passphrase=None):
        self.copies, self.retention = copies, {}
        super().__init__(small_site.cluster, small_site.db, directory, create=False, passphrase=passphrase)

    def repository_options(self):
        return super().repository_options() | {"copy_to": self.copies, "retention": self.retention}

    def set_copies(self, *copies):
        self.copies = copies
        self.write_config()

    def ids(self, *where):
        return [entry["id"] for entry in self.json("snapshots", *where)["snapshots"]]


def at(folder, **more):
    return {"url": f"file://{folder}", **more}


@pytest.fixture
def copied(small_site, tmp_path):
    made = Copied(small_site, tmp_path / "copied", at(tmp_path / "far"))
    made.far = tmp_path / "far"
    made.holdfast("init", check=0)
    return made


def files(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file() and "locks" not in path.parts}


def test_backup_copies(copied):
    """The copy is the same snapshot, only new objects are sent, and it restores when the first repository is gone."""
    first = copied.json("backup", "--label", "one", "--pin")["snapshot"]
    assert [copy["copied"] for copy in first["copies"]] == [True] and first["copies"][0]["objects_new"] > 5
    second = copied.json("backup")["snapshot"]
    assert second["copies"][0]["objects_new"] <= 1, second["copies"]
    assert copied.ids() == copied.ids("--repository", "copy") == [first["id"], second["id"]]
    assert copied.json("snapshots", "--repository", "copy")["snapshots"][0]["pinned"]
    copied.holdfast("verify", "--full", "--repository", "copy", check=0)

    shutil.rmtree(copied.repository)
    copied.holdfast("restore", "label:one", "--repository", "copy", "--into", copied.db + "__far", check=0)
    compare.assert_same(copied.cluster, copied.db, copied.cluster, copied.db + "__far")
    copied.holdfast("init", check=0)
    copied.holdfast("copy", "--repository", "copy", "--to", "main", check=0)
    assert copied.ids() == [first["id"], second["id"]]
    copied.holdfast("verify", "--full", check=0)


@pytest.mark.parametrize("keys", [("first passphrase, long", None), (None, "second passphrase, long"), ("first passphrase, long", "second passphrase, long")],
                         ids=["from encrypted", "to encrypted", "between keys"])
@pytest.mark.long(after=1)
def test_between_keys(small_site, tmp_path, keys):
    more = {"passphrase": {"env": "FAR_PASSPHRASE"}} if keys[1] else {}
    site = Copied(small_site, tmp_path / "copied", at(tmp_path / "far", name="far", **more), passphrase=keys[0])
    env = {"FAR_PASSPHRASE": keys[1]}
    site.holdfast("init", env=env, check=0)
    site.holdfast("backup", env=env, check=0)
    again = site.json("backup", env=env)["snapshot"]["copies"][0]
    assert again["copied"] and again["objects_new"] == 0
    site.holdfast("verify", "--full", "--repository", "far", env=env, check=0)
    names = [{path.name for path in (folder / "objects").rglob("??/*")} for folder in (site.repository, tmp_path / "far")]
    assert len(names[0]) > 5 and not names[0] & names[1]
    site.holdfast("restore", "latest", "--repository", "far", "--into", site.db + "__key", env=env, check=0)
    compare.assert_same(site.cluster, site.db, site.cluster, site.db + "__key")


@pytest.mark.long
def test_a_copy_that_fails(copied, tmp_path):
    """With wait it is the backup's failure, without it a warning; the snapshot exists, and `copy` makes up for it."""
    for wait, status in ((True, 13), (False, 0)):
        copied.set_copies(at(tmp_path / "nowhere", wait=wait))
        findings = copied.json("doctor", check=False)["findings"]
        assert [finding["level"] for finding in findings if finding["what"] == "copy"] == ["bad" if wait else "warning"]
        result = copied.holdfast("backup", "--output", "json", check=status)
        copies = result.json()["snapshot"]["copies"]
        assert not copies[0]["copied"] and "not copied" in result.stderr, result
        [row] = copied.holdfast("backup", "--all", "--output", "json", check=status).json()["targets"]
        assert row["snapshot"] and row["ok"] == (not wait) == (row["error"] is None)
    assert len(copied.ids()) == 4
    result = copied.holdfast("copy", check=13)
    assert "not copied" in result.stderr
    copied.holdfast("init", check=0)
    copied.holdfast("copy", check=0)
    assert copied.ids("--repository", "copy") == copied.ids()


@pytest.mark.long
def test_copy_heals(copied):
    """--full reads what is there already, and stores broken objects anew; in both directions."""
    assert copied.json("backup", "--all")["targets"][0]["snapshot"]["copies"][0]["copied"]
    for folder, command in ((copied.far, ["copy", "--full"]), (copied.repository, ["copy", "--full", "--repository", "copy", "--to", "main"])):
        good = files(folder)
        chunk = max((folder / "objects").rglob("??/*"), key=lambda path: path.stat().st_size)
        chunk.write_bytes(b"x" + chunk.read_bytes()[1:])
        copied.holdfast(*command, check=0)
        assert {name: len(data) for name, data in files(folder).items()}.keys() == good.keys()
        for name in ("main", "copy"):
            copied.holdfast("verify", "--full", "--repository", name, check=0)


def test_a_broken_source_is_not_copied(copied):
    copied.set_copies()
    copied.holdfast("backup", check=0)
    copied.set_copies(at(copied.far))
    chunk = max((copied.repository / "objects").rglob("??/*"), key=lambda path: path.stat().st_size)
    chunk.write_bytes(b"x" + chunk.read_bytes()[1:])
    assert chunk.name in copied.holdfast("copy", check=12).stderr
    assert copied.ids("--repository", "copy") == []


@pytest.mark.long
def test_only_what_failed_is_called_failed(copied):
    """One that is there already has nothing of the failure before it, nor a copied one of what was missing before."""
    copied.set_copies()
    copied.cluster.psql(copied.db, "CREATE TABLE only_before AS SELECT 1 AS n")
    first = copied.json("backup")["snapshot"]["id"]
    copied.cluster.psql(copied.db, "DROP TABLE only_before")
    copied.set_copies(at(copied.far))
    result = copied.holdfast("backup", "--all", check=0)
    assert "does not exist" not in result.stdout
    mine, theirs = ({path.name: path for path in (folder / "objects").rglob("??/*")} for folder in (copied.repository, copied.far))
    manifests = {json.loads(path.read_text())["manifest"]["object"] for path in (copied.repository / "snapshots" / "site").iterdir()}
    chunk = mine[min(mine.keys() - theirs.keys() - manifests)]
    chunk.write_bytes(b"x" + chunk.read_bytes()[1:])
    second = copied.ids("--repository", "copy")
    copies = copied.json("copy", first, *second, check=False)["copies"]
    assert [(copy["snapshot"], copy["copied"], copy["existed"]) for copy in copies] == [(first, False, False), (*second, True, True)]


@pytest.mark.parametrize("point", ["transfer.before_object:kill:2", "repository.before_object:kill:4", "repository.before_manifest:kill",
                                   "repository.before_pointer:kill", "repository.after_pointer:kill"])
@pytest.mark.long(after=1)
def test_killed_copy(copied, faults, point):
    copied.set_copies()
    copied.holdfast("backup", check=0)
    copied.set_copies(at(copied.far))
    copied.holdfast("copy", env={"HOLDFAST_FAULT": point}, check=-9)
    assert len(copied.ids("--repository", "copy")) == (1 if "after_pointer" in point else 0)
    copied.holdfast("copy", check=0)
    copied.holdfast("verify", "--full", "--repository", "copy", check=0)
    assert copied.ids("--repository", "copy") == copied.ids()


@pytest.mark.long
def test_retention_of_a_copy(copied):
    """prune and gc work on a copy by the same rules."""
    for _ in range(3):
        copied.holdfast("backup", check=0)
    copied.retention = {"keep_last": 1}
    copied.write_config()
    copied.holdfast("prune", "--repository", "copy", check=0)
    assert len(copied.ids("--repository", "copy")) == 1 and len(copied.ids()) == 3
    copied.holdfast("gc", "--grace", "0s", "--repository", "copy", check=0)
    copied.holdfast("verify", "--full", "--repository", "copy", check=0)


def test_deploy_copies_first(copied, tmp_path):
    """No migration runs before a copy that is waited for is sealed; one that is not is made afterwards."""
    copied.set_copies(at(tmp_path / "nowhere"))
    assert "not copied" in copied.holdfast("deploy", check=4).stderr
    copied.set_copies(at(tmp_path / "nowhere", name="lost", wait=False), at(copied.far, name="copy"), at(tmp_path / "late", name="late", wait=False))
    assert copied.holdfast("init").returncode == 0
    (tmp_path / "nowhere" / "holdfast.json").unlink()
    result = copied.json("deploy")
    assert [(copy["repository"], copy["copied"]) for copy in result["copies"]] == [("copy", True), ("lost", False), ("late", True)]
    assert copied.ids("--repository", "late") == copied.ids("--repository", "copy") == copied.ids()[-1:]
    assert "first repository only" in copied.holdfast("deploy", "--repository", "copy", check=2).stderr


def test_mistakes(copied, tmp_path):
    assert "it has: main, copy" in copied.holdfast("snapshots", "--repository", "nothing", check=2).stderr
    assert "copied from" in copied.holdfast("copy", "--to", "main", check=2).stderr
    copied.set_copies(at(tmp_path / "a", name="x"), at(tmp_path / "b", name="x"))
    assert 'two copies have the name "x"' in copied.holdfast("snapshots", check=2).stderr
    copied.set_copies(at(copied.repository))
    assert "is the repository itself" in copied.holdfast("snapshots", check=2).stderr
    copied.set_copies()
    assert "names no repository to copy to" in copied.holdfast("copy", check=2).stderr
