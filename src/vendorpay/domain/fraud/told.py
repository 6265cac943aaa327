"""What an event tells of a payment beyond the payment itself, as the fraud side keeps it: ids and keys, never words.

A payment's metadata is the contract's (5.1), and has neither.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from typing import Any, Final

import msgspec

PHOTOS_MAX: Final = 1_000
"""Photos that are hashed, in a millisecond; an event of a mebibyte could hold so many that everybody would wait."""


class Told(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What the event that led to a payment told; None = unknown."""

    driver_id: str | None = None
    photos_key: int | None = None


UNTOLD: Final = Told()


def photos_key(names: Collection[str]) -> int | None:
    """The smallest of the photos' names' hashes, 64 signed bits: two lists have it in common as likely as they have a
    photo in common (MinHash, Broder 1997). None when there is no photo, or more than PHOTOS_MAX.
    """
    return min(map(key_of, set(names)), default=None) if len(names) <= PHOTOS_MAX else None


def key_of(value: Any) -> int:
    """64 signed bits of SHA-256 over a value's JSON."""
    return int.from_bytes(hashlib.sha256(msgspec.json.encode(value)).digest()[:8], "big", signed=True)
