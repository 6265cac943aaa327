"""A way to moto on which things go wrong: EventBridge refuses single entries, answers nothing, or is not there at all.

moto takes every entry it is given; the real service answers 200 and says of each entry whether it took it (origin 28).
"""

from __future__ import annotations

import json
import threading
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.error import HTTPError

PUT_EVENTS = "AWSEvents.PutEvents"
ANSWER_S_MAX = 10.0
Entry = dict[str, Any]


def takes_all(_: Entry) -> str | None:
    """Refuses nothing."""
    return None


@dataclass
class FaultyBus:
    """The way; its three faults may be changed at any time."""

    address: str
    url: str = ""
    refuses: Callable[[Entry], str | None] = takes_all
    """The code that an entry is refused with."""
    down: bool = False
    mute: bool = False
    """What is asked is done, and the answer does not come back."""
    requests: list[int] = field(default_factory=list)
    """How many entries each PutEvents had."""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, body: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
        """What comes back for a request."""
        if headers.get("X-Amz-Target") != PUT_EVENTS:
            return self._asked(body, headers)
        entries: list[Entry] = json.loads(body)["Entries"]
        with self.lock:
            self.requests.append(len(entries))
            codes = [self.refuses(entry) for entry in entries]
        taken = [entry for entry, code in zip(entries, codes, strict=True) if code is None]
        said: Iterator[Entry] = iter(())
        if taken:
            status, told = self._asked(json.dumps({"Entries": taken}).encode(), headers)
            if status != 200:
                return status, told
            said = iter(json.loads(told)["Entries"])
        found = [next(said) if code is None else {"ErrorCode": code, "ErrorMessage": "by the test"} for code in codes]
        failed = sum("ErrorCode" in one for one in found)
        return 200, json.dumps({"FailedEntryCount": failed, "Entries": found}).encode()

    def _asked(self, body: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
        kept = {name: value for name, value in headers.items() if name.lower() not in {"host", "content-length"}}
        request = urllib.request.Request(self.address, data=body, headers=kept, method="POST")
        try:
            with urllib.request.urlopen(request, timeout=ANSWER_S_MAX) as answer:
                return answer.status, answer.read()
        except HTTPError as error:
            return error.code, error.read()


@contextmanager
def faulty_bus(address: str) -> Iterator[FaultyBus]:
    """A way to the server at that address, for the length of a block."""
    way = FaultyBus(address)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            if way.down:
                self.close_connection = True
                self.connection.close()
                return
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status, told = way.answer(body, dict(self.headers))
            if way.mute or way.down:
                self.close_connection = True
                self.connection.close()
                return
            self.send_response(status)
            self.send_header("Content-Type", "application/x-amz-json-1.1")
            self.send_header("Content-Length", str(len(told)))
            self.end_headers()
            self.wfile.write(told)

        def log_message(self, *_: Any) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    way.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield way
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
