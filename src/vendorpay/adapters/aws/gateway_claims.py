"""Claims as API Gateway hands them over, made claims again and held to our own rules.

The gateway has checked the token's signature, with its own idea of the issuer, and may have done so a while ago, for it
keeps what an authorizer said. So issuer, audience, kind and times are checked here too. A REST API turns every claim
into text (a list into `a,b`, a time into the words of a clock in UTC), an HTTP API too (a list into `[a b]`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from vendorpay.adapters.token_claims import check_claims, is_for
from vendorpay.domain.errors import Unauthenticated

_TIMES: Final = ("exp", "iat", "nbf", "auth_time")
_LISTS: Final = ("aud", "cognito:groups")
_NUMBER: Final = re.compile(r"[0-9]{1,16}(?:\.[0-9]{1,16})?(?:[eE]\+?[0-9]{1,2})?\Z")
# Wed May 02 19:40:00 UTC 2018
_WORDS: Final = re.compile(
    r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) +"
    r"([0-9]{1,2}) ([0-9]{2}):([0-9]{2}):([0-9]{2}) UTC ([0-9]{4})\Z"
)
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class GatewayClaims:
    """Checks claims of one issuer, meant for any of our app clients. `now` gives seconds since 1970."""

    def __init__(self, *, issuer: str, audiences: Collection[str], now: Callable[[], float]) -> None:
        self._issuer = issuer
        self._audiences = tuple(audiences)
        self._now = now

    def checked(self, found: Mapping[str, Any] | None) -> Mapping[str, Any]:
        """The claims with the types of the token's. Raises Unauthenticated for none, and for what does not hold."""
        if found is None:
            raise Unauthenticated("the gateway has checked no token of this request")
        claims = {name: _as_it_was(name, value) for name, value in found.items()}
        audience = next((one for one in self._audiences if is_for(one, claims)), None)
        if audience is None:
            raise Unauthenticated("the token is for another audience")
        check_claims(claims, issuer=self._issuer, audience=audience, now=self._now())
        return claims


def claims_in(context: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """What an event's requestContext says of its token, in both shapes; None where no authorizer has seen one.

    Nothing else of a request is looked at, for everything else is the caller's to write.
    """
    authorizer = context.get("authorizer")
    if not isinstance(authorizer, Mapping):
        return None
    jwt = authorizer.get("jwt")
    found = jwt.get("claims") if isinstance(jwt, Mapping) else authorizer.get("claims")
    return found if isinstance(found, Mapping) else None


def _as_it_was(name: str, value: Any) -> Any:
    if not isinstance(value, str):
        return value
    if name in _TIMES:
        return _moment(value)
    return _several(value) if name in _LISTS else value


def _moment(text: str) -> Any:
    """Seconds since 1970; what is no time stays text, which the rules refuse."""
    if _NUMBER.match(text):
        return float(text)
    if (words := _WORDS.match(text)) is None:
        return text
    month, *numbers = words.groups()
    day, hour, minute, second, year = map(int, numbers)
    try:
        return datetime(year, _MONTHS.index(month) + 1, day, hour, minute, second, tzinfo=UTC).timestamp()
    except ValueError:
        return text


def _several(text: str) -> list[str]:
    """A list as the gateways write it. No group of ours and no app client has a space or a comma in its name."""
    if text[:1] == "[" and text[-1:] == "]":
        return text[1:-1].replace(",", " ").split()
    return [part.strip() for part in text.split(",")]
