"""Every type of event that is published, so that nobody waits for one that is misspelt."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from vendorpay.domain.delegation_events import DelegationEvent
from vendorpay.domain.events import PaymentEvent, PublishedEvent
from vendorpay.domain.fraud_setting_events import FraudListingEvent, FraudRuleSetEvent
from vendorpay.domain.policy_events import PolicyEvent
from vendorpay.domain.webhook_events import EndpointEvent

PUBLISHED: Final[tuple[type[PublishedEvent], ...]] = (
    *PaymentEvent.__subclasses__(),
    *EndpointEvent.__subclasses__(),
    *PolicyEvent.__subclasses__(),
    *DelegationEvent.__subclasses__(),
    *FraudListingEvent.__subclasses__(),
    *FraudRuleSetEvent.__subclasses__(),
)

EVENT_TYPES: Final[tuple[str, ...]] = tuple(kind.__name__ for kind in PUBLISHED)


def unknown_types(names: Iterable[str]) -> list[str]:
    """Those that no event has."""
    return [name for name in names if name not in EVENT_TYPES]
