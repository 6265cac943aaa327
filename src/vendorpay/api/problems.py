"""Refusals as RFC 9457 problems: one body for every error, with the headers that HTTP asks for."""

from __future__ import annotations

from typing import Final
from uuid import UUID

import msgspec

from vendorpay import observe
from vendorpay.api.answer import PROBLEM_JSON, Answer, Header
from vendorpay.api.errors import MethodNotAllowed, NotReady, RateLimited
from vendorpay.api.statuses import STATUS
from vendorpay.domain.errors import DuplicatePayment, FieldFault, InvalidEvent, InvalidRequest, VendorPayError
from vendorpay.domain.parsing import FAULTS_MAX

RETRY_AFTER_S: Final = 2


class Problem(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """The body of every refusal; `code` is what programs go by."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    errors: tuple[FieldFault, ...] = ()
    existing_payment_id: UUID | None = None
    checks: dict[str, str] = {}
    request_id: str


def answer_to(error: Exception, request_id: str, *, log: bool = True) -> Answer:
    """The answer to whatever was raised; what its cause on our side was is for the operator, in the log."""
    if not isinstance(error, VendorPayError):
        if log:
            observe.log_failure(request_id=request_id, error=error)
        return failure(request_id)
    answer = refusal(error, request_id)
    if log and answer.status >= 500 and error.__cause__ is not None:
        observe.warning("unavailable", request_id=request_id, **observe.facts_of(error.__cause__))
    return answer


def refusal(error: VendorPayError, request_id: str) -> Answer:
    """The answer that tells a caller about `error`."""
    status = STATUS.get(type(error), 500)
    body = Problem(
        type=type_of(error.code),
        title=title_of(error.code),
        status=status,
        detail=str(error),
        code=error.code,
        errors=error.faults[:FAULTS_MAX] if isinstance(error, InvalidRequest | InvalidEvent) else (),
        existing_payment_id=error.existing_payment_id if isinstance(error, DuplicatePayment) else None,
        checks=error.checks if isinstance(error, NotReady) else {},
        request_id=request_id,
    )
    return Answer(status, msgspec.json.encode(body), _headers(error, status), PROBLEM_JSON)


def failure(request_id: str) -> Answer:
    """The answer when something broke that nobody foresaw: nothing of its inside, but the id it was logged under."""
    body = Problem(
        type=type_of(VendorPayError.code),
        title=title_of(VendorPayError.code),
        status=500,
        detail="Something went wrong on our side; it was logged under this requestId.",
        code=VendorPayError.code,
        request_id=request_id,
    )
    return Answer(500, msgspec.json.encode(body), (), PROBLEM_JSON)


def type_of(code: str) -> str:
    """The URI that names a kind of problem; it names, and leads nowhere."""
    return f"urn:vendorpay:problem:{code}"


def title_of(code: str) -> str:
    """The same kind in words."""
    return code.replace("_", " ").capitalize()


def meaning_of(kind: type[VendorPayError]) -> str:
    """What a kind of refusal says, with the names of what it fills in."""
    return (kind.__doc__ or "").strip().partition("\n")[0]


def _headers(error: VendorPayError, status: int) -> tuple[Header, ...]:
    if status == 401:
        return ((b"www-authenticate", b'Bearer realm="vendorpay"'),)
    if isinstance(error, RateLimited):
        return ((b"retry-after", str(error.retry_after_s).encode()),)
    if status == 503:
        return ((b"retry-after", str(RETRY_AFTER_S).encode()),)
    if isinstance(error, MethodNotAllowed):
        return ((b"allow", ", ".join(error.allowed).encode()),)
    return ()
