"""From what a use case gives back to the bytes of an answer; payees never get the back office's side of a payment."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final

import msgspec

from vendorpay.api.answer import Answer, Header
from vendorpay.api.call import Call
from vendorpay.domain.payment import PayeePayment, Payment, for_payee
from vendorpay.domain.roles import Caller
from vendorpay.usecases.command import Done

_VERSION: Final = re.compile(rb',"version":([0-9]+)')

REPLAYED: Header = (b"idempotent-replayed", b"true")


def seen_by(caller: Caller, payments: Iterable[Payment]) -> tuple[PayeePayment, ...]:
    """The payments as far as this caller may see them."""
    return tuple(map(for_payee, payments)) if caller.is_payee else tuple(payments)


def rendered(value: Any, *, status: int = 200, replayed: bool = False) -> Answer:
    """An answer with `value` as its body."""
    return Answer(status, msgspec.json.encode(value), (REPLAYED,) if replayed else ())


def answered(done: Done, kind: type[Any], *, status: int = 200) -> Answer:
    """What a command answered, which was stored as a `kind`, with the fields that this version shows of one."""
    return rendered(msgspec.json.decode(done.answer, type=kind), status=status, replayed=done.replayed)


def versioned(value: Any, version: int, *, status: int = 200, replayed: bool = False) -> Answer:
    """The same for what has a version, which is its ETag."""
    answer = rendered(value, status=status, replayed=replayed)
    return Answer(answer.status, answer.body, ((b"etag", b'"%d"' % version), *answer.headers))


def payment(call: Call, found: Payment) -> Answer:
    """A payment with its ETag, or 304 for a caller who has this version."""
    etag = f'"{found.version}"'.encode()
    headers = ((b"etag", etag),)
    if has(call, etag):
        return Answer(304, b"", headers)
    (seen,) = seen_by(call.caller, (found,))
    return Answer(200, msgspec.json.encode(seen), headers)


def committed(call: Call, done: Done, *, status: int = 200) -> Answer:
    """The payment that a command left, in the very bytes that were stored with its key, and its ETag then."""
    body = done.answer
    headers = ((b"etag", _etag_in(body)),)
    if call.caller.is_payee:
        body = msgspec.json.encode(for_payee(msgspec.json.decode(body, type=Payment)))
    return Answer(status, body, (*headers, REPLAYED) if done.replayed else headers)


def _etag_in(stored: bytes) -> bytes:
    """The ETag of a payment's stored bytes, without parsing all of them.

    The first such key is the payment's own: before it stand plain fields only, and inside their strings a quotation
    mark is escaped; metadata, which may have any key, comes last.
    """
    found = _VERSION.search(stored)
    assert found is not None, "a stored payment has a version"
    return b'"%s"' % found[1]


def has(call: Call, etag: bytes) -> bool:
    """Whether If-None-Match names this ETag; weak comparison, as HTTP has it for GET."""
    known = b",".join(call.headers.all(b"if-none-match"))
    names = {name.strip().removeprefix(b"W/") for name in known.split(b",")}
    return etag in names or b"*" in names
