"""The whole program on a real S3 service: backups, restores, a deploy put back; bad input."""
import contextlib
import os
import socket
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer, ThreadingHTTPServer

import pytest

from harness import s3
from harness.fault_proxy import FaultProxy
from harness.s3_site import remote, restored_equals, server  # noqa: F401

pytestmark = pytest.mark.skipif(s3.missing() is not None, reason=str(s3.missing()))


def test_the_life_of_a_repository(remote):
    assert remote.json("init")["repository"]["created"] is True
    assert remote.json("init")["repository"]["created"] is False
    remote.holdfast("doctor", check=0)
    first = remote.json("backup")["snapshot"]
    assert first["chunks_new"] > 0
    again = remote.json("backup")["snapshot"]
    assert again["chunks_new"] == 0
    assert [each["id"] for each in remote.json("snapshots")["snapshots"]].count(first["id"]) == 1
    remote.holdfast("verify", "--full", check=0)
    restored_equals(remote)
    assert remote.json("diff", "latest", "live")["equal"] is True
    # Nothing is left beside the repository's own keys, and no secret is in it or in what is written.
    _, listing = remote.server.request("GET", "/backups/", query=f"list-type=2&prefix={remote.db}%2F")
    assert b".hf-tmp-" not in listing and b"/locks/" not in listing and b"/snapshots/site/" in listing
    result = remote.holdfast("backup", "--verbose", check=0)
    assert remote.server.secret_key not in result.stdout + result.stderr


@pytest.mark.long
def test_an_encrypted_repository(remote):
    remote.passphrase = "correct horse battery staple"
    remote.use()
    assert remote.json("init")["repository"]["encrypted"] is True
    assert remote.json("backup", "--label", "wedding")["snapshot"]["chunks_new"] > 0
    assert remote.json("backup")["snapshot"]["chunks_new"] == 0
    remote.holdfast("verify", "--full", check=0)
    restored_equals(remote, "label:wedding")
    assert remote.holdfast("snapshots", env={"HOLDFAST_PASSPHRASE": "not the right one"}, check=23).stdout == ""


@pytest.mark.long
def test_prune_and_gc_in_an_encrypted_repository(remote):
    """Names are HMACs, documents are sealed, times are the service's; and nobody is left present."""
    remote.passphrase = "correct horse battery staple"
    remote.use()
    remote.write_config(retention={"keep_last": 1})
    remote.holdfast("init", check=0)
    first = remote.json("backup")["snapshot"]["id"]
    remote.cluster.psql(remote.db, "CREATE TABLE later AS SELECT n, md5(n::text) FROM generate_series(1, 5000) n")
    remote.json("backup")
    remote.cluster.psql(remote.db, "UPDATE later SET n = -n")
    last = remote.json("backup")["snapshot"]["id"]
    remote.holdfast("pin", first, check=0)
    assert remote.json("prune")["targets"][0]["removed"] == 1
    young = remote.json("gc")["gc"]
    assert young["removed"] == 0 and young["young"]["objects"] > 0
    assert remote.json("gc", "--grace", "0s")["gc"]["removed"] == young["young"]["objects"]
    assert remote.json("verify", "--sample", "1/7")["orphans"] == []
    assert [each["id"] for each in remote.json("snapshots")["snapshots"]] == [first, last]
    remote.holdfast("verify", "--full", check=0)
    restored_equals(remote)
    _, listing = remote.server.request("GET", "/backups/", query=f"list-type=2&prefix={remote.db}%2F")
    assert b"/locks/" not in listing


def test_a_deploy_that_fails_is_put_back(remote):
    remote.holdfast("init", check=0)
    remote.add_migrations("fail-halfway")
    document = remote.holdfast("deploy", "--output", "json", check=3).json()
    assert document["cycle"]["state"] == "rolled_back"
    assert remote.json("history")["cycles"]
    remote.holdfast("diff", "latest", "live", check=0)


def test_tls(remote, tmp_path):
    remote.use(endpoint=f"https://localhost:{remote.server.tls_port}", ca_file=str(remote.server.ca))
    remote.holdfast("init", check=0)
    remote.holdfast("backup", check=0)
    remote.holdfast("verify", check=0)
    other, _, _ = s3.test_certificate(tmp_path / "other")
    for options, env in (({"ca_file": str(other)}, {}), ({"ca_file": str(tmp_path / "none")}, {})):
        remote.use(**options)
        error = remote.holdfast("snapshots", "--output", "json", check=2, env=env).json()["error"]
        assert "certificate" in error["message"] and "ca_file" in error["hint"]


