"""Runs the program under test."""
import json
import os
import shlex
import signal
import subprocess
import tempfile
import time
from pathlib import Path


def binary():
    """The program that HOLDFAST names, else the newest build/*/holdfast above this file."""
    if os.environ.get("HOLDFAST"):
        return os.path.abspath(os.environ["HOLDFAST"])
    for parent in Path(__file__).resolve().parents:
        built = [path for path in parent.glob("build/*/holdfast") if path.is_file() and os.access(path, os.X_OK)]
        if built:
            return str(max(built, key=lambda path: path.stat().st_mtime))
    raise FileNotFoundError("no holdfast was built; build it or set HOLDFAST")


class Result:
    def __init__(self, args, returncode, stdout, stderr):
        self.args, self.returncode, self.stdout, self.stderr = args, returncode, stdout, stderr

    def json(self):
        """The document on standard output."""
        try:
            return json.loads(self.stdout)
        except ValueError as error:
            raise AssertionError(f"not JSON ({error}):\n{self}") from None

    def __str__(self):
        return (f"$ {shlex.join(map(str, self.args))}\n-> {self.returncode}\n--- stdout ---\n{_shorten(self.stdout)}\n"
                f"--- stderr ---\n{_shorten(self.stderr)}")

    __repr__ = __str__


def _shorten(text, limit=20000):
    return text if len(text) <= limit else text[: limit // 2] + "\n[…]\n" + text[-limit // 2:]


def environment(env=None):
    """This process's environment with `env` on top; a value of None removes a variable."""
    merged = {**os.environ, **(env or {})}
    return {name: str(value) for name, value in merged.items() if value is not None}


def sanitized():
    """Was the binary built with a sanitizer? Then it is slow, and large."""
    return any(name in Path(binary()).read_bytes() for name in (b"__asan_init", b"__tsan_init"))


def spawn(*args, cwd=None, env=None, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE):
    """Starts holdfast in a process group of its own; the Popen, for tests that send signals."""
    here = {"XDG_STATE_HOME": Path(cwd or tempfile.gettempdir()) / ".state"}
    return subprocess.Popen([binary(), *map(str, args)], cwd=cwd, env=environment({**here, **(env or {})}), stdin=stdin, stdout=stdout, stderr=stderr,
                            text=True, errors="replace", start_new_session=True)


def kill(process, number=signal.SIGKILL):
    """A signal to the process's whole group."""
    try:
        os.killpg(process.pid, number)
    except ProcessLookupError:
        pass


def holdfast(*args, cwd=None, env=None, check=None, timeout=120, stdin=subprocess.DEVNULL):
    """Runs holdfast to its end. `check`: the expected exit status, or a tuple of them; True means 0."""
    process = spawn(*args, cwd=cwd, env=env, stdin=stdin)
    try:
        stdout, stderr = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        kill(process)
        stdout, stderr = process.communicate()
        raise AssertionError(f"no end after {timeout} s:\n{Result(process.args, process.returncode, stdout, stderr)}") from None
    except BaseException:
        kill(process)
        process.wait()
        raise
    result = Result(process.args, process.returncode, stdout, stderr)
    if check is not None and check is not False:
        expected = (0,) if check is True else check if isinstance(check, tuple) else (check,)
        if result.returncode not in expected:
            raise AssertionError(f"exit status {result.returncode}, expected {' or '.join(map(str, expected))}:\n{result}")
    return result


def wait_until_stopped(process):
    """Until it stands at its fault point."""
    _, status = os.waitpid(process.pid, os.WUNTRACED)
    assert os.WIFSTOPPED(status)


def wait_for(condition, timeout=30):
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)
