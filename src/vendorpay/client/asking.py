"""From a method's arguments to a request, and from its answer to a value: what all operations have in common."""

from __future__ import annotations

from vendorpay.client.answers import A, read_answer
from vendorpay.client.chance import new_key
from vendorpay.client.patience import Patience
from vendorpay.client.problem import NotTheService, Problem
from vendorpay.client.request import JSON, Answer, Request, Version
from vendorpay.client.transport import Transport


class Asking:
    """Sends requests through a transport. All methods raise Problem, NoAnswer, NotTheService, Closed."""

    def __init__(self, transport: Transport, patience: Patience) -> None:
        self._transport = transport
        self._patience = patience

    def ask(self, request: Request, *, patience: Patience | None = None) -> Answer:
        """Any request, for what has no method; the answer is a good one."""
        answer = self._transport.answer(request, patience or self._patience)
        if answer.is_good:
            return answer
        problem = answer.problem()
        if problem is None:
            raise NotTheService(f"{answer.status} to {request.method} {request.path}, and not by the service")
        raise Problem(problem, retry_after_s=answer.retry_after_s, was_uncertain=answer.was_uncertain)

    def _get(self, shape: type[A], path: str, **query: object) -> A:
        return read_answer(self.ask(Request(method="GET", path=path, query=query)).body, shape)

    def _post(
        self,
        shape: type[A],
        path: str,
        body: bytes,
        key: str | None,
        *,
        if_match: Version | None = None,
        body_type: str = JSON,
        method: str = "POST",
    ) -> A:
        """Does something; under a key of its own where the caller names none, so that an attempt more is none too
        many."""
        request = Request(
            method=method, path=path, body=body, body_type=body_type, key=key or new_key(), if_match=if_match
        )
        answer = self.ask(request)
        return read_answer(answer.body, shape, is_replayed=answer.is_replayed)
