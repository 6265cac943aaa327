"""JSON Schemas of the types that come and go, as OpenAPI 3.1 wants them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import msgspec

from vendorpay.api.problems import Problem
from vendorpay.domain.payment import PayeePayment, Payment
from vendorpay.domain.work_completed import WorkCompleted

Schema = dict[str, Any]

ALWAYS: Final = (Payment, PayeePayment, Problem, WorkCompleted)
PREFIX: Final = "#/components/schemas/"
SEEN: Final = "PaymentAsSeen"

_SEEN: Final[Schema] = {
    "description": "The whole payment for the back office; for its vendor or driver without the back office's side.",
    "anyOf": [{"$ref": f"{PREFIX}Payment"}, {"$ref": f"{PREFIX}PayeePayment"}],
}


def components(kinds: Iterable[Any]) -> tuple[list[Schema], dict[str, Schema]]:
    """A schema for each type, and the named ones that they refer to."""
    listed = list(kinds)
    schemas, named = msgspec.json.schema_components([*listed, *ALWAYS], ref_template=PREFIX + "{name}")
    found = {name: _portable(schema) for name, schema in named.items()}
    return [_portable(schema) for schema in schemas[: len(listed)]], {**found, SEEN: _SEEN}


def parameters(shape: type[msgspec.Struct]) -> dict[str, Schema]:
    """The schema of each query parameter; a parameter is there or not, and never null."""
    _, named = msgspec.json.schema_components([shape], ref_template=PREFIX + "{name}")
    properties: dict[str, Schema] = named[shape.__name__]["properties"]
    return {name: _portable(_never_null(schema)) for name, schema in properties.items()}


def named_by_parameters(shape: type[msgspec.Struct]) -> dict[str, Schema]:
    """The named schemas that the parameters refer to."""
    _, named = msgspec.json.schema_components([shape], ref_template=PREFIX + "{name}")
    return {name: _portable(schema) for name, schema in named.items() if name != shape.__name__}


def _never_null(schema: Schema) -> Schema:
    if "anyOf" not in schema:
        return schema
    others = [each for each in schema["anyOf"] if each != {"type": "null"}]
    kept = {name: value for name, value in schema.items() if name != "anyOf" and (name, value) != ("default", None)}
    return {**kept, **(others[0] if len(others) == 1 else {"anyOf": others})}


def _portable(schema: Any) -> Any:
    r"""The schema for every reader: `\Z` is Python's alone, and a payment is whichever view the caller gets."""
    if isinstance(schema, list):
        return [_portable(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    found = {name: _portable(value) for name, value in schema.items()}
    if isinstance(pattern := found.get("pattern"), str):
        found["pattern"] = pattern.replace(r"\Z", "$")
    if found.get("$ref") in (f"{PREFIX}Payment", f"{PREFIX}PayeePayment"):
        found["$ref"] = PREFIX + SEEN
    return found
