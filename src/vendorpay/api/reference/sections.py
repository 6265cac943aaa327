"""The sections of the page that tell about one operation each."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

from vendorpay.api.reference import requests, shapes
from vendorpay.api.reference.markup import Markup, element, joined, prose, table

Document = Mapping[str, Any]
Told = Mapping[str, Any]

_PLACEHOLDER: Final = re.compile(r"{(\w+)}")
_FIRST_REFUSAL: Final = 400


def anchor(told: Told) -> str:
    """The id of an operation's section."""
    return f"operation-{told['operationId']}"


def signature(method: str, path: str) -> Markup:
    """The method and the path, as they head a section."""
    return joined((element("span", method, class_=f"method {method.lower()}"), " ", element("code", path)))


def section(document: Document, method: str, path: str, told: Told) -> Markup:
    """Everything about one operation."""
    parameters = [_resolved(document, each) for each in told.get("parameters", ())]
    title = f"{anchor(told)}-title"
    parts = (
        element("h3", signature(method, path), id=title),
        element("p", element("strong", told["summary"]), class_="summary"),
        element("p", prose(_description(told))),
        _facts(told),
        _parameters(parameters),
        *_body(document, told),
        *_examples(requests.curls(method, path, told, parameters)),
        *_answers(told),
        _refusals(told),
    )
    return element("section", *parts, id=anchor(told), class_="entry", aria_labelledby=title)


def _description(told: Told) -> str:
    """Without the sentence on the permission, which has a line of its own here."""
    described: str = told["description"]
    return described.removesuffix(f" Permission: `{told.get('x-permission')}`.")


def _facts(told: Told) -> Markup:
    permission = told.get("x-permission")
    asked = element("code", permission) if permission else Markup("none: no token is needed")
    pairs: list[tuple[str, str]] = [("Permission", asked)]
    if permission:
        pairs.append(("Roles", ", ".join(told["x-roles"])))
    pairs.append(("Rate class", told["x-rate-class"]))
    return element("dl", *(element("div", element("dt", name), element("dd", value)) for name, value in pairs))


def _parameters(parameters: Sequence[Told]) -> Markup:
    if not parameters:
        return Markup()
    rows = []
    for each in parameters:
        required = (" ", element("small", "required", class_="required")) if each.get("required") else ()
        schema = {**each["schema"], **({"description": each["description"]} if "description" in each else {})}
        name = joined((element("code", each["name"]), *required))
        rows.append([name, each["in"], shapes.kind(schema), shapes.limits(schema)])
    return table(("name", "in", "type", "limits and meaning"), rows, caption="Parameters")


def _body(document: Document, told: Told) -> Iterator[Markup]:
    if (body := told.get("requestBody")) is None:
        return
    content = body["content"]
    schema = content[requests.JSON]["schema"]
    optional = "" if body["required"] else " It may be left out."
    kinds = joined((element("code", each) for each in content), ", ")
    yield element("h4", "Request body")
    sizes = shapes.limits(schema)
    yield element("p", shapes.kind(schema), " as ", kinds, *((": ", sizes) if sizes else ()), ".", optional)
    if (name := _innermost(schema)) is not None:
        yield shapes.fields(document["components"]["schemas"][name], caption=f"Fields of {name}")


def _innermost(schema: Told) -> str | None:
    """The first schema with a name in what may be an array or a choice of them."""
    if name := shapes.named(schema):
        return name
    inner = [*schema.get("anyOf", ()), *([schema["items"]] if "items" in schema else [])]
    return next((name for each in inner if (name := _innermost(each))), None)


def _examples(curls: Mapping[str, str]) -> Iterator[Markup]:
    for place, (name, command) in enumerate(curls.items()):
        title = f"Example: {name}" if name else "Example"
        if place == 0:
            yield element("h4", title)
            yield _code(command, title)
        else:
            yield element("details", element("summary", title), _code(command, title))


def _answers(told: Told) -> Iterator[Markup]:
    for status, response in told["responses"].items():
        if int(status) >= _FIRST_REFUSAL:
            continue
        title = f"Answer {status} {HTTPStatus(int(status)).phrase}"
        yield element("h4", title)
        for media, content in response.get("content", {}).items():
            yield element("p", shapes.kind(content["schema"]), " as ", element("code", media))
            if "example" in content:
                yield _code(_shown(content["example"]), title)
        if told_headers := response.get("headers"):
            yield element("p", "Headers: ", joined((element("code", name) for name in told_headers), ", "))


def _refusals(told: Told) -> Markup:
    rows = [
        [element("code", code), status, _meaning(example["summary"])]
        for status, response in told["responses"].items()
        if int(status) >= _FIRST_REFUSAL
        for code, example in response["content"]["application/problem+json"]["examples"].items()
    ]
    return joined(
        (
            element("h4", "Refusals"),
            element("p", "Each is a ", shapes.link("Problem"), "."),
            table(("code", "status", "meaning"), rows, caption="What it can refuse"),
        )
    )


def _meaning(text: str) -> Markup:
    """A refusal's message; what it fills in stands out."""
    halves = _PLACEHOLDER.split(text)
    return joined(element("var", part) if place % 2 else prose(part) for place, part in enumerate(halves))


def _shown(example: Any) -> str:
    return example if isinstance(example, str) else json.dumps(example, indent=2, ensure_ascii=False)


def _code(text: str, label: str) -> Markup:
    return element("pre", element("code", text), tabindex="0", role="region", aria_label=label)


def _resolved(document: Document, parameter: Told) -> Told:
    """The parameter itself, where one only refers to it."""
    found: Told = parameter
    if isinstance(target := parameter.get("$ref"), str):
        found = document["components"]["parameters"][target.rpartition("/")[2]]
    return found
