"""How a vendor stands with the scorer by what people said of it: trusted for a time, blocked, or a signal snoozed.

What lets it say less (trust, a snooze) counts when a second person has confirmed it; what lets it say more, at once.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

import msgspec

from vendorpay.domain.fraud.finding import Assessment, Finding, FraudStatus
from vendorpay.domain.fraud_listing import Listing, ListingKind

BLOCKED: Final = "vendor_blocked"
ALLOWED: Final = "vendor_allowed"
TRUST_ENDS_AT: Final = frozenset({"duplicate_exact", "self_dealing"})
"""What these say is looked at whoever the vendor is: a bill that came twice, and ties between people."""


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """What holds for a vendor at a moment."""

    allowed: bool = False
    blocked: bool = False
    snoozed: frozenset[str] = frozenset()


def standing_of(listings: tuple[Listing, ...], at: datetime) -> Standing:
    """What the listings of one vendor come to at a moment."""
    active = [one for one in listings if one.counts(at)]
    kinds = {one.kind for one in active}
    return Standing(
        allowed=ListingKind.ALLOW in kinds,
        blocked=ListingKind.BLOCK in kinds,
        snoozed=frozenset(one.signal for one in active if one.signal is not None),
    )


def heeding(assessment: Assessment, standing: Standing) -> Assessment:
    """The assessment with what people said of the vendor; a block comes before trust."""
    if standing.blocked:
        said = Finding(code=BLOCKED, strength=1.0, weight=1.0, message="The vendor is on the blocklist.")
        return _with(assessment, said, FraudStatus.FLAGGED, 1.0)
    trusted = standing.allowed and TRUST_ENDS_AT.isdisjoint(each.code for each in assessment.findings)
    if trusted and assessment.status is FraudStatus.FLAGGED:
        words = "The vendor is on the allowlist: what was found does not flag the payment."
        said = Finding(code=ALLOWED, strength=1.0, weight=0.0, message=words)
        return _with(assessment, said, FraudStatus.HIGH_RISK, assessment.score)
    return assessment


def _with(assessment: Assessment, finding: Finding, status: FraudStatus, score: float) -> Assessment:
    return msgspec.structs.replace(assessment, score=score, status=status, findings=(finding, *assessment.findings))
