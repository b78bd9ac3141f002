"""plan --base: a branch against a git revision, on an empty scratch database; and `shadow`, where scratch databases are made."""
import subprocess

import pytest

from harness.postgres import Cluster
from harness.site import Site

CREATE = "CREATE TABLE orders (id int PRIMARY KEY, remark text);\n"


def git(site, *args):
    subprocess.run(["git", "-c", "user.name=x", "-c", "user.email=x@example.org", "-c", "commit.gpgsign=false", *args],
                   cwd=site.directory, check=True, capture_output=True)


def write(site, name, sql):
    folder = site.directory / "db" / "migrations" / name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "migration.sql").write_bytes(sql.encode())


@pytest.fixture
def repo(cluster, tmp_path, request):
    """A git repository whose folder db/migrations has two migrations; its target does not exist, its shadow is another database of the server."""
    made = Site(cluster, f"base{request.node.name[:30]}".lower(), tmp_path / "work tree", create=False)
    made.shadow = {"SHADOW_URL": cluster.url("postgres") + "?schema=app", "DATABASE_URL": None}
    made.write_config(migrations={"kind": "prisma", "directory": "db/migrations"}, shadow={"url": {"env": "SHADOW_URL"}})
    write(made, "1_a", CREATE)
    write(made, "2_b", "ALTER TABLE orders ADD customer int;\n")
    (made.directory / "db/migrations/migration_lock.toml").write_text('provider = "postgresql"\n')
    (made.directory / "README").symlink_to("/etc/passwd")
    git(made, "init", "-q", "-b", "main")
    git(made, "add", "db", "README")
    git(made, "commit", "-qm", "base")
    yield made
    made.drop_databases()


def base(site, revision="main", status=0, *args):
    return site.json("plan", "--base", revision, *args, env=site.shadow, check=status)


def scratches(cluster):
    return [name for name in cluster.databases() if "__scratch_" in name]


def test_a_branch(repo):
    assert base(repo)["plan"]["migrations"] == []
    git(repo, "checkout", "-qb", "feature")
    write(repo, "3_c", "ALTER TABLE orders DROP COLUMN remark;\nCREATE INDEX byc ON orders (customer);\n")
    write(repo, "4_d", "CREATE TABLE fresh (id int); CREATE INDEX new ON fresh (id);")  # not even added to git
    plan = base(repo)["plan"]
    assert [item["name"] for item in plan["migrations"]] == ["3_c", "4_d"]
    drop, index = plan["migrations"][0]["statements"]
    assert [finding["rule"] for finding in drop["findings"]] == ["drop-column"] and [f["rule"] for f in index["findings"]] == ["create-index"]
    relation, = drop["relations"]
    assert relation == {"name": "app.orders", "known": True, "new": False, "lock": "ACCESS EXCLUSIVE", "rows": None, "bytes": None}
    assert plan["base"]["migrations"] == 2 and plan["base"]["applied"] == 2 and len(plan["base"]["commit"]) == 40 and plan["digest"] is None
    base(repo, "main", 6, "--check")
    text = repo.holdfast("plan", "--base", "main", env=repo.shadow, check=0).stdout
    assert "after the 2 migrations of" in text and "digest" not in text and "rows" not in text
    markdown = repo.holdfast("plan", "--base", "HEAD", "--markdown", env=repo.shadow, check=0).stdout
    assert "### 3\\_c" in markdown and "**drop-column**" in markdown and "Digest" not in markdown
    assert scratches(repo.cluster) == []


def test_what_the_branch_did_to_the_base(repo):
    write(repo, "1_a", CREATE.replace("\n", "\r\n"))
    assert base(repo)["plan"]["base"]["edited"] == []  # line ends alone
    write(repo, "1_a", CREATE + "-- more")
    (repo.directory / "db/migrations/2_b/migration.sql").unlink()
    (repo.directory / "db/migrations/2_b").rmdir()
    told = base(repo)["plan"]["base"]
    assert told["edited"] == ["1_a"] and told["removed"] == ["2_b"]
    assert "2 findings" in base(repo, "main", 6, "--check")["error"]["message"]
    markdown = repo.holdfast("plan", "--base", "main", "--markdown", env=repo.shadow, check=0).stdout
    assert "1\\_a is in the base, and was **edited**" in markdown and "2\\_b is in the base, and was **removed**" in markdown


def test_a_migration_that_fails(repo):
    write(repo, "3_c", "ALTER TABLE orders DROP COLUMN no_such;")
    document = base(repo, "main", 36)
    assert "the migrations of the branch" in document["error"]["message"] and "no_such" in document["error"]["message"]
    assert document["plan"]["migrations"][0]["statements"][0]["findings"]  # and the plan is told all the same
    git(repo, "add", "db")
    git(repo, "commit", "-qm", "bad")
    assert "the migrations of the base" in base(repo, "HEAD", 36)["error"]["message"]
    assert scratches(repo.cluster) == []


def test_revisions_that_are_none(repo):
    for revision in ("no-such", "--help", "--output=/tmp/x", "main:db", "HEAD~9"):
        document = base(repo, revision, 10 if not revision.startswith("--") else (2, 10))
        assert "git" in document["error"]["message"] or "base" in document["error"]["message"], document
    repo.write_config(migrations={"kind": "prisma", "directory": "/usr/share/misc"})
    assert "git" in base(repo, "main", 10)["error"]["message"]
    repo.write_config(migrations={"kind": "command", "command": ["true"]})
    base(repo, "main", 2)


def test_a_folder_that_the_base_does_not_have(repo):
    git(repo, "mv", "db", "other")
    repo.write_config(migrations={"kind": "prisma", "directory": "other/migrations"})
    plan = base(repo)["plan"]
    assert [item["name"] for item in plan["migrations"]] == ["1_a", "2_b"] and plan["base"]["migrations"] == 0


def test_the_shadow(repo, cluster):
    """drift, on another server than the target's."""
    cluster.createdb(repo.db)
    env = {"DATABASE_URL": repo.url}
    repo.holdfast("init", check=0, env=env)
    repo.holdfast("deploy", check=0, env=env)
    for url in (repo.url, repo.url + "?application_name=another"):
        document = repo.json("drift", env=env | {"SHADOW_URL": url}, check=4)
        assert "is its own database" in document["error"]["message"]
    with Cluster(fsync=False) as other:
        shadow = {"SHADOW_URL": other.url("postgres")}
        repo.holdfast("drift", env=env | shadow, check=0)
        cluster.psql(repo.db, "CREATE TABLE by_hand (id int)")
        document = repo.json("drift", env=env | shadow, check=7)
        assert [item["name"] for item in document["objects"]] == ["by_hand"]
        assert scratches(other) == scratches(cluster) == []
