"""A compact JWT taken apart, strictly: one spelling per token, nothing trusted yet."""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from typing import Any

import msgspec

from vendorpay.adapters.jwks_keys import KID_LENGTH_MAX
from vendorpay.domain.errors import Unauthenticated

TOKEN_BYTES_MAX = 8192

_COMPACT = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)", re.ASCII)
_MALFORMED = "the token is malformed"


@dataclass(frozen=True, slots=True)
class TokenParts:
    """What a token says of itself. Believe none of it before `signature` over `signed` is checked."""

    kid: str | None
    claims: dict[str, Any]
    signed: bytes
    signature: bytes


def take_apart(token: str) -> TokenParts:
    """The parts of an RS256 token; raises Unauthenticated for anything else."""
    shape = _COMPACT.fullmatch(token)
    if shape is None:
        raise Unauthenticated(_MALFORMED)
    header = _object(_bytes(shape[1]))
    if header.get("alg") != "RS256":
        raise Unauthenticated("the token is not signed with RS256")
    if "crit" in header:
        raise Unauthenticated("the token demands an unknown extension")
    return TokenParts(
        kid=_kid(header),
        claims=_object(_bytes(shape[2])),
        signed=token[: shape.end(2)].encode("ascii"),
        signature=_bytes(shape[3]),
    )


def _kid(header: dict[str, Any]) -> str | None:
    if "kid" not in header:
        return None
    kid = header["kid"]
    if not isinstance(kid, str) or not 0 < len(kid) <= KID_LENGTH_MAX:
        raise Unauthenticated(_MALFORMED)
    return kid


def _bytes(segment: str) -> bytes:
    try:
        decoded = urlsafe_b64decode(segment + "=" * (-len(segment) % 4))
    except ValueError as error:
        raise Unauthenticated(_MALFORMED) from error
    # The last character can carry spare bits that decoding drops: without this a changed token would pass.
    if urlsafe_b64encode(decoded).rstrip(b"=") != segment.encode("ascii"):
        raise Unauthenticated(_MALFORMED)
    return decoded


def _object(text: bytes) -> dict[str, Any]:
    try:
        value = msgspec.json.decode(text)
    except (ValueError, RecursionError) as error:
        raise Unauthenticated(_MALFORMED) from error
    if not isinstance(value, dict):
        raise Unauthenticated(_MALFORMED)
    return value
