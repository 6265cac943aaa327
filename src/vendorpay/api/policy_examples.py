"""Examples of approval policies for the OpenAPI document."""

from __future__ import annotations

from typing import Any, Final

from vendorpay.api.examples import APPROVER, CREATED_AT, CREATOR, DECIDED_AT, PAYMENT_ID

POLICY_ID: Final = "019a2c70-4b1e-7d52-8f03-6c9e1a7d2b45"
_ORG: Final = "roadcall"

DOCUMENT: Final[dict[str, Any]] = {
    "rules": [
        {
            "name": "small tows by events",
            "effect": "auto_approve",
            "when": {
                "sources": ["event"],
                "currencies": ["USD"],
                "maxAmountCents": 20_000,
                "vendorIsNew": False,
                "fraudStatuses": ["low_risk"],
            },
        },
        {
            "name": "up to 1,000.00",
            "when": {"currencies": ["USD"], "maxAmountCents": 100_000},
            "anyOf": [[{"role": "dispatcher"}]],
        },
        {
            "name": "all others",
            "anyOf": [[{"role": "admin"}, {"role": "dispatcher"}]],
            "escalation": {"afterHours": 24, "role": "admin"},
        },
    ],
    "limits": [{"per": "approver", "period": "day", "currency": "USD", "maxAmountCents": 5_000_000}],
}
PROPOSAL: Final = {"document": DOCUMENT, "notes": "Small tows need nobody any more."}
PROPOSAL_AGAIN: Final = {"again": "default", "notes": "As it was before."}
PROPOSED: Final[dict[str, Any]] = {
    "policyId": POLICY_ID,
    "orgId": _ORG,
    "version": 1,
    "status": "proposed",
    "document": DOCUMENT,
    "proposedBy": CREATOR,
    "proposedAt": CREATED_AT,
    "activatedBy": None,
    "activatedAt": None,
}
ACTIVE: Final = {**PROPOSED, "status": "active", "activatedBy": APPROVER, "activatedAt": DECIDED_AT}
AGREEMENT: Final = {"notes": "As we said on Monday."}
PAGE: Final = {"active": ACTIVE, "policies": [ACTIVE], "nextCursor": None}
SIMULATION: Final = {"document": DOCUMENT, "last": 500}
SIMULATED: Final = {
    "activeVersion": 0,
    "payments": 500,
    "rules": [
        {"rule": "small tows by events", "payments": 310},
        {"rule": "up to 1,000.00", "payments": 165},
        {"rule": "all others", "payments": 25},
    ],
    "changed": 1,
    "differences": [
        {
            "paymentId": PAYMENT_ID,
            "amountCents": 12_500,
            "currency": "USD",
            "now": {"rule": "up to 1,000.00", "effect": "approvals", "requiredApprovals": 1},
            "then": {"rule": "small tows by events", "effect": "auto_approve", "requiredApprovals": 1},
        }
    ],
}

DELEGATION_ID: Final = "019a2c71-0c3d-7e64-9a15-7d0f2b8e3c56"
NEW_DELEGATION: Final = {
    "delegateId": APPROVER,
    "startsAt": "2026-03-09T00:00:00Z",
    "endsAt": "2026-03-16T00:00:00Z",
}
DELEGATION: Final[dict[str, Any]] = {
    "delegationId": DELEGATION_ID,
    "orgId": _ORG,
    "delegatorId": CREATOR,
    "delegatorRole": "admin",
    **NEW_DELEGATION,
    "createdAt": CREATED_AT,
    "endedAt": None,
    "endedBy": None,
}
DELEGATIONS: Final = {"delegations": [DELEGATION], "nextCursor": None}
ENDED_DELEGATION: Final = {**DELEGATION, "endedAt": DECIDED_AT, "endedBy": CREATOR}
