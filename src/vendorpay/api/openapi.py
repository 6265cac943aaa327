"""The OpenAPI 3.1 document, made from the operations table: what is not in the table is not in the document."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import groupby
from typing import Final

import msgspec

from vendorpay import __version__
from vendorpay.api import examples, links, schemas
from vendorpay.api.errors import BodyTooLarge, MethodNotAllowed, RateLimited, UnsupportedMediaType
from vendorpay.api.operation import Operation
from vendorpay.api.problems import meaning_of, title_of
from vendorpay.api.schemas import PREFIX, Schema
from vendorpay.api.statuses import STATUS
from vendorpay.domain import errors
from vendorpay.domain.errors import VendorPayError
from vendorpay.domain.roles import GRANTS, Role

EVERYWHERE: Final = (errors.InvalidRequest, MethodNotAllowed)
WITH_A_CALLER: Final = (
    errors.Unauthenticated,
    errors.IssuerUnavailable,
    errors.Forbidden,
    RateLimited,
    errors.DatabaseUnavailable,
)
WITH_A_BODY: Final = (
    errors.MalformedJson,
    BodyTooLarge,
    UnsupportedMediaType,
    errors.IdempotencyInFlight,
    errors.IdempotencyKeyReused,
    errors.Overloaded,
)
_PHRASES: Final = {
    400: "The request is not well formed; `errors` names every wrong field.",
    401: "There is no valid access token.",
    403: "The caller may not do this.",
    404: "There is nothing here that the caller may see.",
    405: "The path does not answer this method.",
    409: "The state of what it is about, or another request, stands against it.",
    412: "It has changed since the caller saw it.",
    413: "The body is too large.",
    415: "The body is not announced as JSON.",
    422: "The Idempotency-Key belongs to another request.",
    428: "Changing something unseen is not possible: send If-Match.",
    429: "The caller asks more often than the operator allows one caller; wait Retry-After seconds.",
    503: "Try again after Retry-After seconds.",
}
_HEADERS: Final[dict[str, Schema]] = {
    "X-Request-Id": {"description": "The request's id, as it is in the logs.", "schema": {"type": "string"}},
    "ETag": {"description": "The version of what is shown, quoted.", "schema": {"type": "string"}, "example": '"1"'},
    "Idempotent-Replayed": {
        "description": "Set when this is the first answer once more, given under the same Idempotency-Key.",
        "schema": {"type": "string", "const": "true"},
    },
    "Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}},
    "WWW-Authenticate": {"description": "How to say who you are.", "schema": {"type": "string"}},
    "Allow": {"description": "The methods that the path answers.", "schema": {"type": "string"}},
}
_LINES: Final = ("application/x-ndjson", "application/jsonl")
_HEADERS_OF_STATUS: Final = {401: ("WWW-Authenticate",), 405: ("Allow",), 429: ("Retry-After",), 503: ("Retry-After",)}
_PARAMETERS: Final[dict[str, Schema]] = {
    "IdempotencyKey": {
        "name": "Idempotency-Key",
        "in": "header",
        "description": "The same request under the same key is done once and answered alike each time, for 30 days.",
        "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[ -~]+$"},
        "example": examples.IDEMPOTENCY_KEY,
    },
    "IfNoneMatch": {
        "name": "If-None-Match",
        "in": "header",
        "description": "An ETag: 304 without a body when it is still that of what is shown.",
        "schema": {"type": "string"},
        "example": '"3"',
    },
    "IfMatch": {
        "name": "If-Match",
        "in": "header",
        "description": "The ETags the caller knows: 412 when it is another one by now.",
        "schema": {"type": "string"},
        "example": '"3"',
    },
    "IfMatchRequired": {
        "name": "If-Match",
        "in": "header",
        "required": True,
        "description": "The ETags the caller knows: 412 when it is another one by now; * for any.",
        "schema": {"type": "string", "minLength": 1},
        "example": '"3"',
    },
}
_INFO: Final = {
    "title": "vendorpay",
    "version": __version__,
    "summary": "Completed work becomes an approved, explained vendor payment.",
    "description": "Amounts are integers of the currency's minor unit. Times are RFC 3339, ids are UUIDs. Every "
    "refusal is an RFC 9457 problem; programs go by its `code`. A caller's X-Request-Id is kept and given back.",
    "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
}
_TAGS: Final = (
    {"name": "payments", "description": "Create, look up and decide on payments."},
    {"name": "fraud", "description": "Look at what is flagged, and decide."},
    {"name": "events", "description": "What other services tell us."},
    {"name": "webhooks", "description": "Who outside is told of events, and how that went."},
    {"name": "policies", "description": "Who must approve what, and who acts for whom."},
    {"name": "service", "description": "About the service itself."},
)


def encoded(operations: Sequence[Operation]) -> bytes:
    """The document as it is sent."""
    return msgspec.json.encode(document(operations))


def document(operations: Sequence[Operation]) -> Schema:
    """The OpenAPI 3.1 document of these operations."""
    kinds = [kind for each in operations for kind in ([each.body.shape] if each.body else []) + [each.answer]]
    found, named = schemas.components(kinds)
    schema_of = iter(found)
    paths: dict[str, Schema] = {}
    for operation in operations:
        body = next(schema_of) if operation.body else None
        described = _operation(operation, body, next(schema_of))
        paths.setdefault(operation.path, {})[operation.method.lower()] = described
        named |= schemas.named_by_parameters(operation.query)
    described = {
        "openapi": "3.1.0",
        "info": _INFO,
        "servers": [{"url": "/"}],
        "tags": list(_TAGS),
        "paths": paths,
        "components": {
            "schemas": dict(sorted(named.items())),
            "parameters": _PARAMETERS,
            "headers": _HEADERS,
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
        },
    }
    links.add(described, operations)
    return described


def errors_of(operation: Operation) -> list[type[VendorPayError]]:
    """Everything that an operation can refuse with."""
    found = [*EVERYWHERE, *operation.errors]
    if operation.permission is not None:
        found += WITH_A_CALLER
    if operation.body is not None:
        found += WITH_A_BODY
    return found


def _operation(operation: Operation, body: Schema | None, answer: Schema) -> Schema:
    needed = f" Permission: `{operation.permission}`." if operation.permission else ""
    described: Schema = {
        "operationId": operation.name,
        "summary": operation.summary,
        "description": operation.description + needed,
        "tags": [operation.tag],
        "parameters": _parameters(operation),
        "responses": _responses(operation, answer),
        "security": [{"bearer": []}] if operation.permission else [],
        "x-rate-class": operation.rate_class,
    }
    if operation.permission is not None:
        described["x-permission"] = operation.permission
        described["x-roles"] = [role for role in Role if role in GRANTS[operation.permission]]
    if operation.body is not None:
        shown = {name: {"value": value} for name, value in operation.body.examples.items()}
        content: Schema = {"application/json": {"schema": body, "examples": shown}}
        if operation.body.read_lines is not None:
            # As OpenAPI 3.2 has it: the schema of a sequential media type is that of an array of its items.
            content |= dict.fromkeys(_LINES, content["application/json"])
        described["requestBody"] = {"required": operation.body.required, "content": content}
    return described


def _parameters(operation: Operation) -> list[Schema]:
    found: list[Schema] = []
    for name in re.findall(r"{(\w+)}", operation.path):
        schema = {"type": "string", "format": "uuid"}
        example = operation.path_examples[name]
        found.append({"name": name, "in": "path", "required": True, "schema": schema, "example": example})
    for name, schema in schemas.parameters(operation.query).items():
        parameter: Schema = {"name": name, "in": "query", "schema": schema}
        if name in operation.query_examples:
            text = operation.query_examples[name]
            parameter["example"] = int(text) if schema.get("type") == "integer" else text
        found.append(parameter)
    if operation.body is not None:
        found.append({"$ref": "#/components/parameters/IdempotencyKey"})
    if operation.not_modified:
        found.append({"$ref": "#/components/parameters/IfNoneMatch"})
    if operation.if_match:
        kind = "IfMatchRequired" if operation.if_match_required else "IfMatch"
        found.append({"$ref": f"#/components/parameters/{kind}"})
    return found


def _responses(operation: Operation, answer: Schema) -> Schema:
    content: Schema = {"schema": answer}
    if operation.answer_example is not None:
        content["example"] = operation.answer_example
    own = (*operation.answer_headers, *(("Idempotent-Replayed",) if operation.body else ()))
    responses: Schema = {
        str(operation.success): {
            "description": operation.summary,
            "headers": _headers(own),
            **({} if operation.answer is None else {"content": {operation.answer_type: content}}),
        }
    }
    if operation.not_modified:
        responses["304"] = {"description": "The caller has this version.", "headers": _headers(("ETag",))}
    refusals = sorted(errors_of(operation), key=lambda error: (STATUS[error], error.code))
    for status, same in groupby(refusals, key=lambda error: STATUS[error]):
        responses[str(status)] = _refusal(status, list(same))
    return responses


def _refusal(status: int, same: Sequence[type[VendorPayError]]) -> Schema:
    meanings = {error.code: meaning_of(error) for error in reversed(same)}
    codes = sorted(meanings)
    schema = {"allOf": [{"$ref": f"{PREFIX}Problem"}, {"properties": {"code": {"enum": codes}}}]}
    shown = {
        code: {
            "summary": meanings[code],
            "value": examples.problem(code, status, title_of(code), _PHRASES[status]),
        }
        for code in codes
    }
    return {
        "description": f"{_PHRASES[status]} Codes: {', '.join(f'`{code}`' for code in codes)}.",
        "headers": _headers(_HEADERS_OF_STATUS.get(status, ())),
        "content": {"application/problem+json": {"schema": schema, "examples": shown}},
    }


def _headers(names: Sequence[str]) -> Schema:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in ("X-Request-Id", *names)}
