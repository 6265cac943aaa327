"""A line to PostgreSQL that goes silent, and lives: what a network that has lost its way looks like to a client."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import quote

from psycopg.conninfo import conninfo_to_dict

_CLIENTS_MAX = 20


class SilentLine:
    """A socket in front of a server's, which passes on all or, while it is silent, nothing; it hangs up on nobody."""

    def __init__(self, server: Path, folder: Path) -> None:
        self._speaks = threading.Event()
        self._speaks.set()
        self._server = server
        self._ends: list[socket.socket] = []
        self._own = socket.socket(socket.AF_UNIX)
        self._own.bind(str(folder / server.name))
        self._own.listen(_CLIENTS_MAX)
        threading.Thread(target=self._accept, daemon=True).start()

    def fall_silent(self) -> None:
        """Nothing arrives from now on."""
        self._speaks.clear()

    def speak(self) -> None:
        """Everything arrives again, what was held back first."""
        self._speaks.set()

    def close(self) -> None:
        self.speak()
        for one in (self._own, *self._ends):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _accept(self) -> None:
        with suppress(OSError):  # closed
            while True:
                client, _ = self._own.accept()
                server = socket.socket(socket.AF_UNIX)
                self._ends += [client, server]
                server.connect(str(self._server))
                for here, there in ((client, server), (server, client)):
                    threading.Thread(target=self._pass_on, args=(here, there), daemon=True).start()

    def _pass_on(self, here: socket.socket, there: socket.socket) -> None:
        with suppress(OSError):  # either end is gone
            while data := here.recv(1 << 16):
                self._speaks.wait()
                there.sendall(data)
            there.shutdown(socket.SHUT_RDWR)


@contextmanager
def silent_line(url: str, folder: Path) -> Iterator[tuple[SilentLine, str]]:
    """A line to the database of a URL, and the URL that leads through it."""
    named = conninfo_to_dict(url)
    host = str(named["host"])
    line = SilentLine(Path(host) / f".s.PGSQL.{named['port']}", folder)
    through = url.replace(quote(host, safe=""), quote(str(folder), safe="")).replace(host, str(folder))
    assert through != url
    try:
        yield line, through
    finally:
        line.close()
