"""Events of API Gateway become the requests that were sent, and answers what the gateway passes on."""

from __future__ import annotations

import base64
import gzip
from collections.abc import Mapping
from typing import Any

import msgspec
import pytest

from tests.aws.gateway_events import STAGE, V1, V2, VERSIONS, event
from vendorpay.api.answer import Answer
from vendorpay.api.errors import AnswerTooLarge, BodyTooLarge
from vendorpay.api.request import Request
from vendorpay.domain.errors import Unauthenticated
from vendorpay.entrypoints.aws.gateway import (
    ANSWER_BYTES_MAX,
    PAYLOAD_BYTES_MAX,
    PLAIN_BYTES_MAX,
    NotAnHttpEvent,
    request_of,
    response_of,
)

ID = "01890a5d-ac96-774b-bcce-b302099a8057"


def nobody() -> Mapping[str, Any]:
    raise Unauthenticated("nobody")


def asked(given: Mapping[str, Any]) -> Request:
    return request_of(given, nobody)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_request_is_what_was_sent(version: str) -> None:
    headers = [("Content-Type", "application/json"), ("Idempotency-Key", "k 1"), ("X-Name", "J\xf6rg")]
    request = asked(event(version, "POST", "/payments?a=1&b=x%20y", headers=headers, body=b"{}"))
    assert (request.method, request.path, request.query_string) == ("POST", b"/payments", b"a=1&b=x%20y")
    assert request.headers.all(b"idempotency-key") == [b"k 1"]
    assert request.headers.all(b"x-name") == [b"J\xf6rg"]


@pytest.mark.anyio
@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("body", [b"", b"{}", '{"notes":"Grüße 😀"}'.encode(), b"\xff\xfe\x00binary"])
async def test_bodies_in_base64_are_what_they_stand_for(version: str, body: bytes) -> None:
    """Origin 63: a signature is over the bytes that were sent, and not over their base64."""
    encoded = asked(event(version, "POST", "/payments", body=body, encoded=True))
    assert await encoded.read_body(1000) == body
    if b"\xff" not in body:
        assert await asked(event(version, "POST", "/payments", body=body)).read_body(1000) == body


@pytest.mark.anyio
@pytest.mark.parametrize("version", VERSIONS)
async def test_no_body_and_half_a_character_are_no_errors_of_ours(version: str) -> None:
    given = event(version, "POST", "/payments")
    assert await asked(given).read_body(0) == b""
    given["body"] = "\ud83d"
    assert await asked(given).read_body(10) == b"\xed\xa0\xbd", "no UTF-8, and refused as that"


@pytest.mark.anyio
@pytest.mark.parametrize("encoded", [False, True])
async def test_a_body_over_the_limit_is_refused_by_its_bytes(encoded: bool) -> None:
    request = asked(event(V2, "POST", "/payments", body=b"x" * 101, encoded=encoded))
    with pytest.raises(BodyTooLarge):
        await request.read_body(100)
    assert len(await request.read_body(101)) == 101


@pytest.mark.parametrize("version", VERSIONS)
def test_the_stage_and_a_base_path_are_not_ours(version: str) -> None:
    given = event(version, "GET", f"/payments/{ID}/audit-log", template="/payments/{id}/audit-log")
    assert asked(given).path == f"/payments/{ID}/audit-log".encode()
    if version == V1:  # a domain name's base path mapping
        given["path"] = f"/pay/v1/payments/{ID}/audit-log"
    else:
        given["rawPath"] = f"/pay/v1/payments/{ID}/audit-log"
    assert asked(given).path == f"/payments/{ID}/audit-log".encode()


@pytest.mark.parametrize(
    ("raw", "stage", "path"),
    [
        (f"/{STAGE}/payments", STAGE, b"/payments"),
        (f"/{STAGE}", STAGE, b"/"),
        ("/payments", "$default", b"/payments"),
        (f"/{STAGE}uction/payments", STAGE, f"/{STAGE}uction/payments".encode()),
    ],
)
def test_the_default_route_of_an_http_api_is_cut_at_its_stage(raw: str, stage: str, path: bytes) -> None:
    given = event(V2, "GET", "/payments")
    given["routeKey"], given["rawPath"], given["requestContext"]["stage"] = "$default", raw, stage
    assert asked(given).path == path


def test_percent_signs_mean_the_same_in_both_gateways() -> None:
    """A REST API leaves the path as it came; an HTTP API has decoded it, whatever the field is called."""
    for version in VERSIONS:
        given = event(version, "GET", "/payments/a%20b%2Fc", template="/{proxy+}")
        if version == V1:
            assert asked(given).path == b"/payments/a%20b%2Fc"
        else:
            assert asked(given).path == b"/payments/a%20b/c", "the gateway itself has made a slash of it"
    assert asked(event(V2, "GET", "/payments/x%3Fy", template="/payments/{id}")).path == b"/payments/x%3Fy"


def test_names_that_come_twice_stay_two_in_a_rest_api() -> None:
    request = asked(event(V1, "GET", "/payments?limit=1&limit=2", headers=[("If-Match", '"1"'), ("If-Match", '"2"')]))
    assert request.query_string == b"limit=1&limit=2"
    assert request.headers.all(b"if-match") == [b'"1"', b'"2"']


