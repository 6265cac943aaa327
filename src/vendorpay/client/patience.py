"""When a request is sent again, and how long is waited before: decided here alone, from values."""

from __future__ import annotations

from typing import Final

import msgspec

from vendorpay.client.problem import IN_FLIGHT
from vendorpay.client.request import Answer

AWAY: Final = frozenset({429, 502, 503, 504})
"""Nothing is known to be done, and it may go better later; 502 and 504 come from whatever stands before the service."""
RETRY_AFTER_S_MAX: Final = 60.0
"""However long the service asks for, it is asked again after this."""


class Patience(msgspec.Struct, frozen=True, kw_only=True):
    """How often a request is tried, for how long in all, and the pauses between: full jitter up to a doubling bound."""

    attempts_max: int = 8
    total_s_max: float = 120.0
    pause_s_first: float = 0.2
    pause_s_max: float = 10.0

    def pause_s(self, attempt: int, *, chance: float, retry_after_s: float | None = None) -> float:
        """The pause after an attempt, counted from 0. `chance`, from 0 to 1, is new each time: those who were turned
        away together do not come back together.
        """
        bound = min(self.pause_s_max, self.pause_s_first * 2.0 ** min(attempt, 30))
        return min(retry_after_s or 0.0, RETRY_AFTER_S_MAX) + chance * bound


ONCE: Final = Patience(attempts_max=1)
"""For what is true now or not at all, like health."""


def is_to_be_asked_again(answer: Answer) -> bool:
    """Whether the same request may get another answer. A refusal that names a fault of the request never is."""
    if answer.status in AWAY:
        return True
    return answer.status == 409 and (said := answer.problem()) is not None and said.code == IN_FLIGHT


def retry_after_s(text: str | None) -> float | None:
    """What Retry-After asks for in seconds; its form as a date is not used by the service, and not understood."""
    text = text or ""
    return float(text) if text.isascii() and text.isdigit() and len(text) < 10 else None
