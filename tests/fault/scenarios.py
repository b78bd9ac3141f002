"""The commands that fault points lie in, each with what must have been done before it and what must be true after it."""
import json
import signal
import time

import state
from harness.s3_site import S3Site
from harness.site import Site

FINAL = {0: "deployed", 3: "rolled_back", 4: "refused"}


class Broken(Exception):
    """A promise that was not kept."""


def expect(condition, text):
    if not condition:
        raise Broken(text)


class Scenario:
    """One command on one site. `all_points` is false where only points count that no scenario before it passes."""
    name, command, all_points, extra, status, env, passphrase = "", (), False, None, 0, {}, None
    own = ()  # points that count in it whoever else passes them, by the beginnings of their names
    in_short = True  # false where it passes no point that no other does, so --short need not run it

    def site(self, cluster, db, folder):
        state.create(cluster, db)
        site = Site(cluster, db, folder, create=False, passphrase=self.passphrase)
        if self.extra:
            site.add_migrations(self.extra)
        return site

    def prepare(self, site):
        site.holdfast("init", check=0)

    def settle(self, site, states, result):
        """What became of it, brought to an end; raises Broken."""
        raise NotImplementedError

    @staticmethod
    def content(site, states, *allowed):
        seen = state.name_of(states, state.read(site.cluster, site.db))
        expect(seen in allowed, f"the content is {seen}, and should be {' or '.join(allowed)}")
        return seen

    def arguments(self, site):
        return self.command

    def again(self, site, check=0):
        """The command once more, undisturbed."""
        site.holdfast(*self.arguments(site), env=self.env, check=check)


class Deploy(Scenario):
    """Ends in one of the two states, by itself or with resume; and the next deploy works."""
    command, all_points = ("deploy",), True

    def settle(self, site, states, result):
        cycles = site.json("history")["cycles"]
        left = cycles[-1]["state"] if cycles else None
        fenced = cycles and cycles[-1]["fence"] and not cycles[-1]["fence"]["undone"]
        if left in FINAL.values() and not fenced:
            outcome = left
        elif left is None:
            outcome = "never began"
        else:
            refused = site.holdfast("deploy", check=8)
            expect("holdfast resume" in refused.stderr, f"the refusal does not name the way on: {refused}")
            resumed = self.resume(site)
            outcome = site.json("history")["cycles"][-1]["state"]
            expect(outcome == FINAL[resumed.returncode], f"resume ended with {resumed.returncode}, the cycle is {outcome}")
            site.holdfast("resume", check=10)
        if result.returncode in FINAL and left is not None:
            expect(FINAL[result.returncode] == outcome or result.returncode == 4 and outcome == "rolled_back",
                   f"it ended with {result.returncode}, and the cycle is {outcome}")
        self.content(site, states, "after" if outcome == "deployed" else "before")
        beside = [name for name in site.cluster.databases() if name.startswith(site.db + "__hf_")]
        expect(not beside, f"left beside: {beside}")
        self.kept(site, outcome)
        site.holdfast("verify", check=0)
        self.go_on(site, states, outcome)
        return (left or "-") + " -> " + outcome if left != outcome else outcome

    def resume(self, site):
        return site.holdfast("resume", check=tuple(FINAL))

    def kept(self, site, outcome):
        kept = site.failed_databases()
        expect(len(kept) == (outcome == "rolled_back"), f"{outcome}, and kept are: {kept}")
        for name in kept:
            site.cluster.psql(name, "SELECT count(*) FROM local_users")

    def go_on(self, site, states, outcome):
        """The next deploy finds nothing in its way."""
        if self.extra != "good":
            site.remove_migrations(self.extra)
        site.holdfast("deploy", "--retry", check=0)
        self.content(site, states, "after" if self.extra == "good" else "before")


class Good(Deploy):
    name, extra = "good", "good"


