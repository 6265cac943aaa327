"""The page at /docs, made of the OpenAPI document: one answer, without anything from elsewhere."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from functools import cache
from importlib import resources
from typing import Final

import msgspec

from vendorpay.api.answer import Answer, Header
from vendorpay.api.reference import sections, shapes
from vendorpay.api.reference.markup import Markup, element, joined, prose
from vendorpay.api.reference.sections import Document, Told

HTML: Final = b"text/html; charset=utf-8"
_FRESH: Final = b"no-cache"
"""It may be kept, and is asked about each time: another version of the service has another page."""
_SHELL: Final = "export URL=http://127.0.0.1:8080 TOKEN=$(vendorpay token --role admin)"
_PLACE: Final = "vendorpay.api.reference"


class Page(msgspec.Struct, frozen=True):
    """The page as it is sent, and its ETag."""

    answer: Answer
    etag: bytes


@cache
def page(document: bytes) -> Page:
    """The page of an encoded document; made once, for whoever asks first."""
    style, script = (_asset(name) for name in ("page.css", "page.js"))
    body = _html(msgspec.json.decode(document), style, script).encode()
    etag = b'"' + hashlib.sha256(body).hexdigest()[:32].encode() + b'"'
    headers: tuple[Header, ...] = (
        (b"etag", etag),
        (b"content-security-policy", _policy(style, script).encode()),
        (b"referrer-policy", b"no-referrer"),
    )
    return Page(Answer(200, body, headers, HTML, _FRESH), etag)


def _policy(style: str, script: str) -> str:
    """Nothing is loaded, framed, sent or run but the style and the script that the page itself holds."""
    return (
        f"default-src 'none'; style-src '{_digest(style)}'; script-src '{_digest(script)}'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _asset(name: str) -> str:
    return (resources.files(_PLACE) / name).read_text("utf-8")


def _html(document: Document, style: str, script: str) -> str:
    info = document["info"]
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("title", f"{info['title']} {info['version']}: the API"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("style", Markup(style)),
    )
    body = element(
        "body",
        element("a", "Skip to the operations", href="#main", class_="skip"),
        _header(document),
        _contents(document),
        element("main", *_groups(document), *_schemas(document), id="main"),
        element("script", Markup(script)),
    )
    return "<!doctype html>\n" + element("html", head, body, lang="en") + "\n"


def _header(document: Document) -> Markup:
    info = document["info"]
    return element(
        "header",
        element("h1", info["title"], " ", element("small", info["version"])),
        element("p", info["summary"], class_="summary"),
        element("p", prose(info["description"])),
        element("p", "For the examples: ", element("code", _SHELL)),
        element("p", element("a", "The OpenAPI document", href="/openapi.json"), " says the same to programs."),
    )


def _contents(document: Document) -> Markup:
    groups = [_content(tag["name"], _entries(document, tag["name"]), shown=True) for tag in document["tags"]]
    names = [element("li", shapes.link(name)) for name in document["components"]["schemas"]]
    search = element(
        "p",
        element("label", "Show only ", element("input", type="search", id="filter", autocomplete="off")),
        id="search",
        hidden="hidden",
    )
    return element("nav", search, *groups, _content("schemas", names, shown=False), aria_label="Contents")


def _content(title: str, entries: list[Markup], *, shown: bool) -> Markup:
    parts = (element("summary", title.capitalize()), element("ul", *entries))
    return element("details", *parts, open="open") if shown else element("details", *parts)


def _entries(document: Document, tag: str) -> list[Markup]:
    return [
        element("li", element("a", sections.signature(method, path), href=f"#{sections.anchor(told)}"))
        for method, path, told in _operations(document)
        if told["tags"] == [tag]
    ]


def _groups(document: Document) -> Iterator[Markup]:
    described = {tag["name"]: tag["description"] for tag in document["tags"]}
    for name, words in described.items():
        ours = [each for each in _operations(document) if each[2]["tags"] == [name]]
        yield element("h2", name.capitalize(), id=f"group-{name}")
        yield element("p", words)
        yield joined(sections.section(document, method, path, told) for method, path, told in ours)


def _operations(document: Document) -> list[tuple[str, str, Told]]:
    return [
        (method.upper(), path, told) for path, methods in document["paths"].items() for method, told in methods.items()
    ]


def _schemas(document: Document) -> Iterator[Markup]:
    yield element("h2", "Schemas", id="group-schemas")
    yield element("p", "What requests and answers are made of.")
    for name, schema in document["components"]["schemas"].items():
        yield shapes.section(name, schema)
