"""The page at /docs tells everything that the OpenAPI document does, loads nothing, and breaks on no text."""

from __future__ import annotations

import base64
import hashlib
import re
import shlex
import subprocess
import sys
from itertools import pairwise
from typing import Any, Final

import msgspec
import pytest

from tests.api.asking import Caller
from tests.api.html_reading import Reading
from vendorpay.api import openapi
from vendorpay.api.operation import Operation
from vendorpay.api.operations import OPERATIONS
from vendorpay.api.reference import page as reference
from vendorpay.api.reference import requests
from vendorpay.api.reference.markup import element, joined, prose
from vendorpay.domain.roles import GRANTS

ENCODED: Final = openapi.encoded(OPERATIONS)
DOCUMENT: Final[dict[str, Any]] = msgspec.json.decode(ENCODED)
PAGE: Final = Reading(reference.page(ENCODED).answer.body.decode())
EVIL: Final = "<script>alert('\"&')</script>"

each_operation = pytest.mark.parametrize("operation", OPERATIONS, ids=lambda each: each.name)


def told(operation: Operation) -> dict[str, Any]:
    found: dict[str, Any] = DOCUMENT["paths"][operation.path][operation.method.lower()]
    return found


def test_every_element_closes_every_id_is_unique_and_nothing_is_loaded_or_run() -> None:
    assert PAGE.faults == []
    assert (PAGE.names.count("script"), PAGE.names.count("style"), PAGE.names.count("link")) == (1, 1, 0)


def test_every_link_leads_somewhere() -> None:
    inside = {link[1:] for link in PAGE.links if link.startswith("#")}
    assert inside <= set(PAGE.ids)
    assert {link for link in PAGE.links if not link.startswith("#")} == {"/openapi.json"}
    assert {each for each in PAGE.ids if re.match(r"(operation|schema)-\w+$", each)} <= inside


def test_the_page_has_landmarks_one_title_and_headings_without_gaps() -> None:
    assert [PAGE.names.count(name) for name in ("header", "nav", "main", "h1", "title")] == [1] * 5
    levels = [int(name[1]) for name in PAGE.names if re.match(r"h[1-6]$", name)]
    assert all(after - before <= 1 for before, after in pairwise(levels))


@each_operation
def test_an_operation_is_told_whole(operation: Operation) -> None:
    text = PAGE.texts[f"operation-{operation.name}"]
    assert text.startswith(f"{operation.method} {operation.path}")
    assert operation.summary in text
    assert f"Rate class{operation.rate_class}" in text
    if operation.permission is not None:
        roles = [role for role in told(operation)["x-roles"] if role in GRANTS[operation.permission]]
        assert f"Permission{operation.permission}Roles{', '.join(roles)}" in text
        assert set(roles) == GRANTS[operation.permission]
    else:
        assert "no token is needed" in text
    for error in openapi.errors_of(operation):
        assert error.code in text
    for status in told(operation)["responses"]:
        assert status in text


@each_operation
def test_every_parameter_and_field_that_an_operation_takes_is_told_with_it(operation: Operation) -> None:
    text = PAGE.texts[f"operation-{operation.name}"]
    for parameter in told(operation)["parameters"]:
        name = parameter.get("$ref", "").rpartition("/")[2]
        assert (DOCUMENT["components"]["parameters"][name] if name else parameter)["name"] in text
    for name in re.findall(r"#/components/schemas/(\w+)", str(told(operation).get("requestBody", ""))):
        for field in DOCUMENT["components"]["schemas"][name].get("properties", {}):
            assert field in text


@pytest.mark.parametrize("name", DOCUMENT["components"]["schemas"])
def test_every_schema_is_told_with_its_fields(name: str) -> None:
    text = PAGE.texts[f"schema-{name}"]
    schema = DOCUMENT["components"]["schemas"][name]
    for field in schema.get("properties", {}):
        assert field in text
    for value in schema.get("enum", ()):
        assert value in text


def test_limits_are_told_in_words() -> None:
    text = PAGE.texts["schema-NewPayment"]
    assert "amountCents requiredinteger1 to 10,000,000,000,000" in text
    assert "lineItems requiredarray of NewLine1 to 200 items" in text
    assert "Other fields are refused by name." in text


