"""Reports of real deploys: as text, JSON, Markdown and one HTML file; the incident; the job's summary."""
import html.parser
import json

VOID = {"meta", "link", "br", "img", "input", "hr"}


class Page(html.parser.HTMLParser):
    """Reads a page strictly: every element is closed in its order."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.attributes, self.words, self.style = [], [], [], [], ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] == "style":
            self.style += data
        else:
            self.words.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())


def page(site, cycle="latest"):
    file = site.directory / "report.html"
    assert site.holdfast("report", cycle, "--html", str(file), check=0).stdout == f"{file}\n"
    made = Page(file.read_text(encoding="utf-8"))
    assert file.read_text(encoding="utf-8") == site.holdfast("report", cycle, "--format", "html", check=0).stdout
    assert not {"script", "link", "img", "iframe", "object", "a"} & set(made.tags)
    names = {name for name, _ in made.attributes}
    assert not {name for name in names if name.startswith("on")} and not {"src", "href"} & names
    assert ("lang", "en") in made.attributes and ("name", "viewport") in made.attributes
    assert "url(" not in made.style and "@import" not in made.style
    for query in ("prefers-color-scheme:dark", "@media print", "max-width"):
        assert query in made.style
    assert made.tags.count("h1") == 1 and made.tags.count("title") == 1
    return made


def migrations(site, **files):
    for name, text in files.items():
        (site.directory / "sql" / f"{name}.sql").write_text(text)


def test_a_success_and_a_rollback(shop):
    summary = shop.directory / "summary.md"
    env = {"GITHUB_STEP_SUMMARY": str(summary)}
    migrations(shop, **{"1_first": "ALTER TABLE invoices ADD COLUMN note text; INSERT INTO invoices SELECT i, 'open' FROM generate_series(701, 712) i;"
                                   "CREATE TABLE \"<b>odd & 'quoted'\" AS SELECT 1 AS a; DELETE FROM invoices WHERE false;"})
    shop.add_checks({"name": "rows", "sql": {"query": "SELECT count(*) FROM invoices", "at_least": 1}},
                    {"name": "only a warning", "severity": "warn", "command": ["sh", "-c", "echo slow; exit 1"]})
    done = shop.holdfast("deploy", env=env, check=0)
    cycle = shop.json("report")["cycle"]
    tables = {table["name"]: table for table in cycle["tables"]}
    assert (tables["invoices"]["rows_before"], tables["invoices"]["rows_after"], tables["invoices"]["exact"]) == (700, 712, True)
    odd = tables["<b>odd & 'quoted'"]
    assert (odd["rows_before"], odd["rows_after"]) == (None, 1)
    finding, = cycle["plan"]["migrations"][0]["findings"]
    assert finding["class"] and finding["explanation"]
    made = page(shop)
    for words in ("Deployed", "migrated and verified", "public.<b>odd & 'quoted'", "+12", "new", "1_first", finding["rule"],
                  "only a warning", "stdout: slow", "What to do next", cycle["snapshot"]):
        assert words in made.text, words
    assert done.stdout.startswith("deployed: migrated and verified\n")
    assert summary.read_text().startswith("# ✅ Deployed")
    assert not (shop.directory / "holdfast-reports").exists()

    # A check whose output is markup; the summary is added to, the incident is written.
    shop.add_checks({"name": "smoke <i>tests</i>", "command": ["sh", "-c", "echo '<script>alert(1)</script> | `x`'; exit 1"]})
    migrations(shop, **{"2_second": "DELETE FROM invoices WHERE id <= 200"})
    back = shop.holdfast("deploy", env=env, check=3)
    assert back.stdout.startswith("ROLLED BACK: ")
    cycle = shop.json("report")["cycle"]
    invoices = next(table for table in cycle["tables"] if table["name"] == "invoices")
    assert (invoices["rows_before"], invoices["rows_after"]) == (712, 512)
    made = page(shop)
    for words in ("Rolled back", "<script>alert(1)</script>", "smoke <i>tests</i>", "−200", cycle["failed_database"], "--retry"):
        assert words in made.text, words
    assert made.text.index("What to do next") < made.text.index("Timeline") < made.text.index("Checks")
    incident, = (shop.directory / "holdfast-reports").iterdir()
    assert incident.name == f"incident-site-{cycle['id']}.md" and str(incident) in back.stderr
    written = incident.read_text()
    assert written.startswith("# ⚠️ Rolled back") and "\\<script\\>alert" in written and "<script>alert" not in written
    assert written == shop.holdfast("report", "--format", "markdown", check=0).stdout
    assert summary.read_text().endswith(written) and summary.read_text().count("# ✅ Deployed") == 1

    # What cannot be written changes nothing else, and is told.
    shop.write_config(deploy={"reports": "/proc/nowhere"})
    again = shop.holdfast("deploy", "--retry", env={"GITHUB_STEP_SUMMARY": "/proc/nowhere/x"}, check=3)
    assert "incident report could not be written" in again.stderr and "/proc/nowhere/x" in again.stderr


def test_a_stuck_cycle_and_its_end(shop, faults):
    migrations(shop, **{"1_bad": "CREATE TABLE half (); SELECT 1/0"})
    stuck = shop.holdfast("deploy", env={"HOLDFAST_FAULT": "swap.before_rename:fail"}, check=5)
    assert stuck.stdout.startswith("STUCK: ") and "division by zero" in stuck.stdout
    made = page(shop)
    for words in ("Stuck", "It began with:", "division by zero", "fault point", "holdfast resume --target site", "Drop no database"):
        assert words in made.text, words
    incident, = (shop.directory / "holdfast-reports").iterdir()
    assert incident.read_text().startswith("# ❌ Stuck")
    shop.holdfast("resume", check=3)
    assert incident.read_text().startswith("# ⚠️ Rolled back")
    made = page(shop)
    assert "Rolled back" in made.text and "resumed by" in made.text
    refused = shop.holdfast("deploy", check=4)
    assert refused.stdout.startswith("refused: nothing was touched")
    assert "there is nothing to undo" in page(shop).text


def test_bad_formats(shop):
    assert "html" in shop.holdfast("report", "--format", "pdf", check=2).stderr
    shop.holdfast("report", "--format", "html", "--html", "x.html", check=2)
    shop.holdfast("report", "--html", "x.html", "--output", "json", check=2)
    assert json.loads(shop.holdfast("report", "--output", "json", check=10).stdout)["error"]["code"] == "NOT_FOUND"
