"""A program that asks somebody."""
import os
import pty
import select
import time

from . import proc


class Terminal:
    """holdfast at a terminal of its own."""

    def __init__(self, site, *args):
        self.text, environment = "", {**os.environ, **{name: str(value) for name, value in site.env.items() if value is not None}, "NO_COLOR": "1"}
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.chdir(site.directory)
            os.execve(proc.binary(), [proc.binary(), *args], environment)

    def read_until(self, word=None, seconds=120):
        until = time.monotonic() + seconds
        while word is None or word not in self.text:
            assert time.monotonic() < until, self.text
            if select.select([self.fd], [], [], 1)[0]:
                try:
                    got = os.read(self.fd, 65536)
                except OSError:  # the other end is closed
                    got = b""
                if not got:
                    assert word is None, self.text
                    break
                self.text += got.decode()
        return self.text

    def type(self, line):
        """What is read from now on is what came after it."""
        self.text = ""
        os.write(self.fd, line.encode() + b"\n")

    def answer(self, line):
        """The last line: reads to the end, and gives the exit status."""
        self.type(line)
        self.read_until()
        os.close(self.fd)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
