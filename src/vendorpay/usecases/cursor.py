"""Opaque, URL-safe cursors: a place in a list, with a mark of which list, so that one cannot be used for another."""

from __future__ import annotations

import base64
import binascii
import zlib
from typing import Final
from uuid import UUID

from vendorpay.domain.errors import FieldFault, InvalidRequest

_CHECK_BYTES: Final = 4


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
