"""What scoring says: findings, each a sentence with its figures, and the assessment that they add up to."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class FraudStatus(StrEnum):
    """A score in words: low < 0.3 <= medium < 0.5 <= high < 0.7 <= flagged, unless the rule set says otherwise."""

    LOW_RISK = "low_risk"
    MEDIUM_RISK = "medium_risk"
    HIGH_RISK = "high_risk"
    FLAGGED = "flagged"


class Finding(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One reason to look twice."""

    code: str
    """The signal's name, for programs: one of `fraud_signals.CODES`, or `fraud_detection_error`."""
    strength: float
    """How clearly the signal speaks, above 0 and up to 1."""
    weight: float
    """What the rule set lets it count at full strength, 0..1."""
    message: str
    """A sentence with the figures, for a reviewer."""


class Assessment(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What the facts of one payment come to under one rule set."""

    score: float
    """0.00..1.00, in hundredths."""
    status: FraudStatus
    findings: tuple[Finding, ...]
    """What spoke, the weightiest first."""
    rule_set_version: str
