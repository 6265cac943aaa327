"""API Gateway's events as requests, and answers as what it wants back: REST APIs (v1) and HTTP APIs (v2).

Both give the same request for the same call, as far as they pass it on. What Lambda cannot carry is an answer of more
than 6 MB. An HTTP API undoes base64, so that a long answer goes compressed, to whoever takes that. A REST API hands
base64 on as it is, unless its media type was declared binary (and then bodies that come in are no longer validated): to
it every answer goes as text, and the gateway compresses it by itself.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote, urlencode

import msgspec

from vendorpay.api.answer import Answer
from vendorpay.api.errors import AnswerTooLarge, BodyTooLarge
from vendorpay.api.request import Claims, Headers, Request

Event = Mapping[str, Any]

PLAIN_BYTES_MAX: Final = 512 * 1024
"""A longer answer is compressed where it may be."""
ANSWER_BYTES_MAX: Final = 4_300_000
"""Lambda carries 6 MB: this in base64, or as text in JSON with a backslash before each quote, and the headers."""
PAYLOAD_BYTES_MAX: Final = 6 * 1024 * 1024 - 64 * 1024
"""Of an answer as text in JSON, where there is no other way; the rest is for the headers."""
_LEVEL: Final = 1
_NO_BODY: Final = frozenset({204, 304})
_PATH_SAFE: Final = "/:@!$&'()*+,;=~"
_OPEN: Final = "{proxy+}"


class NotAnHttpEvent(Exception):
    """What woke the function is no event of API Gateway: its trigger is wired to another function's work."""


def request_of(event: Event, claims: Claims) -> Request:
    """The request that an event tells of. Raises NotAnHttpEvent; nothing that a caller can send does."""
    if not isinstance(event.get("requestContext"), Mapping):
        raise NotAnHttpEvent("There is no requestContext in the event.")
    try:
        return _v2(event, claims) if event.get("version") == "2.0" else _v1(event, claims)
    except (KeyError, TypeError, AttributeError, binascii.Error) as error:
        raise NotAnHttpEvent(f"The event is none of API Gateway's proxy integrations: {error!r}.") from error


def response_of(answer: Answer, event: Event) -> dict[str, Any]:
    """An answer in the shape of the event that it is for, its body left out for HEAD.

    Raises AnswerTooLarge for one that does not fit.
    """
    old = event.get("version") != "2.0"
    method = event["httpMethod"] if old else event["requestContext"]["http"]["method"]
    head = method == "HEAD" or answer.status in _NO_BODY
    if not head and len(answer.body) > PLAIN_BYTES_MAX:
        answer = _measured(answer) if old else _shortened(answer, takes_gzip=_takes_gzip(event))
    # The gateway counts the body itself.
    headers = [(name.decode(), value.decode("latin-1")) for name, value in answer.headers if name != b"content-length"]
    response: dict[str, Any] = {"statusCode": answer.status, "isBase64Encoded": False, "body": ""}
    if old:
        response["multiValueHeaders"] = _by_name(headers)
    else:
        response["headers"] = {name: ", ".join(values) for name, values in _by_name(headers).items()}
    if not head:
        response["body"], response["isBase64Encoded"] = _carried(answer.body, as_text=old)
    return response


def _v1(event: Event, claims: Claims) -> Request:
    several = event.get("multiValueHeaders")
    if several is None:
        several = {name: [value] for name, value in (event.get("headers") or {}).items()}
    query = event.get("multiValueQueryStringParameters")
    if query is None:
        query = {name: [value] for name, value in (event.get("queryStringParameters") or {}).items()}
    return Request(
        method=event["httpMethod"],
        path=_own_part(event["path"], event.get("resource", "")).encode("utf-8", "surrogatepass"),
        query_string=urlencode(query, doseq=True, errors="surrogatepass", quote_via=quote).encode(),
        headers=Headers((_bytes(name), _bytes(value)) for name, values in several.items() for value in values),
        read_body=_body_of(event),
        claims=claims,
    )


