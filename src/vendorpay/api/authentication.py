"""Who is calling: the bearer token of a request, or what a gateway says of it, as a Caller."""

from __future__ import annotations

import re
from typing import Final

from vendorpay.api.request import Request
from vendorpay.domain.errors import Unauthenticated
from vendorpay.domain.roles import Caller, caller_of
from vendorpay.ports import TokenVerifier

_BEARER: Final = re.compile(rb"(?i:bearer) +([A-Za-z0-9._~+/-]+=*) *\Z")


async def authenticate(request: Request, verifier: TokenVerifier) -> Caller:
    """The caller whom the request's token names, or the claims that its carrier vouches for.

    Raises Unauthenticated without a valid token, Forbidden when its claims are not well formed, IssuerUnavailable.
    """
    if request.claims is not None:
        return caller_of(request.claims())
    return caller_of(await verifier.verify(_bearer(request.headers.all(b"authorization"))))


def _bearer(values: list[bytes]) -> str:
    if not values:
        raise Unauthenticated("the Authorization header is missing")
    if len(values) > 1:
        raise Unauthenticated("there is more than one Authorization header")
    found = _BEARER.match(values[0])
    if found is None:
        raise Unauthenticated("the Authorization header is not `Bearer <token>`")
    return found[1].decode("ascii")
