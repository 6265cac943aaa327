"""Fraud cases: a flagged payment waits until somebody who did not make it has looked, and said what it is."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

import msgspec

DETECTION_ERROR: Final = "fraud_detection_error"
"""The reason shown where no score was to be had."""
SCORER: Final = "fraud-scoring"
"""The part of the service that scores: a consumer by this name, `system:fraud-scoring` in the audit log."""


class CaseStatus(StrEnum):
    """Where a case stands; `superseded`: it was opened for want of a score, and the score found nothing."""

    OPEN = "open"
    CLEARED = "cleared"
    CONFIRMED = "confirmed"
    SUPERSEDED = "superseded"


class CaseCause(StrEnum):
    """What opened it: a score that flags, or that none was to be had."""

    SCORE = "score"
    ERROR = "error"


class Decision(StrEnum):
    """What somebody found a case to be: nothing, or fraud. Decisions are the labels that scores are judged by."""

    CLEARED = "cleared"
    CONFIRMED = "confirmed"


class CaseReason(StrEnum):
    """Why it was decided so; a closed set (contract 3.7), so that reports can count it."""

    VERIFIED_WITH_VENDOR = "verified_with_vendor"
    VERIFIED_PHOTOS = "verified_photos"
    KNOWN_PATTERN = "known_pattern"
    DUPLICATE = "duplicate"
    INFLATED = "inflated"
    NOT_PERFORMED = "not_performed"
    OTHER = "other"


class FraudCase(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The case of one payment, as it is stored beside it. `contentVersion` is the content that was flagged first."""

    case_id: UUID
    payment_id: UUID
    status: CaseStatus
    cause: CaseCause
    content_version: int
    opened_at: datetime
    audit_seq: int
    assignee: str | None = None
    assigned_at: datetime | None = None
    decided_by: str | None = None
    decided_at: datetime | None = None
    reason_code: CaseReason | None = None
    vendor_blocked: bool = False
    decision_audit_seq: int | None = None
