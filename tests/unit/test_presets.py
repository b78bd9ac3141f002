"""tests/run divides the integration tests between presets: each must be in one of them."""
import json
import re
import sys
from pathlib import Path

root = Path(sys.argv[1])
presets = {preset["name"]: preset for preset in json.loads((root / "CMakePresets.json").read_text())["testPresets"]}
left_out = [re.compile(presets[name]["filter"]["exclude"]["name"]) for name in ("rest", "asan")]
names = ["integration/" + path.stem for path in (root / "tests/integration").glob("test_*.py")]
with_tsan = {"integration/" + path.stem for path in (root / "tests/integration").glob("test_*.py") if "\n# labels: tsan\n" in path.read_text()}
lost = [name for name in sorted(names) if name not in with_tsan and all(pattern.search(name) for pattern in left_out)]
assert names
if lost:
    sys.exit(f"neither rest nor asan nor tsan of CMakePresets.json runs {', '.join(lost)}")
# Cases that need fault points would be skipped in the release build, which has none.
needing = [path.stem for path in (root / "tests/integration").glob("test_*.py") if re.search(r"def test_.*\bfaults\b", path.read_text())]
skipped = [stem for stem in sorted(needing) if left_out[1].search("integration/" + stem)]
assert needing
if skipped:
    sys.exit(f"these need fault points, and asan of CMakePresets.json leaves them out: {', '.join(skipped)}")
