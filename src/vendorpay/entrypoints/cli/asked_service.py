"""The client of a command: opened with its options, and its failures said as a command says them."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, TypeVar
from urllib.parse import urlsplit

from vendorpay.client import Client, ClientError, NoAnswer, Patience, Problem
from vendorpay.entrypoints.cli.checks import Faults
from vendorpay.entrypoints.cli.failures import CommandFailed, WrongUsage

ATTEMPTS_SILENT: Final = 2
"""After this many nobody should be left to wonder what the command waits for."""
PATIENCE: Final = Patience()
T = TypeVar("T")
_NEXT: Final = {
    "four_eyes": "It takes somebody else, with a token of their own.",
    "fraud_review_required": "Its case comes first: vendorpay fraud cases",
    "score_pending": "Try again in a few seconds.",
    "payment_held": "See who holds it, and why: vendorpay payments show",
    "policies_off": "VENDORPAY_REQUIRED_APPROVALS is set for the service: without it, policies apply.",
}
"""What to do about a refusal, where that is always the same."""


@contextmanager
def service(url: str, token: str | None, *, patience: Patience | None = None) -> Iterator[Client]:
    """Opens the service. Raises WrongUsage for a URL or token that cannot be one, CommandFailed for what the client
    raises within."""
    faults = Faults()
    faults.address(url, token)
    faults.end()

    def told(attempt: int, last: str) -> None:
        if attempt == ATTEMPTS_SILENT:
            print(f"vendorpay: {shown(url)} does not answer yet ({last}); trying again ..", file=sys.stderr)

    try:
        client = Client(url, token, patience=patience or PATIENCE, proxy=_proxy_for(url), told=told)
    except ValueError as error:
        raise WrongUsage("--url is no URL.") from error
    with said(client):
        yield client


def asked(url: str, token: str | None, ask: Callable[[Client], T]) -> T:
    """One answer of the service. Raises what `service` does, and WrongUsage for what it calls a wrong request: only the
    service knows every status, code and cursor, but it was the options that were wrong."""
    try:
        with service(url, token) as client:
            return ask(client)
    except CommandFailed as failed:
        cause = failed.__cause__
        if isinstance(cause, Problem) and cause.status == 400:
            raise WrongUsage(words(cause)) from cause
        raise


@contextmanager
def said(client: Client) -> Iterator[Client]:
    """The client, closed in the end. Raises CommandFailed for what it raises within."""
    with client:
        try:
            yield client
        except ClientError as error:
            raise CommandFailed(words(error)) from error


def shown(url: str) -> str:
    """The URL without what is secret of it."""
    return url.rstrip("/").rpartition("@")[2]


def words(error: ClientError) -> str:
    """What went wrong, and what to do next."""
    if isinstance(error, Problem) and error.status == 401:
        return f"{error} Mint a new token: vendorpay token"
    if isinstance(error, Problem) and error.code in _NEXT:
        return f"{error} {_NEXT[error.code]}"
    if isinstance(error, NoAnswer):
        return f"{error} Check --url, and that the service runs: vendorpay serve"
    return str(error)


def _proxy_for(url: str) -> str | None:
    """The proxy that the environment names for this URL, as other programs understand it."""
    if not any(name.lower().endswith("_proxy") for name in os.environ):
        return None
    from urllib.request import getproxies, proxy_bypass

    parts = urlsplit(url)
    proxies = getproxies()
    proxy = proxies.get(parts.scheme) or proxies.get("all")
    if not proxy or not proxy.startswith(("http://", "https://")) or proxy_bypass(parts.netloc):
        return None
    return proxy
