"""The checks between "this caller may" and "this is well formed", in the order of contract 3.8."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

import msgspec

from vendorpay import metrics
from vendorpay.api import query_strings
from vendorpay.api.call import Call
from vendorpay.api.errors import BodyTooLarge, UnsupportedMediaType
from vendorpay.api.operation import Operation, RequestBody
from vendorpay.api.request import Headers, Request
from vendorpay.api.service import Service
from vendorpay.domain.errors import FieldFault, InvalidRequest
from vendorpay.domain.roles import Caller
from vendorpay.usecases.command import Key

KEY_CHARACTERS_MAX: Final = 255
_KEY: Final = re.compile(rb"[\x20-\x7e]{1,255}\Z")
_UTF_8: Final = r"\s*(?:;\s*charset\s*=\s*(?:\"utf-?8\"|utf-?8)\s*)?;?\s*\Z"
_JSON: Final = re.compile(r"application/(?:json|[a-z0-9!#$&^_.-]+\+json)" + _UTF_8, re.I)
_JSON_LINES: Final = re.compile(r"application/(?:x-ndjson|jsonl)" + _UTF_8, re.I)
_UUID_CHARACTERS: Final = 36
_ETAG: Final = re.compile(rb'(?:W/)?"[\x21\x23-\x7e]*"\Z')
_OWN_ETAG: Final = re.compile(rb'"(?:0|[1-9][0-9]{0,17})"\Z')


async def read(
    service: Service, operation: Operation, request: Request, found: Mapping[str, str], who: Caller | None, name: str
) -> Call:
    """The request as a call. `found` is what the path left open, `name` the request's id.

    Raises BodyTooLarge and UnsupportedMediaType first, MalformedJson, and InvalidRequest with every fault of path,
    query, headers and body together.
    """
    raw = b"" if operation.body is None else await _raw_body(operation.body, request)
    ids, faults = _ids(found)
    query, query_faults = query_strings.parse(request.query_string, operation.query, operation.query_rules)
    key, key_faults = _key(request, raw) if operation.body is not None else (None, [])
    if_match = _if_match(request.headers) if operation.if_match else b""
    versions, match_faults = _versions(if_match)
    body, body_faults = _body(operation.body, raw, request.headers)
    faults += query_faults + key_faults + match_faults + body_faults
    if faults:
        raise InvalidRequest(faults)
    return Call(
        service=service,
        request_id=name,
        headers=request.headers,
        who=who,
        ids=ids,
        parsed_query=query,
        parsed_body=body,
        key=key,
        versions=versions,
        conditional=bool(if_match),
    )


async def _raw_body(body: RequestBody, request: Request) -> bytes:
    """The bytes of the body; one that says that it is too large is refused without a look at it."""
    length = request.headers.all(b"content-length")
    if length and length[0].isdigit() and int(length[0]) > body.bytes_max:
        raise BodyTooLarge(bytes_max=body.bytes_max)
    if body.required:
        _require_json(request.headers, body)
    with metrics.at_rest:  # a client that sends slowly, or never ends, takes nobody's turn
        raw = await request.read_body(body.bytes_max)
    if raw and not body.required:
        _require_json(request.headers, body)
    return raw


def _require_json(headers: Headers, body: RequestBody) -> None:
    if any(coding.strip().lower() != b"identity" for coding in headers.all(b"content-encoding")):
        raise UnsupportedMediaType(reason="a Content-Encoding is not taken")
    values = headers.all(b"content-type")
    if not values:
        raise UnsupportedMediaType(reason="there is no Content-Type")
    as_lines = body.read_lines is not None and _is(_JSON_LINES, values[0])
    if len(values) > 1 or not (as_lines or _is(_JSON, values[0])):
        raise UnsupportedMediaType(reason="the Content-Type is another one")


def _is(kind: re.Pattern[str], value: bytes) -> bool:
    return kind.match(value.decode("latin-1").strip()) is not None


def _body(body: RequestBody | None, raw: bytes, headers: Headers) -> tuple[Any, list[FieldFault]]:
    if body is None:
        return None, []
    if not raw and not body.required:
        return body.when_empty, []
    if body.read_lines is not None and _is(_JSON_LINES, headers.all(b"content-type")[0]):
        return body.read_lines(raw)
    return body.read(raw)


def _ids(found: Mapping[str, str]) -> tuple[dict[str, UUID], list[FieldFault]]:
    """Everything that a path leaves open is a UUID, in its one usual form."""
    ids: dict[str, UUID] = {}
    faults: list[FieldFault] = []
    for name, text in found.items():
        try:
            if len(text) != _UUID_CHARACTERS:
                raise msgspec.ValidationError
            ids[name] = msgspec.convert(text, UUID)
        except msgspec.ValidationError:
            faults.append(FieldFault(name, "must be a UUID"))
    return ids, faults


def _key(request: Request, raw: bytes) -> tuple[Key | None, list[FieldFault]]:
    values = request.headers.all(b"idempotency-key")
    if not values:
        return None, []
    if len(values) > 1 or not _KEY.match(values[0]):
        words = f"must be 1 to {KEY_CHARACTERS_MAX} printable ASCII characters, given once"
        return None, [FieldFault("Idempotency-Key", words)]
    return Key(text=values[0].decode("ascii"), fingerprint=fingerprint(request, raw)), []


def _if_match(headers: Headers) -> bytes:
    return b",".join(headers.all(b"if-match")).strip()


def _versions(named: bytes) -> tuple[frozenset[int] | None, list[FieldFault]]:
    """The versions in an If-Match (RFC 9110, 13.1.1); a weak ETag is one that never matches."""
    if not named or named == b"*":
        return None, []
    tags = [tag.strip() for tag in named.split(b",")]
    if not all(map(_ETAG.match, tags)):
        return None, [FieldFault("If-Match", 'must be ETags as they came, like "7", or *')]
    return frozenset(int(tag[1:-1]) for tag in tags if _OWN_ETAG.match(tag)), []


def fingerprint(request: Request, raw: bytes) -> bytes:
    """What makes two requests the same one (correctness.md 1). Each part has its length before it, so that no two
    requests run together into the same bytes.
    """
    parts = (request.method.encode(), request.path, request.query_string)
    digest = hashlib.sha256(b"".join(len(part).to_bytes(8) + part for part in parts) + len(raw).to_bytes(8))
    digest.update(raw)  # by itself, for it may be large
    return digest.digest()
