"""OpenAPI links: which operations an answer leads on to, read off the table itself.

An answer that shows a payment's id leads to every operation on one payment, its ETag to those that ask for If-Match, a
page's cursor to the next page. Nothing is listed twice by hand: a new operation is linked by its path.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from vendorpay.api.operation import Operation

Schema = dict[str, Any]

ID_FIELDS: Final[Mapping[str, str]] = {
    "payments": "paymentId",
    "cases": "caseId",
    "listings": "listingId",
    "rule-sets": "ruleSetId",
    "incidents": "incidentId",
    "vendors": "vendorId",
    "quarantine": "quarantineId",
    "dead-letters": "deliveryId",
    "webhook-endpoints": "endpointId",
    "webhook-deliveries": "deliveryId",
    "policies": "policyId",
    "delegations": "delegationId",
}
"""The collection that a path leads through, and the field that has the id of one of its members."""

_COLLECTION: Final = re.compile(r"/([a-z-]+)/{id}")
_NEXT: Final = {"cursor": "nextCursor", "after": "position"}
"""The query parameter that goes on where the page before ended, and the field that says where."""
_DEPTH_MAX: Final = 3
PREFIX: Final = "#/components/links/"


def add(document: Schema, operations: Sequence[Operation]) -> None:
    """Gives the document's successful answers their links; equal ones stand once, under its components."""
    shared: dict[str, Schema] = {}
    for operation in operations:
        success = document["paths"][operation.path][operation.method.lower()]["responses"][str(operation.success)]
        for name, link in _links(operation, success, operations, document["components"]["schemas"]).items():
            shared[_component_name(link)] = link
            success.setdefault("links", {})[name] = {"$ref": PREFIX + _component_name(link)}
    document["components"]["links"] = dict(sorted(shared.items()))


def _links(
    operation: Operation, success: Schema, operations: Sequence[Operation], named: Mapping[str, Schema]
) -> dict[str, Schema]:
    """The links of an operation's answer, by the name of the operation they lead to."""
    content: dict[str, Schema] = success.get("content", {})
    fields = dict(_fields(content[operation.answer_type]["schema"], named, "", 0)) if content else {}
    shown = {id_field(each) for each in operations if each.method == "GET"}
    found: dict[str, Schema] = {}
    for target in operations:
        pointer = fields.get(id_field(target) or "")
        if pointer is None or (target.if_match_required and "ETag" not in operation.answer_headers):
            continue
        if "/0/" in pointer and target.method != "GET" and id_field(target) in shown:
            continue  # a member of a list is looked at before it is changed, where it can be
        parameters = {"id": f"$response.body#{pointer}"}
        if target.if_match_required:
            parameters["If-Match"] = "$response.header.ETag"
        found[target.name] = {"operationId": target.name, "parameters": parameters}
    following = {
        field.encode_name: f"$response.body#{fields[_NEXT[field.encode_name]]}"
        for field in msgspec.structs.fields(operation.query)
        if _NEXT.get(field.encode_name) in fields
    }
    if following:
        found["nextPage"] = {"operationId": operation.name, "parameters": following}
    return found


def id_field(operation: Operation) -> str | None:
    """The field of other answers that holds what this operation's path leaves open."""
    found = _COLLECTION.search(operation.path)
    return ID_FIELDS[found[1]] if found else None


def _component_name(link: Schema) -> str:
    """The name that equal links share: that of the operation, and where its parameters come from."""
    pointers = [text.partition("#/")[2].replace("/", ".") for text in link["parameters"].values() if "#/" in text]
    return ".".join((link["operationId"], *pointers))


def _fields(schema: Schema, named: Mapping[str, Schema], pointer: str, depth: int) -> Iterator[tuple[str, str]]:
    """Every field of an answer with the JSON pointer to it, those nearest to the top last; of a list its first."""
    if depth > _DEPTH_MAX:
        return
    schema = _plain(schema, named)
    if "items" in schema:
        yield from _fields(schema["items"], named, f"{pointer}/0", depth)
    properties: dict[str, Schema] = schema.get("properties", {})
    for name, inner in properties.items():
        yield from _fields(inner, named, f"{pointer}/{name}", depth + 1)
    for name in properties:
        yield name, f"{pointer}/{name}"


def _plain(schema: Schema, named: Mapping[str, Schema]) -> Schema:
    """The schema behind references and choices; of several, the first."""
    while True:
        if "$ref" in schema:
            schema = named[schema["$ref"].rpartition("/")[2]]
        elif "anyOf" in schema:
            schema = schema["anyOf"][0]
        else:
            return schema
