"""Starts the sample application and waits until it answers."""
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

PROGRAM = Path(__file__).resolve().parents[2] / "fixtures" / "marketplace" / "app.py"


class Answer:
    def __init__(self, status, body):
        self.status, self.body = status, body

    def json(self):
        return json.loads(self.body)


class App:
    """`with App(database_url) as app: app.get("/healthz").status`. With `leave`, it outlives this process unless stopped."""

    def __init__(self, database_url, *, port=0, leave=False, timeout=20):
        self.log = tempfile.TemporaryFile()
        self.port = port
        with tempfile.TemporaryDirectory(prefix="hf-app-") as directory:
            port_file = directory + "/port"
            arguments = [sys.executable, "-I", str(PROGRAM), "--port", str(port), "--port-file", port_file]
            if not leave:
                arguments.append("--until-eof")
            self.process = subprocess.Popen(
                arguments, cwd="/", env={**os.environ, "DATABASE_URL": database_url}, start_new_session=True,
                stdin=subprocess.DEVNULL if leave else subprocess.PIPE, stdout=self.log, stderr=self.log)
            try:
                self._wait(port_file, time.monotonic() + timeout)
            except BaseException:
                self.stop()
                raise

    def _wait(self, port_file, deadline):
        while not os.path.exists(port_file):
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.log.seek(0)
                raise RuntimeError("the application did not start:\n" + self.log.read().decode(errors="replace"))
            time.sleep(0.02)
        self.port = int(Path(port_file).read_text(encoding="ascii"))
        self.url = f"http://127.0.0.1:{self.port}"
        self.get("/")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def get(self, path, *, headers=None, timeout=30):
        """The answer, whatever its status."""
        request = urllib.request.Request(self.url + path, headers=headers or {})
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=timeout) as response:
                return Answer(response.status, response.read().decode())
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, error.read().decode())

    def stop(self):
        if self.process.stdin:
            self.process.stdin.close()
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.log.close()
