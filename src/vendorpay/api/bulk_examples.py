"""Working examples of the operations in bulk, made of those in `examples`."""

from __future__ import annotations

from typing import Any, Final

from vendorpay.api import examples as example

_SECOND: Final = {**example.NEW_PAYMENT, "reference": "TW-20419"}

CREATE: Final = [example.NEW_PAYMENT, example.NEW_DRIVER_PAYMENT, {**_SECOND, "amountCents": 1}]
APPROVE: Final = {"paymentIds": [example.PAYMENT_ID, example.INCIDENT_ID], "notes": "The batch of Monday."}


def _problem(status: int, code: str, title: str, detail: str, **more: Any) -> dict[str, Any]:
    return {"status": status, "problem": {**example.problem(code, status, title, detail), **more}}


_WRONG: Final = "is 1, but the line items add up to 12500"
CREATED: Final = {
    "results": [
        {"index": 0, "status": 201, "payment": example.PAYMENT},
        {
            "index": 1,
            **_problem(
                409,
                "duplicate_payment",
                "Duplicate payment",
                f"A live payment for this incident, vendor and reference exists: {example.QUARANTINE_ID}.",
                existingPaymentId=example.QUARANTINE_ID,
            ),
        },
        {
            "index": 2,
            **_problem(
                400,
                "invalid_request",
                "Invalid request",
                "The request has 1 wrong field(s): amountCents.",
                errors=[{"field": "amountCents", "message": _WRONG}],
            ),
        },
    ]
}
APPROVED: Final = {
    "results": [
        {"index": 0, "status": 200, "payment": example.APPROVED},
        {
            "index": 1,
            **_problem(404, "not_found", "Not found", f"There is no payment {example.INCIDENT_ID} that you may see."),
        },
    ]
}
