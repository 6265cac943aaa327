"""What a score means for its payment: whether the gate opens, and what becomes of its case. Pure."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from vendorpay.domain.fraud.finding import FraudStatus
from vendorpay.domain.fraud_cases import DETECTION_ERROR, CaseCause
from vendorpay.domain.lifecycle import ENDED
from vendorpay.domain.payment import FraudGate, FraudReason, PaymentState


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What a provider said of one content of a payment. Without a `score`, `error` says why there is none."""

    content_version: int
    provider: str
    rule_set_version: str
    score: float | None
    status: FraudStatus | None
    reasons: tuple[FraudReason, ...]
    findings: bytes = b"[]"
    facts: bytes | None = None
    duration_us: int
    error: str | None = None

    @property
    def flagged(self) -> bool:
        """Whether somebody has to look: at what the score found, or because there is none."""
        return self.score is None or self.status is FraudStatus.FLAGGED


class CaseStep(StrEnum):
    """What a score does to the case of its payment."""

    NONE = "none"
    OPENED = "opened"
    FOUND = "found"
    """It was opened for want of a score, and now there is one that flags."""
    SUPERSEDED = "superseded"


def unknown(content_version: int, *, provider: str, rule_set_version: str, why: str, duration_us: int) -> Verdict:
    """No score was to be had: the payment is flagged, and says so."""
    message = f"The payment could not be scored: {why}. It is tried again; a person may decide before."
    return Verdict(
        content_version=content_version,
        provider=provider,
        rule_set_version=rule_set_version,
        score=None,
        status=None,
        reasons=(FraudReason(code=DETECTION_ERROR, message=message),),
        duration_us=duration_us,
        error=why,
    )


def awaits_score(gate: FraudGate, fraud_score: float | None) -> bool:
    """Whether the present content waits for a score: its first one, or that of new content, or after an error."""
    return gate is FraudGate.SCORE_PENDING or (gate is FraudGate.REVIEW_REQUIRED and fraud_score is None)


def step_of(state: PaymentState, verdict: Verdict) -> tuple[FraudGate, CaseStep]:
    """The gate after the score, and what becomes of the case. A case that a score opened is only closed by people."""
    case, ended = state.fraud_case, state.payment.status in ENDED
    if case is None:
        if state.fraud_gate is FraudGate.REVIEW_REQUIRED:
            return FraudGate.REVIEW_REQUIRED, CaseStep.NONE  # decided to be fraud while the score was on its way
        if not verdict.flagged:
            return FraudGate.CLEAR, CaseStep.NONE
        return FraudGate.REVIEW_REQUIRED, CaseStep.NONE if ended else CaseStep.OPENED
    if case.cause is CaseCause.SCORE or verdict.score is None:
        return FraudGate.REVIEW_REQUIRED, CaseStep.NONE
    if verdict.flagged:
        return FraudGate.REVIEW_REQUIRED, CaseStep.FOUND
    return FraudGate.CLEAR, CaseStep.SUPERSEDED
