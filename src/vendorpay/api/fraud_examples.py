"""Working examples of the operations on fraud cases."""

from __future__ import annotations

from typing import Any, Final

from vendorpay.api.examples import APPROVER, AUDIT_LOG, CREATED_AT, DECIDED_AT, PAYMENT, PAYMENT_ID

CASE_ID: Final = "019a2c5e-9c41-7b17-8f03-5d2c7e9a0b64"
_WORDS: Final = "125.00 USD is 4.2 times what this vendor usually asks for a tow (30.00 USD, 38 payments)."

FLAGGED_PAYMENT: Final[dict[str, Any]] = {
    **PAYMENT,
    "version": 2,
    "fraudScore": 0.81,
    "fraudStatus": "flagged",
    "fraudReasons": [{"code": "high_amount", "message": _WORDS}],
}
FLAGGED: Final = {
    "payments": [FLAGGED_PAYMENT],
    "pagination": {"limit": 50, "offset": 0, "count": 1, "nextCursor": None},
}
_CASE: Final[dict[str, Any]] = {
    "caseId": CASE_ID,
    "paymentId": PAYMENT_ID,
    "status": "open",
    "cause": "score",
    "contentVersion": 1,
    "openedAt": CREATED_AT,
    "auditSeq": 3,
    "assignee": None,
    "assignedAt": None,
    "decidedBy": None,
    "decidedAt": None,
    "reasonCode": None,
    "vendorBlocked": False,
    "decisionAuditSeq": None,
}
OPEN: Final = {**_CASE, "payment": FLAGGED_PAYMENT}
SEEN: Final = {**OPEN, "openS": 4530}
CASES: Final = {"cases": [SEEN], "nextCursor": None}
IN_FULL: Final = {
    **SEEN,
    "findings": [{"code": "high_amount", "strength": 0.9, "weight": 0.8, "message": _WORDS}],
    "twins": [{**PAYMENT, "paymentId": "019a2c5d-11c0-7d52-8a3e-7b4c9d0e1f26", "reference": "TW-20417"}],
    "history": [
        {**entry, "seq": 2, "action": "payment_scored", "actorId": "system:fraud-scoring", "actorType": "system"}
        for entry in AUDIT_LOG["entries"]
    ],
}
CLEARING: Final = {
    "decision": "cleared",
    "reasonCode": "verified_with_vendor",
    "notes": "The winch took three hours; the vendor sent the log.",
}
CONFIRMING: Final = {"decision": "confirmed", "reasonCode": "not_performed", "blockVendor": True}
ASSIGNMENT: Final = {"assignee": APPROVER}
ASSIGNED: Final = {**OPEN, "assignee": APPROVER, "assignedAt": DECIDED_AT}
NOTE: Final = {"notes": "Asked the driver for photos of the odometer."}
CLEARED: Final = {
    **_CASE,
    "status": "cleared",
    "decidedBy": APPROVER,
    "decidedAt": DECIDED_AT,
    "reasonCode": "verified_with_vendor",
    "decisionAuditSeq": 4,
    "payment": {**FLAGGED_PAYMENT, "version": 3, "updatedAt": DECIDED_AT},
}
