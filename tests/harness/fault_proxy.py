"""An HTTP proxy in front of one server that harms what passes, as told.

    with FaultProxy(target_port) as proxy:
        proxy.plan = [("PUT", 2, "503")]          # every second PUT
        ... proxy.url ...; proxy.hits             # how often a fault was done

It passes requests on as they are, the Host header included, so signatures made for the proxy's address do not fit the server's:
the server must accept any host name in its requests (radosgw does, in path style).
"""
import re
import socket
import threading
import time
import urllib.parse

FAULTS = ("500", "503", "503-retry-after", "delay", "reset-request", "reset-reply", "drop-reply", "truncate", "flip-request", "flip-reply", "stall")


class Closed(Exception):
    pass


class Connection:
    """One side, read message by message."""

    def __init__(self, sock, rate=None):
        self.sock, self.rest, self.rate = sock, b"", rate

    def _more(self):
        data = self.sock.recv(1 << 16)
        self._pause(len(data))
        if not data:
            raise Closed
        self.rest += data

    def _pause(self, count):
        if self.rate:
            time.sleep(count / self.rate)

    def send(self, data):
        for at in range(0, len(data), 1 << 16) if self.rate else ():
            self.sock.sendall(data[at:at + (1 << 16)])
            self._pause(1 << 16)
        if not self.rate:
            self.sock.sendall(data)

    def head(self):
        while b"\r\n\r\n" not in self.rest:
            self._more()
        head, self.rest = self.rest.split(b"\r\n\r\n", 1)
        return head + b"\r\n\r\n"

    def take(self, count):
        while len(self.rest) < count:
            self._more()
        data, self.rest = self.rest[:count], self.rest[count:]
        return data

    def chunks(self):
        """A chunked body as it was sent."""
        whole = b""
        while True:
            while b"\r\n" not in self.rest:
                self._more()
            line, self.rest = self.rest.split(b"\r\n", 1)
            size = int(line.split(b";")[0], 16)
            whole += line + b"\r\n" + self.take(size + 2)
            if size == 0:
                return whole

    def close(self):
        try:
            self.sock.close()
        except OSError:
            pass

    def reset(self):
        """RST instead of FIN."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.close()


def header(head, name):
    for line in head.split(b"\r\n")[1:]:
        key, _, value = line.partition(b":")
        if key.strip().lower() == name:
            return value.strip()
    return None


def flip(data):
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 0x10]) + data[middle + 1:] if data else data


def hide(head, body, pattern):
    """The answer to a listing, without the keys in which the pattern is found."""
    if b"chunked" in head:
        whole = b""
        while body:
            size, _, body = body.partition(b"\r\n")
            whole, body = whole + body[:int(size, 16)], body[int(size, 16) + 2:]
        body = whole
    body = re.sub(rb"<Contents>.*?</Contents>", lambda found: b"" if re.search(pattern, urllib.parse.unquote_to_bytes(found.group(0))) else found.group(0), body, flags=re.DOTALL)
    head = re.sub(rb"(?i)\r\n(transfer-encoding|content-length):[^\r]*", b"", head)
    return head[:-2] + b"Content-Length: " + str(len(body)).encode() + b"\r\n\r\n", body


def another_region(region, status, head, method):
    """What Amazon documents: AuthorizationHeaderMalformed names the region in its text, PermanentRedirect in a header."""
    signed = re.search(rb"Credential=[^/]*/[0-9]*/([^/]*)/", head).group(1).decode()
    if status == 400:
        text = (f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>AuthorizationHeaderMalformed</Code><Message>The authorization header is malformed; '
                f"the region '{signed}' is wrong; expecting '{region}'</Message><Region>{region}</Region><RequestId>0</RequestId><HostId>0</HostId></Error>")
    else:
        text = ('<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>PermanentRedirect</Code><Message>The bucket you are attempting to access must be addressed '
                f"using the specified endpoint. Please send all future requests to this endpoint.</Message><Endpoint>backups.s3.{region}.amazonaws.com</Endpoint>"
                "<Bucket>backups</Bucket><RequestId>0</RequestId><HostId>0</HostId></Error>")
    more = f"x-amz-bucket-region: {region}\r\n" if status == 301 or method == "HEAD" else ""
    body = "" if method == "HEAD" else text
    return f"HTTP/1.1 {status} Made Up\r\n{more}Content-Type: application/xml\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()


class FaultProxy:
    def __init__(self, target_port, slow=0.3, stall=8, rate=None):
        """`rate`: bytes a second and connection, both ways."""
        self.target_port, self.slow, self.stall_seconds, self.rate = target_port, slow, stall, rate
        self.plan, self.hits, self.requests = [], 0, 0
        self.region = None  # the bucket's, and how a request signed for another one is answered: ("eu-west-1", 400 or 301)
        self.hidden = None  # a pattern: listings leave out the keys in which it is found
        self._seen, self._lock = {}, threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self.listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.close()

    def set(self, *plan):
        """(method, "LIST" or "*", every n-th such request, fault), …; counting begins anew. A fault is one of FAULTS, or "400 ExpiredToken"."""
        with self._lock:
            self.plan, self.hits, self.requests, self._seen = list(plan), 0, 0, {}

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(Connection(client, self.rate),), daemon=True).start()

    def _choose(self, method):
        with self._lock:
            self.requests += 1
            for index, (wanted, every, fault) in enumerate(self.plan):
                if wanted not in ("*", method):
                    continue
                self._seen[index] = self._seen.get(index, 0) + 1
                if self._seen[index] % every == 0:
                    self.hits += 1
                    return fault
        return None

    def _serve(self, client):
        server = None
        try:
            server = Connection(socket.create_connection(("127.0.0.1", self.target_port)))
            while self._exchange(client, server):
                pass
        except (Closed, OSError, ValueError):
            pass
        finally:
            client.close()
            if server is not None:
                server.close()

    def _exchange(self, client, server):
        """One request and its answer; False if the connection is over."""
        head = client.head()
        method, path = head.split(b" ", 2)[:2]
        method = method.decode()
        body = client.take(int(header(head, b"content-length") or 0))
        if self.region is not None and b"/%s/s3/aws4_request" % self.region[0].encode() not in head:
            self.hits += 1
            client.sock.sendall(another_region(*self.region, head, method))
            return True
        fault = self._choose("LIST" if b"list-type=2" in path else method)
        if fault is not None and fault[0].isdigit():
            code = {"500": "InternalError", "503": "SlowDown"}.get(fault[:3]) or fault[4:]
            text = b"<Error><Code>" + code.encode() + b"</Code><Message>made up</Message></Error>"
            more = b"Retry-After: 1\r\n" if fault.endswith("after") else b""
            client.sock.sendall(b"HTTP/1.1 " + fault[:3].encode() + b" Made Up\r\n" + more + b"Content-Type: application/xml\r\nContent-Length: " +
                                (b"0\r\n\r\n" if method == "HEAD" else str(len(text)).encode() + b"\r\n\r\n" + text))
            return True
        if fault == "delay":
            time.sleep(self.slow)
        if fault == "stall":
            time.sleep(self.stall_seconds)
            return False
        if fault == "reset-request":
            server.sock.sendall(head + body[:len(body) // 2])
            client.reset()
            return False
        if fault == "flip-request":
            body = flip(body)
        server.sock.sendall(head + body)
        return self._answer(method, fault, client, server, self.hidden if b"list-type=2" in path else None)

    @staticmethod
    def _answer(method, fault, client, server, hidden):
        head = server.head()
        status = int(head.split(b" ", 2)[1])
        if method == "HEAD" or status in (204, 304):
            body = b""
        elif header(head, b"transfer-encoding") == b"chunked":
            body = server.chunks()
        else:
            body = server.take(int(header(head, b"content-length") or 0))
        if fault == "drop-reply":
            return False
        if fault == "reset-reply":
            client.sock.sendall((head + body)[: (len(head) + len(body)) // 2])
            client.reset()
            return False
        if fault == "truncate":
            client.sock.sendall(head + body[: len(body) // 2] if body else head[: len(head) // 2])
            return False
        if fault == "flip-reply":
            body = flip(body)
        if hidden is not None:
            head, body = hide(head, body, hidden)
        client.send(head + body)
        return (header(head, b"connection") or b"").lower() != b"close"