@each_operation
def test_every_example_is_one_command_that_asks_what_the_table_says(operation: Operation) -> None:
    parameters = [
        DOCUMENT["components"]["parameters"][each["$ref"].rpartition("/")[2]] if "$ref" in each else each
        for each in told(operation)["parameters"]
    ]
    commands = requests.curls(operation.method, operation.path, told(operation), parameters)
    bodies = list(operation.body.examples.values()) if operation.body else [None]
    for command, body in zip(commands.values(), bodies, strict=True):
        words = shlex.split(command)
        path = operation.path.format(**operation.path_examples)
        assert [word for word in words if re.match(rf"\$URL{re.escape(path)}(\?|$)", word)]
        assert (words[words.index("-X") + 1] if "-X" in words else "GET") == operation.method
        assert ("Authorization: Bearer $TOKEN" in words) == (operation.permission is not None)
        assert (msgspec.json.decode(words[words.index("-d") + 1]) if "-d" in words else None) == body


def poisoned(node: Any, key: str = "") -> Any:
    """The document with something in each of its texts that must not become markup, but where they are references."""
    if isinstance(node, dict):
        return {name: poisoned(value, name) for name, value in node.items()}
    if isinstance(node, list):
        return [poisoned(each, key) for each in node]
    kept = key in {"$ref", "operationId", "name", "tags", "in", "type"}
    return node + EVIL if isinstance(node, str) and not kept else node


def test_no_text_of_the_document_becomes_markup() -> None:
    evil = Reading(reference.page(msgspec.json.encode(poisoned(DOCUMENT))).answer.body.decode())
    assert evil.faults == []
    assert evil.names.count("script") == 1
    assert evil.links == PAGE.links
    assert evil.texts["operation-createPayment"].count(EVIL) > 30


def test_text_is_escaped_wherever_it_stands() -> None:
    assert element("a", "<b>", href='"x" & y') == '<a href="&quot;x&quot; &amp; y">&lt;b&gt;</a>'
    assert joined(["a", element("b", "&")], "<") == "a&lt;<b>&amp;</b>"
    assert prose("see `<x>`\n    & co") == "see <code>&lt;x&gt;</code> &amp; co"


def digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


@pytest.mark.anyio
async def test_the_page_is_served_to_anyone_under_a_policy_that_lets_its_own_style_and_script_alone_in(
    caller: Caller,
) -> None:
    answer = await caller.ask("GET", "/docs", role=None)
    assert (answer.status, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert answer.headers["cache-control"] == "no-cache"
    policy = dict(part.strip().split(" ", 1) for part in answer.headers["content-security-policy"].split(";"))
    assert policy == {
        "default-src": "'none'",
        "style-src": digest(PAGE.raw["style"]),
        "script-src": digest(PAGE.raw["script"]),
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
    }


@pytest.mark.anyio
async def test_a_browser_that_has_the_page_is_told_so(caller: Caller) -> None:
    first = await caller.ask("GET", "/docs", role=None)
    again = await caller.ask("GET", "/docs", role=None, headers={"If-None-Match": first.headers["etag"]})
    assert (again.status, again.body, again.headers["etag"]) == (304, b"", first.headers["etag"])
    other = await caller.ask("GET", "/docs", role=None, headers={"If-None-Match": '"another"'})
    assert (other.status, other.body) == (200, first.body)


def test_the_service_starts_without_the_code_of_the_page() -> None:
    code = "import sys, vendorpay.entrypoints.asgi; print([name for name in sys.modules if 'api.reference' in name])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout == b"[]\n"


def contrast(one: str, other: str) -> float:
    """WCAG 2's ratio of two colours."""

    def luminance(colour: str) -> float:
        parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_every_colour_of_text_can_be_read_by_light_and_by_dark() -> None:
    themes = re.findall(r":root \{(.*?)\}", PAGE.raw["style"], re.DOTALL)
    assert len(themes) == 2
    for theme in themes:
        colours = dict(re.findall(r"--(\w+): (#\w{6})", theme))
        for name in colours.keys() - {"page", "raised", "line"}:
            assert contrast(colours[name], colours["page"]) >= 4.5, name
            assert contrast(colours[name], colours["raised"]) >= 4.5, name
