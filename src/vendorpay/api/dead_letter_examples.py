"""Examples of dead letters, for the document and for tests."""

from __future__ import annotations

from typing import Any, Final

from vendorpay.api import examples

DELIVERY_ID: Final = "019a2c63-4d20-7b15-9c07-e3f5a1d8b264"
SUBSCRIPTION_ID: Final = "019a2c40-0b7e-7d91-a2f4-5c6e8b9d0a13"

DEAD_LETTERS: Final[dict[str, Any]] = {
    "deadLetters": [
        {
            "deliveryId": DELIVERY_ID,
            "subscriptionId": SUBSCRIPTION_ID,
            "subscriptionKind": "consumer",
            "subscriptionName": "fraud-scoring",
            "eventId": examples.EVENT_ID,
            "eventType": "PaymentCreated",
            "aggregateId": examples.PAYMENT_ID,
            "sequence": 1,
            "position": 4711,
            "attempts": 10,
            "lastError": "invalid_transition: A payment that is completed cannot be changed by: hold.",
            "createdAt": examples.CREATED_AT,
            "deadSince": examples.DECIDED_AT,
        }
    ],
    "nextCursor": None,
}
REDRIVEN: Final[dict[str, Any]] = {
    "deliveryId": DELIVERY_ID,
    "eventId": examples.EVENT_ID,
    "state": "pending",
    "attempts": 0,
}
