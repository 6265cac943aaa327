"""Which of our use cases consume which of our events, as a table."""

from __future__ import annotations

from typing import Final

from vendorpay.usecases.consume_events import Route

ROUTES: Final[tuple[Route, ...]] = ()
