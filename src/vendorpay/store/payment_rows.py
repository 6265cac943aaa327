"""Between a payment's row and the domain's value of it."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final

import msgspec
from psycopg.rows import DictRow

from vendorpay.domain.approval import standing
from vendorpay.domain.approval_rule import ChosenRule, PolicyStanding
from vendorpay.domain.fraud_cases import FraudCase
from vendorpay.domain.lifecycle import PaymentStatus
from vendorpay.domain.payment import (
    Approval,
    Chains,
    FraudGate,
    FraudReason,
    Hold,
    LineItem,
    PayerType,
    Payment,
    PaymentState,
)

_lines = msgspec.json.Decoder(tuple[LineItem, ...])
_approvals = msgspec.json.Decoder(tuple[Approval, ...])
_holds = msgspec.json.Decoder(tuple[Hold, ...])
_fraud_reasons = msgspec.json.Decoder(tuple[FraudReason, ...])
_fraud_case = msgspec.json.Decoder(FraudCase)
_metadata = msgspec.json.Decoder(dict[str, Any])

RULES_KEPT_MAX: Final = 1024
"""Rules whose text was read before: the payments of an organisation have few different ones."""

# Calling an Enum takes a microsecond, and a page has fifty payments.
_PAYER_TYPES = {kind.value: kind for kind in PayerType}
_STATUSES = {status.value: status for status in PaymentStatus}
_FRAUD_GATES = {gate.value: gate for gate in FraudGate}

_PLAIN = (
    *(
        "payment_id",
        "org_id",
        "incident_id",
        "vendor_id",
        "reference",
        "payer_id",
        "amount_cents",
        "currency",
        "version",
    ),
    *("content_version", "digest", "required_approvals", "fraud_score", "fraud_status", "approved_by", "approved_at"),
    "edited_by",
    *("stripe_payment_intent_id", "stripe_transfer_id", "processed_at", "completed_at", "failed_reason", "failed_code"),
    *("created_by", "created_at", "updated_at"),
)


@lru_cache(maxsize=RULES_KEPT_MAX)
def _rule(text: str) -> ChosenRule:
    return msgspec.json.decode(text, type=ChosenRule)


@lru_cache(maxsize=RULES_KEPT_MAX)
def _standing_of_none(text: str, fraud_status: str | None) -> PolicyStanding:
    return standing(_rule(text), (), fraud_status)


def _standing(row: DictRow, approvals: tuple[Approval, ...]) -> PolicyStanding | None:
    text = row["approval_rule"]
    if text is None:
        return None
    if not approvals:
        return _standing_of_none(text, row["fraud_status"])
    return standing(_rule(text), approvals, row["fraud_status"], row["escalated_at"])


def payment_of(row: DictRow, children: DictRow) -> Payment:
    """The payment in a row of `@state`; `children` are its lines, valid approvals and open holds, as JSON."""
    lines, holds = children["lines"], children["holds"]
    approvals = _approvals.decode(children["approvals"]) if children["approvals"] else ()
    policy = _standing(row, approvals)
    plain = {name: row[name] for name in _PLAIN}
    if policy is not None:
        # What is lacking may have changed with the fraud score, which writes no number of approvals.
        plain["required_approvals"] = len(approvals) + policy.open
    return Payment(
        **plain,
        payer_type=_PAYER_TYPES[row["payer_type"]],
        status=_STATUSES[row["status"]],
        line_items=_lines.decode(lines) if lines else (),
        approvals=approvals,
        policy=policy,
        holds=_holds.decode(holds) if holds else (),
        fraud_reasons=_fraud_reasons.decode(row["fraud_reasons"]) if row["fraud_reasons"] != "[]" else (),
        metadata=_metadata.decode(row["metadata"]),
    )


def state_of(row: DictRow, children: DictRow) -> PaymentState:
    """The same with the facts that the payment's rules need."""
    return PaymentState(
        payment=payment_of(row, children),
        chains=Chains(audit_seq=row["audit_seq"], audit_head=row["audit_head"], event_seq=row["event_seq"]),
        open_holds=row["open_holds"],
        fraud_gate=_FRAUD_GATES[row["fraud_gate"]],
        fraud_case=_fraud_case.decode(found) if (found := children["fraud_case"]) else None,
        payee_account_version=row["payee_account_version"],
        payee_changed_by=row["payee_changed_by"],
        approvals_valid=row["approvals_valid"],
        rule=None if row["approval_rule"] is None else _rule(row["approval_rule"]),
        escalate_at=row["escalate_at"],
        escalated_at=row["escalated_at"],
    )
