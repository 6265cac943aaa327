"""Requests made from the OpenAPI document, right and wrong ones, against a real server: no answer may break it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import hypothesis
import msgspec
import pytest
import schemathesis
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.entrypoints.serving import Serve
from tests.faults.dying import SOAK
from vendorpay.adapters.local_issuer import LocalIssuer
from vendorpay.api import openapi
from vendorpay.api.operations import OPERATIONS
from vendorpay.domain.roles import Role


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


WHOLE = schemathesis.openapi.from_dict(msgspec.json.decode(openapi.encoded(OPERATIONS)))
QUICK: list[str] = ["/payments", "/payments/{id}", "/payments/bulk", "/events", "/webhook-endpoints"]
"""Each operation costs a second or more; the others have the same readers and renderers."""
SCHEMA = WHOLE if SOAK else WHOLE.include(path=QUICK)
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    what_is_wrong_is_refused,
]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serve]:
    serve = Serve(tmp_path_factory.mktemp("served") / "data")
    try:
        yield serve.wait_until_ready()
        assert serve.stop() == 0
        assert '"failure"' not in serve.log.read_text()
    finally:
        serve.clean_up()


@pytest.fixture(scope="module")
def headers(served: Serve) -> dict[str, str]:
    issuer = LocalIssuer.open(served.data_dir)
    token = issuer.mint(
        sub="generator", role=Role.ADMIN, ttl=timedelta(hours=1), now=datetime.now(UTC), jti="generated"
    )
    return {"Authorization": f"Bearer {token}"}


@SCHEMA.parametrize()
@hypothesis.settings(
    max_examples=hypothesis.settings().max_examples // 10, suppress_health_check=list(hypothesis.HealthCheck)
)
def test_no_request_that_can_be_made_breaks_an_operation(
    case: schemathesis.Case[Any], served: Serve, headers: dict[str, Any]
) -> None:
    """Origin 70: wrong input was a 500."""
    case.call_and_validate(base_url=served.url, headers=headers, checks=CHECKS)
