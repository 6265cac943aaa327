"""The request bodies of the operations, as types, and how bytes become them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Annotated, Any, Final, TypeVar

import msgspec
from msgspec import Meta

from vendorpay.api.operation import ReadRaw
from vendorpay.domain import parsing
from vendorpay.domain.errors import FieldFault, MalformedJson
from vendorpay.domain.reasons import ReasonCode
from vendorpay.domain.text import Notes, Reason

T = TypeVar("T", bound=msgspec.Struct)

EVENTS_MAX: Final = 1_000
KEY_SHOWN_MAX: Final = 100
Digest = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z", description="SHA-256 as hexadecimal digits.")]


class NoBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An empty body, or an empty object."""


class ApproveBody(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """With `expectedDigest`, the approval is for that content of the payment and for no other."""

    notes: Notes | None = None
    expected_digest: Digest | None = None


class ReasonBody(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """Why the payment is not to be made."""

    reason: Reason
    reason_code: ReasonCode | None = None
    notes: Notes | None = None


def no_rules(_: object) -> list[FieldFault]:
    """For types that say everything by themselves."""
    return []


def struct_body(shape: type[T], rules: parsing.Rules = no_rules) -> ReadRaw:
    """Reads a JSON object as `shape`. A key that comes twice is refused: the two could mean different money."""

    def read(raw: bytes) -> tuple[T | None, list[FieldFault]]:
        value, faults = parsing.parse(raw, shape, rules)
        refuse_repeated_keys(raw)
        return value, faults

    return read


def split_events(raw: bytes) -> tuple[Sequence[bytes] | None, list[FieldFault]]:
    """The bytes of each event in a JSON object or array. What is not an object is rejected later, by itself.

    Raises MalformedJson: then nothing can be told apart.
    """
    try:
        raw.decode("utf-8")  # the splitting below steps over strings without looking into them
        if raw.lstrip(b" \t\r\n")[:1] == b"[":
            events = msgspec.json.decode(raw, type=list[msgspec.Raw])
        else:
            events = [msgspec.json.decode(raw, type=msgspec.Raw)]
    except RecursionError:
        raise MalformedJson(reason="it is nested too deeply") from None
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise MalformedJson(reason=str(error)) from None
    if len(events) > EVENTS_MAX:
        return None, [FieldFault("$", f"holds {len(events)} events, at most {EVENTS_MAX} are taken at once")]
    if raw.lstrip(b" \t\r\n")[:1] not in (b"[", b"{"):
        return None, [FieldFault("$", "must be an event or an array of events")]
    return [bytes(each) for each in events], []


def refuse_repeated_keys(raw: bytes) -> None:
    """Passes when no object in this JSON has a key twice; else raises MalformedJson."""
    try:
        _UNIQUE.decode(raw.decode("utf-8"))
    except RecursionError:
        raise MalformedJson(reason="it is nested too deeply") from None


def _unique(pairs: list[tuple[str, Any]]) -> None:
    seen: set[str] = set()
    for name, _ in pairs:
        if name in seen:
            raise MalformedJson(reason=f"the key {name[:KEY_SHOWN_MAX]!r} comes twice in one object")
        seen.add(name)


# Only the keys matter here: what follows from the values was read, and refused where it had to be, before.
_UNIQUE: Final = json.JSONDecoder(object_pairs_hook=_unique, parse_int=str, parse_float=str)
