"""The real clock, ids and chance; everything below the entry points gets them as values."""

from __future__ import annotations

import os
import secrets
import struct
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)
_VERSION_7: Final = 0x7 << 76
_VARIANT: Final = 0x2 << 62
_RANDOM_BITS: Final = (0xFFF << 64) | ((1 << 62) - 1)
_RANDOM_BYTES: Final = 10
_MANY: Final = 64


class _Moment:
    """What the ids of one moment share. A batch makes hundreds of them at one moment, a request one or two at its own:
    so chance is bought for one id first, and then wholesale; never for a later moment, which a restored snapshot of
    this process would reach twice.
    """

    __slots__ = ("_chance", "_floor", "at")

    def __init__(self, at: datetime) -> None:
        self.at = at
        self._floor = ((at - _EPOCH) // _MILLISECOND) << 80 | _VERSION_7 | _VARIANT
        self._chance: Iterator[tuple[int, int]] = _bought(1)

    def next_id(self) -> UUID:
        while (chance := next(self._chance, None)) is None:  # the iterator gives each to one thread alone
            self._chance = _bought(_MANY)
        return UUID(int=self._floor | (chance[0] << 64 | chance[1]) & _RANDOM_BITS)


def _bought(count: int) -> Iterator[tuple[int, int]]:
    return struct.iter_unpack("<HQ", os.urandom(_RANDOM_BYTES * count))


_moment = _Moment(_EPOCH)


def system_now() -> datetime:
    """This moment, in UTC."""
    return datetime.now(UTC)


def new_id(at: datetime) -> UUID:
    """A UUIDv7 (RFC 9562, 5.7) of a moment: 48 bits of its Unix milliseconds, then 74 random bits.

    Libraries take the time of the call; ours must be the moment the row says, which the schema checks.
    """
    global _moment
    moment = _moment
    if moment.at != at:
        moment = _moment = _Moment(at)
    return moment.next_id()


def new_salt() -> bytes:
    """Sixteen random bytes, for the digest of a text."""
    return secrets.token_bytes(16)
