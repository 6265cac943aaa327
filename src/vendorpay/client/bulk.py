"""The operations on many payments at once. A request is sent again until each item has an answer that is final."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol, TypeVar

import msgspec

from vendorpay.client.answers import read, read_answer
from vendorpay.client.asking import Asking
from vendorpay.client.chance import chance, new_key
from vendorpay.client.payment_values import BulkResults, NewPayment, Outcome
from vendorpay.client.problem import NoAnswer, NotTheService, ProblemDetail
from vendorpay.client.request import LINES, Answer, Id, Request, given


class _Item(Protocol):
    """What is needed of the result of one item."""

    @property
    def index(self) -> int: ...
    @property
    def problem(self) -> ProblemDetail | None: ...


T = TypeVar("T")


class _Outcomes(msgspec.Struct, frozen=True):
    results: list[Outcome]


class BulkOperations(Asking):
    """Create and approve many payments, each for itself: a bad one never fails its neighbours."""

    def create_payments(self, payments: Iterable[NewPayment], *, key: str | None = None) -> BulkResults:
        """Creates at most 10,000 payments. Item n has the key `<key>#<n>`: sent again, nothing is done twice."""
        lines = [msgspec.json.encode(payment) for payment in payments]
        return self._results(self._lines(b"\n".join(lines), key), len(lines))

    def create_payments_of_lines(self, lines: bytes, count: int, *, key: str | None = None) -> list[Outcome]:
        """The same for NDJSON of so many payments as it is, read by nobody but the service; for large files."""

        def results(answer: Answer) -> list[Outcome]:
            return read(answer.body, _Outcomes).results

        return self._settled(self._lines(lines, key), count, results, lambda found: found)

    def approve_payments(
        self, payment_ids: Sequence[Id], *, notes: str | None = None, key: str | None = None
    ) -> BulkResults:
        """Approves at most 1,000 payments, none of which may come twice."""
        body = given(payment_ids=payment_ids, notes=notes)
        request = Request(method="POST", path="/payments/approvals", body=body, key=key or new_key())
        return self._results(request, len(payment_ids))

    def _lines(self, body: bytes, key: str | None) -> Request:
        return Request(method="POST", path="/payments/bulk", body=body, body_type=LINES, key=key or new_key())

    def _results(self, request: Request, count: int) -> BulkResults:
        def results(answer: Answer) -> BulkResults:
            return read_answer(answer.body, BulkResults, is_replayed=answer.is_replayed)

        return self._settled(request, count, results, lambda found: found.results)

    def _settled(
        self, request: Request, count: int, results: Callable[[Answer], T], items: Callable[[T], Sequence[_Item]]
    ) -> T:
        """What became of all items; those that were not decided (429, 503, under way elsewhere) are asked for again.

        Raises NoAnswer when some still are not after every attempt.
        """
        patience = self._patience
        end = time.monotonic() + patience.total_s_max
        attempt = 0
        while True:
            found = results(self.ask(request))
            if [item.index for item in items(found)] != list(range(count)):
                raise NotTheService("the answer does not fit the payments that were sent. Check the URL")
            problem = next((p for item in items(found) if (p := item.problem) is not None and p.is_passing), None)
            if problem is None:
                return found
            pause_s = patience.pause_s(attempt, chance=chance())
            attempt += 1
            if attempt == patience.attempts_max or time.monotonic() + pause_s > end:
                asked = f"all of {request.method} {request.path}"
                raise NoAnswer(url="The service", asked=asked, attempts=attempt, last=str(problem), key=request.key)
            self._transport.wait(pause_s)
