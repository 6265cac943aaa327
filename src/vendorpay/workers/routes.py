"""Which of our use cases consume which of our events, as a table."""

from __future__ import annotations

from typing import Final

from vendorpay.domain.fraud_cases import SCORER
from vendorpay.usecases import score_payment
from vendorpay.usecases.consume_events import Route

ROUTES: Final[tuple[Route, ...]] = (
    Route(consumer=SCORER, event_types=score_payment.EVENT_TYPES, command=score_payment.for_event),
)


def switched_off(*, scoring: bool) -> frozenset[str]:
    """The consumers that have nothing to do: where new content waits for no score, nobody need hear of it."""
    return frozenset() if scoring else frozenset({SCORER})
