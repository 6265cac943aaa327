"""The client, the command line, the OpenAPI document and the routes agree with the operations table."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args, get_type_hints

import msgspec
import pytest

import vendorpay.client
from vendorpay.api import openapi, query_strings, schemas
from vendorpay.api.operation import Operation
from vendorpay.api.operations import OPERATIONS
from vendorpay.api.router import Router
from vendorpay.client import Answer, Client, NewLine, NewPayment, Outcome, Pages, Patience, ProblemDetail, Request
from vendorpay.client.request import LINES, camel

DOCUMENT: dict[str, Any] = msgspec.json.decode(openapi.encoded(OPERATIONS))
ABSENT = {
    "getMetrics": "Prometheus reads it, and its text is no JSON",
    "getOpenApiDocument": "whoever has this client has what the document is for",
    "getReference": "a page for people, in their browser",
}
MANY = {"createPayments": {"payments"}, "publishEvents": {"events"}}
"""Operations whose body is a list, and what the method calls it."""

PRESENT = [each for each in OPERATIONS if each.name not in ABSENT]
each_operation = pytest.mark.parametrize("operation", PRESENT, ids=lambda each: each.name)


class Recorder:
    """A transport that keeps what is asked, and gives an operation's example as its answer."""

    def __init__(self, body: bytes, status: int) -> None:
        self._answer = Answer(status=status, body=body)
        self.asked: list[Request] = []

    def answer(self, request: Request, patience: Patience) -> Answer:
        self.asked.append(request)
        return self._answer

    def wait(self, seconds: float) -> None:
        raise AssertionError("an example is final")

    def close(self) -> None:
        pass


def snake(name: str) -> str:
    return re.sub(r"[A-Z]", lambda found: "_" + found[0].lower(), name)


def method_of(operation: Operation) -> Callable[..., Any]:
    found: Callable[..., Any] = getattr(Client, snake(operation.name))
    return found


def body_fields(operation: Operation) -> set[str]:
    if operation.body is None:
        return set()
    return MANY.get(operation.name) or set(operation.body.shape.__struct_fields__)


def arguments(operation: Operation) -> tuple[list[Any], dict[str, Any]]:
    """What the method is to be called with to ask for the operation's own examples."""
    path = list(operation.path_examples.values())
    query = {snake(name): value for name, value in operation.query_examples.items()}
    given: dict[str, Any] = {}
    if operation.body is not None:
        example = next(iter(operation.body.examples.values()))
        if operation.name in MANY:
            many = list(map(new_payment, example)) if operation.name == "createPayments" else example
            given = dict.fromkeys(MANY[operation.name], many)
        else:
            given = {snake(name): value for name, value in example.items()}
        if "line_items" in given:
            given["line_items"] = msgspec.convert(given["line_items"], list[NewLine])
    if operation.if_match:
        given["if_match"] = 3
    return path, {**query, **given}


def new_payment(example: dict[str, Any]) -> NewPayment:
    fields = {snake(name): value for name, value in example.items()}
    return NewPayment(**{**fields, "line_items": msgspec.convert(fields["line_items"], list[NewLine])})


def asked(operation: Operation, **more: Any) -> tuple[Any, Request]:
    """What the method gives back for the operation's example, and what it asked for."""
    example = b"" if operation.answer is None else msgspec.json.encode(operation.answer_example)
    recorder = Recorder(example, operation.success)
    path, named = arguments(operation)
    found = getattr(Client("http://here", transport=recorder), snake(operation.name))(*path, **named, **more)
    return (found.first() if isinstance(found, Pages) else found), recorder.asked[0]


def test_every_operation_has_a_method_or_is_left_out_for_a_reason() -> None:
    """Origin 71: what callers are told and what the code takes were two contracts."""
    names = {snake(each.name) for each in PRESENT}
    assert {name for name in names if not callable(getattr(Client, name, None))} == set()
    assert {each.name for each in OPERATIONS} >= ABSENT.keys()
    own = {"ask", "close", "feed", "feed_pages", "create_payments_of_lines"}
    assert {name for name in dir(Client) if not name.startswith("_")} == names | own


