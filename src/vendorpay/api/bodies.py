"""The request bodies of the operations, as types, and how bytes become them."""

from __future__ import annotations

from typing import Annotated, TypeVar

import msgspec
from msgspec import Meta

from vendorpay.api.operation import ReadRaw
from vendorpay.domain import parsing
from vendorpay.domain.errors import FieldFault
from vendorpay.domain.reasons import ReasonCode
from vendorpay.domain.text import Line, Notes, Reason

T = TypeVar("T", bound=msgspec.Struct)

Digest = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z", description="SHA-256 as hexadecimal digits.")]


class NoBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An empty body, or an empty object."""


class ApproveBody(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """With `expectedDigest`, the approval is for that content of the payment and for no other; with `onBehalfOf`, it is
    given in another's name, by a delegation.
    """

    notes: Notes | None = None
    expected_digest: Digest | None = None
    on_behalf_of: Line | None = None
    """In whose name, by a delegation of theirs."""


class ReasonBody(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """Why the payment is not to be made, or not yet."""

    reason: Reason
    reason_code: ReasonCode | None = None
    notes: Notes | None = None


class NotesBody(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """What is to be said about it, if anything."""

    notes: Notes | None = None


def no_rules(_: object) -> list[FieldFault]:
    """For types that say everything by themselves."""
    return []


def struct_body(shape: type[T], rules: parsing.Rules = no_rules) -> ReadRaw:
    """Reads a JSON object as `shape`."""

    def read(raw: bytes) -> tuple[T | None, list[FieldFault]]:
        return parsing.parse(raw, shape, rules)

    return read