def _v2(event: Event, claims: Claims) -> Request:
    context = event["requestContext"]
    path, stage = event["rawPath"], context.get("stage", "$default")
    _, _, route = event.get("routeKey", "$default").partition(" ")
    if route and _OPEN not in route:
        path = _own_part(path, route)
    elif path == f"/{stage}" or path.startswith(f"/{stage}/"):
        path = path[len(stage) + 1 :] or "/"
    return Request(
        method=context["http"]["method"],
        # An HTTP API has taken the percent signs out, whatever the field is called.
        path=quote(path, safe=_PATH_SAFE, errors="surrogatepass").encode(),
        query_string=event.get("rawQueryString", "").encode("utf-8", "surrogatepass"),
        headers=Headers((_bytes(name), _bytes(value)) for name, value in (event.get("headers") or {}).items()),
        read_body=_body_of(event),
        claims=claims,
    )


def _own_part(path: str, resource: str) -> str:
    """A path without what comes before the gateway's own resources: a stage, or what a domain name is mapped to."""
    if not resource or _OPEN in resource:
        return path
    parts = path.split("/")
    return "/".join(["", *parts[-resource.count("/") :]])


def _body_of(event: Event) -> Any:
    text = event.get("body") or ""
    # Strictly: a decoder that skips what it does not know would let two texts mean one request.
    body = base64.b64decode(text, validate=True) if event.get("isBase64Encoded") else _utf_8(text)

    async def read(bytes_max: int) -> bytes:
        if len(body) > bytes_max:
            raise BodyTooLarge(bytes_max=bytes_max)
        return body

    return read


def _utf_8(text: str) -> bytes:
    """Half a character makes bytes that are no UTF-8, and is refused as such, like on any other way in."""
    return text.encode("utf-8", "surrogatepass")


def _bytes(text: str) -> bytes:
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        return _utf_8(text)


def _by_name(headers: Sequence[tuple[str, str]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, value in headers:
        found.setdefault(name, []).append(value)
    return found


def _takes_gzip(event: Event) -> bool:
    """Whether the caller asked for it; a weight of 0 refuses it."""
    several = event.get("multiValueHeaders") or {name: [text] for name, text in (event.get("headers") or {}).items()}
    told = ",".join(text for name, texts in several.items() if name.lower() == "accept-encoding" for text in texts)
    wanted = [coding.replace(" ", "").lower() for coding in told.split(",")]
    return any(coding.partition(";")[0] == "gzip" and not coding.endswith(";q=0") for coding in wanted)


def _measured(answer: Answer) -> Answer:
    """An answer that fits as text."""
    if len(msgspec.json.encode(answer.body.decode("utf-8", "replace"))) > PAYLOAD_BYTES_MAX:
        raise AnswerTooLarge(bytes_max=ANSWER_BYTES_MAX)
    return answer


def _shortened(answer: Answer, *, takes_gzip: bool) -> Answer:
    if takes_gzip:
        import gzip  # hardly any answer is so long

        coded = ((b"content-encoding", b"gzip"), (b"vary", b"accept-encoding"))
        body = gzip.compress(answer.body, _LEVEL, mtime=0)
        answer = Answer(answer.status, body, (*answer.headers, *coded), answer.content_type, answer.cache_control)
    if len(answer.body) > ANSWER_BYTES_MAX:
        raise AnswerTooLarge(bytes_max=ANSWER_BYTES_MAX)
    return answer


def _carried(body: bytes, *, as_text: bool) -> tuple[str, bool]:
    """A body as text, or in base64 where that is shorter or the only way: JSON makes six bytes of an umlaut."""
    if not as_text and len(body) > PLAIN_BYTES_MAX and not body.isascii():
        return base64.b64encode(body).decode("ascii"), True
    try:
        return body.decode("utf-8"), False
    except UnicodeDecodeError:
        return base64.b64encode(body).decode("ascii"), True
