"""The real clock, ids and chance; everything below the entry points gets them as values."""

from __future__ import annotations

import os
import secrets
import struct
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final
from uuid import UUID

import msgspec

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)
_VERSION_7: Final = 0x7 << 76
_VARIANT: Final = 0x2 << 62
_RANDOM_BITS: Final = (0xFFF << 64) | ((1 << 62) - 1)
_RANDOM_BYTES: Final = 10
_MANY: Final = 256
_KEPT: Final = timedelta(seconds=1)


@lru_cache(maxsize=16)
def _floor(at: datetime) -> int:
    """The least id of a moment; a batch makes hundreds of ids at one."""
    return ((at - _EPOCH) // _MILLISECOND) << 80 | _VERSION_7 | _VARIANT


class _Chance:
    """Random bits for ids, bought wholesale. They are not kept for long: several copies of this process may be made of
    one snapshot of it, later, and must not give the same ids.
    """

    def __init__(self) -> None:
        self._bits: Iterator[tuple[int, int]] = iter(())
        self._from = self._until = _EPOCH

    def bits(self, at: datetime) -> int:
        if not self._from <= at < self._until:
            self._buy(at)
        while (found := next(self._bits, None)) is None:  # the iterator gives each to one thread alone
            self._buy(at)
        return (found[0] << 64 | found[1]) & _RANDOM_BITS

    def forget(self) -> None:
        self._bits = iter(())

    def _buy(self, at: datetime) -> None:
        self._bits = struct.iter_unpack("<HQ", os.urandom(_RANDOM_BYTES * _MANY))
        self._from, self._until = at, at + _KEPT


_chance = _Chance()


def system_now() -> datetime:
    """This moment, in UTC."""
    return datetime.now(UTC)


def new_id(at: datetime) -> UUID:
    """A UUIDv7 (RFC 9562, 5.7) of a moment: 48 bits of its Unix milliseconds, then 74 random bits.

    Libraries take the time of the call; ours must be the moment the row says, which the schema checks.
    """
    number = _floor(at) | _chance.bits(at)
    # In half the time of UUID(int=number); seven are made for a payment.
    return msgspec.convert(number.to_bytes(16), UUID)


def forget_chance() -> None:
    """Throws away random bits that were bought: a copy of this process may have them too."""
    _chance.forget()


def new_salt() -> bytes:
    """Sixteen random bytes, for the digest of a text."""
    return secrets.token_bytes(16)
