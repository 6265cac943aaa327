"""What payees are shown, and what an approver signs."""

import hashlib
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec
import pytest

from vendorpay.domain.lifecycle import PaymentStatus
from vendorpay.domain.payment import (
    Approval,
    FraudReason,
    Hold,
    HoldKind,
    LineItem,
    PayerType,
    Payment,
    content_digest,
    for_payee,
)

GOLDEN_DIGEST = "d6b1a74ead90d06712a6a9ec258af16d8e12b7a780d0abdefc8c366a3dc4a5c1"
AT = datetime(2026, 1, 2, tzinfo=UTC)
ID = UUID("33333333-3333-4333-8333-333333333333")
TOWING = LineItem(line_item_id=ID, line_no=1, description="Towing", quantity=2, unit_price_cents=50, total_cents=100)
WAITING = LineItem(line_item_id=ID, line_no=2, description="Waiting", quantity=1, unit_price_cents=7, total_cents=7)
CONTENT: dict[str, Any] = {
    "incident_id": ID,
    "vendor_id": ID,
    "payer_type": "driver_ic",
    "payer_id": ID,
    "amount_cents": 107,
    "currency": "USD",
    "payee_account_version": 0,
    "lines": (TOWING, WAITING),
}
PAYMENT = Payment(
    payment_id=ID,
    org_id="acme",
    incident_id=ID,
    vendor_id=ID,
    reference="bill-7",
    payer_type=PayerType.BACK_OFFICE,
    payer_id=None,
    amount_cents=107,
    currency="USD",
    status=PaymentStatus.APPROVED,
    version=2,
    content_version=1,
    digest=content_digest(**CONTENT),
    line_items=(TOWING, WAITING),
    required_approvals=1,
    approvals=(Approval(approver_id="secret-approver", role="admin", notes="secret-notes", at=AT),),
    approved_by="secret-approver",
    approved_at=AT,
    holds=(Hold(kind=HoldKind.FRAUD, reason="secret-hold", by="secret-holder", at=AT),),
    fraud_score=0.77,
    fraud_status="flagged",
    fraud_reasons=(FraudReason(code="secret-code", message="secret-message"),),
    metadata={"secret-key": "secret-value"},
    created_by="creator",
    created_at=AT,
    updated_at=AT,
)


def test_fault_50_a_payee_sees_no_fraud_fields_notes_approvers_holds_or_metadata() -> None:
    shown = msgspec.json.encode(for_payee(PAYMENT)).decode()
    assert "secret" not in shown
    assert "0.77" not in shown
    for name in ("fraudScore", "fraudStatus", "fraudReasons", "approvals", "approvedBy", "holds", "metadata", "notes"):
        assert f'"{name}"' not in shown


def test_a_payee_sees_everything_else_as_the_back_office_does() -> None:
    whole = msgspec.to_builtins(PAYMENT)
    shown = msgspec.to_builtins(for_payee(PAYMENT))
    assert shown == {name: whole[name] for name in shown}
    assert whole.keys() - shown.keys() == {
        *(
            "approvals",
            "approvedBy",
            "editedBy",
            "holds",
            "fraudScore",
            "fraudStatus",
            "fraudReasons",
            "metadata",
            "policy",
        )
    }


def test_the_back_office_sees_the_names_of_the_contract() -> None:
    shown = set(msgspec.to_builtins(PAYMENT))
    assert shown >= {
        *("paymentId", "orgId", "incidentId", "vendorId", "reference", "payerType", "payerId", "amountCents"),
        *("currency", "status", "version", "contentVersion", "digest", "lineItems", "fraudScore", "fraudStatus"),
        *("fraudReasons", "requiredApprovals", "approvals", "approvedBy", "approvedAt", "holds", "payout"),
        *("stripePaymentIntentId", "stripeTransferId", "processedAt", "completedAt", "failedReason", "failedCode"),
        *("metadata", "createdBy", "createdAt", "updatedAt"),
    }


def changed(line: LineItem, **facts: Any) -> LineItem:
    return msgspec.structs.replace(line, **facts)


@pytest.mark.parametrize(
    "change",
    [
        {"amount_cents": 108},
        {"currency": "EUR"},
        {"incident_id": UUID(int=1)},
        {"vendor_id": UUID(int=1)},
        {"payer_type": "back_office"},
        {"payer_id": None},
        {"payee_account_version": 1},
        {"lines": (TOWING,)},
        {"lines": (WAITING, TOWING)},
        {"lines": (TOWING, WAITING, changed(WAITING, unit_price_cents=0))},
        {"lines": (changed(TOWING, description="Towinge"), WAITING)},
        {"lines": (changed(TOWING, quantity=1), WAITING)},
        {"lines": (changed(TOWING, unit_price_cents=51), WAITING)},
        {"lines": (changed(TOWING, quantity=50, unit_price_cents=2), WAITING)},
    ],
    ids=str,
)
def test_any_change_of_what_is_paid_to_whom_changes_the_digest(change: dict[str, Any]) -> None:
    assert content_digest(**{**CONTENT, **change}) != content_digest(**CONTENT)


def test_a_digest_is_the_same_for_ever_and_for_new_ids_of_the_same_lines() -> None:
    """A golden vector: approvals in every database name such digests."""
    ids = b'"33333333-3333-4333-8333-333333333333","33333333-3333-4333-8333-333333333333","driver_ic",'
    ids += b'"33333333-3333-4333-8333-333333333333"'
    text = b"[" + ids + b',107,"USD",0,[["Towing",2,50],["Waiting",1,7]]]'
    assert content_digest(**CONTENT) == GOLDEN_DIGEST
    assert hashlib.sha256(text).hexdigest() == GOLDEN_DIGEST
    other_ids = (changed(TOWING, line_item_id=UUID(int=5)), WAITING)
    assert content_digest(**{**CONTENT, "lines": other_ids}) == GOLDEN_DIGEST
