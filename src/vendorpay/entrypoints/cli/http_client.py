"""Talking to a running service: one request at a time, tried again where that is safe and may help."""

from __future__ import annotations

import asyncio
import secrets
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

import httpx

from vendorpay.entrypoints.cli.checks import Faults
from vendorpay.entrypoints.cli.failures import CommandFailed, WrongUsage

ATTEMPTS_MAX: Final = 8
# After this many nobody should be left to wonder what the command waits for.
ATTEMPTS_SILENT: Final = 2
PAUSE_S_FIRST: Final = 0.2
PAUSE_S_MAX: Final = 10.0
RETRY_AFTER_S_MAX: Final = 60.0
TIMEOUT_S: Final = 60.0
AGAIN: Final = frozenset({429, 502, 503, 504})


class Refused(CommandFailed):
    """The service refused a request; `status` and `code` are the answer's."""

    def __init__(self, status: int, code: str, message: str) -> None:
        self.status, self.code = status, code
        super().__init__(message)


class Service:
    """The service behind a URL, asked in the name of one token."""

    def __init__(self, client: httpx.AsyncClient, url: str, attempts_max: int) -> None:
        self._client = client
        self._url = url
        self._attempts_max = attempts_max

    async def get(self, path: str, **query: object) -> dict[str, Any]:
        """The answer to a GET; parameters that are None are left out. Raises Refused, CommandFailed."""
        given = {name: str(value) for name, value in query.items() if value is not None}
        return _body(await self._answer("GET", path, params=given))

    async def post(self, path: str, body: bytes, *, key: str | None = None) -> dict[str, Any]:
        """The answer to a POST of JSON; without a key only for what may be done twice. Raises as `get` does."""
        headers = {"Content-Type": "application/json", **({"Idempotency-Key": key} if key else {})}
        return _body(await self._answer("POST", path, content=body, headers=headers))

    async def patch(self, path: str, body: bytes, *, version: int, key: str) -> dict[str, Any]:
        """The answer to a PATCH of what is still at that version. Raises as `get` does."""
        headers = {"Content-Type": "application/json", "Idempotency-Key": key, "If-Match": f'"{version}"'}
        return _body(await self._answer("PATCH", path, content=body, headers=headers))

    async def post_lines(self, path: str, body: bytes, *, key: str) -> bytes:
        """The answer to a POST of NDJSON as it came: it may be large, and little of it wanted. Raises as `get` does."""
        headers = {"Content-Type": "application/x-ndjson", "Idempotency-Key": key}
        response = await self._answer("POST", path, content=body, headers=headers)
        if not response.is_success:
            _body(response)
        return response.content

    async def _answer(self, method: str, path: str, **request: Any) -> httpx.Response:
        last, pause_s = "", 0.0
        for attempt in range(self._attempts_max):
            if attempt == ATTEMPTS_SILENT:
                print(f"vendorpay: {self._url} does not answer yet ({last}); trying again ..", file=sys.stderr)
            await asyncio.sleep(pause_s)
            # Jitter, so that those who were turned away together do not come back together.
            pause_s = min(PAUSE_S_MAX, PAUSE_S_FIRST * 2**attempt) * (0.5 + secrets.randbelow(1000) / 1000)
            try:
                response = await self._client.request(method, path, **request)
            except httpx.TransportError as error:
                last = f"{type(error).__name__}"
                continue
            if response.status_code not in AGAIN:
                return response
            last = f"status {response.status_code}"
            pause_s = max(pause_s, _retry_after_s(response.headers))
        raise CommandFailed(
            f"{self._url} did not answer {method} {path} in {self._attempts_max} attempts (last: {last}). "
            "Check --url, and that the service runs: vendorpay serve"
        )


@asynccontextmanager
async def service(url: str, token: str | None, *, attempts_max: int = ATTEMPTS_MAX) -> AsyncIterator[Service]:
    """Opens the service; each request is tried so often. Raises WrongUsage for a URL or token that cannot be one."""
    faults = Faults()
    faults.address(url, token)
    faults.end()
    try:
        client = httpx.AsyncClient(
            base_url=url.rstrip("/"), headers={"Authorization": f"Bearer {token}"}, timeout=TIMEOUT_S
        )
    except httpx.InvalidURL as error:
        raise WrongUsage("--url is no URL.") from error
    async with client:
        yield Service(client, url.rstrip("/").rpartition("@")[2], attempts_max)


def _body(response: httpx.Response) -> dict[str, Any]:
    try:
        body = response.json()
    except ValueError:
        body = None
    if response.is_success and isinstance(body, dict):
        return body
    problem = body if isinstance(body, dict) else {}
    code = str(problem.get("code", "no_json"))
    faults = [f"{fault.get('field')}: {fault.get('message')}" for fault in problem.get("errors", [])]
    said = str(problem.get("detail") or problem.get("title") or "the answer is not the service's: check --url")
    message = " ".join([f"{response.status_code} {code}: {said}", *faults[:1]])
    message = "; ".join([message, *faults[1:]])
    if response.status_code == 401:
        message += " Mint a new token: vendorpay token"
    raise Refused(response.status_code, code, message)


def _retry_after_s(headers: Mapping[str, str]) -> float:
    text = headers.get("Retry-After", "")
    return min(RETRY_AFTER_S_MAX, float(text)) if text.isascii() and text.isdigit() else 0.0