@each_operation
def test_a_method_takes_what_the_operation_takes_and_nothing_else(operation: Operation) -> None:
    """Origin 71: query, body and headers by the names of the document."""
    parameters = [each for each in inspect.signature(method_of(operation)).parameters if each != "self"]
    ids = len(operation.path_examples)
    wanted = {snake(name) for name in schemas.parameters(operation.query)} | body_fields(operation)
    wanted |= {"if_match"} if operation.if_match else set()
    wanted |= {"key"} if operation.body is not None else set()
    assert set(parameters[ids:]) == wanted
    assert all(name.endswith("_id") for name in parameters[:ids])
    required = {
        name
        for name, each in inspect.signature(method_of(operation)).parameters.items()
        if each.default is inspect.Parameter.empty and name != "self"
    }
    shape = operation.body.shape if operation.body is not None and operation.name not in MANY else None
    needed = {field.name for field in msgspec.structs.fields(shape) if field.required} if shape else set()
    needed |= MANY.get(operation.name, set()) | ({"if_match"} if operation.if_match_required else set())
    assert required - set(parameters[:ids]) == needed


@each_operation
def test_what_is_asked_reaches_the_operation_and_passes_its_own_parsers(operation: Operation) -> None:
    """Origin 71: the routes and the parsers of the service itself are the judge."""
    _, request = asked(operation)
    found, ids = Router(OPERATIONS).find(request.method, request.path.encode())
    assert (found, ids) == (operation, dict(operation.path_examples))
    query = request.target.partition("?")[2].encode()
    assert query_strings.parse(query, operation.query, operation.query_rules)[1] == []
    assert set(operation.query_examples) <= {name for name, value in request.query.items() if value is not None}
    if operation.body is None:
        assert request.body is None
    else:
        assert request.body is not None
        read = operation.body.read_lines if request.body_type == LINES else operation.body.read
        assert read is not None
        assert read(request.body)[1] == []
    assert request.headers.get("If-Match") == ('"3"' if operation.if_match else None)


@each_operation
def test_whatever_writes_has_a_key_which_the_caller_may_name(operation: Operation) -> None:
    if operation.body is None:
        assert asked(operation)[1].key is None
        return
    keys = {asked(operation)[1].key for _ in range(2)}
    assert len(keys - {None}) == 2
    assert asked(operation, key="mine")[1].headers["Idempotency-Key"] == "mine"


@each_operation
def test_answers_have_the_fields_that_the_document_has(operation: Operation) -> None:
    """Origin 71: no field that is told is lost, and none is expected that is not told."""
    kind = get_type_hints(method_of(operation))["return"]
    if operation.answer is None:
        assert kind is type(None)
        return
    kind = get_args(kind)[0] if get_args(kind) else kind
    told = DOCUMENT["paths"][operation.path][operation.method.lower()]["responses"][str(operation.success)]
    schema = next(iter(told["content"].values()))["schema"]
    assert list(differences("", Shape(schema, DOCUMENT["components"]["schemas"]), shape_of(kind))) == []


@each_operation
def test_a_newer_service_may_say_more(operation: Operation) -> None:
    if operation.answer is None:
        return
    found, _ = asked(operation)
    newer = msgspec.json.decode(msgspec.json.encode(operation.answer_example))
    raw = msgspec.json.encode(_more(newer))
    assert msgspec.json.decode(raw, type=type(found)) == found
    assert msgspec.json.decode(found.json) == msgspec.json.decode(msgspec.json.encode(operation.answer_example))


def _more(node: Any) -> Any:
    if isinstance(node, list):
        return [_more(each) for each in node]
    if isinstance(node, dict) and "paymentId" not in node.get("detail", {}):
        free = ("metadata", "detail", "checks", "document")
        return {**{key: value if key in free else _more(value) for key, value in node.items()}, "newer": [1]}
    return node


