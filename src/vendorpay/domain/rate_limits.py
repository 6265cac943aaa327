"""Which operations draw on one budget, and the text in which an operator gives each budget its size."""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import StrEnum
from typing import Final

from vendorpay.domain.token_bucket import Limit

TOKENS_MAX: Final = 1_000_000
"""For both numbers of a limit: requests in a period, and requests at once."""
FILL_S_MAX: Final = 86_400
"""How long an empty bucket may take to be full: for so long its caller has to be remembered."""
ECHO_CHARACTERS_MAX: Final = 40
_PARTS_MAX: Final = 16
_PERIODS_S: Final = {"s": 1, "min": 60, "h": 3600}
_PART: Final = re.compile(r"(?P<name>[a-z_]+)=(?P<tokens>[0-9]{1,9})/(?P<unit>s|min|h)(?::(?P<burst>[0-9]{1,9}))?")
_LIKE: Final = "read=100/s:200,write=600/min"


class RateClass(StrEnum):
    """Which budget of requests an operation draws on."""

    PUBLIC = "public"
    """Asked without a token, and so by nobody whom a limit could be for."""
    READ = "read"
    WRITE = "write"
    SENSITIVE = "sensitive"
    """Decisions about a payment, new secrets, and sending again what was sent before."""
    BULK = "bulk"
    """Many items in one request."""


LIMITED: Final = tuple(each for each in RateClass if each is not RateClass.PUBLIC)


def parsed(text: str) -> dict[RateClass, Limit]:
    """The limits of a text like `read=100/s:200,write=600/min`: requests in each s, min or h, and after the colon how
    many at once, else as many as in one period. Raises ValueError that names every fault.
    """
    parts = [part.strip() for part in text.split(",", _PARTS_MAX)]
    limits: dict[RateClass, Limit] = {}
    faults = [f"has more than {_PARTS_MAX} parts"] if len(parts) > _PARTS_MAX else []
    for part in parts[:_PARTS_MAX]:
        found = _PART.fullmatch(part)
        wrong = list(_faults(found, limits)) if found else [f"is not like {_LIKE.partition(',')[0]}"]
        if found and not wrong:
            limits[RateClass(found["name"])] = _limit(found)
        faults += [f"{part[:ECHO_CHARACTERS_MAX]!r} {each}" for each in wrong]
    if faults:
        raise ValueError(f"must be limits like {_LIKE}: {'; '.join(faults)}")
    return limits


def _limit(found: re.Match[str]) -> Limit:
    tokens = int(found["tokens"])
    return Limit.of(tokens, _PERIODS_S[found["unit"]], int(found["burst"] or tokens))


def _faults(found: re.Match[str], before: dict[RateClass, Limit]) -> Iterator[str]:
    name, tokens, burst = found["name"], int(found["tokens"]), int(found["burst"] or found["tokens"])
    if name not in LIMITED:
        yield f"names none of {', '.join(LIMITED)}"
    elif name in before:
        yield "names a class for the second time"
    if not (1 <= tokens <= TOKENS_MAX and 1 <= burst <= TOKENS_MAX):
        yield f"has a number that is not from 1 to {TOKENS_MAX}"
    elif burst * _PERIODS_S[found["unit"]] > FILL_S_MAX * tokens:
        yield "takes longer than a day to allow its burst again"
