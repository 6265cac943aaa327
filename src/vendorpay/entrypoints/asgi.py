"""The ASGI application of a serving process."""

from __future__ import annotations

from vendorpay.api.app import App
from vendorpay.entrypoints import wiring
from vendorpay.entrypoints.handoff import Handoff

__all__ = ["App", "make"]


def make(handoff: Handoff) -> App:
    """The app; what it needs is opened by its lifespan, not here."""
    return App(lambda: wiring.opened(handoff), metrics=handoff.metrics, limits=wiring.rate_limits(handoff))
