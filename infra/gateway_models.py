"""Of each body that an operation takes, its outline: what the gateway checks before it wakes a function.

The outline is the kind of JSON at the top, from the document's own schemas: an object, an array, or either.
The gateway says of a body only that it does not fit, while the contract promises every wrong field by name, and a 403
before a 400: so it turns away what is no JSON or another thing altogether, and all else is judged by the service.
"""

from __future__ import annotations

from typing import Any, Final

from vendorpay.api import schemas
from vendorpay.api.operation import Operation

_REFERENCES_MAX: Final = 10
SCHEMA: Final = "http://json-schema.org/draft-04/schema#"
"""What the gateway understands."""


def outline(operation: Operation) -> dict[str, Any]:
    """The outline of an operation's body. Raises ValueError when its schema says no kind of JSON at all."""
    assert operation.body is not None
    (found, _), named = schemas.components([operation.body.shape, operation.answer])
    kinds = _kinds(found, named)
    shown = {"$schema": SCHEMA, "title": name_of(operation)}
    return {**shown, **kinds[0]} if len(kinds) == 1 else {**shown, "anyOf": kinds}


def name_of(operation: Operation) -> str:
    """The model's name: letters and digits, as the gateway wants it."""
    return f"{operation.name[0].upper()}{operation.name[1:]}Body"


def is_checked(operation: Operation) -> bool:
    """Whether the gateway looks at the body: not where one may be left out, for none at all is no JSON."""
    return operation.body is not None and operation.body.required


def _kinds(schema: dict[str, Any], named: dict[str, Any]) -> list[dict[str, Any]]:
    for _ in range(_REFERENCES_MAX):
        if "$ref" not in schema:
            break
        schema = named[schema["$ref"].removeprefix(schemas.PREFIX)]
    if "type" in schema:
        return [{"type": schema["type"]}]
    several = schema.get("anyOf")
    if several is None:
        raise ValueError(f"no kind of JSON: {schema}")
    return _without_repeats([kind for each in several for kind in _kinds(each, named)])


def _without_repeats(kinds: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [kind for at, kind in enumerate(kinds) if kind not in kinds[:at]]