class _Tunnel(BaseHTTPRequestHandler):
    """A proxy that knows CONNECT alone."""

    def do_CONNECT(self):  # noqa: N802
        host, port = self.path.rsplit(":", 1)
        self.server.tunnels += 1
        with socket.create_connection((host, int(port))) as there:
            self.send_response(200)
            self.end_headers()

            def pump(source, sink):
                with contextlib.suppress(OSError):
                    while data := source.recv(1 << 16):
                        sink.sendall(data)
                    sink.shutdown(socket.SHUT_WR)

            threading.Thread(target=pump, args=(there, self.connection), daemon=True).start()
            pump(self.connection, there)

    def log_message(self, *_):
        pass


@pytest.mark.long
def test_by_way_of_a_proxy(remote):
    remote.use(endpoint=f"https://localhost:{remote.server.tls_port}", ca_file=str(remote.server.ca))
    proxy = ThreadingHTTPServer(("127.0.0.1", 0), _Tunnel)
    proxy.tunnels = 0
    threading.Thread(target=proxy.serve_forever, daemon=True).start()
    env = {"https_proxy": f"http://127.0.0.1:{proxy.server_port}"}
    try:
        remote.holdfast("init", env=env, check=0)
        remote.holdfast("backup", env=env, check=0)
        through = proxy.tunnels
        assert 0 < through <= 8                          # connections are kept: one a worker and verifier, not one a request
        remote.holdfast("snapshots", env={**env, "no_proxy": "localhost"}, check=0)
        assert proxy.tunnels == through
    finally:
        proxy.shutdown()
        proxy.server_close()


