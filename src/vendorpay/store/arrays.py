"""Rows as array literals for `unnest`: built here and passed as text, the fastest way in that was measured."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec

_encode: Final = msgspec.json.Encoder().encode
_SUSPECT: Final = re.compile(rb'\\[^"\\]')
"""What all controls look like, and few other texts; JSON in JSON is full of backslashes, and to be sure takes long."""


def literal(values: Iterable[Any]) -> str:
    """A one-dimensional array literal of text, numbers, UUIDs, times, bytes and None.

    JSON and PostgreSQL write an array almost alike, and nothing else here makes JSON as fast: each string in quotation
    marks with `\\"` and `\\\\` escaped, numbers, truth and null bare (PostgreSQL 18, 8.15.6). They differ in the
    brackets, and in what JSON calls control characters, as `\\n`.
    """
    elements = [_hexadecimal(value) if type(value) is bytes else value for value in values]
    text = _encode(elements)
    if _SUSPECT.search(text) and b"\\" in text.replace(b"\\\\", b"").replace(b'\\"', b""):
        text = b"[" + b",".join(map(_controlled, elements)) + b"]"
    return f"{{{text[1:-1].decode()}}}"


def columns(prefix: str, names: Sequence[str], rows: Sequence[Sequence[Any]]) -> Mapping[str, str]:
    """Parameters `<prefix>.<name>`, one array per column, from rows whose values stand in the order of `names`."""
    by_column = zip(*rows, strict=True) if rows else ((),) * len(names)
    return {f"{prefix}.{name}": literal(column) for name, column in zip(names, by_column, strict=True)}


def _hexadecimal(value: bytes) -> str:
    return f"\\x{value.hex()}"


def _controlled(value: Any) -> bytes:
    """One element, its control characters as they are."""
    if not isinstance(value, str):
        return _encode(value)
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'.encode()
