"""Asks a JSON service of AWS, signed, within bounds of time and tries."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Any, Final

import msgspec

from vendorpay.adapters.aws.credentials import Credentials
from vendorpay.adapters.aws.http_exchange import ExchangeFailed, HttpAnswer, exchange, host_of
from vendorpay.adapters.aws.sigv4 import Scope, signed_post

TRIES_MAX: Final = 4
TRY_S_MAX: Final = 2.0
PAUSE_S: Final = 0.1
PAUSE_S_MAX: Final = 1.0
ERROR_CHARACTERS_MAX: Final = 100
# Said of what is not our fault and passes; every 5xx is so as well.
TRANSIENT: Final = frozenset(
    {"ThrottlingException", "Throttling", "TooManyRequestsException", "RequestLimitExceeded", "InternalServiceError"}
)


class ServiceRefused(Exception):
    """The service answered, and said no. `code` is AWS's name for why; nothing of the answer's text is kept."""

    def __init__(self, code: str, status: int) -> None:
        self.code, self.status = code, status
        super().__init__(f"{code} ({status})")


class ServiceAway(Exception):
    """No useful answer within all tries; the message says what came of the last."""


class JsonService(msgspec.Struct, frozen=True, kw_only=True):
    """One service of one region; `target` is what its operations' names begin with."""

    address: str
    region: str
    service: str
    target: str
    credentials: Callable[[], Awaitable[Credentials]]
    now: Callable[[], datetime]
    chance: Callable[[], float]
    ca_bundle: str | None = None

    async def ask(self, operation: str, question: Mapping[str, Any]) -> dict[str, Any]:
        """The answer to an operation that may be asked twice.

        Raises ServiceRefused, ServiceAway, and CredentialsMissing.
        """
        body = msgspec.json.encode(question)
        away: ServiceAway | None = None
        for attempt in range(TRIES_MAX):
            if attempt:
                # Full jitter: whoever was thrown back together must not come again together.
                await asyncio.sleep(min(PAUSE_S * 2**attempt, PAUSE_S_MAX) * self.chance())
            try:
                return _told(await self._sent(operation, body))
            except ExchangeFailed as error:
                away = ServiceAway(str(error))
            except ServiceRefused as error:
                if error.status < 500 and error.code not in TRANSIENT:
                    raise
                away = ServiceAway(str(error))
        raise away or ServiceAway("it was never asked")

    async def _sent(self, operation: str, body: bytes) -> HttpAnswer:
        scope = Scope(region=self.region, service=self.service, at=self.now())
        headers = signed_post(
            scope,
            await self.credentials(),
            host=host_of(self.address),
            path="/",
            headers={"content-type": "application/x-amz-json-1.1", "x-amz-target": f"{self.target}.{operation}"},
            body=body,
        )
        return await exchange("POST", self.address, headers, body, TRY_S_MAX, ca_bundle=self.ca_bundle)


def _told(answer: HttpAnswer) -> dict[str, Any]:
    """The answer's object. Raises ServiceRefused, and ExchangeFailed for what is no answer of AWS's."""
    try:
        told = msgspec.json.decode(answer.body, type=dict[str, Any])
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        if answer.status != 200:
            raise ServiceRefused("UnknownError", answer.status) from error
        raise ExchangeFailed("the service answered with something that is not JSON") from error
    if answer.status != 200:
        # `__type` may have a namespace before the name: com.amazonaws.secretsmanager#ResourceNotFoundException.
        name = str(told.get("__type", "UnknownError")).rpartition("#")[2]
        raise ServiceRefused(name[:ERROR_CHARACTERS_MAX], answer.status)
    return told
