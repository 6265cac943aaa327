"""The rules for a token's registered claims. Who may do what with it is decided elsewhere."""

from collections.abc import Mapping
from typing import Any

from vendorpay.domain.errors import Unauthenticated

# For clocks that differ: how far in the future nbf and iat may lie. Expiry is strict, without leeway.
NOT_BEFORE_LEEWAY_S = 30.0
SUBJECT_LENGTH_MAX = 255
# Later moments do not fit a float exactly, and no issuer means them.
MOMENT_MAX = 2**53
_USES = ("id", "access")


def check_claims(claims: Mapping[str, Any], *, issuer: str, audience: str, now: float) -> float:
    """The moment of expiry of claims that hold now; raises Unauthenticated.

    Cognito's access tokens name their audience in `client_id` and have no `aud`; id tokens have `aud`.
    """
    if claims.get("iss") != issuer:
        raise Unauthenticated("the token is of another issuer")
    if not is_for(audience, claims):
        raise Unauthenticated("the token is for another audience")
    if claims.get("token_use", "access") not in _USES:
        raise Unauthenticated("the token is not an access token")
    for name in ("nbf", "iat"):
        if name in claims and _moment(claims, name) > now + NOT_BEFORE_LEEWAY_S:
            raise Unauthenticated("the token is not yet valid")
    expires_at = _moment(claims, "exp")
    if expires_at <= now:
        raise Unauthenticated("the token has expired")
    _check_texts(claims)
    return expires_at


def is_for(audience: str, claims: Mapping[str, Any]) -> bool:
    """Whether claims name an audience, in the place that their kind of token has for it."""
    if "aud" not in claims:
        return bool(claims.get("client_id") == audience)
    named = claims["aud"]
    return named == audience if isinstance(named, str) else isinstance(named, list) and audience in named


def _moment(claims: Mapping[str, Any], name: str) -> float:
    value = claims.get(name)
    # true is an int to Python, and no moment.
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= MOMENT_MAX:
        raise Unauthenticated(f"the token's {name} claim is missing or not a time")
    return value


def _check_texts(claims: Mapping[str, Any]) -> None:
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 0 < len(subject.strip()) <= len(subject) <= SUBJECT_LENGTH_MAX:
        raise Unauthenticated("the token's sub claim is missing or no text")
    # Claims end up in rows, and a NUL there would be a database error, not a refusal.
    if not subject.isprintable() or any("\0" in value for value in claims.values() if isinstance(value, str)):
        raise Unauthenticated("the token's claims hold control characters")
