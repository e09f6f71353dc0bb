"""A web server on this machine that gives parts of files, counts what it is asked and can break off."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread


class Server(ThreadingHTTPServer):
    """Serves the files below `folder`; `requests` holds the ranges asked for. The next answer `breaks_after` bytes."""

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.folder = folder
        self.requests: list[tuple[str, str | None]] = []
        self.breaks_after: int | None = None
        self.ranges = True

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    """Answers GET and HEAD, with a range or without."""

    server: Server

    def do_GET(self) -> None:
        file, asked = self.server.folder / self.path.lstrip("/"), self.headers.get("Range")
        self.server.requests.append((self.path, asked))
        if not file.is_file():
            self.send_error(404)
            return
        content, code = file.read_bytes(), 200
        whole = len(content)
        if self.server.ranges and (found := re.fullmatch(r"bytes=(\d+)-(\d*)", asked or "")):
            first, last = int(found[1]), int(found[2] or whole - 1)
            if first >= whole:
                self.send_error(416)
                return
            content, code = content[first : last + 1], 206
        self.send_response(code)
        if code == 206:
            self.send_header("Content-Range", f"bytes {first}-{first + len(content) - 1}/{whole}")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command == "GET":
            stop, self.server.breaks_after = self.server.breaks_after, None
            self.wfile.write(content[:stop])

    do_HEAD = do_GET  # noqa: N815

    def log_message(self, *_: object) -> None:
        """Nothing: tests are quiet."""


@contextmanager
def serving(folder: Path) -> Iterator[Server]:
    """The server while the block lasts."""
    with Server(folder) as server:
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()
