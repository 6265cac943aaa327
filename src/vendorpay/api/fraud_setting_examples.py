"""Working examples of the operations on what people tell the scorer."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from vendorpay.api.examples import APPROVER, CREATED_AT, CREATOR, VENDOR_ID
from vendorpay.api.fraud_examples import CASE_ID
from vendorpay.domain.fraud import rule_set

LISTING_ID: Final = "019a2c71-4e08-7c52-9d16-8a3b5f0c7e29"
RULE_SET_ID: Final = "019a2c72-5f19-7d63-8e27-9b4c6a1d8f30"

BLOCK: Final = {"vendorId": VENDOR_ID, "kind": "block", "reasonCode": "not_performed"}
SNOOZE: Final = {
    "vendorId": VENDOR_ID,
    "kind": "snooze",
    "signal": "unusual_hour",
    "reasonCode": "known_pattern",
    "expiresAt": "2026-06-30T00:00:00Z",
}
LISTED: Final[dict[str, Any]] = {
    **BLOCK,
    "listingId": LISTING_ID,
    "signal": None,
    "expiresAt": None,
    "listedBy": APPROVER,
    "listedAt": CREATED_AT,
    "caseId": CASE_ID,
    "confirmedBy": None,
    "confirmedAt": None,
    "endedBy": None,
    "endedAt": None,
}
ENDED: Final = {**LISTED, "endedBy": APPROVER, "endedAt": CREATED_AT}
CONFIRMED: Final = {
    **LISTED,
    **SNOOZE,
    "listedBy": CREATOR,
    "caseId": None,
    "confirmedBy": APPROVER,
    "confirmedAt": CREATED_AT,
}
LISTINGS: Final = {"listings": [LISTED], "nextCursor": None}
RULE_SET: Final[dict[str, Any]] = {
    "version": "2026-03",
    "thresholds": {"medium": 0.3, "high": 0.5, "flagged": 0.75},
    "signals": {"round_amount": {"weight": 0.1}},
}
STORED: Final[dict[str, Any]] = {
    "ruleSetId": RULE_SET_ID,
    "version": "2026-03",
    "proposedBy": APPROVER,
    "proposedAt": CREATED_AT,
    "mode": None,
    "document": msgspec.json.decode(rule_set.written(rule_set.read(msgspec.json.encode(RULE_SET)))),
}
IN_SHADOW: Final = {**STORED, "mode": "shadow"}
RULE_SETS: Final = {"ruleSets": [IN_SHADOW], "nextCursor": None}