class Told(Good):
    """With somebody to tell, who cannot be told."""
    name, all_points, env = "told", False, {"NOBODY": "nowhere://nobody"}

    def prepare(self, site):
        super().prepare(site)
        site.top["notify"] = [{"slack": {"url": {"env": "NOBODY"}}}]
        site.write_config()


class Observed(Good):
    """The checks run once more after their first pass."""
    name, all_points, own = "observed", False, ("deploy.observing",)

    def prepare(self, site):
        super().prepare(site)
        site.write_config(deploy={"observe": {"for": "20ms", "every": "10ms"}})


class Fails(Deploy):
    name, extra, status = "fails", "fail-halfway", 3


class Hooked(Fails):
    """With the operator's programs on the way there and back."""
    name, all_points = "hooked", False

    def prepare(self, site):
        super().prepare(site)
        site.write_config(deploy={"hooks": {"before_snapshot": ["true"], "before_migrate": ["true"], "after_cycle": ["true"]},
                                  "app": {"rollback": ["true"]}})


class Resumed(Deploy):
    """The fault meets the resume of a deploy that was killed."""
    name, command, extra, status = "resumed", ("resume",), "fail-halfway", 3

    def prepare(self, site):
        super().prepare(site)
        site.holdfast("deploy", env={"HOLDFAST_FAULT": "swap.before_rename:kill"}, check=-signal.SIGKILL)


class Fenced(Deploy):
    """Behind a fence, which is down in the end."""
    name, extra, all_points, own = "fenced", "good", False, ("fence.",)
    fence = {"kind": "connections", "from": "snapshot"}

    def prepare(self, site):
        super().prepare(site)
        site.write_config(deploy={"fence": self.fence})


class FencedFails(Fenced):
    """The fence of the failed database comes down as well."""
    name, extra, status = "fenced fails", "fail-halfway", 3
    fence = {"kind": "read_only"}

    def kept(self, site, outcome):
        super().kept(site, outcome)
        for name in site.failed_databases():
            site.cluster.psql(name, "CREATE TABLE writable ()")


class Expires(Deploy):
    """A deploy that succeeds drops the failed database of an earlier one."""
    name, extra, all_points = "expires", "good", False

    def prepare(self, site):
        super().prepare(site)
        site.remove_migrations("good")
        site.add_migrations("fail-halfway")
        site.holdfast("deploy", check=3)
        site.remove_migrations("fail-halfway")
        site.add_migrations("good")
        site.write_config(deploy={"rollback": {"keep_failed": "1s"}})
        time.sleep(1.1)

    def kept(self, site, outcome):
        expect(len(site.failed_databases()) <= 1 + (outcome == "rolled_back"), f"kept are: {site.failed_databases()}")


class TwoSites(Site):
    """A second target, `other`, and a group of both; its name has it dropped with the first."""

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        text = self.config.read_text()
        other = text[text.index("  site:"):].replace("  site:", "  other:").replace("DATABASE_URL", "OTHER_URL")
        self.config.write_text(text + other + "groups: {both: [site, other]}\n")

    @property
    def other(self):
        return self.db + "__other"

    @property
    def env(self):
        return super().env | {"OTHER_URL": self.cluster.url(self.other)}


class Group(Scenario):
    """Two databases in one deploy: both after, or both before."""
    name, command, extra = "group", ("deploy", "--group", "both"), "good"

    def site(self, cluster, db, folder):
        state.create(cluster, db)
        site = TwoSites(cluster, db, folder, create=False)
        state.create(cluster, site.other)
        site.add_migrations(self.extra)
        return site

    def settle(self, site, states, result):
        self.resume(site)
        left = self.content(site, states, "before", "after")
        other = state.name_of(states, state.read(site.cluster, site.other))
        expect(left == other, f"one is {left}, the other is {other}")
        if result.returncode in FINAL:
            expect(left == ("after" if result.returncode == 0 else "before"), f"it ended with {result.returncode}, and is {left}")
        site.holdfast("resume", "--group", "both", check=10)
        self.again_by_itself(site)
        self.content(site, states, "after")
        return left

    def resume(self, site):
        site.holdfast("resume", "--group", "both", check=(0, 3, 4, 10))

    def again_by_itself(self, site):
        site.holdfast("deploy", "--group", "both", "--retry", check=0)


