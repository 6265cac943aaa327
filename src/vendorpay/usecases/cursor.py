"""Pages of a list, and the opaque, URL-safe cursors between them: a place in the list, with a mark of which list it is,
so that one cannot be used for another.
"""

from __future__ import annotations

import base64
import binascii
import zlib
from collections.abc import Callable, Sequence
from typing import Final, TypeVar
from uuid import UUID

from vendorpay.domain.errors import FieldFault, InvalidRequest
from vendorpay.store import read_payments

T = TypeVar("T")
_CHECK_BYTES: Final = 4


def after(kind: str, cursor: str | None) -> UUID:
    """Where a page of an ascending list begins; without a cursor, before all of it. Raises InvalidRequest as `read`."""
    return read_payments.FIRST if cursor is None else read(kind, cursor)


def before(kind: str, cursor: str | None) -> UUID:
    """The same for a list that has the newest first."""
    return read_payments.LAST if cursor is None else read(kind, cursor)


def cut(kind: str, found: Sequence[T], limit: int, id_of: Callable[[T], UUID]) -> tuple[tuple[T, ...], str | None]:
    """The page in what was found, of which one more than `limit` was asked for; and where there is one more, the cursor
    that leads to it.
    """
    shown = tuple(found[:limit])
    return shown, write(kind, id_of(shown[-1])) if len(found) > limit else None


def write(kind: str, last: UUID) -> str:
    """The cursor after the row `last` of the list `kind`."""
    return base64.urlsafe_b64encode(last.bytes + _check(kind, last.bytes)).decode().rstrip("=")


def read(kind: str, cursor: str) -> UUID:
    """The row that a cursor of the list `kind` stands after. Raises InvalidRequest for anything else."""
    try:
        data = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        data = b""
    if (
        len(data) != 16 + _CHECK_BYTES
        or data[16:] != _check(kind, data[:16])
        or write(kind, UUID(bytes=data[:16])) != cursor
    ):
        raise InvalidRequest([FieldFault("cursor", "is not a cursor of this list")])
    return UUID(bytes=data[:16])


def _check(kind: str, data: bytes) -> bytes:
    return zlib.crc32(kind.encode() + data).to_bytes(_CHECK_BYTES)
