"""Payments with what the events that led to them told."""

from __future__ import annotations

import msgspec
from psycopg.rows import DictRow

from vendorpay.domain.fraud.told import Told
from vendorpay.domain.payment import Payment
from vendorpay.store.payment_rows import payment_of


class WithEvent(msgspec.Struct, frozen=True, kw_only=True):
    """A payment and what its event told; nothing of one that came another way, or by an older version."""

    payment: Payment
    told: Told


def with_event(row: DictRow) -> WithEvent:
    """What is in a row of `@whole, @told`."""
    told = Told(driver_id=row["told_driver_id"], photos_key=row["told_photos_key"])
    return WithEvent(payment=payment_of(row, row), told=told)
