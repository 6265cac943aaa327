"""Working examples of the operations on webhook endpoints: a ledger that wants to hear of approvals."""

from __future__ import annotations

from typing import Any, Final

from vendorpay.api import examples as example

ENDPOINT_ID: Final = "019a2c70-4be0-7d21-9c05-8e1f2a3b4c5d"
SECRET_ID: Final = "019a2c70-4be0-7e32-8d16-9f2a3b4c5d6e"  # noqa: S105  the id of one, not a secret
OLDER_SECRET_ID: Final = "019a2c70-4be0-7f43-9e27-a03b4c5d6e7f"  # noqa: S105
DELIVERY_ID: Final = "019a2c71-1a2b-7a54-8f38-b14c5d6e7f80"
SECRET: Final = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oDZg1dF2m8h0Q="  # noqa: S105  made up

NEW: Final = {
    "url": "https://ledger.example/vendorpay",
    "eventTypes": ["PaymentApproved", "PaymentCancelled"],
    "description": "The ledger's intake",
    "maxInFlight": 5,
}
FROM_THE_BEGINNING: Final = {"url": "https://archive.example/hooks", "fromPosition": 0}
OFF: Final = {"status": "disabled"}
MOVED: Final = {"url": "https://ledger.example/v2/vendorpay", "description": None}
ROTATION: Final = {"expiresInHours": 48}
REPLAY: Final = {"fromPosition": 4711}

ENDPOINT: Final[dict[str, Any]] = {
    "endpointId": ENDPOINT_ID,
    "orgId": "roadcall",
    "url": NEW["url"],
    "description": NEW["description"],
    "eventTypes": NEW["eventTypes"],
    "maxInFlight": 5,
    "status": "enabled",
    "disabledReason": None,
    "disabledAt": None,
    "secrets": [{"secretId": SECRET_ID, "createdAt": example.CREATED_AT, "expiresAt": None}],
    "version": 1,
    "createdBy": example.CREATOR,
    "createdAt": example.CREATED_AT,
    "updatedAt": example.CREATED_AT,
}
CREATED: Final = {**ENDPOINT, "secret": SECRET}
ROTATED: Final = {
    **CREATED,
    "version": 2,
    "updatedAt": example.DECIDED_AT,
    "secrets": [
        {"secretId": OLDER_SECRET_ID, "createdAt": example.DECIDED_AT, "expiresAt": None},
        {"secretId": SECRET_ID, "createdAt": example.CREATED_AT, "expiresAt": "2026-03-04T15:20:41.507Z"},
    ],
}
SEEN: Final = {
    **ENDPOINT,
    "failingSince": example.DECIDED_AT,
    "pending": 2,
    "oldestPendingAt": example.CREATED_AT,
    "lastError": "answered with status 503",
    "replay": None,
}
SWITCHED_OFF: Final = {
    **ENDPOINT,
    "status": "disabled",
    "disabledReason": "requested",
    "disabledAt": example.DECIDED_AT,
    "version": 2,
    "updatedAt": example.DECIDED_AT,
}
REPLAYED: Final = {**ENDPOINT, "version": 2, "updatedAt": example.DECIDED_AT}
DELIVERIES: Final = {
    "deliveries": [
        {
            "deliveryId": DELIVERY_ID,
            "eventId": example.EVENT_ID,
            "eventType": "PaymentApproved",
            "position": 4712,
            "aggregateId": example.PAYMENT_ID,
            "sequence": 2,
            "state": "delivered",
            "waitsFor": None,
            "paused": False,
            "dueAt": None,
            "settledAt": example.DECIDED_AT,
            "lastError": None,
            "createdAt": example.DECIDED_AT,
            "attempts": [
                {
                    "attempt": 2,
                    "at": example.DECIDED_AT,
                    "durationMs": 41,
                    "status": 204,
                    "error": None,
                    "answer": None,
                },
                {
                    "attempt": 1,
                    "at": example.DECIDED_AT,
                    "durationMs": 15_000,
                    "status": None,
                    "error": "no answer within 15 s",
                    "answer": None,
                },
            ],
        }
    ],
    "nextCursor": None,
}
REDELIVERY: Final = {
    "deliveryId": DELIVERY_ID,
    "endpointId": ENDPOINT_ID,
    "eventId": example.EVENT_ID,
    "state": "pending",
}
