"""Who asks the running service, and what they ask: real tokens, real requests, nothing in between."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx

from tests.scenarios.serving import Serve

TIMEOUT_S = 30.0


@dataclass(frozen=True)
class Caller:
    """Somebody with a token."""

    client: httpx.Client
    token: str
    sub: str

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
        """One request; `body` is bytes, or becomes JSON. Headers are given as Idempotency_Key="..."."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        content = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        kind = {} if content is None else {"Content-Type": "application/json"}
        authorization = {"Authorization": f"Bearer {self.token}"}
        return self.client.request(method, path, content=content, headers=authorization | kind | named)

    def get(self, path: str, **headers: str) -> httpx.Response:
        return self.ask("GET", path, **headers)

    def post(self, path: str, body: Any = None, **headers: str) -> httpx.Response:
        return self.ask("POST", path, body, **headers)


class Office:
    """The people and programs of one new organisation, so that tests can share a service."""

    def __init__(self, serve: Serve, client: httpx.Client) -> None:
        self.serve = serve
        self.org = f"org-{uuid4()}"
        self._client = client
        self.creator = self.caller("dispatcher")
        self.reviewer = self.caller("dispatcher")
        self.admin = self.caller("admin")
        self.auditor = self.caller("auditor")
        self.publisher = self.caller("service")

    def caller(self, role: str, *, sub: str | None = None, vendor: str | None = None) -> Caller:
        """Somebody of this organisation; without a `sub`, somebody new."""
        sub = sub or str(uuid4())
        return Caller(self._client, self.serve.token(role, sub=sub, org=self.org, vendor=vendor), sub)


@contextmanager
def client_of(serve: Serve) -> Iterator[httpx.Client]:
    """A client of a running service; never through a proxy of the machine."""
    with httpx.Client(base_url=serve.url, trust_env=False, verify=False, timeout=TIMEOUT_S) as client:
        yield client


def is_early(answer: httpx.Response) -> bool:
    """Whether an approval was refused because its payment had no score yet."""
    return answer.status_code == 409 and bool(answer.json()["code"] == "score_pending")


def once_scored(approve: Callable[[], httpx.Response], within_s: float = 60.0) -> httpx.Response:
    """The answer to an approval. The service waits 2.5 s for the score; a machine with others on it may need longer."""
    deadline = time.monotonic() + within_s
    while is_early(answer := approve()) and time.monotonic() < deadline:
        pass  # each try waits at the other side
    return answer


def new_payment(**fields: Any) -> dict[str, Any]:
    """The seed's example of a payment, for a job of its own."""
    return {
        "incidentId": str(uuid4()),
        "vendorId": str(uuid4()),
        "payerType": "back_office",
        "amountCents": 15000,
        "lineItems": [
            {"description": "Tire Replacement", "quantity": 1, "unitPriceCents": 12000},
            {"description": "Mileage Charge", "quantity": 1, "unitPriceCents": 3000},
        ],
        **fields,
    }


def work_completed(*, base: int = 10_000, mileage: int = 2_500, **detail: Any) -> dict[str, Any]:
    """A WorkCompleted event of a job of its own."""
    return {
        "version": "0",
        "id": str(uuid4()),
        "source": "roadcall.incident-service",
        "detail-type": "WorkCompleted",
        "time": "2026-10-01T06:04:03.867485Z",
        "detail": {
            "incidentId": str(uuid4()),
            "vendorId": str(uuid4()),
            "completedAt": "2026-10-01T06:04:03.867485Z",
            "workDetails": {"notes": "", "photos": ["a.jpg"], "serviceType": "tire_repair", "duration": 42},
            "pricing": {"basePrice": base, "mileageCharge": mileage},
            **detail,
        },
    }
