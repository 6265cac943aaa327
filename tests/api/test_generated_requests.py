"""Requests made from the OpenAPI document, right and wrong ones: no answer may break it.

The soak asks every operation of a running `serve`; a quick run asks some of a service in its own process.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import hypothesis
import msgspec
import pytest
import schemathesis
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.pytest.lazy import get_all_tests
from schemathesis.schemas import BaseSchema
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests import tally
from tests.api.asked import Asked, asked_in_process, asked_over_sockets
from tests.database import DatabaseUrls
from tests.usecases.world import SOAK
from vendorpay.adapters.local_issuer import LocalIssuer
from vendorpay.api import examples, openapi
from vendorpay.api.operations import OPERATIONS

QUICK = ("listPayments", "getPayment", "createPayment")
"""Each operation costs seconds; the others have the same readers and renderers."""


def what_is_wrong_is_refused(
    context: schemathesis.CheckContext, response: schemathesis.Response, case: schemathesis.Case[Any]
) -> bool | None:
    """A wrong value like null or [] does not come over in a URL: what is left of such a query may well be right."""
    sent = parse_qs(urlsplit(str(response.request.url)).query, keep_blank_values=True)
    if not case.query.keys() <= sent.keys():
        return None
    return negative_data_rejection(context, response, case)


@schemathesis.serializer("application/x-ndjson", "application/jsonl")
def as_lines(_: schemathesis.SerializationContext, value: Any) -> bytes:
    """Each element on a line of its own; what is no list has no lines."""
    return b"\n".join(map(msgspec.json.encode, value)) if isinstance(value, list) else b""


CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    what_is_wrong_is_refused,
]


@cache
def whole() -> BaseSchema:
    """Loaded when the first test needs it, not by every process that collects tests."""
    return schemathesis.openapi.from_dict(msgspec.json.decode(openapi.encoded(OPERATIONS)))


@pytest.fixture(scope="module")
def asked(issuer: LocalIssuer, module_database_urls: DatabaseUrls) -> Iterator[Asked]:
    with asked_over_sockets() if SOAK else asked_in_process(issuer, module_database_urls.app) as found:
        yield found


@pytest.mark.parametrize("name", [each.name for each in OPERATIONS if SOAK or each.name in QUICK])
def test_no_request_that_can_be_made_breaks_an_operation(name: str, asked: Asked) -> None:
    """Origin 70: wrong input was a 500."""
    token = asked.token("admin", "generator")

    @hypothesis.settings(
        max_examples=hypothesis.settings().max_examples // 10, suppress_health_check=list(hypothesis.HealthCheck)
    )
    def ask(case: schemathesis.Case[Any]) -> None:
        if case.headers.get("Idempotency-Key") == examples.IDEMPOTENCY_KEY:
            case.headers["Idempotency-Key"] = str(uuid4())  # one for all would make all but the first a 422
        response = case.call_and_validate(
            base_url=asked.url, session=asked.session, headers={"Authorization": f"Bearer {token}"}, checks=CHECKS
        )
        tally.count("fuzzed requests", status=response.status_code, slowest_s=response.elapsed)

    # What `parametrize` of a schema does, but when the test runs: every process that collects would pay for it.
    one = whole().include(operation_id=name)
    (built,) = get_all_tests(schema=one, test_func=ask, settings=None, given_kwargs=None)
    assert isinstance(built, Ok)
    _, test = built.ok()
    test()
