"""Clients of AWS for what nobody waits for: boto3's, made when one is first needed, and shared.

Importing boto3 takes half a second. So it is imported in here alone, and never where a caller waits: those functions
have a client of their own (signed_https.py). Its addresses, region and credentials are those of the environment that
AWS gives a function, by boto3's own rules (AWS_ENDPOINT_URL sends all of it to a stand-in).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Final

CONNECT_S_MAX: Final = 3.0
READ_S_MAX: Final = 5.0
TRIES_MAX: Final = 2
"""Of one call, by boto3 itself, within seconds; longer patience is the caller's, who has the work in the database."""
CONNECTIONS_MAX: Final = 8
NO_ANSWER: Final = "no answer"


class AwsRefused(Exception):
    """A call did not work: `code` is AWS's own word for why, or begins with NO_ANSWER when there was none."""

    def __init__(self, code: str, status: int | None) -> None:
        self.code = code
        self.status = status
        super().__init__(code)


class AwsClient:
    """One service of AWS, called from asyncio: each call in a thread, with an end."""

    def __init__(
        self, service: str, *, region: str | None = None, endpoint: str | None = None, read_s: float = READ_S_MAX
    ) -> None:
        self._service = service
        self._region = region
        self._endpoint = endpoint
        self._read_s = read_s

    async def call(self, operation: str, **parameters: Any) -> Mapping[str, Any]:
        """What AWS answers to an operation, by boto3's names for both. Raises AwsRefused."""
        return await asyncio.to_thread(self._call, operation, parameters)

    async def read(self, body: Any, bytes_max: int) -> bytes:
        """The beginning of what an answer streams. Raises AwsRefused."""
        return await asyncio.to_thread(self._read, body, bytes_max)

    def _read(self, body: Any, bytes_max: int) -> bytes:
        from botocore.exceptions import BotoCoreError

        try:
            return bytes(body.read(bytes_max))
        except (BotoCoreError, OSError) as error:
            raise AwsRefused(f"{NO_ANSWER}: {type(error).__name__}", None) from error

    def _call(self, operation: str, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
        client = _client(self._service, self._region, self._endpoint, self._read_s)
        from botocore.exceptions import BotoCoreError, ClientError

        function: Callable[..., Mapping[str, Any]] = getattr(client, operation)
        try:
            return function(**parameters)
        except ClientError as error:
            code = str(error.response.get("Error", {}).get("Code", "unknown"))
            raise AwsRefused(code, error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")) from error
        except BotoCoreError as error:  # no way there, no credentials, parameters that cannot be sent
            raise AwsRefused(f"{NO_ANSWER}: {type(error).__name__}", None) from error


@lru_cache
def _client(service: str, region: str | None, endpoint: str | None, read_s: float) -> Any:
    import boto3
    from botocore.config import Config

    config = Config(
        connect_timeout=CONNECT_S_MAX,
        read_timeout=read_s,
        retries={"mode": "standard", "total_max_attempts": TRIES_MAX},
        max_pool_connections=CONNECTIONS_MAX,
    )
    # A session of our own: boto3's shared one is not made for several threads.
    return boto3.session.Session().client(service, region_name=region, endpoint_url=endpoint, config=config)
