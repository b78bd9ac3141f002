"""The README's tables say what the program says: exit statuses (src/base/error.def), commands (src/cli/cli.c) and the rules of the
lint (src/migrations/rules.def)."""
import re
import sys
from pathlib import Path

root = Path(sys.argv[1])
readme = (root / "README.md").read_text(encoding="utf-8")


def table(name):
    part = re.search(rf"<!-- {name} -->\n(.*?)<!-- end -->", readme, re.S)
    if part is None:
        sys.exit(f"README.md has no part called {name!r}")
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in part[1].splitlines()[2:]]


def differ(what, said, is_so):
    for row in said:
        if row not in is_so:
            print(f"README.md, {what}: {row} is not so")
    for row in is_so:
        if row not in said:
            print(f"README.md, {what}: {row} is missing")
    return said != is_so


errors = re.findall(r'^HF_ERR\((\w+), (\d+), \w+, "(.*)"\)', (root / "src/base/error.def").read_text(), re.M)
statuses = [["0", "OK", "done"]] + [[status, name, meaning] for name, status, meaning in errors]
listed = re.search(r"hf_commands\[\] = \{(.*?)\};", (root / "src/cli/cli.c").read_text(), re.S)[1]
commands = [name.replace("_", "-") for name in re.findall(r"hf_command_(\w+)", listed)]
rules = [[name, kind.lower(), "".join(re.findall(r'"(.*?)"\s*', text))] for name, kind, text in re.findall(
    r'HF_RULE\(\w+, "([^"]+)", (\w+),\s*((?:"[^"]*"\s*)+),', (root / "src/migrations/rules.def").read_text())]
if len(rules) != (root / "src/migrations/rules.def").read_text().count("\nHF_RULE("):
    sys.exit("not every rule could be read; has the form of rules.def changed?")
if len(statuses) < 20 or len(commands) < 10:
    sys.exit("the sources could not be read; has their form changed?")

bad = differ("exit statuses", table("exit statuses"), statuses)
bad |= differ("commands", [row[0].removeprefix("`holdfast ").rstrip("`") for row in table("commands")], commands)
bad |= differ("rules", [row[:3] for row in table("rules")], rules)
sys.exit(bad)
