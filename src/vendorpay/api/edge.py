"""One request in, one answer out, for every transport: the order of refusals of contract 3.8 is the order here."""

from __future__ import annotations

import re
import time
from typing import Final

from vendorpay import metrics, observe
from vendorpay.api import problems
from vendorpay.api.answer import Answer, Header
from vendorpay.api.authentication import authenticate
from vendorpay.api.operation import Operation
from vendorpay.api.reading import read
from vendorpay.api.request import ClientGone, Headers, Request
from vendorpay.api.router import Router
from vendorpay.api.service import Service
from vendorpay.domain.errors import MalformedJson
from vendorpay.domain.roles import Caller

CLIENT_GONE: Final = 499
"""The status that the log shows for a request whose client hung up before it was complete."""

_REQUEST_ID: Final = re.compile(rb"[A-Za-z0-9._:/+=@-]{1,128}\Z")
_NO_SNIFFING: Final[Header] = (b"x-content-type-options", b"nosniff")
_NO_BODY: Final = frozenset({204, 304})


class Exchange:
    """One request on its way to its answer; keeps what its line in the log will say."""

    __slots__ = ("caller", "operation", "request", "request_id", "router", "service")

    def __init__(self, service: Service, request: Request, router: Router) -> None:
        self.service = service
        self.router = router
        self.request = request
        self.request_id = _request_id(service, request.headers)
        self.operation: Operation | None = None
        self.caller: Caller | None = None

    async def answer(self) -> Answer:
        """The answer, complete with the headers that all have. Raises ClientGone; every other error is an answer."""
        started = time.perf_counter()
        metrics.request_began(started)
        status = CLIENT_GONE
        try:
            answer = await self._answer()
            status = answer.status
        except ClientGone:
            raise
        except Exception as error:
            answer = problems.answer_to(error, self.request_id)
            status = answer.status
        finally:
            self._tell(status, time.perf_counter() - started)
        return finished(answer, self.request_id)

    def cut_short(self) -> Answer:
        """The answer to a request whose body broke off, for a client that is still there to hear it."""
        error = MalformedJson(reason="it broke off before its end")
        return finished(problems.refusal(error, self.request_id), self.request_id)

    async def _answer(self) -> Answer:
        request = self.request
        operation, found = self.router.find(request.method, request.path)
        self.operation = operation
        if operation.permission is not None:
            self.caller = await authenticate(request, self.service.verifier)
            self.caller.require(operation.permission)
            self.caller.scope()  # A vendor's token without its vendor may see nothing: 403 before all else.
            if self.service.limits is not None:
                self.service.limits.admit(self.caller, operation.rate_class)
        call = await read(self.service, operation, request, found, self.caller, self.request_id)
        return await operation.function(call)

    def _tell(self, status: int, seconds: float) -> None:
        caller = self.caller
        operation = self.operation.name if self.operation else "none"
        metrics.request_ended(operation, status, seconds)
        observe.log_request(
            request_id=self.request_id,
            operation=operation,
            status=status,
            duration_ms=seconds * 1000,
            org_id=caller.org_id if caller else None,
            sub=caller.sub if caller else None,
            role=caller.role if caller else None,
        )


def _request_id(service: Service, headers: Headers) -> str:
    """The caller's own id for the request when it can be logged as it is, else a new one."""
    values = headers.all(b"x-request-id")
    if len(values) == 1 and _REQUEST_ID.match(values[0]):
        return values[0].decode("ascii")
    return str(service.deps.new_id(service.deps.now()))


def finished(answer: Answer, request_id: str) -> Answer:
    """An answer with the headers that all have."""
    kind: tuple[Header, ...] = ()
    if answer.status not in _NO_BODY:  # nor its type or length
        kind = ((b"content-type", answer.content_type), (b"content-length", str(len(answer.body)).encode()))
    always = ((b"x-request-id", request_id.encode()), (b"cache-control", answer.cache_control), _NO_SNIFFING)
    headers = (*kind, *always, *answer.headers)
    return Answer(answer.status, answer.body, headers, answer.content_type)
