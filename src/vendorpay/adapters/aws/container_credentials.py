"""Credentials of a function that was started from a snapshot: asked for, because its environment cannot hold them.

https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec

from vendorpay.adapters.aws.credentials import Credentials, CredentialsMissing
from vendorpay.adapters.aws.http_exchange import ExchangeFailed, exchange, host_of

ASK_S_MAX: Final = 2.0
RENEWED_BEFORE: Final = timedelta(minutes=5)


class _Told(msgspec.Struct, rename="pascal"):
    access_key_id: str
    secret_access_key: str
    token: str
    expiration: datetime


class ContainerCredentials:
    """Credentials of an address, asked for again some minutes before they expire."""

    def __init__(self, address: str, authorization: str | None, *, now: Callable[[], datetime]) -> None:
        self._address = address
        self._headers = {"authorization": authorization} if authorization else {}
        self._now = now
        self._kept: Credentials | None = None
        self._until = datetime.min.replace(tzinfo=UTC)

    async def __call__(self) -> Credentials:
        """The role's credentials. Raises CredentialsMissing."""
        if self._kept is None or self._now() >= self._until:
            told = await self._told()
            self._kept = Credentials(
                access_key_id=told.access_key_id,
                secret_access_key=told.secret_access_key,
                session_token=told.token,
            )
            self._until = told.expiration - RENEWED_BEFORE
        return self._kept

    async def _told(self) -> _Told:
        try:
            answer = await exchange(
                "GET", self._address, {"host": host_of(self._address), **self._headers}, b"", ASK_S_MAX
            )
        except ExchangeFailed as error:
            raise CredentialsMissing(f"AWS_CONTAINER_CREDENTIALS_FULL_URI gives no credentials: {error}") from error
        if answer.status != 200:
            raise CredentialsMissing(f"AWS_CONTAINER_CREDENTIALS_FULL_URI gives no credentials: {answer.status}")
        try:
            return msgspec.json.decode(answer.body, type=_Told)
        except (msgspec.DecodeError, msgspec.ValidationError):
            # Without its cause, which may quote what was read.
            raise CredentialsMissing("AWS_CONTAINER_CREDENTIALS_FULL_URI gives something else") from None