def test_a_problem_has_the_fields_that_the_document_has() -> None:
    components = DOCUMENT["components"]["schemas"]
    assert list(differences("", Shape(components["Problem"], components), shape_of(ProblemDetail))) == []
    whole = shape_of(vendorpay.client.payment_values.BulkResult)
    assert shape_of(Outcome).properties.keys() == whole.properties.keys() - {"payment"}
    assert {name: camel(name) for name in ("payment_id", "a")} == {"payment_id": "paymentId", "a": "a"}


class Shape:
    """A JSON Schema as far as readers need it: kinds, properties, what is always there, elements."""

    def __init__(self, schema: dict[str, Any], named: dict[str, Any]) -> None:
        parts = [schema]
        found: list[dict[str, Any]] = []
        while parts:
            part = parts.pop()
            if "$ref" in part:
                part = named[part["$ref"].rpartition("/")[2]]
            found.append(part)
            parts += part.get("anyOf", [])
        self.kinds = {kind for part in found if (kind := _kind(part))}
        self.properties = {
            name: Shape(value, named) for part in found for name, value in part.get("properties", {}).items()
        }
        objects = [set(part.get("required", ())) for part in found if "properties" in part]
        self.required = set.intersection(*objects) if objects else set()
        listed = next((part["items"] for part in found if isinstance(part.get("items"), dict)), None)
        self.items = None if listed is None else Shape(listed, named)


def _kind(part: dict[str, Any]) -> str | None:
    if "enum" in part or "const" in part:
        values = part.get("enum", [part.get("const")])
        return "string" if all(isinstance(value, str) for value in values) else "other"
    kind = part.get("type")
    return kind if isinstance(kind, str) else None


def shape_of(kind: Any) -> Shape:
    (schema,), named = msgspec.json.schema_components([kind])
    return Shape(schema, named)


def differences(where: str, told: Shape, read: Shape) -> Any:
    """Where a reader of this shape would lose something, or expect what may not come."""
    if told.kinds - read.kinds - ({"integer"} if "number" in read.kinds else set()):
        yield f"{where}: {told.kinds} are told, {read.kinds} are read"
    if told.properties.keys() != read.properties.keys():
        yield f"{where}: fields {sorted(told.properties.keys() ^ read.properties.keys())}"
    yield from (f"{where}.{name} may be missing" for name in read.required - told.required)
    for name in told.properties.keys() & read.properties.keys():
        yield from differences(f"{where}.{name}", told.properties[name], read.properties[name])
    if told.items is not None and read.items is not None:
        yield from differences(f"{where}[]", told.items, read.items)


COMMANDS = Path(vendorpay.client.__file__).parents[1] / "entrypoints/cli"


def test_the_command_line_has_no_http_of_its_own() -> None:
    """Origin 71: one client, which is checked above, speaks for every command."""
    files = {path.name: path.read_text() for path in COMMANDS.rglob("*.py")}
    speaks = re.compile(r"\b(httpx|httpcore|http\.client|import socket|urlopen)\b")
    assert [name for name, text in files.items() if speaks.search(text)] == []
    paths = {each.path.split("/")[1] for each in OPERATIONS}
    named = re.compile(rf"""["'](?:GET|POST|PATCH|DELETE)?\s?/(?:{"|".join(map(re.escape, paths))})["'/?{{]""")
    assert [name for name, text in files.items() if named.search(text)] == []
    used = {name for text in files.values() for name in re.findall(r"client\.(\w+)\(", text)}
    assert used <= set(dir(Client))
    assert {"approve_payments", "create_payments_of_lines", "publish_events", "feed_pages"} <= used


def test_whoever_imports_the_client_gets_no_server() -> None:
    code = "import sys, vendorpay.client; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    ours = {name for name in loaded if name.startswith("vendorpay.") and not name.startswith("vendorpay.client")}
    assert ours == set()
    assert {"psycopg", "uvicorn", "uvloop", "httptools", "asyncio", "httpx", "httpcore", "rich"}.isdisjoint(loaded)
