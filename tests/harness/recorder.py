"""Servers that write down what they are told: HTTP (chat services, dead-man's switches, GitHub's issues) and SMTP.

    with Recorder() as server:
        server.url("/slack")          # what is sent there is in server.requests
        server.answers["/slack"] = [429, 500, 200]    # the statuses of the next requests; the last one stays; "hang": no answer

    with Smtp(tls=(certificate, key), user="u", password="p") as server:
        server.port, server.mails     # dicts with from, to, data, tls, login
"""
import base64
import json
import re
import socket
import socketserver
import ssl
import threading
import time
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Request:
    def __init__(self, method, path, headers, body):
        self.method, self.path, self.headers, self.body, self.at = method, path, headers, body, time.monotonic()

    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"{self.method} {self.path} {self.body[:2000]}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def _answer(self):
        owner = self.server.owner
        body = self.rfile.read(int(self.headers.get("content-length") or 0)).decode("utf-8", "strict")
        request = Request(self.command, self.path, dict(self.headers), body)
        with owner.lock:
            owner.requests.append(request)
            planned = owner.answers.get(self.path.split("?")[0], [200])
            answer = planned.pop(0) if len(planned) > 1 else planned[0]
        if answer == "hang":
            owner.ended.wait(120)
            self.close_connection = True
            return
        headers = {}
        if isinstance(answer, tuple):
            answer, headers = answer
        text = owner.issues.answer(request) if self.path.startswith("/repos/") and answer == 200 else "what was sent is here: " + body
        data = text.encode()
        self.send_response(201 if self.command == "POST" and self.path.startswith("/repos/") and answer == 200 else answer)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = do_PATCH = _answer  # noqa: N815


class Issues:
    """The part of GitHub's issues that is used; it answers as GitHub documents it."""

    def __init__(self):
        self.list, self.lock = [], threading.Lock()

    def answer(self, request):
        path = request.path.split("?")[0]
        assert request.headers["Authorization"] == "Bearer github-token-0123456789", "a wrong token"
        with self.lock:
            comment = re.fullmatch(r"/repos/shop/app/issues/(\d+)/comments", path)
            single = re.fullmatch(r"/repos/shop/app/issues/(\d+)", path)
            if request.method == "GET" and path == "/repos/shop/app/issues":
                query = urllib.parse.parse_qs(urllib.parse.urlsplit(request.path).query)
                return json.dumps([issue for issue in reversed(self.list) if query.get("state") == ["all"] or issue["state"] == "open"])
            if request.method == "POST" and comment:
                self.list[int(comment[1]) - 1]["comments"].append(request.json()["body"])
                return "{}"
            if request.method == "PATCH" and single:
                self.list[int(single[1]) - 1].update(request.json())
                return "{}"
            assert request.method == "POST" and path == "/repos/shop/app/issues", request
            issue = {"number": len(self.list) + 1, "state": "open", "comments": [], **request.json()}
            self.list.append(issue)
            return json.dumps(issue)


class Recorder:
    def __init__(self):
        self.requests, self.answers, self.lock, self.ended, self.issues = [], {}, threading.Lock(), threading.Event(), Issues()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self.server.daemon_threads, self.server.owner = True, self
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.server.shutdown()
        self.server.server_close()

    def url(self, path):
        return f"http://127.0.0.1:{self.port}{path}"

    def to(self, path):
        """The requests to a path, its query aside."""
        with self.lock:
            return [request for request in self.requests if request.path.split("?")[0] == path]


def free_port():
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class _Session(socketserver.StreamRequestHandler):
    def say(self, text):
        self.wfile.write(text.encode() + b"\r\n")

    def line(self):
        return self.rfile.readline().decode().rstrip("\r\n")

    def start_tls(self):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*self.server.owner.tls)
        self.connection = context.wrap_socket(self.connection, server_side=True)
        self.rfile, self.wfile = self.connection.makefile("rb"), self.connection.makefile("wb", buffering=0)

    def handle(self):
        try:
            self.talk()
        except (OSError, ssl.SSLError):
            pass

    def talk(self):
        owner, mail, tls, login = self.server.owner, {"to": []}, False, None
        self.say("220 test ESMTP")
        while line := self.line():
            verb = line.split(" ")[0].upper()
            if verb == "EHLO":
                extensions = (["STARTTLS"] if owner.tls and not tls else []) + (["AUTH PLAIN"] if owner.user and (tls or not owner.tls) else [])
                for extension in ["test", *extensions]:
                    self.say("250-" + extension)
                self.say("250 8BITMIME")
            elif verb == "STARTTLS":
                self.say("220 go")
                self.start_tls()
                tls = True
            elif verb == "AUTH":
                word = line.split(" ")[2] if len(line.split(" ")) > 2 else self.challenge()
                login = base64.b64decode(word).decode().split("\0")[1:]
                self.say("235 welcome" if login == [owner.user, owner.password] else "535 5.7.8 no")
            elif verb == "MAIL":
                refusal = owner.refusals.pop(0) if owner.refusals else None
                mail["from"] = re.search("<(.*?)>", line)[1]
                self.say(refusal or "250 ok")
            elif verb == "RCPT":
                mail["to"].append(re.search("<(.*?)>", line)[1])
                self.say("250 ok")
            elif verb == "DATA":
                self.say("354 send")
                lines = []
                while (data := self.line()) != ".":
                    lines.append(data.removeprefix("."))
                owner.mails.append({**mail, "data": "\r\n".join(lines), "tls": tls, "login": login})
                self.say("250 taken")
            elif verb == "QUIT":
                self.say("221 bye")
                return
            else:
                self.say("502 unknown")

    def challenge(self):
        self.say("334 ")
        return self.line()


class Smtp:
    """`refusals`: answers to the next MAIL FROMs, such as "451 later"."""

    def __init__(self, tls=None, user=None, password=None):
        self.tls, self.user, self.password, self.mails, self.refusals = tls, user, password, [], []
        self.server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Session)
        self.server.daemon_threads, self.server.owner = True, self
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()
