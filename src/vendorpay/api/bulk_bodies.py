"""The request bodies of the operations in bulk: many payments as a JSON array or line by line, and many ids."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from msgspec import Meta

from vendorpay.api.errors import BodyTooLarge
from vendorpay.api.json_array import JsonBody
from vendorpay.api.operation import BODY_BYTES_MAX
from vendorpay.domain import new_payment, parsing
from vendorpay.domain.errors import FieldFault, InvalidRequest, MalformedJson, VendorPayError
from vendorpay.domain.fault_budget import FaultBudget
from vendorpay.domain.new_payment import NewPayment
from vendorpay.domain.text import Notes

ITEMS_MAX: Final = 10_000
APPROVALS_MAX: Final = 1_000

# Blank lines, millions of them if need be, are passed over in one go.
_LINES: Final = re.compile(rb"[ \t\r\n]*+([^\n]++)")
_EMPTY: Final = FieldFault("$", "holds no payment")
_TOO_MANY: Final = FieldFault("$", f"holds more than {ITEMS_MAX} payments, the most that are taken at once")


class ApproveManyBody(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """The payments to approve, each once; the notes are for each of them."""

    payment_ids: Annotated[
        tuple[UUID, ...],
        Meta(min_length=1, max_length=APPROVALS_MAX, extra_json_schema={"uniqueItems": True}),
    ]
    notes: Notes | None = None


def check_approvals(fields: Mapping[str, Any]) -> list[FieldFault]:
    """The ids that come again: whoever approves something twice has lost the thread, and not only a click."""
    faults: list[FieldFault] = []
    first: dict[UUID, int] = {}
    for n, payment_id in enumerate(fields.get("payment_ids", ())):
        if payment_id in first:
            faults.append(FieldFault(f"paymentIds[{n}]", f"is {payment_id}, as paymentIds[{first[payment_id]}] is"))
        else:
            first[payment_id] = n
    return faults


def split_array(raw: bytes) -> tuple[Sequence[bytes] | None, list[FieldFault]]:
    """The bytes of each element of a JSON array. What is no payment is refused later, by itself.

    Raises MalformedJson: then nothing can be told apart.
    """
    body = JsonBody(raw)
    if not body.is_array:
        body.only_value()
        return None, [FieldFault("$", "must be an array of payments")]
    return _counted(body.elements(ITEMS_MAX))


def split_lines(raw: bytes) -> tuple[Sequence[bytes] | None, list[FieldFault]]:
    """The bytes of each line that is not blank. What is no JSON is refused later, by itself."""
    found: list[bytes] = []
    for line in _LINES.finditer(raw.rstrip(b" \t\r\n")):  # blanks at the end would be tried one by one
        if len(found) == ITEMS_MAX:
            return _counted(None)
        found.append(line[1].rstrip(b" \t\r"))
    return _counted(found)


def _counted(found: list[bytes] | None) -> tuple[Sequence[bytes] | None, list[FieldFault]]:
    if found is None:
        return None, [_TOO_MANY]
    return (found, []) if found else (None, [_EMPTY])


def new_payment_in(raw: bytes, budget: FaultBudget) -> NewPayment | VendorPayError:
    """One payment to be created, or what POST /payments would refuse these bytes with, within the budget of faults."""
    if len(raw) > BODY_BYTES_MAX:
        return BodyTooLarge(bytes_max=BODY_BYTES_MAX)
    try:
        value, faults = parsing.parse(raw, NewPayment, new_payment.check, budget.of_next())
        budget.spend(len(faults))
    except MalformedJson as malformed:
        return malformed
    return InvalidRequest(faults) if value is None else value
