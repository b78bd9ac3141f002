"""A private S3 service: Ceph's radosgw on a memstore OSD, on loopback, not as a system service.

    with Rados() as server:
        server.create_bucket("backups")
        server.url, server.environment()     # the endpoint; the variables that holdfast reads

Needs Debian's ceph-mon, ceph-osd, radosgw and ceph-common (tests/dependencies --s3). What it stores is lost with it. A watchdog
process removes everything when this process goes away, however it goes.
"""
import hashlib
import hmac
import json
import os
import re
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from pathlib import Path

PROGRAMS = ("ceph-mon", "ceph-osd", "radosgw", "radosgw-admin", "ceph-authtool", "monmaptool", "ceph")
WATCHDOG = 'read -r _; kill -9 $(cat "$1"/run/*.pid) 2>/dev/null; sleep 0.3; rm -rf "$1"'

CONFIGURATION = """
[global]
fsid = {fsid}
mon_host = v2:127.0.0.1:{mon_port}
public_addr = 127.0.0.1
ms_bind_port_min = {low_port}
ms_bind_port_max = {high_port}
run_dir = {folder}/run
admin_socket = {folder}/run/$name.asok
log_file = {folder}/log/$name.log
log_to_stderr = false
crash_dir = {folder}/log
keyring = {folder}/keyring
osd_pool_default_size = 1
osd_pool_default_min_size = 1
osd_pool_default_pg_num = 4
osd_pool_default_pgp_num = 4
osd_pool_default_pg_autoscale_mode = off
osd_crush_chooseleaf_type = 0
mon_allow_pool_size_one = true
mon_max_pg_per_osd = 1000
mon_data_avail_crit = 1
mon_data_avail_warn = 2
paxos_propose_interval = 0.05
paxos_min_wait = 0.02
[mon.a]
mon_data = {folder}/mon
[osd.0]
osd_data = {folder}/osd
osd_objectstore = memstore
memstore_device_bytes = 4294967296
[client.rgw]
rgw_data = {folder}/rgw
rgw_frontends = beast {endpoints}
rgw_dns_name = localhost
rgw_thread_pool_size = 32
rgw_enable_usage_log = false
rgw_s3_auth_use_sts = {sts}
rgw_sts_key = a-key-of-16-byte
"""


def missing():
    """Why it cannot run here, or None."""
    absent = [name for name in PROGRAMS if shutil.which(name) is None]
    return f"{', '.join(absent)} not installed (tests/dependencies --s3)" if absent else None


