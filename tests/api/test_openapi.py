"""The OpenAPI document is valid, says what the table says, and its examples fit its schemas."""

from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import msgspec
import pytest
from schemathesis.specs.openapi.definitions import OPENAPI_31

from tests.api.asking import Caller
from vendorpay.api import openapi
from vendorpay.api.operation import Operation
from vendorpay.api.operations import OPERATIONS
from vendorpay.api.statuses import STATUS

DOCUMENT: dict[str, Any] = msgspec.json.decode(openapi.encoded(OPERATIONS))
ABSENT_AT_TIMES = {("confirmFraudListing", "caseId")}
"""Ids that an example lacks, for what it shows never has one: cases block vendors, and a block waits for nobody."""


def described(operation: Operation) -> dict[str, Any]:
    found: dict[str, Any] = DOCUMENT["paths"][operation.path][operation.method.lower()]
    return found


def validator(schema: dict[str, Any]) -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator({**schema, "components": DOCUMENT["components"]}, validate_formats=True)


def contents(operation: Operation) -> Iterator[dict[str, Any]]:
    """Every body, asked or answered, with its schema and examples."""
    told = described(operation)
    for place in [*([told["requestBody"]] if operation.body else []), *told["responses"].values()]:
        yield from place.get("content", {}).values()


def walk(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        yield node
        node = list(node.values())
    if isinstance(node, list):
        for each in node:
            yield from walk(each)


def test_the_document_is_valid_openapi_3_1() -> None:
    assert [error.message for error in jsonschema_rs.Draft202012Validator(OPENAPI_31).iter_errors(DOCUMENT)] == []


def test_every_schema_is_a_valid_json_schema() -> None:
    for name, schema in DOCUMENT["components"]["schemas"].items():
        jsonschema_rs.meta.validate(schema)
        validator({"$ref": f"#/components/schemas/{name}"})


def test_every_reference_leads_somewhere() -> None:
    for node in walk(DOCUMENT):
        if isinstance(target := node.get("$ref"), str):
            place: Any = DOCUMENT
            for name in target.removeprefix("#/").split("/"):
                place = place[name]


def test_no_pattern_needs_python_to_be_understood() -> None:
    patterns = [node["pattern"] for node in walk(DOCUMENT) if isinstance(node.get("pattern"), str)]
    assert patterns
    assert [pattern for pattern in patterns if r"\Z" in pattern] == []


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda each: each.name)
def test_an_operation_documents_every_status_and_code_it_can_answer(operation: Operation) -> None:
    responses = described(operation)["responses"]
    assert str(operation.success) in responses
    for error in openapi.errors_of(operation):
        codes = responses[str(STATUS[error])]["content"]["application/problem+json"]["schema"]["allOf"][1]
        assert error.code in codes["properties"]["code"]["enum"]


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda each: each.name)
def test_every_example_fits_its_schema(operation: Operation) -> None:
    for content in contents(operation):
        examples = [each["value"] for each in content.get("examples", {}).values()]
        examples += [content["example"]] if "example" in content else []
        for example in examples:
            assert [str(error) for error in validator(content["schema"]).iter_errors(example)] == []
    for parameter in described(operation)["parameters"]:
        if "example" in parameter:
            assert validator(parameter["schema"]).is_valid(parameter["example"])


def test_the_schema_of_a_new_payment_refuses_what_the_parser_refuses() -> None:
    """Origin 71: gateway schema and code disagreed about what is required."""
    schema = validator({"$ref": "#/components/schemas/NewPayment"})
    good = described(OPERATIONS[0])["requestBody"]["content"]["application/json"]["examples"]["back office"]["value"]
    assert schema.is_valid(good)
    for name in ("incidentId", "vendorId", "payerType", "amountCents", "lineItems"):
        assert not schema.is_valid({key: value for key, value in good.items() if key != name})
    assert not schema.is_valid({**good, "currancy": "JPY"})
    assert not schema.is_valid({**good, "amountCents": 0})
    assert not schema.is_valid({**good, "lineItems": [{**good["lineItems"][0], "description": "line\nbreak"}]})


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda each: each.name)
def test_a_link_gives_what_its_operation_asks_for(operation: Operation) -> None:
    """From the example of the answer: a link's id is one, and a link's parameters are its operation's."""
    by_name = {each.name: each for each in OPERATIONS}
    success = described(operation)["responses"][str(operation.success)]
    for reference in success.get("links", {}).values():
        link = DOCUMENT["components"]["links"][reference["$ref"].rpartition("/")[2]]
        target = described(by_name[link["operationId"]])
        asked = [
            DOCUMENT["components"]["parameters"].get(each.get("$ref", "").rpartition("/")[2], each)["name"]
            for each in target["parameters"]
        ]
        assert link["parameters"].keys() <= set(asked)
        assert "If-Match" not in link["parameters"] or "ETag" in success["headers"]
        for name, expression in link["parameters"].items():
            pointer = expression.partition("#/")[2]
            found = pointed_at(operation.answer_example, pointer) if pointer else None
            # A last page has no next.
            may_be_missing = name in ("cursor", "If-Match") or (operation.name, pointer) in ABSENT_AT_TIMES
            assert found is not None or may_be_missing, (operation.name, expression)


def pointed_at(value: Any, pointer: str) -> Any:
    for name in pointer.split("/"):
        value = value[int(name)] if isinstance(value, list) else value[name]
    return value


def test_every_operation_on_one_thing_is_reached_by_a_link() -> None:
    reached = {link["operationId"] for link in DOCUMENT["components"]["links"].values()}
    assert {each.name for each in OPERATIONS if "{" in each.path} <= reached


@pytest.mark.anyio
async def test_the_document_is_served_to_anyone(caller: Caller) -> None:
    answer = await caller.ask("GET", "/openapi.json", role=None)
    assert answer.status == 200
    assert answer.json == DOCUMENT
