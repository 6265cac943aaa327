"""What is needed to list a vendor for the scorer, and the rules across its fields."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from msgspec import Meta

from vendorpay.domain.errors import FieldFault
from vendorpay.domain.fraud_cases import CaseReason
from vendorpay.domain.fraud_listing import ListingKind
from vendorpay.domain.fraud_signals import CODES

EXPIRES_AFTER_MAX: Final = timedelta(days=366)
"""Trust is looked at again every year; the CHECK `fraud_listings_expire` says the same."""
Moment = Annotated[datetime, Meta(tz=True)]
Signal = Annotated[str, Meta(max_length=64, extra_json_schema={"enum": list(CODES)})]


class NewListing(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """A vendor to be listed. `allow` and `snooze` need their end, `snooze` its signal."""

    vendor_id: UUID
    kind: ListingKind
    reason_code: CaseReason
    signal: Signal | None = None
    expires_at: Moment | None = None


def check(fields: Mapping[str, Any]) -> list[FieldFault]:
    """The faults across the fields of a NewListing; when it ends, only its use case can judge."""
    kind, signal = fields.get("kind"), fields.get("signal")
    faults = []
    if kind is ListingKind.SNOOZE and "signal" in fields and signal is None:
        faults.append(FieldFault("signal", "is required for a snooze"))
    if kind in (ListingKind.ALLOW, ListingKind.BLOCK) and signal is not None:
        faults.append(FieldFault("signal", "goes with a snooze only"))
    if signal is not None and signal not in CODES:
        faults.append(FieldFault("signal", f"is no signal; there are: {', '.join(CODES)}"))
    if kind in (ListingKind.ALLOW, ListingKind.SNOOZE) and "expires_at" in fields and fields["expires_at"] is None:
        faults.append(FieldFault("expiresAt", f"is required for {kind.value}: trust has an end"))
    expires_at = fields.get("expires_at")
    if expires_at is not None and not 1970 <= expires_at.year <= 9998:
        faults.append(FieldFault("expiresAt", "must be between the years 1970 and 9998"))
    return faults


def expiry_faults(expires_at: datetime | None, now: datetime) -> list[FieldFault]:
    """The fault of an end that has passed, or is further off than trust may go."""
    if expires_at is None or now < expires_at <= now + EXPIRES_AFTER_MAX:
        return []
    return [FieldFault("expiresAt", f"must be in the future, at most {EXPIRES_AFTER_MAX.days} days from now")]