def test_certificate(folder):
    """A certificate authority and a server's certificate for localhost by it: (ca, certificate, key)."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)

    def openssl(*args):
        subprocess.run(["openssl", *map(str, args)], cwd=folder, check=True, capture_output=True)

    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=test CA", "-days", "2")
    openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=localhost")
    (folder / "names").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
    openssl("x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2",
            "-extfile", "names", "-out", "server.pem")
    return folder / "ca.pem", folder / "server.pem", folder / "server.key"


def free_ports(count):
    """So many free ports in a row."""
    for _ in range(200):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            first = probe.getsockname()[1]
        held = []
        try:
            for port in range(first, first + count):
                held.append(socket.socket())
                held[-1].bind(("127.0.0.1", port))
            return first
        except OSError:
            continue
        finally:
            for each in held:
                each.close()
    raise RuntimeError("no free ports in a row")


class Rados:
    access_key, secret_key = "AKIATESTOFHOLDFAST", "secret/of+tests0123456789holdfast0123456"

    def __init__(self, tls=False, sts=False):
        self.folder = Path(tempfile.mkdtemp(prefix="hf-rgw-"))
        for name in ("run", "log", "mon", "osd", "rgw"):
            (self.folder / name).mkdir()
        self.watchdog = subprocess.Popen(["sh", "-c", WATCHDOG, "sh", str(self.folder)], stdin=subprocess.PIPE,
                                         start_new_session=True, cwd="/")
        self.processes = []
        first = free_ports(40)
        self.port, self.tls_port, self.ca = first, None, None
        endpoints = f"endpoint=127.0.0.1:{self.port}"
        if tls:
            self.tls_port = first + 1
            self.ca, certificate, key = test_certificate(self.folder / "tls")
            endpoints += f" ssl_endpoint=127.0.0.1:{self.tls_port} ssl_certificate={certificate} ssl_private_key={key}"
        self.url = f"http://127.0.0.1:{self.port}"
        self.fsid = str(uuid.uuid4())
        (self.folder / "ceph.conf").write_text(CONFIGURATION.format(
            fsid=self.fsid, folder=self.folder, mon_port=first + 2, low_port=first + 3, high_port=first + 39, endpoints=endpoints, sts=str(sts).lower()))
        try:
            self._start()
        except BaseException:
            self.stop()
            raise

    def _run(self, *args):
        result = subprocess.run([*map(str, args)], env={**os.environ, "CEPH_CONF": str(self.folder / "ceph.conf")}, stdin=subprocess.DEVNULL,
                                capture_output=True, text=True, timeout=60, check=False)
        if result.returncode != 0:
            raise RuntimeError(f"{args}: {result.stdout}{result.stderr}")
        return result.stdout

    def _spawn(self, name, *args):
        with open(self.folder / "log" / f"{name}.out", "wb") as log:
            process = subprocess.Popen(args, env={**os.environ, "CEPH_CONF": str(self.folder / "ceph.conf")}, stdin=subprocess.DEVNULL,
                                       stdout=log, stderr=log, start_new_session=True)
        (self.folder / "run" / f"{name}.pid").write_text(f"{process.pid}\n")
        self.processes.append(process)

    def _start(self):
        keyring, monmap = self.folder / "keyring", self.folder / "monmap"
        everything = ("--cap", "mon", "allow *", "--cap", "osd", "allow *", "--cap", "mgr", "allow *")
        self._run("ceph-authtool", "--create-keyring", keyring, "--gen-key", "-n", "mon.", "--cap", "mon", "allow *")
        for name in ("client.admin", "client.rgw"):
            self._run("ceph-authtool", keyring, "--gen-key", "-n", name, *everything)
        self._run("ceph-authtool", keyring, "--gen-key", "-n", "osd.0", "--cap", "mon", "allow profile osd", "--cap", "osd", "allow *")
        mon_port = self.port + 2
        self._run("monmaptool", "--create", "--clobber", "--fsid", self.fsid, "--addv", "a", f"[v2:127.0.0.1:{mon_port}]", monmap)
        self._run("ceph-mon", "-i", "a", "--mkfs", "--monmap", monmap, "--keyring", keyring)
        shutil.copy(keyring, self.folder / "mon" / "keyring")
        self._spawn("mon", "ceph-mon", "-i", "a", "-f")
        osd = str(uuid.uuid4())
        self._run("ceph", "--connect-timeout", "30", "osd", "new", osd, "0")
        self._run("ceph-osd", "-i", "0", "--mkfs", "--osd-uuid", osd)
        self._spawn("osd", "ceph-osd", "-i", "0", "-f")
        self._spawn("rgw", "radosgw", "-n", "client.rgw", "-f")
        self._wait()
        self.add_user("holdfast", self.access_key, self.secret_key)

    def _wait(self, seconds=60):
        deadline = time.monotonic() + seconds
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        while True:
            try:
                opener.open(self.url, timeout=2).close()
                return
            except OSError:
                pass
            if time.monotonic() > deadline or any(process.poll() is not None for process in self.processes):
                raise RuntimeError("radosgw does not answer:\n" + "".join(
                    path.read_text(errors="replace")[-2000:] for path in sorted((self.folder / "log").iterdir()) if path.is_file()))
            time.sleep(0.1)

    def add_user(self, name, access_key, secret_key):
        self._run("radosgw-admin", "-n", "client.rgw", "user", "create", "--uid", name, "--display-name", name,
                  "--access-key", access_key, "--secret-key", secret_key)

    def requests(self):
        """How many it has answered so far."""
        socket_path = next((self.folder / "run").glob("client.rgw*.asok"))
        return json.loads(self._run("ceph", "--admin-daemon", socket_path, "perf", "dump", "rgw"))["rgw"]["req"]

    def set_quota(self, size_bytes):
        """Of each bucket of the one user."""
        self._run("radosgw-admin", "-n", "client.rgw", "quota", "set", "--quota-scope=bucket", "--uid=holdfast", f"--max-size={size_bytes}")
        self._run("radosgw-admin", "-n", "client.rgw", "quota", "enable", "--quota-scope=bucket", "--uid=holdfast")

    def request(self, method, path, body=b"", query="", headers=None, service="s3"):
        """A signed request by an implementation of its own: (status, body)."""
        now = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        digest = hashlib.sha256(body).hexdigest()
        signed = {"host": f"127.0.0.1:{self.port}", "x-amz-content-sha256": digest, "x-amz-date": now}
        canonical = "\n".join([method, path, query, *(f"{name}:{value}" for name, value in signed.items()), "", ";".join(signed), digest])
        scope = f"{now[:8]}/us-east-1/{service}/aws4_request"
        text = f"AWS4-HMAC-SHA256\n{now}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
        key = ("AWS4" + self.secret_key).encode()
        for part in scope.split("/"):
            key = hmac.new(key, part.encode(), hashlib.sha256).digest()
        signature = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
        request = urllib.request.Request(self.url + path + ("?" + query if query else ""), data=body if method in ("PUT", "POST") else None, method=method, headers={
            **signed, "authorization": f"AWS4-HMAC-SHA256 Credential={self.access_key}/{scope}, SignedHeaders={';'.join(signed)}, Signature={signature}",
            **(headers or {})})
        try:
            with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=30) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read()

    def create_bucket(self, name):
        status, body = self.request("PUT", f"/{name}")
        if status != 200:
            raise RuntimeError(f"bucket {name}: {status} {body}")

    def restrict(self, bucket, name, *denied):
        """A second user's environment, who may do all in the bucket but that: "s3:GetObject", … Replaces the bucket's policy."""
        keys = (f"AKIA{name}", f"{name}secret0123456789holdfast")
        self.add_user(name, *keys)
        # The first user is named too: what the second puts is the second's own otherwise.
        rules = (("Allow", "holdfast", ["s3:*"]), ("Allow", name, ["s3:*"]), ("Deny", name, list(denied)))
        policy = {"Version": "2012-10-17", "Statement": [
            {"Effect": effect, "Action": actions, "Principal": {"AWS": f"arn:aws:iam:::user/{user}"},
             "Resource": [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"]} for effect, user, actions in rules]}
        status, body = self.request("PUT", f"/{bucket}", json.dumps(policy).encode(), query="policy=")
        if status not in (200, 204):
            raise RuntimeError(f"policy of {bucket}: {status} {body}")
        return {"AWS_ACCESS_KEY_ID": keys[0], "AWS_SECRET_ACCESS_KEY": keys[1]}

    def _api(self, service, **fields):
        status, body = self.request("POST", "/", urllib.parse.urlencode(fields).encode(), service=service,
                                    headers={"content-type": "application/x-www-form-urlencoded"})
        if status != 200:
            raise RuntimeError(f"{fields}: {status} {body}")
        return body.decode()

    def temporary_keys(self):
        """Real ones, with a session token, that last for a quarter of an hour: {name: value} as STS calls them. Needs sts=True, which makes AccessDenied of many refusals."""
        self._run("radosgw-admin", "-n", "client.rgw", "caps", "add", "--uid", "holdfast", "--caps", "user-policy=*")
        self._api("iam", Action="PutUserPolicy", UserName="holdfast", PolicyName="temporary", PolicyDocument=json.dumps({
            "Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": ["sts:GetSessionToken", "s3:*"], "Resource": "*"}]}))
        answer = self._api("sts", Action="GetSessionToken", Version="2011-06-15", DurationSeconds="900")
        return {name: re.search(f"<{name}>(.*?)</{name}>", answer).group(1)
                for name in ("AccessKeyId", "SecretAccessKey", "SessionToken", "Expiration")}

    def environment(self):
        """For holdfast; without the settings that the caller's environment may hold."""
        cleared = {name: None for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_SHARED_CREDENTIALS_FILE",
                                           "AWS_ROLE_ARN", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CA_BUNDLE", "http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")}
        return {**cleared, "AWS_ACCESS_KEY_ID": self.access_key, "AWS_SECRET_ACCESS_KEY": self.secret_key}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        for process in reversed(self.processes):
            if process.poll() is None:
                process.kill()
            process.wait()
        self.watchdog.stdin.close()
        self.watchdog.wait()
        shutil.rmtree(self.folder, ignore_errors=True)