class GroupFails(Group):
    """A check of the second one fails, and the first goes back, too."""
    name, status = "group fails", 3
    check = {"name": "free", "sql": {"query": "SELECT count(*) FROM pg_class WHERE relname = 'lo_in_the_way'", "equals": 1}}

    def site(self, cluster, db, folder):
        site = super().site(cluster, db, folder)
        site.passing = site.config.read_text()
        site.config.write_text(site.passing.replace("  other:\n", f"  other:\n    checks:\n      - {json.dumps(self.check)}\n"))
        return site

    def again_by_itself(self, site):
        site.config.write_text(site.passing)
        super().again_by_itself(site)


class Clone(Deploy):
    """The way back by a copy that was made before."""
    name, extra, status, all_points = "clone", "fail-halfway", 3, False

    def prepare(self, site):
        super().prepare(site)
        site.write_config(deploy={"rollback": {"way": "clone"}})

    def kept(self, site, outcome):
        super().kept(site, outcome)
        site.holdfast("resume", check=10)  # it removes a copy that the end of the deploy could not
        clones = [name for name in site.cluster.databases() if name.startswith(site.db + "__clone_")]
        expect(not clones, f"left: {clones}")


class Cloned(Clone):
    """A deploy that works has made its copy for nothing."""
    name, extra, status = "cloned", "good", 0


class InPlace(Deploy):
    """The way back inside the live database; what failed is a snapshot then."""
    name, extra, status, all_points = "in-place", "fail-halfway", 3, False

    def prepare(self, site):
        super().prepare(site)
        site.write_config(deploy={"rollback": {"way": "in-place"}})

    def kept(self, site, outcome):
        expect(not site.failed_databases(), f"kept are: {site.failed_databases()}")
        states = [s for s in site.json("snapshots")["snapshots"] if (s["label"] or "").startswith("replaced-")]
        expect(bool(states) == (outcome == "rolled_back"), f"{outcome}, and kept are the snapshots {states}")


BLIND = {"name": "blind", "metric": {"url": "http://127.0.0.1:1/", "jq": ".errors", "at_most": 5}}


class Held(Deploy):
    """A check cannot tell, and the deploy waits for somebody's word."""
    name, extra, status, all_points, own = "held", "good", 8, False, ("deploy.",)
    word, allowed, options, in_short = ("resume", "--accept"), ("deployed", "rolled_back", "refused"), {}, False

    def prepare(self, site):
        super().prepare(site)
        site.checks = [BLIND]
        site.write_config(deploy=self.options)

    def settle(self, site, states, result):
        told = super().settle(site, states, result)
        expect(told.split(" -> ")[-1] in self.allowed + ("never began",), f"{told} is not what was decided")
        return told

    def resume(self, site):
        """By itself it goes on with what was decided, or waits for the word again."""
        resumed = site.holdfast("resume", check=(*FINAL, 8))
        if resumed.returncode != 8:
            return resumed
        left = site.json("history")["cycles"][-1]["state"]
        expect(left in ("held", "waiting"), f"it waits as {left}")
        return site.holdfast(*self.word, check=tuple(FINAL))

    def go_on(self, site, states, outcome):
        site.checks = []
        site.write_config()
        super().go_on(site, states, outcome)


class Decided(Held):
    """The fault meets the word."""

    def prepare(self, site):
        super().prepare(site)
        site.holdfast("deploy", check=8)

    def arguments(self, site):
        return self.word


class HeldBack(Decided):
    name, word, status, allowed, own = "held, back", ("resume", "--roll-back"), 3, ("rolled_back",), ("deploy.", "journal.")


