"""What hands out temporary keys on Amazon's machines, and cannot run here: STS, a container's agent, an instance's metadata.

    with KeyServices([keys, …]) as services:
        services.web_identity(folder), services.container(folder), services.metadata()    # the variables that lead there
        services.asked                      # how often keys were given; the last of the list is given again

It is as strict as they are about methods, tokens and forms. `keys` are dicts as Rados.temporary_keys() gives them.
"""
import json
import threading
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

ROLE, IDENTITY, AGENT_TOKEN, METADATA_TOKEN = "arn:aws:iam::123456789012:role/backups", "eyJhbGciOi.J9+/=.c2ln", "agent-token-0123456789", "metadata-token-0123456789=="
ANSWER = """<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleWithWebIdentityResult>
<Credentials>{}</Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>"""
REFUSAL = """<ErrorResponse><Error><Type>Sender</Type><Code>InvalidIdentityToken</Code><Message>made up</Message></Error></ErrorResponse>"""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def _send(self, status, text):
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _keys(self):
        return self.server.owner.next_keys()

    def _json(self):
        keys = self._keys()
        self._send(200, json.dumps({"Code": "Success", "AccessKeyId": keys["AccessKeyId"], "SecretAccessKey": keys["SecretAccessKey"],
                                    "Token": keys["SessionToken"], "Expiration": keys["Expiration"]}))

    def do_PUT(self):  # noqa: N802
        right = self.path == "/latest/api/token" and 1 <= int(self.headers.get("x-aws-ec2-metadata-token-ttl-seconds", "0")) <= 21600
        self._send(200 if right else 400, METADATA_TOKEN if right else "")

    def do_GET(self):  # noqa: N802
        if self.path == "/agent/keys":
            return self._json() if self.headers.get("authorization") == AGENT_TOKEN else self._send(403, "{}")
        if self.headers.get("x-aws-ec2-metadata-token") != METADATA_TOKEN:
            return self._send(401, "")
        if self.path == "/latest/meta-data/iam/security-credentials/":
            return self._send(200, self.server.owner.role)
        return self._json() if self.path == "/latest/meta-data/iam/security-credentials/backup%2Brole" else self._send(404, "")

    def do_POST(self):  # noqa: N802
        form = urllib.parse.parse_qs(self.rfile.read(int(self.headers["content-length"])).decode())
        if form != {"Action": ["AssumeRoleWithWebIdentity"], "Version": ["2011-06-15"], "RoleArn": [ROLE], "RoleSessionName": ["holdfast"], "WebIdentityToken": [IDENTITY]}:
            return self._send(400, REFUSAL)
        keys = self._keys()
        return self._send(200, ANSWER.format("".join(f"<{name}>{value}</{name}>" for name, value in keys.items())))


class KeyServices:
    def __init__(self, keys, role="backup+role"):
        self.keys, self.role, self.asked, self._lock = keys, role, 0, threading.Lock()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self.server.owner = self
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def next_keys(self):
        with self._lock:
            self.asked += 1
            return self.keys[min(self.asked, len(self.keys)) - 1]

    def web_identity(self, folder, identity=IDENTITY):
        (folder / "identity").write_text(identity + "\n")
        return {"AWS_WEB_IDENTITY_TOKEN_FILE": folder / "identity", "AWS_ROLE_ARN": ROLE, "AWS_ENDPOINT_URL_STS": self.url}

    def container(self, folder, token=AGENT_TOKEN):
        (folder / "agent-token").write_text(token + "\n")
        return {"AWS_CONTAINER_CREDENTIALS_FULL_URI": self.url + "/agent/keys", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": folder / "agent-token"}

    def metadata(self):
        return {"AWS_EC2_METADATA_SERVICE_ENDPOINT": self.url + "/", "AWS_EC2_METADATA_DISABLED": "false"}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()
