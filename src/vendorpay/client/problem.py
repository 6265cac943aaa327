"""What can go wrong: the service refused, did not answer, or what answered is not the service."""

from __future__ import annotations

from typing import Final
from uuid import UUID

import msgspec

IN_FLIGHT: Final = "idempotency_in_flight"


class ClientError(Exception):
    """Whatever this client raises, but for wrong arguments (ValueError)."""


class FieldFault(msgspec.Struct, frozen=True):
    """One wrong field of a request: where it is (`lineItems[0].quantity`) and what is wrong with it."""

    field: str
    message: str


class ProblemDetail(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A refusal's body (RFC 9457), also that of one item of many; programs go by `code`.

    `checks` are those that failed of a service that is not ready.
    """

    type: str = ""
    title: str = ""
    status: int = 0
    detail: str = ""
    code: str = ""
    errors: tuple[FieldFault, ...] = ()
    existing_payment_id: UUID | None = None
    checks: dict[str, str] = {}
    request_id: str = ""

    @property
    def is_passing(self) -> bool:
        """Whether the same request, sent again under the same key, may fare better."""
        return self.status in (429, 503) or self.code == IN_FLIGHT

    def __str__(self) -> str:
        faults = "; ".join(f"{fault.field}: {fault.message}" for fault in self.errors)
        return f"{self.status} {self.code}: {self.detail or self.title}" + (f" {faults}" if faults else "")


class Problem(ClientError):
    """The service refused a request, and says why.

    `was_uncertain`: an attempt before this one had no answer, so that it may have been carried out all the same.
    """

    def __init__(self, body: ProblemDetail, *, retry_after_s: float | None = None, was_uncertain: bool = False) -> None:
        super().__init__(str(body))
        self.body = body
        self.retry_after_s = retry_after_s
        self.was_uncertain = was_uncertain

    @property
    def status(self) -> int:
        """The HTTP status."""
        return self.body.status

    @property
    def code(self) -> str:
        """What was refused, as one of docs/errors.md."""
        return self.body.code

    @property
    def detail(self) -> str:
        """The same as a sentence."""
        return self.body.detail

    @property
    def errors(self) -> tuple[FieldFault, ...]:
        """Every wrong field."""
        return self.body.errors

    @property
    def request_id(self) -> str:
        """Under which the service has logged it."""
        return self.body.request_id


class NoAnswer(ClientError):
    """No answer after every attempt, or none in time; what was asked for may have been done all the same.

    Asking again with the same `key` does nothing twice.
    """

    def __init__(self, *, url: str, asked: str, attempts: int, last: str, key: str | None) -> None:
        super().__init__(f"{url} did not answer {asked} in {attempts} attempts (last: {last}).")
        self.url, self.attempts, self.last, self.key = url, attempts, last, key


class NotTheService(ClientError):
    """What answered is not vendorpay, or one that speaks differently: the URL leads elsewhere."""


class Closed(ClientError):
    """The client was closed while it was asked."""
