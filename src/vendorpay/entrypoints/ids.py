"""The real clock, ids and chance; everything below the entry points gets them as values."""

from __future__ import annotations

import os
import secrets
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)
_VERSION_7: Final = 0x7 << 76
_VARIANT: Final = 0x2 << 62
_RANDOM_BITS: Final = (0xFFF << 64) | ((1 << 62) - 1)


def system_now() -> datetime:
    """This moment, in UTC."""
    return datetime.now(UTC)


def new_id(at: datetime) -> UUID:
    """A UUIDv7 (RFC 9562, 5.7) of a moment: 48 bits of its Unix milliseconds, then 74 random bits.

    Libraries take the time of the call; ours must be the moment the row says, which the schema checks.
    """
    chance = int.from_bytes(os.urandom(10)) & _RANDOM_BITS
    return UUID(int=((at - _EPOCH) // _MILLISECOND) << 80 | _VERSION_7 | _VARIANT | chance)


def new_salt() -> bytes:
    """Sixteen random bytes, for the digest of a text."""
    return secrets.token_bytes(16)
