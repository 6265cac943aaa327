"""The bodies of successful answers that are more than one domain value."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from vendorpay.api.problems import Problem
from vendorpay.domain.payment import PayeePayment, Payment
from vendorpay.usecases.list_quarantine import Quarantined
from vendorpay.usecases.read_audit_log import AuditLine
from vendorpay.usecases.record_event import EventResult

# A Payment is a PayeePayment with the back office's side: lists hold whichever the caller may see.


class PaymentList(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One page of payments; `nextCursor` leads on, null at the end."""

    payments: tuple[PayeePayment, ...]
    next_cursor: str | None


class BulkResult(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """What became of the item at place `index`, counted from 0: the status and the payment or problem that it would
    have got alone. `replayed` when that was its answer before, under the same key."""

    index: int
    status: int
    replayed: bool = False
    payment: Payment | None = None
    problem: Problem | None = None


class BulkResults(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What became of each item, in the order they were sent."""

    results: tuple[BulkResult, ...]


class Pagination(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Which page this is; `count` is how many payments are on it."""

    limit: int
    offset: int
    count: int
    next_cursor: str | None


class PendingList(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One page of what waits for approval."""

    payments: tuple[PayeePayment, ...]
    pagination: Pagination


class AuditLog(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A payment's history, oldest first."""

    entries: tuple[AuditLine, ...]


class EventResults(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What became of each event, in the order they were sent."""

    results: tuple[EventResult, ...]


class QuarantineList(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One page of rejected events."""

    quarantined: tuple[Quarantined, ...]
    next_cursor: str | None


class Live(msgspec.Struct, frozen=True):
    """The process runs."""

    status: Literal["live"] = "live"


class Ready(msgspec.Struct, frozen=True):
    """The service can work, by these checks."""

    status: Literal["ready"]
    checks: dict[str, str]


Metrics = str
"""Text as Prometheus reads it."""

Document = dict[str, Any]
"""An OpenAPI 3.1 document."""

Reference = Annotated[str, msgspec.Meta(description="A page of HTML.")]
"""The same document for people."""
