"""Whether an answer is one that the OpenAPI document describes, and one that its caller may see."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

import jsonschema_rs
import msgspec

from tests.api.asking import Answered
from tests.domain.test_roles import CONTRACT
from vendorpay.api import openapi
from vendorpay.api.errors import MethodNotAllowed, NoSuchPath
from vendorpay.api.operation import Operation
from vendorpay.api.operations import OPERATIONS
from vendorpay.api.router import Router
from vendorpay.domain.payment import PayeePayment

REFUSAL_BYTES_MAX = 64 * 1024
"""However much was wrong: what is told of it stays small."""
OF_PAYEES = frozenset(each.encode_name for each in msgspec.structs.fields(PayeePayment))
OF_THE_OFFICE = frozenset(
    ("metadata", "fraudScore", "fraudStatus", "fraudReasons", "approvals", "approvedBy", "holds", "notes")
)
OPTIONAL = {"Idempotent-Replayed"}
NOT_FOR_ANOTHER = ("approvePayment", "You have no delegation of that person that is open.")
"""The refusal of somebody whose role may, but not in that person's name."""
_ROUTER = Router(OPERATIONS)


@cache
def document() -> dict[str, Any]:
    """The document, made once."""
    return openapi.document(OPERATIONS)


def operation_at(method: bytes, path: bytes) -> Operation | int:
    """The operation that answers there, or the status that says that none does."""
    try:
        return _ROUTER.find(method.decode("latin-1"), path)[0]
    except NoSuchPath:
        return 404
    except MethodNotAllowed:
        return 405


def faults(method: bytes, path: bytes, answer: Answered) -> Iterator[str]:
    """Everything about an answer that the document does not have."""
    found = operation_at(method, path)
    if answer.status >= 500:
        yield f"a {answer.status}"
    if answer.status >= 400 and len(answer.body) > REFUSAL_BYTES_MAX:
        yield f"a refusal of {len(answer.body)} bytes"
    if method == b"HEAD":
        yield from ["a HEAD that is answered with a body"] if answer.body else []
        return
    if isinstance(found, int):
        if (answer.status, answer.code) != (found, {404: "not_found", 405: "method_not_allowed"}[found]):
            yield f"{answer.status} {answer.code} where no operation is"
        return
    told = document()["paths"][found.path][found.method.lower()]["responses"].get(str(answer.status))
    if told is None:
        yield f"{answer.status} is not documented for {found.name}"
        return
    yield from (
        f"no {name}" for name in told.get("headers", {}) if name not in OPTIONAL and name.lower() not in answer.headers
    )
    kind = answer.headers.get("content-type", "").partition(";")[0]
    if not told.get("content"):
        yield from ["a body where none is documented"] if answer.body else []
    elif kind not in told["content"]:
        yield f"{kind} is not documented for {found.name} {answer.status}"
    elif kind.endswith("json"):
        yield from (
            str(error)[:500]
            for error in schema_of(found.path, found.method, answer.status, kind).iter_errors(answer.json)
        )


@cache
def schema_of(path: str, method: str, status: int, kind: str) -> jsonschema_rs.Draft202012Validator:
    """What the document says of a body."""
    told = document()["paths"][path][method.lower()]["responses"][str(status)]
    schema = {**told["content"][kind]["schema"], "components": document()["components"]}
    return jsonschema_rs.Draft202012Validator(schema, validate_formats=True)


def faults_of_role(role: str, method: bytes, path: bytes, answer: Answered) -> Iterator[str]:
    """What an answer shows or allows that the contract's table does not allow this role (section 2)."""
    found = operation_at(method, path)
    if isinstance(found, int) or found.permission is None or method == b"HEAD":
        return
    allowed = role in CONTRACT[found.permission.value].split()
    if not allowed and answer.status != 403:
        yield f"{answer.status} for {role}, who may not {found.name}"
    refused = answer.status == 403 and answer.code == "forbidden"
    if allowed and refused and (found.name, answer.json["detail"]) != NOT_FOR_ANOTHER:
        yield f"{role} may {found.name}, and is told otherwise"
    if role in ("vendor", "driver") and answer.status < 300:
        for payment in payments_in(answer.json):
            if hidden := payment.keys() - OF_PAYEES | payment.keys() & OF_THE_OFFICE:
                yield f"a {role} sees {sorted(hidden)}"


def payments_in(value: Any) -> Iterator[dict[str, Any]]:
    """Every payment anywhere in an answer."""
    if isinstance(value, dict) and "paymentId" in value and "lineItems" in value:
        yield value
    elif isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from payments_in(each)
