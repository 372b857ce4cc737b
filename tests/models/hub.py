"""The Hugging Face Hub on this machine, with the faults of real networks.

Two servers: the Hub, which lists and redirects, and what stands for its CDN on another port, which
sends the bytes. Requests and answers are those of huggingface_hub 2.4 and the Hub of 2026.
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from random import Random
from typing import NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit

from tests.models import headers

COMMIT = "c0ffee" + "0" * 34
_BLOCK = 16_384


def model_bytes(size: int = 3_000_000, seed: int = 1, **how: str) -> bytes:
    """A GGUF file, and behind what its header tells of, bytes that are all different."""
    return _filled(headers.model(**how), size, seed)


def tower_bytes(size: int = 1_000_000, seed: int = 2) -> bytes:
    return _filled(headers.tower(), size, seed)


def _filled(content: bytes, size: int, seed: int) -> bytes:
    return content + Random(seed).randbytes(size - len(content))


class Asked(NamedTuple):
    server: str
    method: str
    path: str
    headers: dict[str, str]


Fault = Callable[["Handler", bytes, int], None]
"""What is done in place of sending a content from an offset."""


class Hub:
    """What the servers have and do, and what they were asked."""

    def __init__(self) -> None:
        self.files: dict[str, dict[str, bytes]] = {}
        """By repository and name."""

        self.commit = COMMIT
        self.gated: set[str] = set()
        self.token = ""
        """The one that opens gated repositories."""

        self.small: set[str] = set()
        """Names of files that are in Git itself, not in its large file store."""

        self.lists: deque[Fault] = deque()
        self.heads: deque[Fault] = deque()
        self.sends: deque[Fault] = deque()
        """Faults of the next requests for lists, for headers and for bytes."""

        self.asked: list[Asked] = []
        self.sent = 0
        self.ranges = True
        self.validator = "ETag"
        """The header by which one tells a content from another; empty for none."""

        self.warning = ""
        self.hold_at: int | None = None
        """Offset at which sending stops until `go_on` is set."""

        self.holding = threading.Event()
        self.go_on = threading.Event()
        self.url = self.cdn = ""

    def put(self, repository: str, **files: bytes) -> None:
        """Add files; `__` in a name stands for a dot."""
        names = {name.replace("__", "."): content for name, content in files.items()}
        self.files.setdefault(repository, {}).update(names)

    def put_folder(self, repository: str, folder: Path) -> None:
        """Hold just the files of a directory."""
        files = [path for path in folder.rglob("*") if path.is_file()]
        names = {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}
        self.files[repository] = names

    def of_kind(self, method: str, server: str = "cdn") -> list[Asked]:
        return [asked for asked in self.asked if (asked.method, asked.server) == (method, server)]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: Hub
    server_kind: str

    def do_HEAD(self) -> None:
        self._note()
        self._resolve()

    def do_GET(self) -> None:
        self._note()
        path = urlsplit(self.path).path
        if self.server_kind == "cdn" or path.startswith("/plain/"):
            self._content(path)
        elif path == "/api/models":
            self._search()
        elif path.startswith("/api/models/"):
            self._list(path)
        elif "/resolve/" in path:
            self._resolve()
        else:
            self.refuse(404)

    # ------------------------------------------------------------------------------------ answers

    def _note(self) -> None:
        sent = {name.lower(): value for name, value in self.headers.items()}
        self.hub.asked.append(Asked(self.server_kind, self.command, self.path, sent))

    def _list(self, path: str) -> None:
        if self.hub.lists:
            self.hub.lists.popleft()(self, b"", 0)
            return
        match = re.fullmatch(r"/api/models/([^/]+/[^/]+)(?:/revision/(.+))?", path)
        assert match is not None
        repository, revision = match[1], unquote(match[2] or "main")
        if repository not in self.hub.files:
            # so the Hub answers those who are not logged in
            self.refuse(401, {"X-Error-Code": "RepoNotFound"})
            return
        if revision not in ("main", self.hub.commit):
            self.refuse(404, {"X-Error-Code": "RevisionNotFound"})
            return
        siblings = []
        for name, content in self.hub.files[repository].items():
            sibling: dict[str, object] = {"rfilename": name}
            if "blobs" in parse_qs(urlsplit(self.path).query):
                sibling |= {"size": len(content), "blobId": git_hash(content)}
                if name not in self.hub.small:
                    digest = hashlib.sha256(content).hexdigest()
                    sibling["lfs"] = {"sha256": digest, "size": len(content), "pointerSize": 134}
            siblings.append(sibling)
        gated = "auto" if repository in self.hub.gated else False
        told = {
            "_id": "1",
            "id": repository,
            "modelId": repository,
            "sha": self.hub.commit,
            "gated": gated,
            "private": False,
            "tags": [],
            "downloads": 1,
            "likes": 1,
            "cardData": {"license": "apache-2.0"},
            "siblings": siblings,
        }
        self.send(200, json.dumps(told).encode(), {"Content-Type": "application/json"})

    def _search(self) -> None:
        words = parse_qs(urlsplit(self.path).query).get("search", [""])[0].lower()
        found = [{"id": name} for name in self.hub.files if words[:6] in name.lower()]
        self.send(200, json.dumps(found).encode(), {"Content-Type": "application/json"})

    def _resolve(self) -> None:
        if self.command == "HEAD" and self.hub.heads:
            self.hub.heads.popleft()(self, b"", 0)
            return
        path = unquote(urlsplit(self.path).path)
        match = re.fullmatch(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path)
        assert match is not None
        repository, _, name = match.groups()
        content = self.hub.files.get(repository, {}).get(name)
        if content is None:
            self.refuse(404, {"X-Error-Code": "EntryNotFound"})
            return
        token = self.headers["Authorization"]
        if repository in self.hub.gated and token != f"Bearer {self.hub.token}":
            self.refuse(403 if token else 401, {"X-Error-Code": "GatedRepo"})
            return
        common = {"X-Repo-Commit": self.hub.commit, "Accept-Ranges": "bytes"}
        if name in self.hub.small:
            common["ETag"] = f'"{git_hash(content)}"'
            if self.command == "HEAD":
                self.send(200, b"", {**common, "Content-Length": str(len(content))})
            else:
                self.deliver(content, common)
            return
        digest = hashlib.sha256(content).hexdigest()
        self.send(
            302,
            b"",
            {
                **common,
                "ETag": f'"{digest[:32]}"',
                "X-Linked-Etag": f'"{digest}"',
                "X-Linked-Size": str(len(content)),
                "Location": f"{self.hub.cdn}/{repository}/{name}?Signature=secret",
                "Content-Length": "0",
            },
        )

    def _content(self, path: str) -> None:
        path = unquote(path).removeprefix("/plain")
        owner, name, file = path.strip("/").split("/", 2)
        content = self.hub.files.get(f"{owner}/{name}", {}).get(file)
        if content is None:
            self.refuse(404)
            return
        self.deliver(content, self.validator(content))

    # --------------------------------------------------------------------------------- sending

    def validator(self, content: bytes) -> dict[str, str]:
        digest = hashlib.md5(content).hexdigest()
        values = {
            "ETag": f'"{digest}-1"',
            "Last-Modified": f"Mon, 0{int(digest[0], 16) % 9 + 1} Nov",
        }
        return {name: value for name, value in values.items() if name == self.hub.validator}

    def offset(self) -> int:
        match = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers["Range"] or "")
        return int(match[1]) if match and self.hub.ranges else 0

    def deliver(self, content: bytes, more: dict[str, str]) -> None:
        """Send a content, or the part of it that was asked for, or what a fault makes of it."""
        if self.hub.sends and not (self.headers["Range"] or "").startswith("bytes=0-"):
            self.hub.sends.popleft()(self, content, self.offset())
            return
        self.begin(content, more)
        match = re.fullmatch(r"bytes=\d+-(\d+)", self.headers["Range"] or "")
        end = int(match[1]) + 1 if match and self.hub.ranges else None
        self.body(content, self.offset(), end)

    def begin(self, content: bytes, more: dict[str, str] | None = None, told: int = 0) -> None:
        """Send the head of an answer with a content, from the offset that was asked for."""
        told = told or len(content)
        offset = self.offset()
        more = more or self.validator(content)
        condition = self.headers["If-Range"]
        ranged = self.hub.ranges and self.headers["Range"] is not None
        if ranged and condition is not None and condition not in more.values():
            ranged, offset = False, 0
            del self.headers["Range"]
        if ranged and offset >= told:
            self.send(416, b"", {"Content-Range": f"bytes */{told}", **more})
            return
        self.send_response(206 if ranged else 200)
        end = told
        if ranged:
            last = (self.headers["Range"] or "").rpartition("-")[2]
            end = min(told, int(last) + 1) if last else told
            self.send_header("Content-Range", f"bytes {offset}-{end - 1}/{told}")
        for name, value in more.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(end - offset))
        self.end_headers()

    def body(self, content: bytes, offset: int, end: int | None = None) -> None:
        """Send bytes, up to `end`; then the connection is closed when some are missing."""
        stop = len(content) if end is None else min(end, len(content))
        try:
            while offset < stop:
                hold = self.hub.hold_at
                if hold is not None and offset >= hold:
                    self.wfile.flush()
                    self.hub.holding.set()
                    self.hub.go_on.wait(60)
                block = content[offset : min(offset + _BLOCK, stop)]
                self.wfile.write(block)
                offset += len(block)
                self.hub.sent += len(block)
            self.wfile.flush()
        except OSError:
            pass  # the client hung up
        self.close_connection = True

    def send(self, status: int, content: bytes, more: dict[str, str]) -> None:
        self.send_response(status)
        if self.hub.warning:
            self.send_header("X-HF-Warning", self.hub.warning)
        for name, value in more.items():
            self.send_header(name, value)
        if "Content-Length" not in more:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def refuse(self, status: int, more: dict[str, str] | None = None) -> None:
        self.send(status, b'{"error":"no"}', {"Content-Type": "application/json", **(more or {})})

    def log_message(self, format: str, *args: object) -> None:
        pass


def git_hash(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


# ------------------------------------------------------------------------------------------- faults


def cut_after(size: int) -> Fault:
    """The line breaks when so many bytes have been sent."""

    def fault(handler: Handler, content: bytes, offset: int) -> None:
        handler.begin(content)
        handler.body(content, offset, offset + size)

    return fault


def refuses(status: int, **more: str) -> Fault:
    names = {name.replace("_", "-"): value for name, value in more.items()}
    return lambda handler, content, offset: handler.refuse(status, names)


def web_page(handler: Handler, content: bytes, offset: int) -> None:
    """A captive portal answers whatever one asks."""
    page = b"<!DOCTYPE html><html><body>Please log in to the hotel</body></html>"
    handler.send(200, page, {"Content-Type": "text/html"})


def spoiled(handler: Handler, content: bytes, offset: int) -> None:
    """One bit of it is another."""
    at = len(content) - 7
    handler.begin(content)
    handler.body(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :], offset)


def says_length(length: int) -> Fault:
    def fault(handler: Handler, content: bytes, offset: int) -> None:
        handler.begin(content, told=length)
        handler.body(content, offset)

    return fault


def environment(hub: Hub, folder: Path) -> dict[str, str | None]:
    """Variables for a process that knows this Hub only, and nothing of this machine's own."""
    proxies = [f"{name}_proxy" for name in ("http", "https", "all", "no")]
    unset = ["HF_TOKEN", "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", *proxies]
    return {
        **dict.fromkeys([*unset, *(name.upper() for name in proxies)]),
        "HF_ENDPOINT": hub.url,
        "HF_HOME": str(folder / "hf"),
        "HF_HUB_CACHE": str(folder / "hf" / "hub"),
        "HF_TOKEN_PATH": str(folder / "token"),
    }


@contextmanager
def serving() -> Iterator[Hub]:
    hub = Hub()
    servers = []
    threads = []
    for kind in ("hub", "cdn"):
        handler = type("_Handler", (Handler,), {"hub": hub, "server_kind": kind})
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        servers.append(server)
        threads.append(thread)
    hub.url = f"http://127.0.0.1:{servers[0].server_port}"
    hub.cdn = f"http://localhost:{servers[1].server_port}"
    try:
        yield hub
    finally:
        hub.go_on.set()
        for server in servers:
            server.shutdown()
        for thread in threads:
            thread.join()
        for server in servers:
            server.server_close()
