"""The example in conf/ is a valid configuration."""
from pathlib import Path

from harness import proc

CONF = Path(__file__).resolve().parents[2] / "conf"


def test_the_example_loads(tmp_path):
    text = (CONF / "holdfast.yaml").read_text()
    assert "file:///var/lib/holdfast" in text
    (tmp_path / "holdfast.yaml").write_text(text.replace("file:///var/lib/holdfast", "file://./repo"))
    env = {"DATABASE_URL": "postgresql://u@localhost/d"}
    proc.holdfast("init", cwd=tmp_path, env=env, check=0)
    assert proc.holdfast("snapshots", "--output", "json", cwd=tmp_path, env=env, check=0).json()["snapshots"] == []