def test_an_event_without_the_lists_of_several_is_read_too() -> None:
    given = event(V1, "GET", "/payments?limit=1&q=a+b", headers=[("Accept", "x")])
    del given["multiValueHeaders"], given["multiValueQueryStringParameters"]
    request = asked(given)
    assert (request.query_string, request.headers.all(b"accept")) == (b"limit=1&q=a%20b", [b"x"])


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"Records": [{"messageId": "1", "eventSource": "aws:sqs", "body": "{}"}]},
        {"source": "aws.events", "detail-type": "Scheduled Event", "detail": {}},
        {"requestContext": {}},
        {"requestContext": {}, "version": "2.0", "rawPath": "/payments"},
        {"requestContext": {"connectionId": "x", "routeKey": "$connect"}},
        {**event(V2, "POST", "/payments"), "body": "no base64!", "isBase64Encoded": True},
    ],
)
def test_what_is_no_http_event_says_so(given: Mapping[str, Any]) -> None:
    with pytest.raises(NotAnHttpEvent):
        asked(given)


HEADERS = ((b"content-type", b"application/json"), (b"content-length", b"13"), (b"etag", b'"1"'), (b"vary", b"a"))


@pytest.mark.parametrize("version", VERSIONS)
def test_an_answer_has_the_shape_of_its_event(version: str) -> None:
    answer = Answer(201, '{"name":"ö"}'.encode(), (*HEADERS, (b"vary", b"b")))
    response = response_of(answer, event(version, "POST", "/payments"))
    assert response.pop("statusCode") == 201
    assert response.pop("body") == '{"name":"ö"}'
    assert response.pop("isBase64Encoded") is False
    several = {"content-type": ["application/json"], "etag": ['"1"'], "vary": ["a", "b"]}
    if version == V1:
        assert response == {"multiValueHeaders": several}
    else:
        assert response == {"headers": {name: ", ".join(values) for name, values in several.items()}}


@pytest.mark.parametrize("version", VERSIONS)
def test_head_and_304_have_no_body(version: str) -> None:
    assert response_of(Answer(200, b"{}", HEADERS), event(version, "HEAD", "/payments"))["body"] == ""
    assert response_of(Answer(304, b"", HEADERS), event(version, "GET", "/payments"))["body"] == ""


@pytest.mark.parametrize("version", VERSIONS)
def test_what_is_no_text_goes_in_base64(version: str) -> None:
    response = response_of(Answer(200, b"\xff\x00"), event(version, "GET", "/payments"))
    assert response["isBase64Encoded"] is True
    assert base64.b64decode(response["body"]) == b"\xff\x00"


LONG = msgspec.json.encode({"payments": [{"notes": f"größer als {number}"} for number in range(200_000)]})
LAMBDA_BYTES_MAX = 6 * 1024 * 1024


def test_a_long_answer_goes_compressed() -> None:
    assert len(LONG) > ANSWER_BYTES_MAX
    wants = event(V2, "GET", "/payments", headers=[("Accept-Encoding", "deflate, gzip;q=0.5")])
    response = response_of(Answer(200, LONG, HEADERS), wants)
    assert gzip.decompress(base64.b64decode(response["body"])) == LONG
    assert "gzip" in str(response.get("headers") or response.get("multiValueHeaders"))
    assert len(msgspec.json.encode(response)) < LAMBDA_BYTES_MAX


@pytest.mark.parametrize("wanted", ["", "identity", "gzip;q=0, identity", "x-gzip2"])
def test_a_long_answer_to_whoever_takes_no_gzip_is_refused(wanted: str) -> None:
    wants = event(V2, "GET", "/payments", headers=[("Accept-Encoding", wanted)] if wanted else [])
    with pytest.raises(AnswerTooLarge, match="gzip"):
        response_of(Answer(200, LONG, HEADERS), wants)


@pytest.mark.parametrize("text", ['"', "ü", "a"])
def test_the_longest_answer_that_is_passed_on_fits(text: str) -> None:
    body = (
        msgspec.json.encode([text * 8] * (ANSWER_BYTES_MAX // 40))[:ANSWER_BYTES_MAX].decode(errors="ignore").encode()
    )
    assert len(body) > PLAIN_BYTES_MAX
    response = response_of(Answer(200, body, HEADERS), event(V2, "GET", "/payments"))
    assert len(msgspec.json.encode(response)) < LAMBDA_BYTES_MAX


@pytest.mark.parametrize("wanted", ["", "gzip"])
def test_a_rest_api_gets_every_answer_as_text(wanted: str) -> None:
    """It hands base64 on as it is: the API's own document, of a megabyte, would reach its reader as base64 of gzip."""
    wants = event(V1, "GET", "/payments", headers=[("Accept-Encoding", wanted)] if wanted else [])
    body = LONG[: 2 * PLAIN_BYTES_MAX].decode(errors="ignore").encode()
    response = response_of(Answer(200, body, HEADERS), wants)
    assert response["isBase64Encoded"] is False
    assert response["body"].encode() == body
    assert "content-encoding" not in response["multiValueHeaders"]


@pytest.mark.parametrize("text", ['"', "ü", "a"])
def test_a_rest_api_gets_what_lambda_carries_and_no_more(text: str) -> None:
    """Counted in the bytes that Lambda counts: with a backslash before each quote, and another before that."""
    wants = event(V1, "GET", "/payments")
    size = PAYLOAD_BYTES_MAX // len(msgspec.json.encode(text * 2)[1:-1])
    response = response_of(Answer(200, (text * 2 * (size - 1)).encode()), wants)
    assert PAYLOAD_BYTES_MAX - 10 < len(msgspec.json.encode(response)) < LAMBDA_BYTES_MAX
    with pytest.raises(AnswerTooLarge):
        response_of(Answer(200, (text * 2 * (size + 1)).encode()), wants)
