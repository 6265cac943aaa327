"""Connections that go to public addresses only, and to no other than those that were checked.

A name is resolved here, once; every address it stands for must be public; the connection goes to one of these. So a
name that answers differently the next time (DNS rebinding) leads nowhere, and TLS still asks for the name.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import httpcore

from vendorpay.domain.errors import Overloaded
from vendorpay.domain.public_addresses import is_public

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""From a host (a name, or an address) and a port to its addresses. Raises OSError when there are none."""

RESOLVERS: Final = 64
"""How many names are looked up at once, each by one thread for all who ask. In threads of our own: a name server that
hangs must not keep those of the event loop, which the database's driver needs to connect."""
ADDRESSES_TRIED_MAX: Final = 4


class AddressRefused(Exception):
    """The host has an address that is not of the public network."""


class NameUnknown(Exception):
    """The host's name leads to no address."""


class Resolver:
    """The system's resolver. A lookup cannot be called off: one that nobody waits for any more still has its thread."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(RESOLVERS, thread_name_prefix="resolver")
        self._under_way: dict[str, asyncio.Future[list[str]]] = {}

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        """All addresses of a host, in the order in which they should be tried.

        Who asks for a name that is just being looked up gets that answer, so that one whose name server is silent takes
        one thread and not all. Raises OSError; Overloaded when all threads are taken, for then nothing is known of the
        host, and waiting would use up the time it has.
        """
        name = host.lower()
        lookup = self._under_way.get(name) or self._begun(name)
        return await asyncio.shield(lookup)

    def close(self) -> None:
        """Takes no more questions; does not wait for answers."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        for lookup in list(self._under_way.values()):
            lookup.cancel()

    def _begun(self, name: str) -> asyncio.Future[list[str]]:
        if len(self._under_way) >= RESOLVERS:
            raise Overloaded
        lookup = asyncio.get_running_loop().run_in_executor(self._threads, _addresses, name)
        self._under_way[name] = lookup
        lookup.add_done_callback(lambda _: self._ended(name))
        return lookup

    def _ended(self, name: str) -> None:
        lookup = self._under_way.pop(name)
        if not lookup.cancelled():
            lookup.exception()  # seen, should nobody have waited so long


def _addresses(name: str) -> list[str]:
    found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


class CheckedNetwork(httpcore.AsyncNetworkBackend):
    """Where httpcore's connections come from. With `to_private` any address will do."""

    def __init__(self, resolve: Resolve, *, to_private: bool = False) -> None:
        self._resolve = resolve
        self._to_private = to_private
        self._network: httpcore.AsyncNetworkBackend = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109  httpcore's own signature
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """A connection to the first of the host's addresses that takes one; `timeout` is for all of it.

        Raises AddressRefused, NameUnknown, Overloaded, httpcore.ConnectTimeout and httpcore.ConnectError.
        """
        try:
            async with asyncio.timeout(timeout):
                return await self._connected(host, port, timeout, local_address, socket_options)
        except TimeoutError as error:
            raise httpcore.ConnectTimeout from error

    async def _connected(
        self, host: str, port: int, timeout_s: float | None, local_address: str | None, options: Iterable[Any] | None
    ) -> httpcore.AsyncNetworkStream:
        addresses = (await self._checked(host, port))[:ADDRESSES_TRIED_MAX]
        # So that an address which swallows everything leaves time for the next one.
        share_s = None if timeout_s is None else timeout_s / len(addresses)
        for address in addresses[:-1]:
            try:
                return await self._network.connect_tcp(address, port, share_s, local_address, options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                continue
        return await self._network.connect_tcp(addresses[-1], port, timeout_s, local_address, options)

    async def _checked(self, host: str, port: int) -> Sequence[str]:
        try:
            addresses = await self._resolve(host, port)
        except (OSError, UnicodeError) as error:  # UnicodeError: a label that the system's IDNA cannot take
            raise NameUnknown from error
        if not addresses:
            raise NameUnknown
        if not self._to_private and not all(map(is_public, addresses)):
            raise AddressRefused
        return addresses

    async def sleep(self, seconds: float) -> None:
        """A pause between two tries to connect; we make none."""
        await asyncio.sleep(seconds)
