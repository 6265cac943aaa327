"""The functions that answer the API: each the operations of its row, the same way as everywhere else."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from functools import cache, partial
from importlib import import_module
from typing import Any, Final

from vendorpay.adapters.aws.gateway_claims import GatewayClaims, claims_in
from vendorpay.api import problems
from vendorpay.api.answer import Answer
from vendorpay.api.edge import Exchange, finished
from vendorpay.api.errors import AnswerTooLarge
from vendorpay.api.operation import Operation
from vendorpay.api.rate_limits import RateLimits
from vendorpay.api.router import Router
from vendorpay.api.service import Service
from vendorpay.domain.errors import DatabaseUnavailable, Overloaded, Unauthenticated, VendorPayError
from vendorpay.entrypoints.aws.functions import Function
from vendorpay.entrypoints.aws.gateway import Event, request_of, response_of
from vendorpay.entrypoints.aws.runtime import Context, Environment, OutOfTime
from vendorpay.entrypoints.aws.settings import AwsSettings
from vendorpay.entrypoints.aws.started import started
from vendorpay.usecases.deps import Deps

ANSWER_S_MAX: Final = 26.0
"""API Gateway gives a function 29 seconds, settling included; an answer of ours says more than its 504."""
SHOW_THE_DOCUMENT: Final = frozenset({"getOpenApiDocument", "getReference"})
SHOW_METRICS: Final = "getMetrics"


class Api:
    """The operations of one function, on one environment."""

    def __init__(self, environment: Environment, settings: AwsSettings) -> None:
        row = settings.function
        self._environment = environment
        self._router = Router(operations_of(row))
        self._claims = GatewayClaims(issuer=settings.jwt_issuer, audiences=settings.cognito_client_ids, now=time.time)
        self._limits = None
        if settings.rate_limits:
            self._limits = RateLimits(settings.rate_limits, monotonic_ns=time.monotonic_ns)
        self._document = _document() if SHOW_THE_DOCUMENT.intersection(row.operations) else b""
        self._metrics = SHOW_METRICS in row.operations
        self._service: Service | None = None

    def answer(self, event: Event, context: Context) -> dict[str, Any]:
        """The response to one event. Raises NotAnHttpEvent, and what keeps the function from working at all."""
        request = request_of(event, partial(self._checked_claims, event))

        async def work(deps: Deps) -> Answer:
            return await Exchange(self._on(deps), request, self._router).answer()

        try:
            return response_of(self._environment.run(work, context, s_max=ANSWER_S_MAX), event)
        except OutOfTime:
            return response_of(_refusal(Overloaded(), context), event)
        except (AnswerTooLarge, DatabaseUnavailable) as error:
            return response_of(_refusal(error, context), event)

    def _checked_claims(self, event: Event) -> Any:
        return self._claims.checked(claims_in(event["requestContext"]))

    def _on(self, deps: Deps) -> Service:
        """What requests share, for as long as the environment keeps what it opened."""
        if self._service is None or self._service.deps is not deps:
            self._service = Service(
                deps=deps,
                verifier=NoTokens(),
                document=self._document,
                metrics=self._metrics,
                limits=self._limits,
            )
        return self._service


class NoTokens:
    """A TokenVerifier where the gateway has checked all tokens that count."""

    async def verify(self, token: str) -> Any:
        """Raises Unauthenticated."""
        raise Unauthenticated("tokens are checked by the gateway")


def operations_of(row: Function) -> Iterator[Operation]:
    """The rows of the operations table that a function answers, importing no more than their groups."""
    for operation in _among(row):
        if operation.name in row.operations:
            yield operation


def handler(event: Event, context: Context) -> dict[str, Any]:
    """What Lambda calls."""
    return _api().answer(event, context)


def _among(row: Function) -> Iterator[Operation]:
    if not row.groups:
        yield from import_module("vendorpay.api.operations").OPERATIONS
    for group in row.groups:
        for value in vars(import_module(f"vendorpay.api.operations.{group}")).values():
            if isinstance(value, tuple):
                yield from (each for each in value if isinstance(each, Operation))


def _document() -> bytes:
    from vendorpay.api import openapi
    from vendorpay.api.operations import OPERATIONS

    return openapi.encoded(OPERATIONS)


def _refusal(error: VendorPayError, context: Context) -> Answer:
    return finished(problems.refusal(error, context.aws_request_id), context.aws_request_id)


@cache
def _api() -> Api:
    return Api(*started())


if "AWS_LAMBDA_RUNTIME_API" in os.environ:
    _api()  # now, while Lambda starts the function, and not when somebody waits; it connects to nothing
