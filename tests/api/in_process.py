"""The service on a thread of its own, for what asks by `requests`: everything but the web server, and no socket."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, asynccontextmanager, contextmanager
from io import BytesIO
from typing import Any
from urllib.parse import urlsplit

import requests
from anyio.from_thread import BlockingPortal, start_blocking_portal
from requests.adapters import HTTPAdapter
from urllib3 import HTTPResponse

from tests.api.asking import Caller, exchange, opened
from vendorpay.adapters.local_issuer import LocalIssuer
from vendorpay.entrypoints.ids import new_id, new_salt, system_now
from vendorpay.store.db import Database
from vendorpay.usecases.active_policies import ActivePolicies
from vendorpay.usecases.carry_out import WritePath
from vendorpay.usecases.group_commit import GroupCommit

URL = "http://service.in.process"


@asynccontextmanager
async def service_on(issuer: LocalIssuer, database_url: str) -> AsyncIterator[Caller]:
    """The whole service but its web server and its background work."""
    async with (
        Database.open(database_url, pool_size=4) as database,
        aclosing(
            GroupCommit(
                WritePath(
                    database=database, now=system_now, new_id=new_id, new_salt=new_salt, policies=ActivePolicies()
                )
            )
        ) as commands,
    ):
        yield await opened(issuer, commands, database)


@contextmanager
def in_process(issuer: LocalIssuer, database_url: str) -> Iterator[tuple[Caller, requests.Session]]:
    """Its caller, for tokens, and a session whose requests to URL it answers."""
    with (
        start_blocking_portal("asyncio") as portal,
        portal.wrap_async_context_manager(service_on(issuer, database_url)) as caller,
        requests.Session() as session,
    ):
        session.trust_env = False
        session.mount(URL, _ToTheApp(portal, caller))
        yield caller, session


class _ToTheApp(HTTPAdapter):
    def __init__(self, portal: BlockingPortal, caller: Caller) -> None:
        super().__init__()
        self._portal = portal
        self._caller = caller

    def send(self, request: requests.PreparedRequest, *_: Any, **__: Any) -> requests.Response:
        url = urlsplit(str(request.url))
        headers = [(_bytes(name).lower(), _bytes(value)) for name, value in request.headers.items()]
        raw = self._portal.call(
            exchange,
            self._caller.app,
            str(request.method),
            url.path.encode(),
            url.query.encode(),
            headers,
            [_bytes(request.body or b"")],
        )
        return self.build_response(
            request,
            HTTPResponse(BytesIO(raw.body), raw.headers, raw.status, version=11, reason="", preload_content=False),
        )


def _bytes(text: Any) -> bytes:
    return text.encode("latin-1") if isinstance(text, str) else bytes(text)