@pytest.mark.long
def test_keys_from_the_credentials_file(remote, tmp_path):
    server = remote.server
    path = tmp_path / "credentials"
    path.write_text(f"[default]\naws_access_key_id = WRONG\naws_secret_access_key = wrong\n\n# backups\n[ night ]\n"
                    f"aws_access_key_id={server.access_key}\naws_secret_access_key = {server.secret_key} \n")
    without = {"AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None, "AWS_SHARED_CREDENTIALS_FILE": path}
    remote.holdfast("init", env={**without, "AWS_PROFILE": "night"}, check=0)
    assert remote.holdfast("snapshots", "--output", "json", env=without, check=22).json()["error"]["hint"]
    remote.use(profile="night")
    remote.holdfast("snapshots", env={**without, "AWS_ACCESS_KEY_ID": "OTHER", "AWS_SECRET_ACCESS_KEY": "other"}, check=0)
    remote.use(profile="noon")
    assert '"noon"' in remote.holdfast("snapshots", "--output", "json", env=without, check=22).json()["error"]["message"]
    error = remote.holdfast("snapshots", "--output", "json", env={**without, "AWS_SHARED_CREDENTIALS_FILE": tmp_path / "none"}).json()["error"]
    assert error["code"] != "OK" and "none" in error["message"]


class _Web(BaseHTTPRequestHandler):
    def do_GET(self):  # noqa: N802
        body = b"<html><body>Welcome</body></html>"
        self.send_response(self.server.status)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def test_bad_input_gets_a_clear_error(remote):
    server = remote.server
    remote.holdfast("init", check=0)
    remote.holdfast("backup", check=0)

    def error_of(status, *words, env=None, command="backup"):
        result = remote.holdfast(command, "--output", "json", env=env, check=status)
        error = result.json()["error"]
        assert error["hint"] and all(word in error["message"] + error["hint"] for word in words), result
        assert server.secret_key not in result.stdout + result.stderr
        return error

    error_of(22, "SignatureDoesNotMatch", "secret key", env={"AWS_SECRET_ACCESS_KEY": "not/the+right/one0000000000000000000000"})
    error_of(22, "InvalidAccessKeyId", "AWS_ACCESS_KEY_ID", env={"AWS_ACCESS_KEY_ID": "AKIANOBODY"})
    server.add_user("stranger" + remote.db, "AKIASTRANGER" + remote.db, "strangersecret0123456789")
    error_of(22, "AccessDenied", "s3:GetObject", env={"AWS_ACCESS_KEY_ID": "AKIASTRANGER" + remote.db, "AWS_SECRET_ACCESS_KEY": "strangersecret0123456789"})
    right = remote.s3["url"]
    remote.s3["url"] = "s3://no-such-bucket/x"
    remote.use()
    for command in ("init", "backup", "snapshots"):
        error_of(2, '"no-such-bucket"', "create it", command=command)
    remote.s3["url"] = "s3://backups/empty"
    remote.use()
    error_of((10, 13), "holdfast init", command="snapshots")
    # Somebody else's files.
    assert server.request("PUT", "/backups/foreign/photo.jpg", b"x")[0] == 200
    remote.s3["url"] = "s3://backups/foreign"
    remote.use()
    error_of(13, command="init")
    remote.s3["url"] = right
    web = HTTPServer(("127.0.0.1", 0), _Web)
    threading.Thread(target=web.serve_forever, daemon=True).start()
    try:
        for web.status in (200, 404, 403):
            remote.use(endpoint=f"http://127.0.0.1:{web.server_port}")
            error_of(2, "not like an S3 service", "endpoint", command="snapshots")
    finally:
        web.shutdown()
        web.server_close()
    remote.use(endpoint=f"http://127.0.0.1:{remote.cluster.port}")
    assert "tries" in error_of(20, "endpoint", command="snapshots")["message"]
    remote.use(endpoint=server.url)
    restored_equals(remote)


@pytest.mark.long
def test_the_bucket_s_region(remote):
    """What is not configured is learned from the refusal, once; what is configured wrongly is told."""
    with FaultProxy(remote.server.port) as proxy:
        proxy.region = ("eu-west-1", 400)
        remote.use(endpoint=proxy.url)
        remote.holdfast("init", check=0)
        proxy.hits = 0
        remote.holdfast("backup", check=0)
        assert 0 < proxy.hits <= 8                       # those that were under way when it was learned
        for status in (400, 301):
            proxy.region = ("eu-west-1", status)
            remote.use(region="auto")
            assert len(remote.json("snapshots")["snapshots"]) == 1
            remote.use(region="us-east-1")
            error = remote.holdfast("snapshots", "--output", "json", check=2).json()["error"]
            assert "region" in error["hint"] and ("eu-west-1" in error["message"] or "PermanentRedirect" in error["message"])
            remote.use(region="eu-west-1")
            proxy.hits = 0
            remote.holdfast("verify", "--full", check=0)
            assert proxy.hits == 0


def test_a_listing_that_lies(remote):
    """gc and prune remove nothing; `latest` is the latest; nothing is lost."""
    remote.write_config(retention={"keep_last": 1})
    remote.holdfast("init", check=0)
    ids = []
    for n in range(3):
        remote.cluster.psql(remote.db, f"CREATE TABLE later{n} AS SELECT n, md5((n * {n + 7})::text) FROM generate_series(1, 5000) n")
        ids.append(remote.json("backup")["snapshot"]["id"])
        remote.cluster.psql(remote.db, f"DROP TABLE later{n}")
    remote.holdfast("prove", ids[1], check=0)
    with FaultProxy(remote.server.port) as proxy:
        remote.use(endpoint=proxy.url)
        for hidden, command in ((f"snapshots/site/{ids[0]}", "gc"), (f"{ids[1]}|/inventory/", "gc"), ("/locks/present/", "gc"), ("/proofs/", "prune")):
            proxy.hidden = hidden.encode()
            args = ("--grace", "0s") if command == "gc" else ()
            error = remote.holdfast(command, *args, "--output", "json", check=20).json()["error"] if command == "gc" else \
                remote.holdfast(command, "--output", "json", check=20).json()["targets"][0]["error"]
            assert "listing" in error["message"] and error["hint"]
        proxy.hidden = f"{ids[2]}|/inventory/".encode()
        assert remote.json("show", "latest")["snapshot"]["id"] == ids[2]
        proxy.hidden = None
        assert len(remote.json("snapshots")["snapshots"]) == 3
        remote.holdfast("verify", "--full", check=0)
        assert remote.json("prune")["targets"][0]["removed"] == 1
        assert remote.json("gc", "--grace", "0s")["gc"]["removed"] > 0
        remote.holdfast("verify", "--full", check=0)


@pytest.mark.long
def test_a_clock_that_is_off_is_corrected(remote):
    """By 30 minutes, with libfaketime where it is installed."""
    library = subprocess.run(["sh", "-c", "ls /usr/lib/*/faketime/libfaketime.so.1 2>/dev/null"], capture_output=True, text=True, check=False).stdout.strip()
    if not library:
        pytest.skip("libfaketime is not installed")
    for offset in ("-30m", "+30m"):
        env = {"LD_PRELOAD": library, "FAKETIME": offset, "DONT_FAKE_MONOTONIC": "1",
               "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"}
        remote.holdfast("init", env=env, check=0)
        remote.holdfast("snapshots", env=env, check=0)


@pytest.mark.long
def test_a_quota(remote):
    server = remote.server
    remote.holdfast("init", check=0)
    remote.holdfast("backup", check=0)
    server.set_quota(1)
    try:
        remote.cluster.psql(remote.db, "CREATE TABLE more AS SELECT md5(i::text) FROM generate_series(1, 5000) i")
        error = remote.holdfast("backup", "--output", "json", check=21).json()["error"]
        assert "QuotaExceeded" in error["message"] and "quota" in error["hint"]
    finally:
        server.set_quota(-1)
    remote.holdfast("backup", check=0)
    remote.holdfast("verify", check=0)
