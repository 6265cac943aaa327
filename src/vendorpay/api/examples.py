"""Working examples for the OpenAPI document: a tow that costs 125.00 USD, from its bill to its audit log.

Tests send every request here through the operation's own parser and hold every answer against its schema.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec

from vendorpay.api.problems import type_of
from vendorpay.domain.new_payment import NewPayment, begin

PAYMENT_ID: Final = "019a2c5e-7d10-7c3a-9b52-6f0e4d8a1c27"
INCIDENT_ID: Final = "019a2c41-03b8-7e11-8d4f-2a9c5b7e6d10"
VENDOR_ID: Final = "5b1f9d3e-8c47-4a62-b0de-91c3a7f54e68"
DRIVER_ID: Final = "c7e2a4b8-1d95-4f36-a8b1-3e6d0c9f7258"
QUARANTINE_ID: Final = "019a2c60-91f4-7a08-8e6b-d4c2b7a05f39"
EVENT_ID: Final = "7f3c1b9a-5e28-4d06-9a41-c8d5e2f7b630"
LOG_ID: Final = "019a2c5e-7d11-7f40-a2c6-0b9e8d7c6f51"
CREATOR: Final = "2e8b6c14-9f70-4d3a-b5c1-7a6f0e9d8c42"
APPROVER: Final = "9d41f7a0-3c68-4b2e-8e57-5a0b6c1d2f93"
LINE_IDS: Final = ("019a2c5e-7d10-7c3a-9b52-6f0e4d8a1c28", "019a2c5e-7d10-7c3a-9b52-6f0e4d8a1c29")
CREATED_AT: Final = "2026-03-02T14:05:09.120Z"
DECIDED_AT: Final = "2026-03-02T15:20:41.507Z"
IDEMPOTENCY_KEY: Final = "invoice-TW-20418-attempt-1"

NEW_PAYMENT: Final[dict[str, Any]] = {
    "incidentId": INCIDENT_ID,
    "vendorId": VENDOR_ID,
    "payerType": "back_office",
    "amountCents": 12_500,
    "currency": "USD",
    "reference": "TW-20418",
    "lineItems": [
        {"description": "Tow - Base Service", "quantity": 1, "unitPriceCents": 9_500},
        {"description": "Mileage Charge", "quantity": 12, "unitPriceCents": 250},
    ],
    "metadata": {"serviceType": "tow"},
}
NEW_DRIVER_PAYMENT: Final[dict[str, Any]] = {
    "incidentId": INCIDENT_ID,
    "vendorId": VENDOR_ID,
    "payerType": "driver_ic",
    "payerId": DRIVER_ID,
    "amountCents": 6_000,
    "lineItems": [{"description": "Jump start", "quantity": 1, "unitPriceCents": 6_000}],
}
APPROVAL: Final = {"notes": "Photos and mileage agree with the incident."}
REJECTION: Final = {"reason": "Twelve miles were billed, seven were driven.", "reasonCode": "inflated"}
HOLD: Final = {"reason": "The invoice has no odometer photo.", "reasonCode": "missing_documents"}
RELEASE: Final = {"notes": "The photo came."}
UNDOING: Final = {"notes": "I looked at the wrong incident."}
CONTENT_PATCH: Final[dict[str, Any]] = {
    "lineItems": [
        {"description": "Tow - Base Service", "quantity": 1, "unitPriceCents": 9_500},
        {"description": "Mileage Charge", "quantity": 7, "unitPriceCents": 250},
    ],
    "amountCents": 11_250,
}
METADATA_PATCH: Final[dict[str, Any]] = {"metadata": {"odometerKm": 48_211, "serviceType": None}}
REFERENCE_PATCH: Final = {"reference": "TW-20419"}
CANCELLATION: Final = {"reason": "The vendor sent the bill twice.", "reasonCode": "duplicate"}

WORK_COMPLETED: Final[dict[str, Any]] = {
    "id": EVENT_ID,
    "source": "roadcall.incident-service",
    "detail-type": "WorkCompleted",
    "time": "2026-03-02T14:05:08Z",
    "detail": {
        "incidentId": INCIDENT_ID,
        "vendorId": VENDOR_ID,
        "completedAt": "2026-03-02T14:03:00Z",
        "reference": "TW-20418",
        "workDetails": {"serviceType": "Tow", "duration": 47, "photos": ["before.jpg", "after.jpg"], "notes": ""},
        "pricing": {
            "basePrice": 9_500,
            "mileageCharge": 2_500,
            "additionalCharges": [{"description": "Winch", "amount": 500}],
        },
    },
}


def _payment() -> dict[str, Any]:
    """What creating NEW_PAYMENT leads to, made by the domain itself: its digest is the real one."""
    ids = iter([*LINE_IDS, PAYMENT_ID])
    state = begin(
        msgspec.convert(NEW_PAYMENT, NewPayment),
        org_id="roadcall",
        created_by=CREATOR,
        required_approvals=1,
        now=datetime.fromisoformat(CREATED_AT),
        new_id=lambda: UUID(next(ids)),
    )
    found: dict[str, Any] = msgspec.to_builtins(state.payment)
    return found


PAYMENT: Final = _payment()
APPROVED: Final = {
    **PAYMENT,
    "status": "approved",
    "version": 2,
    "approvals": [{"approverId": APPROVER, "role": "dispatcher", "notes": APPROVAL["notes"], "at": DECIDED_AT}],
    "approvedBy": APPROVER,
    "approvedAt": DECIDED_AT,
    "updatedAt": DECIDED_AT,
}
REJECTED: Final = {**PAYMENT, "status": "rejected", "version": 2, "updatedAt": DECIDED_AT}
CANCELLED: Final = {**PAYMENT, "status": "cancelled", "version": 2, "updatedAt": DECIDED_AT}
HELD: Final = {
    **PAYMENT,
    "version": 2,
    "holds": [{"kind": "manual", "reason": HOLD["reason"], "by": APPROVER, "at": DECIDED_AT}],
    "updatedAt": DECIDED_AT,
}
RELEASED: Final = {**PAYMENT, "version": 3, "updatedAt": DECIDED_AT}
UPDATED: Final = {**PAYMENT, "reference": "TW-20419", "version": 2, "updatedAt": DECIDED_AT}

PAYMENTS: Final = {"payments": [PAYMENT], "nextCursor": None}
PENDING: Final = {
    "payments": [PAYMENT],
    "pagination": {"limit": 50, "offset": 0, "count": 1, "nextCursor": None},
}
AUDIT_LOG: Final = {
    "entries": [
        {
            "logId": LOG_ID,
            "subjectType": "payment",
            "subjectId": PAYMENT_ID,
            "paymentId": PAYMENT_ID,
            "seq": 1,
            "action": "payment_created",
            "actorId": CREATOR,
            "actorType": "user",
            "previousStatus": None,
            "newStatus": "pending_approval",
            "reasonCode": None,
            "notes": None,
            "timestamp": CREATED_AT,
            "prevHash": "0" * 64,
            "hash": "5f0c1d9b7a3e4826c0d1b2a39485766758493a2b1c0d0e1f20314253647586a7",
        }
    ]
}
QUARANTINE: Final = {
    "quarantined": [
        {
            "quarantineId": QUARANTINE_ID,
            "reason": "detail.pricing is required",
            "errors": [{"field": "detail.pricing", "message": "is required"}],
            "publisher": CREATOR,
            "timesSeen": 2,
            "firstSeenAt": CREATED_AT,
            "lastSeenAt": DECIDED_AT,
            "raw": '{"id": "7f3c1b9a", "source": "roadcall.incident-service", "detail-type": "WorkCompleted"}',
            "rawBytes": 89,
        }
    ],
    "nextCursor": None,
}
FEED: Final = {
    "events": [
        {
            "position": 41,
            "id": EVENT_ID,
            "source": "roadcall.payment-service",
            "detail-type": "PaymentApproved",
            "time": DECIDED_AT,
            "detail": {
                "eventId": EVENT_ID,
                "sequence": 2,
                "occurredAt": DECIDED_AT,
                "version": "1",
                "paymentId": PAYMENT_ID,
                "incidentId": INCIDENT_ID,
                "vendorId": VENDOR_ID,
                "amountCents": 12_500,
                "currency": "USD",
                "status": "approved",
                "approvedBy": APPROVER,
                "approvedAt": DECIDED_AT,
                "position": 41,
            },
        }
    ],
    "position": 41,
    "lastPosition": 41,
}
EVENT_RESULTS: Final = {"results": [{"id": EVENT_ID, "result": "accepted", "paymentId": PAYMENT_ID}]}

METRICS: Final = """\
# HELP vendorpay_queue_commands Commands that wait for their batch.
# TYPE vendorpay_queue_commands gauge
vendorpay_queue_commands 0
"""


def problem(code: str, status: int, title: str, detail: str) -> dict[str, Any]:
    """The body of a refusal."""
    facts = {"type": type_of(code), "title": title, "status": status, "detail": detail, "code": code}
    return {**facts, "requestId": LOG_ID}
