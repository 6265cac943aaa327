"""JSON Schemas for people: what a value is, what limits it has, and the fields of an object."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final

from vendorpay.api.reference.markup import Markup, element, joined, prose, table
from vendorpay.api.schemas import PREFIX

Schema = Mapping[str, Any]

VALUES_SHOWN_MAX: Final = 12
"""A closed set that is longer (the currencies) is folded."""
_SIZES: Final = (
    ("minLength", "maxLength", " characters"),
    ("minItems", "maxItems", " items"),
    ("minimum", "maximum", ""),
)


def anchor(name: str) -> str:
    """The id of a schema's section."""
    return f"schema-{name}"


def link(name: str) -> Markup:
    """A link to a schema's section."""
    return element("a", element("code", name), href=f"#{anchor(name)}")


def named(schema: Schema) -> str | None:
    """The name of the schema that this one refers to."""
    target = schema.get("$ref")
    return target.removeprefix(PREFIX) if isinstance(target, str) else None


def kind(schema: Schema) -> Markup:
    """What a value is, in a few words, with links."""
    if name := named(schema):
        return link(name)
    if "anyOf" in schema:
        # An empty schema stands for items that are refused one by one, and is nothing that anybody should send.
        return joined((kind(each) for each in schema["anyOf"] if each), " or ")
    if schema.get("type") == "array":
        return joined(("array of ", kind(schema.get("items", {}))))
    if isinstance(values := schema.get("additionalProperties"), dict):
        return joined(("object of ", kind(values)))
    plain = "one of" if "enum" in schema else schema.get("format") or schema.get("type") or "any value"
    return joined((plain,))


def limits(schema: Schema) -> Markup:
    """What a value must keep to, and what it means."""
    found: list[Markup] = []
    for least, most, unit in _SIZES:
        if (words := _range(schema.get(least), schema.get(most))) is not None:
            found.append(joined((words, unit)))
    if "pattern" in schema:
        found.append(joined(("matches ", element("code", schema["pattern"], class_="pattern"))))
    if (default := schema.get("default")) is not None:
        found.append(joined(("default ", element("code", _json(default)))))
    if "enum" in schema:
        found.append(_values(schema["enum"]))
    inner = [*schema.get("anyOf", ()), *([schema["items"]] if "items" in schema else [])]
    found += [words for each in inner if (words := limits(each))]
    said = schema.get("description") if not named(schema) else None
    meaning = element("span", prose(said), class_="meaning") if said else Markup()
    return joined((meaning, joined(found, "; ")))


def fields(schema: Schema, *, caption: str) -> Markup:
    """The fields of an object as a table; nothing for what has none."""
    required = set(schema.get("required", ()))
    rows = [
        [_name(name, name in required), kind(value), limits(value)]
        for name, value in schema.get("properties", {}).items()
    ]
    return table(("field", "type", "limits and meaning"), rows, caption=caption) if rows else Markup()


def section(name: str, schema: Schema) -> Markup:
    """A named schema with its description and fields."""
    parts = [element("h3", element("code", name), id=f"{anchor(name)}-title")]
    if "description" in schema:
        parts.append(element("p", prose(schema["description"])))
    if "properties" in schema:
        parts.append(fields(schema, caption=f"Fields of {name}"))
        if schema.get("additionalProperties") is False:
            parts.append(element("p", "Other fields are refused by name."))
    else:
        plain = {key: value for key, value in schema.items() if key != "description"}
        parts.append(element("p", joined((kind(plain), limits(plain)), " ")))
    return element("section", *parts, id=anchor(name), class_="entry", aria_labelledby=f"{anchor(name)}-title")


def _name(name: str, required: bool) -> Markup:
    code = element("code", name)
    return joined((code, " ", element("small", "required", class_="required"))) if required else code


def _values(values: Iterable[Any]) -> Markup:
    codes = [element("code", str(value)) for value in values]
    listed = joined(codes, ", ")
    if len(codes) <= VALUES_SHOWN_MAX:
        return listed
    return element("details", element("summary", f"{len(codes)} values"), listed)


def _range(least: int | None, most: int | None) -> str | None:
    if least is None and most is None:
        return None
    if most is None:
        return f"at least {least:,}"
    return f"at most {most:,}" if least is None else f"{least:,} to {most:,}"


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
