"""From what the fraud side decided to the rows of a batch."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import msgspec

from vendorpay.domain.fraud_cases import FraudCase
from vendorpay.domain.payment import Payment, PaymentState
from vendorpay.store.batch_writer import Rows


class GivenScore(msgspec.Struct, frozen=True, kw_only=True):
    """One row of fraud_scores: what a provider said of one content, or why it said nothing.

    `findings` and `facts` are JSON; a score that only watches (`shadow`) has no audit entry.
    """

    score_id: UUID
    content_version: int
    shadow: bool
    provider: str
    rule_set_version: str
    score: float | None
    status: str | None
    error: str | None
    findings: bytes
    facts: bytes | None
    duration_us: int
    scored_at: datetime
    audit_seq: int | None


def add_judged_payment(rows: Rows, state: PaymentState) -> None:
    """A payment's row after its score, or a decision about its case."""
    payment, chains = state.payment, state.chains
    case_id = None if state.fraud_case is None else state.fraud_case.case_id
    rows.add(
        "judgements",
        (
            *(payment.payment_id, payment.org_id, payment.status.value, payment.version, *fraud_columns(state)),
            *(case_id, chains.audit_seq, chains.audit_head, chains.event_seq, payment.updated_at),
        ),
    )


def fraud_columns(state: PaymentState) -> tuple[str, float | None, str | None, str]:
    """Gate, score, status and reasons."""
    payment: Payment = state.payment
    reasons = msgspec.json.encode(payment.fraud_reasons).decode()
    return state.fraud_gate.value, payment.fraud_score, payment.fraud_status, reasons


def add_score(rows: Rows, payment: Payment, given: GivenScore) -> None:
    """A score, live or in shadow."""
    facts = None if given.facts is None else given.facts.decode()
    rows.add(
        "fraud_scores",
        (
            *(given.score_id, payment.org_id, payment.payment_id, given.content_version, given.shadow, given.provider),
            *(given.rule_set_version, given.score, given.status, given.error, given.findings.decode(), facts),
            *(given.duration_us, given.scored_at, given.audit_seq),
        ),
    )


def add_opened_case(rows: Rows, payment: Payment, case: FraudCase) -> None:
    """A case that begins."""
    whose = (case.case_id, payment.org_id, payment.payment_id, payment.created_by)
    rows.add("fraud_cases", (*whose, case.content_version, case.cause.value, case.opened_at, case.audit_seq))


def add_changed_case(rows: Rows, payment: Payment, case: FraudCase) -> None:
    """A case as it is now: given to somebody, found to have another cause, or decided."""
    rows.add(
        "fraud_case_changes",
        (
            *(case.case_id, payment.org_id, case.cause.value, case.status.value, case.assignee, case.assigned_at),
            *(case.decided_by, case.decided_at, None if case.reason_code is None else case.reason_code.value),
            *(case.vendor_blocked, case.decision_audit_seq),
        ),
    )
