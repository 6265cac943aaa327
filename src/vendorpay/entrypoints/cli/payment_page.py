"""One payment, for people to read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from vendorpay.entrypoints.cli.output import amount, field, table

_NAMES: Final = (
    *("paymentId", "status", "version", "vendorId", "incidentId", "reference", "payerType", "createdBy", "createdAt"),
    *("editedBy", "requiredApprovals", "approvedBy", "approvedAt", "failedReason"),
)


def print_payment(payment: dict[str, Any]) -> None:
    """Prints what it is and what stands in its way, then its line items. Vendors and drivers are shown less."""
    rows = [*((name, field(payment, name)) for name in _NAMES), *_approvals(payment), *_holds(payment)]
    rows.append(("metadata", ", ".join(payment.get("metadata") or ())))
    table(("field", "value"), [(name, value) for name, value in rows if value])
    print()
    currency = payment["currency"]
    lines = [
        (
            field(line, "lineNo"),
            field(line, "description"),
            field(line, "quantity"),
            amount(line["unitPriceCents"], currency),
            amount(line["totalCents"], currency),
        )
        for line in payment["lineItems"]
    ]
    lines.append(("", "Total", "", "", amount(payment["amountCents"], currency)))
    table(("line", "description", "quantity", "price", "total"), lines, right=("quantity", "price", "total"))


def _approvals(payment: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for each in payment.get("approvals") or ():
        notes = f": {each['notes']}" if each.get("notes") else ""
        yield "approval", f"by {each['approverId']} ({each['role']}) at {each['at']}{notes}"


def _holds(payment: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for each in payment.get("holds") or ():
        yield "hold", f"{each['kind']}, by {each['by']} since {each['at']}: {each['reason']}"
