"""Kinds of text and numbers that may enter: each is a type that msgspec checks and the OpenAPI document shows.

PostgreSQL refuses U+0000 and JSON numbers it cannot hold, so they are refused here, before they reach a batch.
"""

from __future__ import annotations

from typing import Annotated, Any, Final

from msgspec import Meta

NO_CONTROL: Final = r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029]*\Z"
_PLAIN: Final = r"[^\x00-\x1f\x7f-\x9f\u2028\u2029]"
_SEEN: Final = r"[^\s\x00-\x1f\x7f-\x9f\u2028\u2029]"
NO_NUL: Final = r"^[^\x00]*\Z"

Line = Annotated[str, Meta(min_length=1, max_length=255, pattern=rf"^{_PLAIN}*{_SEEN}{_PLAIN}*\Z")]
"""One line of text: 1..255 characters, not all of them blank, no control characters."""

Reference = Annotated[str, Meta(max_length=64, pattern=rf"^({_SEEN}({_PLAIN}*{_SEEN})?)?\Z")]
"""The vendor's invoice number: at most 64 characters, no control characters, no blank at either end (it would make
another bill of the same one); "" when there is none."""

Reason = Annotated[str, Meta(min_length=1, max_length=500, pattern=r"^[^\x00]*[^\s\x00][^\x00]*\Z")]
"""Why somebody decided so: 1..500 characters of free text, not all of them blank."""

Notes = Annotated[str, Meta(max_length=2000, pattern=NO_NUL)]
"""What somebody wants to add: at most 2,000 characters of free text."""

Count = Annotated[int, Meta(ge=1, le=1_000_000)]
"""A quantity: 1..1,000,000."""

METADATA_BYTES_MAX: Final = 8 * 1024
METADATA_DEPTH_MAX: Final = 16
NUMBER_MAX: Final = 2**63 - 1


def metadata_fault(value: Any, depth: int = 0) -> str | None:
    """Why a JSON value cannot be stored as metadata, or None when it can be."""
    if isinstance(value, str):
        return "must not contain the character U+0000" if "\x00" in value else None
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, int | float):
        return None if -NUMBER_MAX - 1 <= value <= NUMBER_MAX else "holds a number beyond 64 bits"
    if depth == METADATA_DEPTH_MAX:
        return f"is nested deeper than {METADATA_DEPTH_MAX} levels"
    children = [*value.keys(), *value.values()] if isinstance(value, dict) else value
    return next((fault for child in children if (fault := metadata_fault(child, depth + 1))), None)
