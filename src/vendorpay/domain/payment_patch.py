"""What an edit may say about a payment that exists, and what it leads to: content, metadata and reference."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

from vendorpay.domain.errors import FieldFault, InvalidRequest
from vendorpay.domain.new_payment import Amount, NewLine, NewLines, metadata_faults, numbered, sum_faults
from vendorpay.domain.payment import LineItem, Payment, PaymentState, content_digest
from vendorpay.domain.text import Reference, metadata_fault


class PaymentPatch(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """What is to be another. `metadata` is a JSON merge patch (RFC 7396): null removes a key, others stay."""

    line_items: NewLines | UnsetType = UNSET
    amount_cents: Amount | UnsetType = UNSET
    metadata: dict[str, Any] | UnsetType = UNSET
    reference: Reference | UnsetType = UNSET


class Edited(msgspec.Struct, frozen=True, kw_only=True):
    """A payment after an edit, its version and status not yet counted on: what changed, and whether it is content."""

    payment: Payment
    changes: tuple[str, ...]
    new_content: bool


def check(fields: Mapping[str, Any]) -> list[FieldFault]:
    """The faults across the fields of a PaymentPatch, as far as they show without the payment.

    Fields that are wrong by themselves are left out of `fields`.
    """
    faults: list[FieldFault] = []
    if len(fields) == len(PaymentPatch.__struct_fields__) and all(value is UNSET for value in fields.values()):
        faults.append(FieldFault("$", "must name something to change"))
    amount, lines = fields.get("amount_cents", UNSET), fields.get("line_items", UNSET)
    if amount is not UNSET and lines is not UNSET:
        faults += sum_faults(amount, lines)
    if (metadata := fields.get("metadata", UNSET)) is not UNSET:
        words = metadata_fault(metadata)  # its size is that of the outcome: a patch may mostly take away
        faults += [] if words is None else [FieldFault("metadata", words)]
    return faults


def edit(patch: PaymentPatch, state: PaymentState, new_id: Callable[[], UUID]) -> Edited:
    """The payment with the patch applied. Raises InvalidRequest for an outcome that no payment may have."""
    before = state.payment
    lines = before.line_items
    if patch.line_items is not UNSET and not _same_lines(patch.line_items, lines):
        lines = numbered(patch.line_items, new_id)
    amount = before.amount_cents if patch.amount_cents is UNSET else patch.amount_cents
    faults = sum_faults(amount, lines)
    metadata = before.metadata if patch.metadata is UNSET else merged(before.metadata, patch.metadata)
    if _same_json(metadata, before.metadata):
        metadata = before.metadata
    else:
        faults += metadata_faults(metadata)
    if faults:
        raise InvalidRequest(faults)
    reference = before.reference if patch.reference is UNSET else patch.reference
    changed = {
        "lineItems": lines is not before.line_items,
        "amountCents": amount != before.amount_cents,
        "metadata": metadata is not before.metadata,
        "reference": reference != before.reference,
    }
    after = msgspec.structs.replace(
        before, line_items=lines, amount_cents=amount, metadata=metadata, reference=reference
    )
    digest = _digest(after, state.payee_account_version)
    new_content = digest != before.digest
    return Edited(
        payment=msgspec.structs.replace(
            after, digest=digest, content_version=before.content_version + (1 if new_content else 0)
        ),
        changes=tuple(name for name, is_new in changed.items() if is_new),
        new_content=new_content,
    )


def merged(target: Any, patch: Any) -> Any:
    """`target` after the JSON merge patch `patch` (RFC 7396, section 2); neither of them is changed."""
    if not isinstance(patch, dict):
        return patch
    found = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            found.pop(name, None)
        else:
            found[name] = merged(found.get(name), value)
    return found


def _same_lines(given: Sequence[NewLine], present: Sequence[LineItem]) -> bool:
    return [(line.description, line.quantity, line.unit_price_cents) for line in given] == [
        (line.description, line.quantity, line.unit_price_cents) for line in present
    ]


def _same_json(one: Any, other: Any) -> bool:
    """By their JSON: in Python True would be the same as 1."""
    return msgspec.json.encode(one, order="sorted") == msgspec.json.encode(other, order="sorted")


def _digest(payment: Payment, payee_account_version: int) -> str:
    return content_digest(
        incident_id=payment.incident_id,
        vendor_id=payment.vendor_id,
        payer_type=payment.payer_type,
        payer_id=payment.payer_id,
        amount_cents=payment.amount_cents,
        currency=payment.currency,
        payee_account_version=payee_account_version,
        lines=payment.line_items,
    )
