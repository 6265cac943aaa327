"""HTML as nested calls: what is not Markup is text, and is escaped."""

from __future__ import annotations

import re
from collections.abc import Iterable
from html import escape
from typing import Final

_VOID: Final = frozenset({"input", "meta"})
_MARKED: Final = re.compile(r"`([^`]+)`")
_BLANKS: Final = re.compile(r"\s+")


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


def element(name: str, /, *children: str, **attributes: str) -> Markup:
    """An element. A trailing _ keeps an attribute's name out of Python's way, another _ is a hyphen: `class_`,
    `aria_label`."""
    told = "".join(f' {key.rstrip("_").replace("_", "-")}="{escape(value)}"' for key, value in attributes.items())
    return Markup(f"<{name}{told}>" if name in _VOID else f"<{name}{told}>{joined(children)}</{name}>")


def joined(parts: Iterable[str], between: str = "") -> Markup:
    """One after the other, with `between` between them."""
    return Markup(_html(between).join(map(_html, parts)))


def prose(text: str) -> Markup:
    """A docstring's text: its line breaks mean nothing, and what stands in backticks is code."""
    halves = _MARKED.split(_BLANKS.sub(" ", text))
    return joined(element("code", part) if place % 2 else part for place, part in enumerate(halves))


def table(head: Iterable[str], rows: Iterable[Iterable[str]], *, caption: str) -> Markup:
    """A table whose rows are named by their first cell."""
    columns = (element("th", cell, scope="col") for cell in head)
    return element(
        "table",
        element("caption", caption),
        element("thead", element("tr", *columns)),
        element("tbody", *(_row(list(row)) for row in rows)),
    )


def _row(cells: list[str]) -> Markup:
    return element("tr", element("th", cells[0], scope="row"), *(element("td", cell) for cell in cells[1:]))


def _html(part: str) -> str:
    return part if isinstance(part, Markup) else escape(part)
