"""What a condition of a rule is, and the facts of a payment that conditions may ask for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

import msgspec

from vendorpay.domain.approval_rule import Source
from vendorpay.domain.payment import PayerType


class RuleFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a payment when its rule is chosen: at its creation, and when its content becomes another."""

    amount_cents: int
    currency: str
    payer_type: PayerType
    vendor_id: UUID
    vendor_is_new: bool | None
    """Whether none of the vendor's payments was approved before; None where no rule asks for it."""
    service_type: str | None
    source: Source
    created_by: str
    fraud_status: str | None = None
    """None: there is no score yet."""


class Condition(msgspec.Struct, frozen=True, kw_only=True):
    """One field of a rule's `when`, and when a payment meets what it says. A field that is not given is always met."""

    field: str
    met: Callable[[Any, RuleFacts], bool]
    """Asked for each payment, with what `ready` made."""
    ready: Callable[[Any], Any] = lambda wanted: wanted
    """Makes what is asked often of what the document says: a list may be long, and is a set then."""
