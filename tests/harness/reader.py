"""A reader of repositories after src/repository/FORMAT.md alone: it shares no code with holdfast, and is told nothing else."""
import hashlib
import hmac
import json
import subprocess
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF


def canonical(document, *without):
    """Of documents whose texts hold no control character but those with a short escape."""
    document = {name: value for name, value in document.items() if name not in without}
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def digest(document, *without):
    return hashlib.sha256(canonical(document, *without)).hexdigest()


def unseal(key, what, value):
    return AESGCM(key).decrypt(value[:12], value[12:], what.encode())


class WrongPassphrase(Exception):
    pass


class Repository:
    def __init__(self, folder, passphrase=None):
        self.folder, self.keys = Path(folder), None
        about = json.loads((self.folder / "holdfast.json").read_bytes())
        assert about["holdfast"] == "repository" and about["format"] == 1
        encryption = about.get("encryption")
        assert (encryption is None) == (passphrase is None)
        if encryption is not None:
            assert encryption == {"cipher": "aes-256-gcm", "names": "hmac-sha-256"}
            key = self._repository_key(about["id"], passphrase.encode())
            self.keys = {name: HKDF(hashes.SHA256(), 32, None, b"holdfast " + name.encode()).derive(key)
                         for name in ("names", "objects", "documents")}

    def _repository_key(self, repository, passphrase):
        for path in sorted(self.folder.glob("keys/*.json")):
            document = json.loads(path.read_bytes())
            if document["repository"] != repository:
                continue
            assert document["id"] == path.stem and document["digest"] == digest(document, "digest")
            kdf = document["kdf"]
            wrapping = hashlib.scrypt(passphrase, salt=bytes.fromhex(kdf["salt"]), n=kdf["n"], r=kdf["r"], p=kdf["p"],
                                      maxmem=1 << 30, dklen=32)
            try:
                return unseal(wrapping, "key:" + canonical(document, "key", "digest").decode(), bytes.fromhex(document["key"]))
            except InvalidTag:
                continue
        raise WrongPassphrase

    def document(self, key):
        value = (self.folder / key).read_bytes()
        if self.keys is not None:
            value = unseal(self.keys["documents"], "document:" + key, value)
        assert value.endswith(b"\n")
        return json.loads(value)

    def object(self, name):
        value = (self.folder / "objects" / name[:2] / name).read_bytes()
        if self.keys is not None:
            value = unseal(self.keys["objects"], "object:" + name, value)
        content = subprocess.run(["zstd", "-dcq"], input=value, check=True, capture_output=True).stdout
        named = hashlib.sha256(content) if self.keys is None else hmac.new(self.keys["names"], content, "sha256")
        assert named.hexdigest() == name
        return content

    def snapshots(self, target):
        """{id: pointer}"""
        found = {path.stem: self.document(path.relative_to(self.folder).as_posix())
                 for path in sorted(self.folder.glob(f"snapshots/{target}/*.json"))}
        for snapshot, pointer in found.items():
            assert (pointer["id"], pointer["target"]) == (snapshot, target) and pointer["digest"] == digest(pointer, "digest")
        return found

    def manifest(self, pointer):
        content = self.object(pointer["manifest"]["object"])
        manifest = json.loads(content)
        assert canonical(manifest) == content and manifest["id"] == pointer["id"] and len(content) == pointer["manifest"]["raw_bytes"]
        return manifest

    def schema(self, manifest):
        return json.loads(self.object(manifest["schema"]["object"]["name"]))

    def chunks(self, table):
        """The inputs for COPY of a table of the manifest, one after the other."""
        for name, raw_bytes, stored_bytes, *_ in table["chunks"]:
            content = self.object(name)
            assert len(content) == raw_bytes and (self.folder / "objects" / name[:2] / name).stat().st_size == stored_bytes
            yield content

    def journals(self, target):
        """{id: journal}, their chains checked."""
        found = {path.stem: self.document(path.relative_to(self.folder).as_posix())
                 for path in sorted(self.folder.glob(f"cycles/{target}/*.json"))}
        for cycle, journal in found.items():
            assert (journal["target"], journal["cycle"]) == (target, cycle)
            head = digest({"cycle": cycle, "format": 1, "target": target})
            for number, entry in enumerate(journal["entries"], 1):
                assert entry["seq"] == number and entry["previous"] == head
                head = digest(entry)
            assert journal["head"] == head
        return found

    def proofs(self, target):
        """{id of the snapshot: proof}"""
        found = {path.stem: self.document(path.relative_to(self.folder).as_posix())
                 for path in sorted(self.folder.glob(f"proofs/{target}/*.json"))}
        for snapshot, proof in found.items():
            assert proof["snapshot"] == snapshot and proof["digest"] == digest(proof, "digest")
        return found
