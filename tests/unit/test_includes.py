"""Check the #include lines against the directions in which the folders may depend on each other.

usage: test_includes.py SOURCE_FOLDER
"""

import pathlib
import re
import sys

# folder: the folders below it that it may include; itself is understood.
LAYERS = {
    "base": "",
    "stream": "base",
    "config": "base",
    "pg": "base stream",
    "storage-backends": "base stream",
    "repository": "base stream storage-backends",
    "snapshot": "base stream storage-backends repository pg",
    "restore": "base stream storage-backends repository pg",
    "migrations": "base stream pg config",
    "checks": "base stream pg config",
    "notify": "base config",
    "deploy": "base stream storage-backends repository pg config snapshot restore migrations checks notify",
    "cli": "base stream storage-backends repository pg config snapshot restore migrations checks notify deploy",
    "main.c": "cli",
}

# The beginning of a library's header name: the beginnings of the paths that may include it.
LIBRARIES = {
    "libpq": ["src/pg/"],
    "postgres": ["src/pg/"],
    "pg_query": ["src/pg/"],
    "zstd": ["src/stream/"],
    "zdict": ["src/stream/"],
    "xxh": ["src/stream/"],
    "openssl/": ["src/stream/", "storage-backends/s3/"],
    "curl/": ["storage-backends/s3/", "src/checks/", "src/notify/"],
    "libxml/": ["storage-backends/s3/"],
    "archive": ["src/repository/bundle"],
    "jq.h": ["src/checks/"],
    "jv.h": ["src/checks/"],
    "pcre2": ["src/checks/regex"],
    "libfyaml": ["src/config/"],
    "unicode/": ["src/migrations/", "src/config/timezone"],
}

ROOTS = ["src", "storage-backends", "restore"]
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]', re.MULTILINE)


def layer_of(path):
    parts = path.split("/")
    return parts[1] if parts[0] == "src" else parts[0]


def wrong_includes(path, text):
    """The reasons, one a line of the file at `path` (relative to the source folder) that it should not have."""
    layer = layer_of(path)
    if layer not in LAYERS:
        yield f"{path}: folder \"{layer}\" is not in the table of layers"
        return
    allowed = {layer, *LAYERS[layer].split()}
    for match in INCLUDE.finditer(text):
        quote, name = match.groups()
        where = f"{path}:{text.count(chr(10), 0, match.start()) + 1}"
        if quote == '"':
            target = name.split("/")[0]
            if "/" not in name or target not in LAYERS:
                yield f'{where}: "{name}" is not written from a source root'
            elif target not in allowed:
                yield f'{where}: {layer} may not include "{name}"'
        else:
            for library, places in LIBRARIES.items():
                if name.startswith(library) and not path.startswith(tuple(places)):
                    yield f"{where}: <{name}> is only for {', '.join(places)}"


# (path, line, whether it is fine): a check that finds nothing must not pass for a check that works.
SELF_TEST = [
    ("src/base/a.c", '#include "base/text.h"', True),
    ("src/base/a.c", "#include <stdio.h>", True),
    ("src/base/a.c", '#include "stream/digest.h"', False),
    ("src/snapshot/a.c", '#include "restore/restore.h"', False),
    ("restore/a.c", '#include "snapshot/snapshot.h"', False),
    ("restore/a.c", '#include "repository/manifest.h"', True),
    ("src/repository/a.c", '#include "manifest.h"', False),
    ("src/config/a.c", "  #  include <libpq-fe.h>", False),
    ("storage-backends/s3/a.c", "#include <openssl/hmac.h>", True),
    ("storage-backends/local/a.c", "#include <openssl/hmac.h>", False),
    ("src/notify/http.c", "#include <curl/curl.h>", True),
    ("src/deploy/deploy.c", "#include <curl/curl.h>", False),
    ("src/unknown/a.c", "", False),
]


def main():
    top = pathlib.Path(sys.argv[1])
    for path, line, fine in SELF_TEST:
        if fine != (not list(wrong_includes(path, line))):
            sys.exit(f"the check itself is wrong about {line!r} in {path}")

    files = sorted(file for root in ROOTS for file in (top / root).rglob("*.[ch]"))
    wrong = [
        reason
        for file in files
        for reason in wrong_includes(file.relative_to(top).as_posix(), file.read_text(encoding="utf-8"))
    ]
    print("\n".join(wrong) if wrong else f"{len(files)} files, all as allowed")
    return 1 if wrong or not files else 0


if __name__ == "__main__":
    sys.exit(main())
