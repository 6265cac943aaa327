"""Fixtures of the fuzzers: a service in this process that tests ask in plain steps, as hypothesis wants it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import pytest
import requests

from tests import tally
from tests.api.asking import Answered, Caller
from tests.api.conftest import issuer
from tests.api.in_process import URL, in_process
from tests.database import DatabaseUrls
from tests.fuzz import documented
from vendorpay.adapters.local_issuer import LocalIssuer

__all__ = ["issuer"]


@dataclass(frozen=True)
class Desk:
    """Asks as somebody of one organisation; every answer is held against the document."""

    caller: Caller
    session: requests.Session
    urls: DatabaseUrls
    org: str

    def ask(
        self, method: str, path: str, body: bytes | None = None, *, role: str = "admin", sub: str = "one", **query: Any
    ) -> Answered:
        """One request. Raises AssertionError for an answer that is not documented."""
        token = self.caller.token(role, sub=sub, org=self.org)
        headers = {"Authorization": f"Bearer {token}"} | ({"Content-Type": "application/json"} if body else {})
        target = "&".join(f"{name}={quote(str(value), safe='')}" for name, value in query.items())
        found = self.session.request(method, f"{URL}{path}?{target}", data=body, headers=headers)
        answer = Answered(found.status_code, {k.lower(): v for k, v in found.headers.items()}, found.content)
        tally.count("fuzzed requests", status=answer.status, slowest_s=found.elapsed.total_seconds())
        assert list(documented.faults(method.encode(), path.encode(), answer)) == [], (method, path, body, answer)
        return answer

    def fresh(self) -> Desk:
        """The same service, asked by an organisation that has nothing yet."""
        return Desk(self.caller, self.session, self.urls, f"org-{uuid4()}")


@pytest.fixture(scope="module")
def desk(issuer: LocalIssuer, module_database_urls: DatabaseUrls) -> Iterator[Desk]:
    with in_process(issuer, module_database_urls.app) as (caller, session):
        yield Desk(caller, session, module_database_urls, "default")
