"""`python -m tests.style.core_alone [--as-installed] [--without PACKAGE]`: imports the service in a fresh process.

As a clone has it that was set up for serving: what requirements/core.txt does not pin cannot be imported, although it
is installed here for the tests. Then a webhook goes all its way, for some libraries ask for others only when they work.
With `--as-installed` nothing is hidden, and the packages are printed that imports alone have brought along.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.metadata import packages_distributions
from types import ModuleType

from tests.style.rules.pins import canonical, pinned
from tests.style.rules.source import ROOT

PROCESSES = (
    "vendorpay.entrypoints.serving_process",
    "vendorpay.entrypoints.background_process",
    "vendorpay.entrypoints.service",
    "vendorpay.entrypoints.cli.main",
)
CORE = ROOT / "requirements/core.txt"
ANSWER = b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n"


class NotInCore(MetaPathFinder):
    """Finds no module of a package that is not among `pins`."""

    def __init__(self, pins: set[str]) -> None:
        self._packages = {
            package: names
            for package, names in packages_distributions().items()
            if package != "vendorpay" and pins.isdisjoint(map(canonical, names))
        }

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Raises ModuleNotFoundError, as if it were not installed."""
        if fullname.partition(".")[0] in self._packages:
            raise ModuleNotFoundError(f"No module named {fullname!r} in the core set", name=fullname)
        return None


async def send_a_webhook() -> None:
    """Raises AssertionError when it does not arrive."""
    from vendorpay.adapters.webhook_sender import HttpWebhookSender
    from vendorpay.ports import WebhookRequest

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n{}")
        writer.write(ANSWER)
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as receiver:
        port = receiver.sockets[0].getsockname()[1]
        sender = HttpWebhookSender(to_private=True)
        headers = (("Host", f"127.0.0.1:{port}"), ("Content-Length", "2"))
        request = WebhookRequest(url=f"http://127.0.0.1:{port}/", headers=headers, body=b"{}", timeout_s=5.0)
        sent = await sender.send(request)
        await sender.aclose()
        assert sent.status == 204, sent


def main() -> None:
    """Prints the packages that were imported, one a line."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--as-installed", action="store_true")
    arguments.add_argument("--without")
    wanted = arguments.parse_args()
    if not wanted.as_installed:
        sys.meta_path.insert(0, NotInCore(pinned(CORE.read_text()).keys() - {wanted.without}))
    before = {*sys.modules}
    for name in PROCESSES:
        import_module(name)
    loaded = {name.partition(".")[0] for name in sys.modules.keys() - before}
    if not wanted.as_installed:
        asyncio.run(send_a_webhook())
    print(*sorted(loaded & packages_distributions().keys() - {"vendorpay"}), sep="\n")


if __name__ == "__main__":
    main()