class HeldAccepted(Decided):
    """The checks run again with it, and a fault may have one fail; but who stops it does not take it back."""
    name, status, allowed = "held, accepted", 0, ("deployed", "rolled_back")

    def settle(self, site, states, result):
        told = super().settle(site, states, result)
        expect(site.fault != "term" or told.endswith("deployed"), f"it was stopped, and is {told}")
        return told


class FencedHeldBack(HeldBack, Clone):
    """Behind a fence, which stays up meanwhile; by a clone, which stays as well."""
    name, own = "fenced held, back", ("deploy.", "fence.")
    options = {"fence": {"kind": "connections", "from": "snapshot"}, "rollback": {"way": "clone"}}


class FencedHeldAccepted(HeldAccepted, Clone):
    name, options, own = "fenced held, accepted", FencedHeldBack.options, ("deploy.", "fence.", "clone.")


class Waits(Held):
    """What was written is unknown, and the way back waits for somebody's word."""
    name, extra, own = "waits", "fail-halfway", ("journal.",)
    word, allowed = ("resume", "--proceed"), ("rolled_back", "refused")
    options = {"rollback": {"if_written": "hold"}}


class Proceeds(Waits, Decided):
    name, status, allowed, own = "waits, proceeds", 3, ("rolled_back",), ("deploy.", "journal.")


class FencedProceeds(Proceeds, InPlace):
    name, own = "fenced waits, proceeds", ("deploy.", "fence.", "in_place.")
    options = {"fence": {"kind": "read_only"}, "rollback": {"if_written": "hold", "way": "in-place"}}


class HeldGroup(GroupFails):
    """A check of the second one cannot tell, and both wait."""
    name, status, word, allowed = "held group", 8, ("resume", "--group", "both", "--roll-back"), ("before", "after")
    check, own, in_short = BLIND, ("deploy.before_checks",), False

    def resume(self, site):
        if site.holdfast("resume", "--group", "both", check=(*FINAL, 8, 10)).returncode == 8:
            site.holdfast(*self.word, check=tuple(FINAL))

    def settle(self, site, states, result):
        left = super().settle(site, states, result)
        expect(left in self.allowed, f"{left} is not what was decided")
        return left


class HeldGroupBack(HeldGroup):
    name, status, allowed, own = "held group, back", 3, ("before",), ("deploy.", "group.")

    def prepare(self, site):
        super().prepare(site)
        site.holdfast(*self.command, check=8)

    def arguments(self, site):
        return self.word


class HeldGroupAccepted(HeldGroupBack):
    name, status, word, allowed = "held group, accepted", 0, ("resume", "--group", "both", "--accept"), ("before", "after")

    def settle(self, site, states, result):
        left = super().settle(site, states, result)
        expect(site.fault != "term" or left == "after", f"it was stopped, and is {left}")
        return left


class Init(Scenario):
    name, command = "init", ("init", "--config", "fresh/holdfast.yaml")

    def prepare(self, site):
        for folder in ("fresh", "other"):
            (site.directory / folder).mkdir()

    def settle(self, site, states, result):
        left = "written" if (site.directory / "fresh/holdfast.yaml").exists() else "not written"
        self.again(site)
        site.holdfast("init", "--config", "other/holdfast.yaml", check=0)
        fresh, other = ((site.directory / folder / "holdfast.yaml").read_text() for folder in ("fresh", "other"))
        expect(fresh == other, "the configuration is not whole")
        return left


class Beside(Scenario):
    """What is made beside the live tables is whole or not there, and the same command ends it."""

    def prepare(self, site):
        super().prepare(site)
        site.holdfast("backup", check=0)

    def settle(self, site, states, result):
        left = "there" if self.is_there(site, states) else "not there"
        if left == "not there":
            expect(result.returncode != 0, "it ended well, and nothing is there")
            self.again(site)
        expect(self.is_there(site, states), "it is not there after all")
        self.remove(site)
        self.content(site, states, "before")
        return left


