"""A listing of a vendor: what somebody told the scorer, who agreed, and its audit chain.

Apart from what a new one is asked for (`new_listing`), which knows every signal, and from what listings do to a score
(`vendor_standing`).
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from enum import StrEnum
from uuid import UUID

import msgspec

from vendorpay.domain.audit import moment
from vendorpay.domain.fraud_cases import CaseReason
from vendorpay.domain.payment import Chains


class ListingKind(StrEnum):
    """`allow`: findings flag nothing, but for TRUST_ENDS_AT; `block`: everything is flagged; `snooze`: one signal."""

    ALLOW = "allow"
    BLOCK = "block"
    SNOOZE = "snooze"


class ListingStatus(StrEnum):
    """What the chain of a listing says; that it expired is nobody's doing, and in no entry."""

    PROPOSED = "proposed"
    ACTIVE = "active"
    ENDED = "ended"


class Listing(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A vendor that is listed, by whom and until when; `caseId` where a confirmed case did it. A block counts at once;
    trust and snoozes when a second person has confirmed them.
    """

    listing_id: UUID
    vendor_id: UUID
    kind: ListingKind
    reason_code: CaseReason
    signal: str | None = None
    expires_at: datetime | None = None
    listed_by: str
    listed_at: datetime
    case_id: UUID | None = None
    confirmed_by: str | None = None
    confirmed_at: datetime | None = None
    ended_by: str | None = None
    ended_at: datetime | None = None

    @property
    def status(self) -> ListingStatus:
        """What was done about it so far."""
        if self.ended_at is not None:
            return ListingStatus.ENDED
        waits = self.kind is not ListingKind.BLOCK and self.confirmed_at is None
        return ListingStatus.PROPOSED if waits else ListingStatus.ACTIVE

    def is_over(self, at: datetime) -> bool:
        """Whether it has ended or expired."""
        return self.ended_at is not None or (self.expires_at is not None and self.expires_at <= at)

    def counts(self, at: datetime) -> bool:
        """Whether the scorer heeds it."""
        return self.status is ListingStatus.ACTIVE and not self.is_over(at)

    @property
    def digest(self) -> str:
        """What its audit entries vouch for: who is listed as what, why and until when."""
        content = {
            "caseId": None if self.case_id is None else str(self.case_id),
            "expiresAt": None if self.expires_at is None else moment(self.expires_at),
            "kind": self.kind.value,
            "reasonCode": self.reason_code.value,
            "signal": self.signal,
            "vendorId": str(self.vendor_id),
        }
        return hashlib.sha256(msgspec.json.encode(content, order="sorted")).hexdigest()


class ListingState(msgspec.Struct, frozen=True, kw_only=True):
    """A listing with its chains."""

    org_id: str
    listing: Listing
    chains: Chains = Chains()
