"""The examples in conf/: a valid configuration, and nights that work."""
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from harness import proc

CONF = Path(__file__).resolve().parents[2] / "conf"


def test_the_example_loads(tmp_path):
    text = (CONF / "holdfast.yaml").read_text()
    assert "file:///var/lib/holdfast" in text
    (tmp_path / "holdfast.yaml").write_text(text.replace("file:///var/lib/holdfast", "file://./repo"))
    env = {"DATABASE_URL": "postgresql://u@localhost/d"}
    proc.holdfast("init", cwd=tmp_path, env=env, check=0)
    assert proc.holdfast("snapshots", "--output", "json", cwd=tmp_path, env=env, check=0).json()["snapshots"] == []


def night(name):
    """The commands in a file of conf/, without the configuration."""
    lines = re.findall(r"holdfast ((?:backup|verify|prune|gc)\b[^&;\n]*)", (CONF / name).read_text())
    lines = [line.split(" --config ")[0].strip() for line in lines if "--quiet" in line]
    return [line.split() for line in lines]


def test_a_night(small_site):
    """What the timer runs, twice, with a retention: backup, verify, prune, gc; cron and Kubernetes run the same."""
    small_site.write_config(retention={"keep_last": 1})
    commands = night("holdfast-backup.service")
    assert [command[0] for command in commands] == ["backup", "verify", "prune", "gc"]
    assert commands == night("crontab") == night("holdfast-cronjob.yaml")
    for command in commands * 2:
        small_site.holdfast(*command, check=0)
    assert len(small_site.json("snapshots")["snapshots"]) == 1
    small_site.holdfast("verify", check=0)


def test_the_units_are_sound(tmp_path):
    """systemd-analyze verify finds nothing to say."""
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("systemd-analyze is not installed")
    for name in ("holdfast-backup.service", "holdfast-backup.timer"):
        text = (CONF / name).read_text()
        (tmp_path / name).write_text(text.replace("/usr/local/bin/holdfast", str(proc.binary())))
    assert "Persistent=true" in (tmp_path / "holdfast-backup.timer").read_text()
    result = subprocess.run([analyze, "verify", "--man=no", *sorted(str(path) for path in tmp_path.iterdir())],
                            capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout + result.stderr) == (0, "")


def test_the_cronjob_is_yaml():
    yaml = pytest.importorskip("yaml")
    job = yaml.safe_load((CONF / "holdfast-cronjob.yaml").read_text())
    assert (job["kind"], job["spec"]["concurrencyPolicy"]) == ("CronJob", "Forbid")
    container = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"][0]
    assert container["args"][0].count("holdfast ") == 4