class Into(Beside):
    name = "into"

    def arguments(self, site):
        return "restore", "latest", "--into", site.db + "__copy"

    def is_there(self, site, states):
        finished = site.cluster.psql("postgres", "SELECT shobj_description(oid, 'pg_database') = 'the comment' FROM pg_database "
                                                 f"WHERE datname = '{site.db}__copy'")
        return finished == "t" and state.name_of(states, state.read(site.cluster, site.db + "__copy")) == "before"

    def remove(self, site):
        site.cluster.dropdb(site.db + "__copy")


class Table(Beside):
    name, command = "table", ("restore", "latest", "--table", "notes", "--as", "rescue.notes")

    def is_there(self, site, states):
        return site.cluster.psql(site.db, "SELECT to_regclass('rescue.notes') IS NOT NULL") == "t"

    def remove(self, site):
        site.cluster.psql(site.db, "DROP SCHEMA rescue CASCADE")


class Swap(Scenario):
    """restore --swap: the live database is the old one or the snapshot's; if it refuses clients, resume lets them in again."""
    name, command, all_points = "swap", ("restore", "latest", "--swap"), True

    def prepare(self, site):
        super().prepare(site)
        site.holdfast("backup", check=0)
        site.add_migrations("good")
        state.marketplace.apply_extra(site.cluster, site.db, "good")

    def settle(self, site, states, result):
        if site.cluster.psql("postgres", f"SELECT datallowconn FROM pg_database WHERE datname = '{site.db}'") == "f":
            refused = site.holdfast(*self.command, check=30)
            expect("holdfast resume" in refused.stderr, f"the refusal does not name the way on: {refused}")
            site.holdfast("resume", check=0)
        left = self.content(site, states, "before", "after")
        if left == "after":
            expect(result.returncode != 0, "it ended well, and nothing is restored")
            self.again(site)
        self.content(site, states, "before")
        return "swapped" if left == "before" else "not swapped"


class SwapBack(Scenario):
    """The failed database is live again and the restored one kept beside, or the same command makes it so."""
    name, command, extra = "swap-back", ("swap-back", "latest"), "fail-halfway"

    def prepare(self, site):
        super().prepare(site)
        site.holdfast("deploy", check=3)

    def settle(self, site, states, result):
        self.again(site, (0, 10))
        replaced = [name for name in site.cluster.databases() if name.startswith(site.db + "__replaced_")]
        expect(len(replaced) == 1 and not site.failed_databases(), f"beside are {site.cluster.databases()}")
        expect(state.name_of(states, state.read(site.cluster, replaced[0])) == "before", "what was replaced is not what was restored")
        self.content(site, states, "NEITHER")
        return "swapped" if result.returncode == 0 else "swapped after all"


class RestoreInPlace(Swap):
    """restore --in-place: the live database is the old one or the snapshot's, and the same command ends it."""
    name, command, all_points = "restore in place", ("restore", "latest", "--in-place"), False


class Repository(Scenario):
    """What changes the repository alone: done again it works or was done already, and the snapshot is whole all the time."""
    again_status = 0

    def prepare(self, site):
        super().prepare(site)
        site.holdfast("backup", check=0)

    def settle(self, site, states, result):
        self.again(site, (0, self.again_status))
        site.holdfast("verify", check=0)
        site.holdfast("restore", "latest", "--into", site.db + "__copy", check=0)
        expect(state.name_of(states, state.read(site.cluster, site.db + "__copy")) == "before", "the snapshot is not what it was")
        return "done" if result.returncode == 0 else "done again"


class Pin(Repository):
    name, command = "pin", ("pin", "latest")


class Prune(Repository):
    name, command = "prune", ("prune",)

    def prepare(self, site):
        super().prepare(site)
        site.cluster.psql(site.db, "CREATE TABLE passing AS SELECT md5(n::text) FROM generate_series(1, 1000) n")
        site.holdfast("backup", check=0)
        site.cluster.psql(site.db, "DROP TABLE passing")
        site.holdfast("backup", check=0)
        site.write_config(retention={"keep_last": 1})


class Gc(Prune):
    name, command = "gc", ("gc", "--grace", "0s")

    def prepare(self, site):
        super().prepare(site)
        site.holdfast("prune", check=0)
        orphan = site.repository / "proofs" / "site" / "20200101T000000Z-aaaaaa.json"
        orphan.parent.mkdir(parents=True)
        orphan.write_text("{}\n")


class KeyAdd(Repository):
    name, command, passphrase = "key add", ("key", "add", "--new-passphrase-env", "NEW"), "first passphrase"
    env = {"NEW": "second passphrase"}


class KeyRemove(KeyAdd):
    name, again_status = "key remove", 10

    def prepare(self, site):
        super().prepare(site)
        site.key = site.json("key", "add", "--new-passphrase-env", "NEW", env=self.env)["added"]

    def arguments(self, site):
        return "key", "remove", site.key


class Approve(Repository):
    name = "approve"

    def prepare(self, site):
        super().prepare(site)
        public = site.json("approve", "--new-key", "anna.key")["public_key"]
        site.write_config(deploy={"approvers": {"keys": {"anna": public}}})

    def arguments(self, site):
        return "approve", "0" * 64, "--by", "anna", "--key", "anna.key"

    def settle(self, site, states, result):
        left = len(site.json("approve")["approvals"])
        expect(left == (result.returncode == 0), f"it ended with {result.returncode}, and {left} approvals are there")
        return super().settle(site, states, result)


class Export(Repository):
    name, command, again_status = "export", ("export", "latest", "bundle.tar"), 11


class Import(Repository):
    name, command = "import", ("import", "bundle.tar")

    def prepare(self, site):
        super().prepare(site)
        site.holdfast("export", "latest", "bundle.tar", check=0)
        site.repository = site.directory / "other"
        site.write_config()
        site.holdfast("init", check=0)


class Drift(Repository):
    name, command, status, again_status = "drift", ("drift",), 7, 7


class Resolve(Scenario):
    """The ledger's row is there or not, and nothing else has changed."""
    name, extra = "resolve", "good"
    migration = state.marketplace.folders("good")[0].name
    command = ("migrations", "resolve", "--applied", migration)

    def rows(self, site):
        return site.cluster.psql(site.db, f"SELECT count(*) FROM _prisma_migrations WHERE migration_name = '{self.migration}' AND finished_at IS NOT NULL")

    def settle(self, site, states, result):
        left = "resolved" if self.rows(site) == "1" else "not resolved"
        if left == "not resolved":
            self.again(site)
        expect(self.rows(site) == "1", "it is not in the ledger after all")
        site.cluster.psql(site.db, f"DELETE FROM _prisma_migrations WHERE migration_name = '{self.migration}'")
        self.content(site, states, "before")
        return left


class InBucket(Good):
    """The deploy, with its repository in a bucket."""
    name, all_points = "s3", False
    server = None  # set where there is one

    def site(self, cluster, db, folder):
        state.create(cluster, db)
        site = S3Site(cluster, db, folder, self.server, f"s3://backups/{db}")
        site.add_migrations(self.extra)
        return site


SCENARIOS = (Good, Told, Observed, Fails, Hooked, Resumed, Fenced, FencedFails, Expires, Group, GroupFails, Swap, Clone, Cloned, InPlace,
             Held, HeldBack, HeldAccepted, FencedHeldBack, FencedHeldAccepted, Waits, Proceeds, FencedProceeds, HeldGroup, HeldGroupBack,
             HeldGroupAccepted, RestoreInPlace, SwapBack, Init, Into, Table, Pin, Prune, Gc, KeyAdd,
             KeyRemove, Approve, Export, Import, Drift, Resolve, InBucket)
